//! Builds one document's tree from the parser's events, and notes what is wrong with its form: tags, merge keys,
//! keys that are no words, keys that come twice.

use std::collections::{BTreeMap, BTreeSet};

use saphyr_parser::{Event, ScalarStyle};

use super::super::budget::{DEPTH_MAX, Spent};
use super::super::fault::Flaw;
use super::super::scalar;
use super::super::tree::{Entry, Mark, Node, Path, Step, Value};

/// Most flaws of form kept for one document: more than are ever shown.
const FLAWS_MAX: usize = 64;

#[derive(Default)]
pub(super) struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
    /// Finished values that an alias can stand for, and what each costs.
    anchors: BTreeMap<usize, (Node, Spent)>,
    flaws: Vec<Flaw>,
}

/// A list or map whose end has not come.
struct Open {
    collection: Collection,
    mark: Mark,
    anchor: usize,
    before: Spent,
}

enum Collection {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, seen: BTreeSet<String>, key: Option<Key> },
}

struct Key {
    text: String,
    mark: Mark,
    /// Its entry is dropped, since the key was reported.
    faulty: bool,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// The tree, when it is whole, and the flaws.
    pub(super) fn finish(self) -> (Option<Node>, Vec<Flaw>) {
        (self.root, self.flaws)
    }

    /// Takes one event. Fails when the budget is used up, with the reason.
    pub(super) fn handle_event(
        &mut self,
        event: Event<'_>,
        mark: Mark,
        spent: &mut Spent,
    ) -> Result<(), String> {
        match event {
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
            Event::Scalar(text, style, anchor, tag) => {
                if tag.is_some() {
                    self.refuse_tag(mark);
                }
                let before = *spent;
                spent.value(text.len())?;
                if self.awaits_key() {
                    self.open_entry(text.into_owned(), style, mark);
                    return Ok(());
                }
                let value = match style {
                    ScalarStyle::Plain => scalar::resolve(&text),
                    ScalarStyle::SingleQuoted
                    | ScalarStyle::DoubleQuoted
                    | ScalarStyle::Literal
                    | ScalarStyle::Folded => Value::Text(text.into_owned()),
                };
                self.complete(Node::new(value, mark), anchor, before, spent)
            }
            Event::SequenceStart(anchor, tag) => {
                self.open_collection(Collection::List(Vec::new()), mark, anchor, tag.is_some(), spent)
            }
            Event::MappingStart(anchor, tag) => {
                let map = Collection::Map { entries: Vec::new(), seen: BTreeSet::new(), key: None };
                self.open_collection(map, mark, anchor, tag.is_some(), spent)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open { collection, mark, anchor, before }) => {
                    let value = match collection {
                        Collection::List(items) => Value::List(items),
                        Collection::Map { entries, .. } => Value::Map(entries),
                    };
                    self.complete(Node::new(value, mark), anchor, before, spent)
                }
                None => Ok(()),
            },
            Event::Alias(anchor) => self.alias(anchor, mark, spent),
        }
    }

    fn open_collection(
        &mut self,
        collection: Collection,
        mark: Mark,
        anchor: usize,
        tagged: bool,
        spent: &mut Spent,
    ) -> Result<(), String> {
        if tagged {
            self.refuse_tag(mark);
        }
        let before = *spent;
        spent.value(0)?;
        if self.open.len() >= DEPTH_MAX {
            return Err(format!("the text is nested deeper than {DEPTH_MAX} levels"));
        }
        self.open.push(Open { collection, mark, anchor, before });
        Ok(())
    }

    fn alias(&mut self, anchor: usize, mark: Mark, spent: &mut Spent) -> Result<(), String> {
        spent.more(Spent { aliases: 1, ..Spent::default() })?;
        let Some((node, cost)) = self.anchors.get(&anchor) else {
            // The parser refuses unknown names, so this one is still open.
            self.flaw(mark, "the alias stands inside the value that it names", "write the value out");
            return self.complete(Node::new(Value::Pruned, mark), 0, *spent, spent);
        };
        let before = *spent;
        spent.more(*cost)?;
        if self.open.len() + depth(node) > DEPTH_MAX {
            return Err(format!("the text is nested deeper than {DEPTH_MAX} levels, aliases written out"));
        }
        let node = node.clone();
        self.complete(node, 0, before, spent)
    }

    /// Puts a finished value where it belongs.
    fn complete(
        &mut self,
        node: Node,
        anchor: usize,
        before: Spent,
        spent: &mut Spent,
    ) -> Result<(), String> {
        if anchor > 0 {
            let cost = spent.since(before);
            // The copy is memory too.
            spent.more(cost)?;
            self.anchors.insert(anchor, (node.clone(), cost));
        }
        if self.awaits_key() {
            self.flaw(node.mark, "a key must be a word", "write it as text, as in `name: value`");
        }
        match self.open.last_mut().map(|open| &mut open.collection) {
            None => self.root = Some(node),
            Some(Collection::List(items)) => items.push(node),
            Some(Collection::Map { entries, key, .. }) => match key.take() {
                Some(Key { text, mark, faulty: false }) => {
                    entries.push(Entry { key: text, key_mark: mark, node });
                }
                Some(Key { faulty: true, .. }) => {}
                None => *key = Some(Key { text: String::new(), mark: node.mark, faulty: true }),
            },
        }
        Ok(())
    }

    fn awaits_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { collection: Collection::Map { key: None, .. }, .. }))
    }

    fn open_entry(&mut self, text: String, style: ScalarStyle, mark: Mark) {
        let Some(Open { collection: Collection::Map { seen, key, .. }, .. }) = self.open.last_mut() else {
            return;
        };
        let merge = text == "<<" && matches!(style, ScalarStyle::Plain);
        let twice = !merge && !seen.insert(text.clone());
        *key = Some(Key { text: text.clone(), mark, faulty: merge || twice });
        if merge {
            self.flaw(mark, "merge keys are not read", "write the fields out");
        } else if twice {
            self.flaw(mark, format!("the key {text:?} stands here a second time"), "keep one of the two");
        }
    }

    fn refuse_tag(&mut self, mark: Mark) {
        self.flaw(mark, "tags are not read", "remove the word that begins with '!', or put quotes around it");
    }

    fn flaw(&mut self, mark: Mark, reason: impl Into<String>, fix: &str) {
        if self.flaws.len() < FLAWS_MAX {
            let path = self.path();
            self.flaws.push(Flaw::new(mark, path, reason, fix));
        }
    }

    fn path(&self) -> Path {
        let step = |open: &Open| match &open.collection {
            Collection::List(items) => Some(Step::Index(items.len())),
            Collection::Map { key, .. } => Some(Step::Key(key.as_ref()?.text.clone())),
        };
        Path(self.open.iter().filter_map(step).collect())
    }
}

fn depth(node: &Node) -> usize {
    match &node.value {
        Value::List(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Map(entries) => 1 + entries.iter().map(|entry| depth(&entry.node)).max().unwrap_or(0),
        Value::Null
        | Value::Bool(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Text(_)
        | Value::Pruned => 0,
    }
}
