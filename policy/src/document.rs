//! From text to resources, and back.
//!
//! Everything that people or machines write enters here: files, standard input, API bodies, the store. YAML and
//! JSON become one tree of values that know where they stand; types are read from the tree; what is wrong is
//! reported whole, each fault with its place, its field, its reason and the smallest fix. A resource with a fault
//! never comes out.
//!
//! ```text
//! text --yaml--> tree --decode, collect--> types --check--> Resource
//! ```

mod budget;
mod check;
mod collect;
mod crd;
mod decode;
mod envelope;
mod fault;
mod json;
mod nearest;
mod places;
mod scalar;
mod schema;
mod tree;
mod yaml;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

pub use self::budget::{ALIASES_MAX, BYTES_MAX, DEPTH_MAX, NODES_MAX};
pub use self::collect::FAULTS_MAX;
pub use self::crd::crd;
pub use self::fault::{Fault, Place};
pub use self::json::to_json;
pub use self::places::Places;
pub use self::schema::schema;
use crate::resource::Resource;

/// A resource, and where its fields stand in the text.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The resource.
    pub resource: Resource,
    /// Where its fields stand.
    pub places: Places,
}

/// Reads every resource of a text: YAML, of one or several documents, or JSON. Empty documents are passed over
/// and a Kubernetes `List` counts as its items. `file` is what places are told in; it is not opened.
///
/// # Errors
///
/// All faults of all documents, up to [`FAULTS_MAX`].
pub fn parse(file: &str, text: &str) -> Result<Vec<Parsed>, Vec<Fault>> {
    let file = Arc::from(file);
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    for document in yaml::read(text) {
        envelope::read(&file, document, &mut found, &mut faults);
        if faults.len() >= FAULTS_MAX {
            break;
        }
    }
    faults.extend(twice(&found));
    faults.truncate(FAULTS_MAX);
    if faults.is_empty() { Ok(found) } else { Err(faults) }
}

/// The resources that have the name of one before them: which of the two was meant, nobody can tell.
fn twice(found: &[Parsed]) -> Vec<Fault> {
    let mut first = BTreeMap::new();
    let mut faults = Vec::new();
    for parsed in found {
        let place = parsed.places.locate("metadata.name");
        let key = parsed.resource.key();
        match first.entry(key.clone()) {
            Entry::Vacant(entry) => {
                entry.insert(place);
            }
            Entry::Occupied(before) => faults.push(Fault {
                place,
                resource: Some(key.to_string()),
                field: "metadata.name".into(),
                reason: format!("{key} stands at line {} already", before.get().line),
                fix: Some("remove one, or give it another name".into()),
                code: None,
            }),
        }
    }
    faults
}

/// Reads one resource from its JSON form, as [`to_json`] writes it. `status` is passed over.
///
/// # Errors
///
/// All its faults, up to [`FAULTS_MAX`]. Their places name no file.
pub fn from_json(value: &serde_json::Value) -> Result<Resource, Vec<Fault>> {
    let file = Arc::from("");
    let whole = |reason: String, fix: &str| {
        let flaw = fault::Flaw::new(tree::Mark::default(), tree::Path::default(), reason, fix);
        vec![flaw.into_fault(&file, None)]
    };
    let root =
        json::tree(value, 0, &mut budget::Spent::default()).map_err(|reason| whole(reason, "write less"))?;
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    let document = yaml::Document { root: Some(root), flaws: Vec::new() };
    envelope::read(&file, document, &mut found, &mut faults);
    faults.truncate(FAULTS_MAX);
    if !faults.is_empty() {
        return Err(faults);
    }
    match (found.pop(), found.is_empty()) {
        (Some(parsed), true) => Ok(parsed.resource),
        (None, _) | (Some(_), false) => {
            Err(whole("expected exactly one resource".into(), "send each resource by itself"))
        }
    }
}
