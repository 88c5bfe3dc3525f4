//! YAML (and so JSON) as a tree that knows where each part stands. Within budgets: a text cannot make it large.

#![expect(clippy::wildcard_enum_match_arm, reason = "each question is about one kind of node")]

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::Value;

use super::{Fault, Place};

/// Larger texts are not configuration.
const TEXT_BYTES_MAX: usize = 64 << 20;
/// Parts of all documents of a text, aliases counted as what they stand for.
const NODES_MAX: usize = 4_000_000;
/// Nodes that one alias may stand for; an alias bomb multiplies.
const ALIAS_NODES_MAX: usize = 1_000;
/// Levels within levels.
const DEPTH_MAX: usize = 64;

/// A part of a document.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) content: Content,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
    /// An item that was set aside. The others keep their index.
    Hole,
}

/// Why a text has no tree.
#[derive(Debug)]
pub(super) struct TreeError {
    line: usize,
    column: usize,
    reason: String,
    fix: Option<String>,
}

impl TreeError {
    fn new(at: (usize, usize), reason: impl Into<String>, fix: Option<&str>) -> Self {
        Self { line: at.0, column: at.1, reason: reason.into(), fix: fix.map(str::to_owned) }
    }

    pub(super) fn into_fault(self, file: &str) -> Fault {
        Fault {
            place: Place { file: file.to_owned(), line: self.line, column: self.column },
            resource: None,
            field: String::new(),
            reason: self.reason,
            fix: self.fix,
        }
    }
}

/// Reads every document that is not empty.
pub(super) fn read(text: &str) -> Result<Vec<Node>, TreeError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(TreeError::new((1, 1), "the text is larger than 64 MiB", Some("split it")));
    }
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => builder.handle(event, (span.start.line(), span.start.col() + 1))?,
            Err(error) => {
                let at = (error.marker().line(), error.marker().col() + 1);
                return Err(TreeError::new(at, format!("not YAML: {}", error.info()), None));
            }
        }
    }
    Ok(builder.documents)
}

#[derive(Default)]
struct Builder {
    documents: Vec<Node>,
    open: Vec<Open>,
    anchors: BTreeMap<usize, (Node, usize)>,
    nodes: usize,
}

/// A list or map that is being read.
struct Open {
    at: (usize, usize),
    anchor: usize,
    content: OpenContent,
    first_node: usize,
}

enum OpenContent {
    List(Vec<Node>),
    Map(Vec<(String, Node)>, Option<String>),
}

