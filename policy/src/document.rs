//! From text to resources: YAML or JSON in, typed resources or every fault out.
//!
//! A fault names file, line, column, field, reason and the smallest fix. After a fault the smallest part that holds
//! it is set aside and reading goes on, so that one reading finds them all.

mod check;
mod decode;
mod fault;
mod schema;
mod suggest;
mod tree;

use std::collections::BTreeSet;

pub use fault::{Fault, Place};
pub use schema::{crd, schema};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tree::Node;

use crate::id::{Kind, ResourceKey};
use crate::resource::{API_VERSION, Metadata, Resource, Spec};

/// Faults that one reading reports; who has more than this reads the first ones first.
const FAULTS_MAX: usize = 50;

/// A resource, and where each of its fields stands.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The resource.
    pub resource: Resource,
    /// Where it stands.
    pub places: Places,
}

/// Where the fields of one resource stand.
#[derive(Clone, Debug)]
pub struct Places {
    file: String,
    root: Node,
}

impl Places {
    /// Finds `spec.api[2].path`, or the nearest part above it that was written.
    #[must_use]
    pub fn locate(&self, field: &str) -> Place {
        let at = self.root.nearest(field);
        Place { file: self.file.clone(), line: at.line, column: at.column }
    }
}

/// Reads every resource of a file: several YAML documents, or JSON; a `List` stands for its items.
///
/// # Errors
/// Every fault that was found; then no resource comes out.
pub fn parse(file: &str, text: &str) -> Result<Vec<Parsed>, Vec<Fault>> {
    let documents = tree::read(text).map_err(|error| vec![error.into_fault(file)])?;
    let mut faults = Vec::new();
    let mut parsed: Vec<Parsed> = Vec::new();
    for root in documents.into_iter().flat_map(expand) {
        match resource(file, &root) {
            Ok(resource) => parsed.push(Parsed { resource, places: Places { file: file.to_owned(), root } }),
            Err(more) => faults.extend(more),
        }
    }
    let mut seen = BTreeSet::new();
    for parsed in &parsed {
        let key = parsed.resource.key();
        if !seen.insert(key.clone()) {
            let place = parsed.places.locate("metadata.name");
            faults.push(Fault {
                place,
                resource: Some(key.to_string()),
                field: "metadata.name".into(),
                reason: "the same resource stands here twice".into(),
                fix: Some("remove one, or give it another name".into()),
            });
        }
    }
    faults.truncate(FAULTS_MAX);
    if faults.is_empty() { Ok(parsed) } else { Err(faults) }
}

/// Reads one resource from JSON.
///
/// # Errors
/// Every fault that was found.
pub fn from_json(value: &Value) -> Result<Resource, Vec<Fault>> {
    resource("input", &Node::from_json(value))
}

/// Writes a resource as the envelope that [`parse`] reads.
#[must_use]
pub fn to_json(resource: &Resource) -> Value {
    json!({
        "apiVersion": API_VERSION,
        "kind": resource.spec.kind(),
        "metadata": resource.metadata,
        "spec": resource.spec,
    })
}

/// A Kubernetes `List` holds resources in `items`.
fn expand(root: Node) -> Vec<Node> {
    let is_list = root.entry("kind").and_then(Node::text) == Some("List");
    match root.entry("items") {
        Some(items) if is_list => items.items().unwrap_or_default().to_vec(),
        _ => vec![root],
    }
}

