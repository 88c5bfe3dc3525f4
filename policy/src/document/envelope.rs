//! What stands around a spec: `apiVersion`, `kind`, `metadata`; and lists of resources.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::Parsed;
use super::check;
use super::collect::{FAULTS_MAX, collect, is_misspelt};
use super::decode::unknown_field;
use super::fault::{Fault, Flaw};
use super::nearest::nearest;
use super::places::Places;
use super::schema::shape;
use super::tree::{Node, Path, Value};
use super::yaml::Document;
use crate::id::Kind;
use crate::resource::{API_VERSION, Metadata, Resource, Spec};

/// What the API server of Kubernetes adds to `metadata` and we have no use for.
const METADATA_IGNORED: [&str; 3] = ["uid", "selfLink", "managedFields"];

const FIELDS: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];

/// Reads the resources of one document.
pub(super) fn read(file: &Arc<str>, document: Document, found: &mut Vec<Parsed>, faults: &mut Vec<Fault>) {
    let Document { root, flaws } = document;
    let Some(root) = root.filter(|root| !root.is_null()) else {
        faults.extend(flaws.into_iter().map(|flaw| flaw.into_fault(file, None)));
        return;
    };
    if root.text("kind") != Some("List") {
        read_resource(file, root, flaws, found, faults);
        return;
    }
    let list = name_of(&root);
    faults.extend(flaws.into_iter().map(|flaw| flaw.into_fault(file, list.as_deref())));
    match items(root) {
        Ok(items) => {
            for item in items {
                read_resource(file, item, Vec::new(), found, faults);
                if faults.len() >= FAULTS_MAX {
                    return;
                }
            }
        }
        Err(flaw) => faults.push(flaw.into_fault(file, list.as_deref())),
    }
}

/// The items of a Kubernetes `List`, as `kubectl get -o yaml` writes it.
fn items(root: Node) -> Result<Vec<Node>, Flaw> {
    let version = root.text("apiVersion");
    if version != Some("v1") && version != Some(API_VERSION) {
        let mark = root.entry("apiVersion").map_or(root.mark, |entry| entry.node.mark);
        let reason = "a List is of apiVersion v1";
        return Err(Flaw::new(mark, Path::of("apiVersion"), reason, "write `apiVersion: v1`"));
    }
    let (mark, value) = (root.mark, root.value);
    let Value::Map(entries) = value else { return Ok(Vec::new()) };
    let items = entries.into_iter().find(|entry| entry.key == "items").map(|entry| entry.node);
    match items {
        Some(Node { value: Value::List(items), .. }) => Ok(items),
        Some(Node { value, mark }) => {
            let reason = format!("expected a list, found {}", value.describe());
            Err(Flaw::new(mark, Path::of("items"), reason, "write the resources as a list"))
        }
        None => Err(Flaw::new(mark, Path::of("items"), "`items` is missing", "add `items:` (the resources)")),
    }
}

fn read_resource(
    file: &Arc<str>,
    mut root: Node,
    mut flaws: Vec<Flaw>,
    found: &mut Vec<Parsed>,
    faults: &mut Vec<Fault>,
) {
    let name = name_of(&root);
    let resource = if matches!(root.value, Value::Map(_)) {
        resource(&mut root, &mut flaws)
    } else {
        let reason = format!("expected a resource, found {}", root.value.describe());
        let fix = "write a map with apiVersion, kind, metadata and spec";
        flaws.push(Flaw::new(root.mark, Path::default(), reason, fix));
        None
    };
    match resource {
        Some(resource) if flaws.is_empty() => {
            found.push(Parsed { resource, places: Places::of(file, &root) })
        }
        _faulty => {
            // In the order of the text, which is the order in which people mend it.
            flaws.sort_by_key(|flaw| (flaw.mark.line, flaw.mark.column));
            faults.extend(flaws.into_iter().map(|flaw| flaw.into_fault(file, name.as_deref())));
        }
    }
}

/// Reads as much as can be read, noting in `flaws` what is wrong.
fn resource(root: &mut Node, flaws: &mut Vec<Flaw>) -> Option<Resource> {
    if let Value::Map(entries) = &mut root.value {
        for entry in entries.iter_mut().filter(|entry| !FIELDS.contains(&entry.key.as_str())) {
            let (reason, fix) = unknown_field(&entry.key, &FIELDS);
            flaws.push(Flaw::new(entry.key_mark, Path::of(&entry.key), reason, fix));
            entry.node.value = Value::Pruned;
        }
    }
    api_version(root, flaws);
    let kind = kind(root, flaws);
    if let Some(Value::Map(entries)) = root.at_mut(&Path::of("metadata")).map(|node| &mut node.value) {
        entries.retain(|entry| !METADATA_IGNORED.contains(&entry.key.as_str()));
    }
    let metadata: Option<Metadata> = part(root, "metadata", shape(None), flaws);
    let spec = kind.and_then(|kind| spec(root, kind, flaws));
    if let Some(metadata) = &metadata {
        check::metadata(metadata, root, flaws);
    }
    if let Some(spec) = &spec {
        check::spec(spec, root, flaws);
    }
    Some(Resource { metadata: metadata?, spec: spec? })
}

