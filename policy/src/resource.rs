//! The resources people write, one kind a file. All are Kubernetes-shaped (`apiVersion: causeway.dev/v1`).
//!
//! Every field's type proves its own value; what can only be judged against other resources is judged by
//! [`crate::snapshot::compile`].

pub mod application;
pub mod certificate;
pub mod issuer;
pub mod role;
pub mod secret;
pub mod secure_ingress;
pub mod zone;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{Kind, Name, ResourceKey};

/// The one API version.
pub const API_VERSION: &str = "causeway.dev/v1";

/// What every resource has beside its spec.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Metadata {
    /// Unique within kind and namespace.
    pub name: Name,
    /// Who it belongs to; `default` when left out.
    #[serde(default = "default_namespace")]
    pub namespace: Name,
    /// For selection.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// For people and tools; never read by us.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// The store's revision of this object. Set by the server; when a writer sends it, the write succeeds only
    /// if it is still the stored one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_version: Option<String>,
    /// Counts changes of the spec, from 1. Set by the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// When it was first stored (RFC 3339). Set by the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creation_timestamp: Option<String>,
}

fn default_namespace() -> Name {
    "default".parse().expect("a literal that is a name")
}

/// The spec of each kind.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Spec {
    /// See [`application`].
    Application(application::Application),
    /// See [`secure_ingress`].
    SecureIngress(secure_ingress::SecureIngress),
    /// See [`issuer`].
    Issuer(issuer::Issuer),
    /// See [`certificate`].
    Certificate(certificate::Certificate),
    /// See [`zone`].
    Zone(zone::Zone),
    /// See [`secret`].
    Secret(secret::Secret),
    /// See [`role`].
    Role(role::Role),
    /// See [`role`].
    RoleBinding(role::RoleBinding),
}

impl Spec {
    /// Which kind this is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Application(_) => Kind::Application,
            Self::SecureIngress(_) => Kind::SecureIngress,
            Self::Issuer(_) => Kind::Issuer,
            Self::Certificate(_) => Kind::Certificate,
            Self::Zone(_) => Kind::Zone,
            Self::Secret(_) => Kind::Secret,
            Self::Role(_) => Kind::Role,
            Self::RoleBinding(_) => Kind::RoleBinding,
        }
    }
}

/// One resource, valid by itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Resource {
    /// Name, namespace, labels.
    pub metadata: Metadata,
    /// What is wanted.
    pub spec: Spec,
}

impl Resource {
    /// What identifies it.
    #[must_use]
    pub fn key(&self) -> ResourceKey {
        ResourceKey {
            kind: self.spec.kind(),
            namespace: self.metadata.namespace.clone(),
            name: self.metadata.name.clone(),
        }
    }
}

/// The types of the conditions that a gateway sets on a kind. The others have no progress to tell of.
#[must_use]
pub const fn condition_types(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Application => &["Exposed", "Ready"],
        Kind::SecureIngress => &["CertificateReady", "Listening", "Named", "Ready", "Renewal"],
        Kind::Certificate => &["CertificateReady", "Ready", "Renewal"],
        Kind::Issuer | Kind::Zone | Kind::Secret | Kind::Role | Kind::RoleBinding => &[],
    }
}

/// One fact about a resource that its users wait for (Kubernetes API conventions, "Typical status properties").
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// CamelCase, e.g. `CertificateReady`, `Named`, `Ready`.
    pub r#type: String,
    /// `True`, `False` or `Unknown`.
    pub status: ConditionStatus,
    /// CamelCase, for programs.
    pub reason: String,
    /// For people.
    pub message: String,
    /// The generation of the spec that this speaks of.
    pub observed_generation: u64,
    /// When `status` last changed (RFC 3339).
    pub last_transition_time: String,
}

/// The three states of a [`Condition`].
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum ConditionStatus {
    /// It is so.
    True,
    /// It is not so; `reason` says why.
    False,
    /// Nobody can tell now.
    Unknown,
}
