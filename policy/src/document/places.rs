//! Remembers where each field of a resource stands, for faults that are found later.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::fault::Place;
use super::tree::{Mark, Node, Path, Step, Value};

/// Where each field of one resource stands.
#[derive(Clone, Debug, Default)]
pub struct Places {
    file: Arc<str>,
    marks: BTreeMap<String, Mark>,
}

impl Places {
    pub(super) fn of(file: &Arc<str>, root: &Node) -> Self {
        let mut places = Self { file: Arc::clone(file), marks: BTreeMap::new() };
        // What came from no text has no places to remember.
        if root.mark.line > 0 {
            places.visit(root, &mut Path::default());
        }
        places
    }

    fn visit(&mut self, node: &Node, path: &mut Path) {
        self.marks.insert(path.to_string(), node.mark);
        match &node.value {
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    path.0.push(Step::Index(index));
                    self.visit(item, path);
                    path.0.pop();
                }
            }
            Value::Map(entries) => {
                for entry in entries {
                    path.0.push(Step::Key(entry.key.clone()));
                    self.visit(&entry.node, path);
                    path.0.pop();
                }
            }
            Value::Null
            | Value::Bool(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::Pruned => {}
        }
    }

    /// The place of `field_path`, e.g. `spec.ports[0].name`, or of the nearest field around it that was written.
    #[must_use]
    pub fn locate(&self, field_path: &str) -> Place {
        let mut path = field_path;
        loop {
            if let Some(mark) = self.marks.get(path) {
                return Place::new(&self.file, *mark);
            }
            if path.is_empty() {
                return Place::new(&self.file, Mark::default());
            }
            path = &path[..path.rfind(['.', '[']).unwrap_or(0)];
        }
    }
}
