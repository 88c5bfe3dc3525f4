//! `Certificate`: a certificate by itself, for several ingresses or for use elsewhere.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{Domain, Name};

/// A wanted certificate.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Certificate {
    /// The names it covers.
    pub domains: Vec<Domain>,
    /// Issuers of the same namespace, the first that delivers is used.
    pub issuers: Vec<Name>,
}
