//! The analyzer: what is allowed and yet likely a mistake. Stable codes, each with a page in `docs/vet`.
//!
//! What cannot work at all is refused by [`crate::snapshot::compile`]; the same checks run here first, so that the
//! analyzer says everything that can be said of a set of files.

mod applications;
mod ingresses;
mod rejections;
mod versions;

use std::collections::BTreeMap;

use serde::Serialize;
pub use versions::{InvalidRelease, Release, vet_gateway, vet_writers};

use crate::id::ResourceKey;
use crate::resource::Resource;

/// One thing that was found.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Stable, e.g. `CW0101`.
    pub code: &'static str,
    /// What it was found of.
    #[serde(rename = "key")]
    pub about: About,
    /// Which field of it.
    pub field: String,
    /// What was found.
    pub message: String,
    /// What would help.
    pub fix: String,
}

/// What a finding is about.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(tag = "kind")]
pub enum About {
    /// A gateway, by its name.
    Gateway {
        /// As its bootstrap file says.
        name: String,
    },
    /// A resource.
    #[serde(untagged)]
    Resource(ResourceKey),
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It does not work, or lets in who should not come in.
    Error,
    /// It is likely not meant so.
    Warning,
    /// Good to know.
    Info,
}

/// Every code, and in a few words what it stands for.
pub const CODES: [(&str, &str); 16] = [
    ("CW0001", "resources do not go together"),
    ("CW0101", "two ingresses claim one host"),
    ("CW0102", "an ingress leads to no application"),
    ("CW0103", "a port's name and protocol disagree, or it declares none"),
    ("CW0104", "an application is exposed by no ingress"),
    ("CW0105", "programs of different releases"),
    ("CW0106", "an application has no label to be found by"),
    ("CW0107", "a workload outside the mesh"),
    ("CW0201", "a path that is never reached"),
    ("CW0202", "a token issuer that is not known"),
    ("CW0203", "a domain outside every zone"),
    ("CW0204", "a certificate that the challenge cannot bring"),
    ("CW0301", "plain HTTP is served"),
    ("CW0302", "an open prefix around an authenticated path"),
    ("CW0303", "no strict transport security"),
    ("CW0401", "a resource that nothing uses"),
];

/// Looks at a set of resources.
#[must_use]
pub fn vet(resources: &BTreeMap<ResourceKey, Resource>) -> Vec<Finding> {
    let mut findings = Vec::new();
    rejections::find(resources, &mut findings);
    applications::find(resources, &mut findings);
    ingresses::find(resources, &mut findings);
    findings.sort();
    findings.dedup();
    findings
}

#[cfg(test)]
mod tests;