impl Builder {
    fn handle(&mut self, event: Event<'_>, at: (usize, usize)) -> Result<(), TreeError> {
        match event {
            Event::SequenceStart(anchor, tag) => {
                refuse_tag(tag.is_some(), at)?;
                self.begin(at, anchor, OpenContent::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                refuse_tag(tag.is_some(), at)?;
                self.begin(at, anchor, OpenContent::Map(Vec::new(), None))
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Scalar(text, style, anchor, tag) => {
                refuse_tag(tag.is_some(), at)?;
                let content = scalar(text.into_owned(), style);
                self.place(Node { line: at.0, column: at.1, content }, anchor, 1)
            }
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor).cloned() else {
                    return Err(TreeError::new(at, "the alias stands for nothing", None));
                };
                if size > ALIAS_NODES_MAX {
                    let fix = Some("write it out");
                    return Err(TreeError::new(at, "the alias stands for too much", fix));
                }
                self.nodes += size;
                self.place(node, 0, size)
            }
            Event::DocumentStart(_) => {
                self.anchors.clear();
                Ok(())
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn begin(&mut self, at: (usize, usize), anchor: usize, content: OpenContent) -> Result<(), TreeError> {
        if self.open.len() >= DEPTH_MAX {
            return Err(TreeError::new(at, format!("more than {DEPTH_MAX} levels"), None));
        }
        self.open.push(Open { at, anchor, content, first_node: self.nodes });
        Ok(())
    }

    fn end(&mut self) -> Result<(), TreeError> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let content = match open.content {
            OpenContent::List(items) => Content::List(items),
            OpenContent::Map(entries, _) => Content::Map(entries),
        };
        let size = self.nodes - open.first_node + 1;
        self.place(Node { line: open.at.0, column: open.at.1, content }, open.anchor, size)
    }

    fn place(&mut self, node: Node, anchor: usize, size: usize) -> Result<(), TreeError> {
        self.nodes += 1;
        let at = (node.line, node.column);
        if self.nodes > NODES_MAX {
            return Err(TreeError::new(at, "the text has too many parts", Some("split it")));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
        let Some(open) = self.open.last_mut() else {
            if !matches!(node.content, Content::Null) {
                self.documents.push(node);
            }
            return Ok(());
        };
        match &mut open.content {
            OpenContent::List(items) => items.push(node),
            OpenContent::Map(entries, key @ None) => *key = Some(map_key(node, entries)?),
            OpenContent::Map(entries, key @ Some(_)) => {
                let key = key.take().unwrap_or_default();
                entries.push((key, node));
            }
        }
        Ok(())
    }
}

fn refuse_tag(tagged: bool, at: (usize, usize)) -> Result<(), TreeError> {
    if tagged {
        return Err(TreeError::new(at, "tags are not read here", Some("remove the tag")));
    }
    Ok(())
}

fn map_key(node: Node, entries: &[(String, Node)]) -> Result<String, TreeError> {
    let at = (node.line, node.column);
    let key = match node.content {
        Content::Text(text) => text,
        Content::Null | Content::Hole => "null".into(),
        Content::Bool(value) => value.to_string(),
        Content::Integer(value) => value.to_string(),
        Content::Float(value) => value.to_string(),
        Content::List(_) | Content::Map(_) => {
            return Err(TreeError::new(at, "the key of a map is a word", None));
        }
    };
    if key == "<<" {
        return Err(TreeError::new(at, "merge keys are not read here", Some("write the fields out")));
    }
    if let Some((_, first)) = entries.iter().find(|(name, _)| *name == key) {
        let reason = format!("{key} stands in this map already, at line {}", first.line);
        return Err(TreeError::new(at, reason, Some("remove one of the two")));
    }
    Ok(key)
}

/// The YAML 1.2 core schema, without its octal and infinite numbers.
fn scalar(text: String, style: ScalarStyle) -> Content {
    if style != ScalarStyle::Plain {
        return Content::Text(text);
    }
    match text.as_str() {
        "" | "~" | "null" | "Null" | "NULL" => return Content::Null,
        "true" | "True" | "TRUE" => return Content::Bool(true),
        "false" | "False" | "FALSE" => return Content::Bool(false),
        _ => {}
    }
    let numeric = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
    if numeric && let Ok(value) = text.parse::<i64>() {
        return Content::Integer(value);
    }
    let plain = text.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E'));
    if numeric
        && plain
        && let Ok(value) = text.parse::<f64>()
    {
        return Content::Float(value);
    }
    Content::Text(text)
}

impl Node {
    pub(super) fn from_json(value: &Value) -> Self {
        let content = match value {
            Value::Null => Content::Null,
            Value::Bool(value) => Content::Bool(*value),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(value), _) => Content::Integer(value),
                (None, Some(value)) => Content::Float(value),
                (None, None) => Content::Text(number.to_string()),
            },
            Value::String(text) => Content::Text(text.clone()),
            Value::Array(items) => Content::List(items.iter().map(Self::from_json).collect()),
            Value::Object(entries) => Content::Map(
                entries.iter().map(|(key, value)| (key.clone(), Self::from_json(value))).collect(),
            ),
        };
        Self { line: 1, column: 1, content }
    }

    pub(super) fn entries(&self) -> Option<&[(String, Self)]> {
        match &self.content {
            Content::Map(entries) => Some(entries),
            _ => None,
        }
    }

    pub(super) fn items(&self) -> Option<&[Self]> {
        match &self.content {
            Content::List(items) => Some(items),
            _ => None,
        }
    }

    pub(super) fn entry(&self, name: &str) -> Option<&Self> {
        self.entries()?.iter().find(|(key, _)| key == name).map(|(_, node)| node)
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// For messages.
    pub(super) fn describe(&self) -> String {
        match &self.content {
            Content::Null | Content::Hole => "empty".into(),
            Content::Bool(value) => format!("the truth value {value}"),
            Content::Integer(value) => format!("the number {value}"),
            Content::Float(value) => format!("the number {value}"),
            Content::Text(text) => format!("the text {:?}", text.chars().take(60).collect::<String>()),
            Content::List(_) => "a list".into(),
            Content::Map(_) => "a map".into(),
        }
    }

    /// The part that a field path leads to, or the last part on the way.
    pub(super) fn nearest(&self, field: &str) -> &Self {
        let mut node = self;
        for step in field.split(['.', '[']).filter(|step| !step.is_empty()) {
            let next = match step.strip_suffix(']') {
                Some(index) => index.parse().ok().and_then(|index: usize| node.items()?.get(index)),
                None => node.entry(step),
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        node
    }

    /// Takes away the smallest removable part on `path`: an entry of a map, or an item of a list. Returns the path of
    /// what went, as fields are written; `None` when there is nothing left to take.
    pub(super) fn set_aside(&mut self, path: &[Step]) -> Option<String> {
        let (last, above) = path.split_last()?;
        let mut node = &mut *self;
        for (depth, step) in above.iter().enumerate() {
            let next = match (&mut node.content, step) {
                (Content::Map(entries), Step::Field(name)) => {
                    entries.iter_mut().find(|(key, _)| key == name).map(|(_, node)| node)
                }
                (Content::List(items), Step::Index(index)) => items.get_mut(*index),
                _ => None,
            };
            match next {
                Some(next) => node = next,
                // The part on the way is not there: what is missing is what holds it.
                None => return self.set_aside(&path[..depth]),
            }
        }
        let removed = match (&mut node.content, last) {
            (Content::Map(entries), Step::Field(name)) => {
                entries.iter().position(|(key, _)| key == name).map(|at| drop(entries.remove(at)))
            }
            (Content::List(items), Step::Index(index)) => {
                items.get_mut(*index).map(|item| item.content = Content::Hole)
            }
            _ => None,
        };
        match removed {
            Some(()) => Some(super::decode::written(path)),
            // A field that is missing cannot be taken away; what lacks it can.
            None => self.set_aside(above),
        }
    }
}

/// One step of a path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Step {
    Field(String),
    Index(usize),
}
