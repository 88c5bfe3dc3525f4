//! A document as a tree of values that know where they stand. YAML and JSON both end up here; everything after
//! reads trees alone.

use std::fmt;

/// A line and a column, both from 1. Line 0 stands for "nowhere": the value came from no text.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Mark {
    pub(super) line: u32,
    pub(super) column: u32,
}

/// A value and where it begins.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) mark: Mark,
}

/// The data model of JSON, which YAML's core schema shares.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// Something that was found faulty and reported. Readers pass over it.
    Pruned,
}

/// A key of a map, and its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_mark: Mark,
    pub(super) node: Node,
}

impl Node {
    pub(super) fn new(value: Value, mark: Mark) -> Self {
        Self { value, mark }
    }

    pub(super) fn is_pruned(&self) -> bool {
        matches!(self.value, Value::Pruned)
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    pub(super) fn entries(&self) -> &[Entry] {
        if let Value::Map(entries) = &self.value { entries } else { &[] }
    }

    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The text under `key`, when there is one.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        if let Value::Text(text) = &self.entry(key)?.node.value { Some(text) } else { None }
    }

    fn child_mut(&mut self, step: &Step) -> Option<&mut Self> {
        match (&mut self.value, step) {
            (Value::List(items), Step::Index(index)) => items.get_mut(*index),
            (Value::Map(entries), Step::Key(key)) => {
                entries.iter_mut().find(|entry| entry.key == *key).map(|entry| &mut entry.node)
            }
            _no_such_child => None,
        }
    }

    /// The node at the end of `path`, if the path leads somewhere.
    pub(super) fn at_mut(&mut self, path: &Path) -> Option<&mut Self> {
        path.0.iter().try_fold(self, |node, step| node.child_mut(step))
    }

    /// Whether anything at `path`, or below it, or on the way to it, was pruned.
    pub(super) fn pruned_about(&self, path: &Path) -> bool {
        let mut node = self;
        for step in &path.0 {
            if node.is_pruned() {
                return true;
            }
            let child = match (&node.value, step) {
                (Value::List(items), Step::Index(index)) => items.get(*index),
                (Value::Map(entries), Step::Key(key)) => {
                    entries.iter().find(|entry| entry.key == *key).map(|entry| &entry.node)
                }
                _no_such_child => None,
            };
            let Some(child) = child else { return false };
            node = child;
        }
        node.pruned_below()
    }

    fn pruned_below(&self) -> bool {
        match &self.value {
            Value::Pruned => true,
            Value::List(items) => items.iter().any(Self::pruned_below),
            Value::Map(entries) => entries.iter().any(|entry| entry.node.pruned_below()),
            Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::Text(_) => false,
        }
    }

    /// Follows a path that counts only what is left after pruning. Returns the path as written, and the mark of
    /// the last node on it that exists.
    pub(super) fn resolve(&self, path: &Path) -> (Path, Mark) {
        let mut node = Some(self);
        let mut mark = self.mark;
        let mut written = Path::default();
        for step in &path.0 {
            let (step, child) = match (node.map(|node| &node.value), step) {
                (Some(Value::List(items)), Step::Index(index)) => {
                    let left = items.iter().enumerate().filter(|(_, item)| !item.is_pruned());
                    match left.clone().nth(*index) {
                        Some((index, item)) => (Step::Index(index), Some(item)),
                        None => (Step::Index(*index), None),
                    }
                }
                (Some(Value::Map(entries)), Step::Key(key)) => {
                    let found = entries.iter().find(|entry| entry.key == *key && !entry.node.is_null());
                    (step.clone(), found.map(|entry| &entry.node))
                }
                (_, step) => (step.clone(), None),
            };
            mark = child.map_or(mark, |child| child.mark);
            node = child;
            written.0.push(step);
        }
        (written, mark)
    }
}

impl Value {
    /// What it is, for people. Never shows the value, which may be a secret.
    pub(super) fn describe(&self) -> &'static str {
        match self {
            Self::Null | Self::Pruned => "nothing",
            Self::Bool(true) => "true",
            Self::Bool(false) => "false",
            Self::Integer(_) => "a number",
            Self::Float(_) => "a number with a fraction",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

/// One step from a value to one inside it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// The way from a document's root to a value: `spec.ports[0].name`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Path(pub(super) Vec<Step>);

impl Path {
    pub(super) fn of(key: &str) -> Self {
        Self::default().key(key)
    }

    pub(super) fn key(&self, key: &str) -> Self {
        self.then(Step::Key(key.into()))
    }

    pub(super) fn index(&self, index: usize) -> Self {
        self.then(Step::Index(index))
    }

    pub(super) fn then(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) if is_plain(key) => write!(f, "{}{key}", if at == 0 { "" } else { "." })?,
                Step::Key(key) => write!(f, "[{key:?}]")?,
            }
        }
        Ok(())
    }
}

fn is_plain(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}