fn resource(file: &str, root: &Node) -> Result<Resource, Vec<Fault>> {
    let mut faults = Faults { file, root, resource: None, list: Vec::new() };
    let Some(kind) = faults.envelope() else { return Err(faults.list) };
    let metadata: Option<Metadata> = faults.decode("metadata");
    if let Some(metadata) = &metadata {
        let key = ResourceKey { kind, namespace: metadata.namespace.clone(), name: metadata.name.clone() };
        faults.resource = Some(key.to_string());
    }
    let spec = match kind {
        Kind::Application => faults.decode("spec").map(Spec::Application),
        Kind::SecureIngress => faults.decode("spec").map(Spec::SecureIngress),
        Kind::Issuer => faults.decode("spec").map(Spec::Issuer),
        Kind::Certificate => faults.decode("spec").map(Spec::Certificate),
        Kind::Zone => faults.decode("spec").map(Spec::Zone),
        Kind::Secret => faults.decode("spec").map(Spec::Secret),
        Kind::Role => faults.decode("spec").map(Spec::Role),
        Kind::RoleBinding => faults.decode("spec").map(Spec::RoleBinding),
    };
    // What types cannot say of one resource is said here, with the same places.
    if let Some(spec) = &spec {
        for (field, reason, fix) in check::spec(spec) {
            faults.add(&format!("spec.{field}"), reason, Some(fix));
        }
    }
    match (metadata, spec) {
        (Some(metadata), Some(spec)) if faults.list.is_empty() => Ok(Resource { metadata, spec }),
        _ => Err(faults.list),
    }
}

/// Collects the faults of one resource.
struct Faults<'a> {
    file: &'a str,
    root: &'a Node,
    resource: Option<String>,
    list: Vec<Fault>,
}

impl Faults<'_> {
    fn add(&mut self, field: &str, reason: String, fix: Option<String>) {
        let at = self.root.nearest(field);
        self.list.push(Fault {
            place: Place { file: self.file.to_owned(), line: at.line, column: at.column },
            resource: self.resource.clone(),
            field: field.to_owned(),
            reason,
            fix,
        });
    }

    /// Checks what every resource has, and finds its kind.
    fn envelope(&mut self) -> Option<Kind> {
        const FIELDS: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];
        let Some(entries) = self.root.entries() else {
            self.add("", format!("a resource is a map, this is {}", self.root.describe()), None);
            return None;
        };
        for (name, _) in entries {
            if !FIELDS.contains(&name.as_str()) {
                let fix = suggest::field(name, &FIELDS);
                self.add(name, format!("there is no field {name:?} here"), Some(fix));
            }
        }
        match self.root.entry("apiVersion").map(Node::text) {
            Some(Some(API_VERSION)) => {}
            Some(_) => {
                let fix = format!("write apiVersion: {API_VERSION}");
                self.add("apiVersion", "this API version is not known".into(), Some(fix));
            }
            None => {
                let fix = format!("add apiVersion: {API_VERSION}");
                self.add("apiVersion", "the field is missing".into(), Some(fix));
            }
        }
        let Some(kind) = self.root.entry("kind") else {
            self.add("kind", "the field is missing".into(), Some("add kind: Application, or another".into()));
            return None;
        };
        let word = kind.text().unwrap_or_default();
        let known = Kind::ALL.into_iter().find(|kind| kind.as_str() == word);
        if known.is_none() {
            let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
            self.add("kind", format!("there is no kind {word:?}"), Some(suggest::field(word, &names)));
        }
        known
    }

    /// Decodes one part of the envelope, collecting faults until it decodes or nothing is left to set aside.
    fn decode<T: DeserializeOwned>(&mut self, part: &str) -> Option<T> {
        let Some(node) = self.root.entry(part) else {
            self.add(part, "the field is missing".into(), Some(format!("add {part}:")));
            return None;
        };
        let mut node = node.clone();
        let before = self.list.len();
        let mut set_aside: BTreeSet<String> = BTreeSet::new();
        for _ in 0..FAULTS_MAX {
            let error = match decode::decode::<T>(&node) {
                Ok(value) if self.list.len() == before => return Some(value),
                Ok(_) => return None,
                Err(error) => error,
            };
            let field = error.field();
            // What a part lacks because something in it was set aside is our doing, not the writer's.
            let within = |gone: &String| {
                gone.strip_prefix(&field).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            };
            if !set_aside.iter().any(within) {
                let full = if field.is_empty() { part.to_owned() } else { format!("{part}.{field}") };
                self.add(&full, error.reason(), error.fix());
            }
            match node.set_aside(error.path()) {
                Some(removed) => set_aside.insert(removed),
                None => return None,
            };
        }
        None
    }
}

#[cfg(test)]
mod tests;