fn spec(root: &mut Node, kind: Kind, flaws: &mut Vec<Flaw>) -> Option<Spec> {
    let shape = shape(Some(kind));
    Some(match kind {
        Kind::Application => Spec::Application(part(root, "spec", shape, flaws)?),
        Kind::SecureIngress => Spec::SecureIngress(part(root, "spec", shape, flaws)?),
        Kind::Issuer => Spec::Issuer(part(root, "spec", shape, flaws)?),
        Kind::Certificate => Spec::Certificate(part(root, "spec", shape, flaws)?),
        Kind::Zone => Spec::Zone(part(root, "spec", shape, flaws)?),
        Kind::Secret => Spec::Secret(part(root, "spec", shape, flaws)?),
        Kind::Role => Spec::Role(part(root, "spec", shape, flaws)?),
        Kind::RoleBinding => Spec::RoleBinding(part(root, "spec", shape, flaws)?),
    })
}

fn part<T: DeserializeOwned>(root: &mut Node, key: &str, shape: &Json, flaws: &mut Vec<Flaw>) -> Option<T> {
    let path = Path::of(key);
    let about = if key == "spec" { "what is wanted" } else { "its name and namespace" };
    let fix = format!("add `{key}:` ({about})");
    let mark = root.mark;
    let misspelt = is_misspelt(root, key);
    match root.at_mut(&path) {
        Some(node) if !node.is_null() => collect(node, &path, shape, flaws),
        None if misspelt => None,
        Some(_) | None => {
            flaws.push(Flaw::new(mark, path, format!("`{key}` is missing"), fix));
            None
        }
    }
}

fn api_version(root: &Node, flaws: &mut Vec<Flaw>) {
    let path = Path::of("apiVersion");
    let fix = format!("write `apiVersion: {API_VERSION}`");
    match root.entry("apiVersion").map(|entry| &entry.node) {
        Some(Node { value: Value::Text(version), .. }) if version == API_VERSION => {}
        Some(Node { value: Value::Text(version), mark }) if is_later(version) => {
            let reason = format!("{version} is of a later causeway; this one reads {API_VERSION}");
            let fix = format!("use the later one, or {fix}");
            flaws.push(Flaw::new(*mark, path, reason, fix).coded("CW0105"));
        }
        Some(Node { value: Value::Text(version), mark }) => {
            let reason = format!("expected {API_VERSION}, found {version:?}");
            flaws.push(Flaw::new(*mark, path, reason, fix));
        }
        Some(Node { value, mark }) => {
            let reason = format!("expected {API_VERSION}, found {}", value.describe());
            flaws.push(Flaw::new(*mark, path, reason, fix));
        }
        None if is_misspelt(root, "apiVersion") => {}
        None => {
            flaws.push(Flaw::new(root.mark, path, "`apiVersion` is missing", fix.replacen("write", "add", 1)))
        }
    }
}

/// Whether an API version is ours, and one that is not there yet.
fn is_later(version: &str) -> bool {
    let number = |version: &str| version.strip_prefix("causeway.dev/v")?.parse::<u32>().ok();
    number(version) > number(API_VERSION)
}

fn kind(root: &Node, flaws: &mut Vec<Flaw>) -> Option<Kind> {
    let path = Path::of("kind");
    let known = Kind::ALL.map(Kind::as_str);
    let fix = format!("write one of {}", known.join(", "));
    let Some(entry) = root.entry("kind") else {
        if is_misspelt(root, "kind") {
            return None;
        }
        let fix = format!("add `kind:`, one of {}", known.join(", "));
        flaws.push(Flaw::new(root.mark, path, "`kind` is missing", fix));
        return None;
    };
    let Value::Text(word) = &entry.node.value else {
        let reason = format!("expected a kind, found {}", entry.node.value.describe());
        flaws.push(Flaw::new(entry.node.mark, path, reason, fix));
        return None;
    };
    let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == word);
    if kind.is_none() {
        let fix = nearest(word, known).map_or(fix, |meant| format!("did you mean `{meant}`?"));
        flaws.push(Flaw::new(entry.node.mark, path, format!("there is no kind {word:?}"), fix));
    }
    kind
}

/// What the resource calls itself, as far as it can be told.
fn name_of(root: &Node) -> Option<String> {
    let kind = root.text("kind")?;
    let metadata = root.entry("metadata").map(|entry| &entry.node);
    Some(match metadata.and_then(|metadata| metadata.text("name")) {
        Some(name) => {
            let namespace = metadata.and_then(|metadata| metadata.text("namespace")).unwrap_or("default");
            format!("{kind} {namespace}/{name}")
        }
        None => kind.to_owned(),
    })
}
