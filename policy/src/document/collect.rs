//! Finds every fault of a tree, not just the first.
//!
//! serde stops at the first fault. So the smallest part that holds it (an element of a list, an entry of a map) is
//! pruned and the rest is read again, until it can be read or nothing is left to prune. What is only missing
//! because it was pruned is not reported.

use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::decode::{Cursor, Problem, lacks_space};
use super::fault::Flaw;
use super::nearest::nearest;
use super::tree::{Mark, Node, Path, Step};

/// Most faults reported for one text. Nobody reads more, and each costs one more reading of its document.
pub const FAULTS_MAX: usize = 50;

/// Reads a `T`, noting in `flaws` what is wrong. The value is whole only if nothing was noted; what comes of a
/// faulty tree serves to find further faults alone. `base` is the path of `node` in its document.
pub(super) fn collect<T: DeserializeOwned>(
    node: &mut Node,
    base: &Path,
    shape: &Json,
    flaws: &mut Vec<Flaw>,
) -> Option<T> {
    while flaws.len() < FAULTS_MAX {
        let error = match T::deserialize(Cursor(node)) {
            Ok(value) => return Some(value),
            Err(error) => error.at(node.mark),
        };
        let (problem, path, mark) = error.into_parts();
        match problem {
            Problem::Pruned => {}
            Problem::Faulty { reason, fix } => {
                flaws.push(Flaw { mark, path: joined(base, &path), reason, fix, code: None });
            }
            Problem::Missing { field, of } => {
                let lacking = node.at_mut(&path)?;
                missing(lacking, mark, &joined(base, &path), &Wanted::new(shape, field, of), flaws);
            }
        }
        if path.0.is_empty() {
            return None;
        }
        let part = node.at_mut(&path)?;
        if part.is_pruned() {
            return None;
        }
        part.value = super::tree::Value::Pruned;
    }
    None
}

fn joined(base: &Path, path: &Path) -> Path {
    Path(base.0.iter().chain(&path.0).cloned().collect())
}

/// Reports every field that `node` lacks and that was not pruned from it.
fn missing(node: &Node, mark: Mark, path: &Path, wanted: &Wanted<'_>, flaws: &mut Vec<Flaw>) {
    for field in &wanted.fields {
        let name = field.name;
        let fix = match &field.about {
            Some(about) => format!("add `{name}:` ({about})"),
            None => format!("add `{name}:`"),
        };
        match node.entry(name) {
            // The misspelt field was reported, with this name as its fix.
            None if is_misspelt(node, name) => {}
            None => flaws.push(Flaw::new(
                mark,
                path.then(Step::Key(name.into())),
                format!("`{name}` is missing"),
                fix,
            )),
            Some(entry) if entry.node.is_null() => {
                let (reason, fix) = (format!("`{name}` has no value"), fix.replacen("add", "complete", 1));
                flaws.push(Flaw::new(entry.key_mark, path.then(Step::Key(name.into())), reason, fix));
            }
            Some(_pruned) => {}
        }
    }
}

/// Whether `node` has a field that nobody knows and that was likely meant to be `name`.
pub(super) fn is_misspelt(node: &Node, name: &str) -> bool {
    let means = |key: &str| nearest(key, [name]).is_some() || lacks_space(key, &[name]);
    node.entries().iter().any(|entry| entry.node.is_pruned() && means(&entry.key))
}

/// The fields that a struct must have.
struct Wanted<'a> {
    fields: Vec<Field<'a>>,
}

struct Field<'a> {
    name: &'a str,
    /// The first sentence of its documentation.
    about: Option<String>,
}

impl<'a> Wanted<'a> {
    /// serde names one missing field; the JSON Schema of the same types knows the others, and what they are for.
    fn new(shape: &'a Json, field: &'static str, of: Option<&str>) -> Self {
        let schema = of.and_then(|name| shape["$defs"].get(name));
        let mut names: Vec<&str> = schema
            .and_then(|schema| schema["required"].as_array())
            .map(|names| names.iter().filter_map(Json::as_str).collect())
            .unwrap_or_default();
        if !names.contains(&field) {
            names = vec![field];
        }
        let about = |name: &str| {
            let text = schema?["properties"][name]["description"].as_str()?;
            Some(clause(text))
        };
        Self { fields: names.into_iter().map(|name| Field { name, about: about(name) }).collect() }
    }
}

/// The first sentence of a documentation text, as a clause.
fn clause(text: &str) -> String {
    let sentence = text.split(". ").next().unwrap_or(text).trim_end_matches('.').replace('\n', " ");
    let mut characters = sentence.chars();
    match (characters.next(), characters.next()) {
        (Some(first), Some(second)) if second.is_lowercase() || second == ' ' => {
            first.to_lowercase().chain(sentence.chars().skip(1)).collect()
        }
        _acronym => sentence,
    }
}
