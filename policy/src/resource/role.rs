//! `Role` and `RoleBinding`: who may do what to resources. Rights only add; nothing is allowed by default.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{Kind, Name};

/// A set of rights.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Each rule allows what it names.
    pub rules: Vec<Rule>,
}

/// Allows some verbs on some kinds in some namespaces.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Kinds of resource; all when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<Kind>,
    /// What may be done.
    pub verbs: Vec<Verb>,
    /// Where; everywhere when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<Name>,
}

/// What can be done to a resource.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// Get, list, watch, status, vet.
    Read,
    /// Create and change.
    Write,
    /// Delete.
    Delete,
}

/// Gives a role to subjects.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RoleBinding {
    /// A `Role` of the same namespace.
    pub role: Name,
    /// Who gets it.
    pub subjects: Vec<Subject>,
}

/// Somebody who calls the API.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub enum Subject {
    /// A user of the operating system, on the Unix socket (peer credentials).
    User(Name),
    /// The bearer of the token held in this `Secret` (key `token`) of the same namespace, over HTTPS.
    Token(Name),
}
