//! What identifies a resource: kind, namespace and name.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Name;

/// The kinds of resource.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Kind {
    /// A developer's app.
    Application,
    /// An operator's public entry for apps.
    SecureIngress,
    /// Who signs certificates.
    Issuer,
    /// A certificate by itself.
    Certificate,
    /// A DNS zone that we answer for.
    Zone,
    /// Sealed bytes.
    Secret,
    /// A set of rights on resources.
    Role,
    /// Who has a role.
    RoleBinding,
}

impl Kind {
    /// Every kind, in the order in which listings show them.
    pub const ALL: [Self; 8] = [
        Self::Application,
        Self::SecureIngress,
        Self::Issuer,
        Self::Certificate,
        Self::Zone,
        Self::Secret,
        Self::Role,
        Self::RoleBinding,
    ];

    /// As written in `kind:`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Application => "Application",
            Self::SecureIngress => "SecureIngress",
            Self::Issuer => "Issuer",
            Self::Certificate => "Certificate",
            Self::Zone => "Zone",
            Self::Secret => "Secret",
            Self::Role => "Role",
            Self::RoleBinding => "RoleBinding",
        }
    }

    /// As in API paths and on the command line: lower case, plural.
    #[must_use]
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Application => "applications",
            Self::SecureIngress => "secureingresses",
            Self::Issuer => "issuers",
            Self::Certificate => "certificates",
            Self::Zone => "zones",
            Self::Secret => "secrets",
            Self::Role => "roles",
            Self::RoleBinding => "rolebindings",
        }
    }

    /// Finds a kind by any of its spellings: kind, plural, or lower-case singular.
    #[must_use]
    pub fn find(word: &str) -> Option<Self> {
        let word = word.to_ascii_lowercase();
        Self::ALL.into_iter().find(|kind| word == kind.plural() || word == kind.as_str().to_ascii_lowercase())
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Names one resource: `Application bookinfo/productpage`.
#[derive(Clone, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
pub struct ResourceKey {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: Name,
    /// Its name.
    pub name: Name,
}

impl ResourceKey {
    /// Names a resource of the same namespace.
    #[must_use]
    pub fn beside(&self, kind: Kind, name: &Name) -> Self {
        Self { kind, namespace: self.namespace.clone(), name: name.clone() }
    }
}

impl fmt::Display for ResourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
    }
}
