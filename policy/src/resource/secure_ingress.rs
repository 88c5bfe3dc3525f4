//! `SecureIngress`: kept by the platform's operators. Under which names apps are exposed, with which
//! certificate, DNS zone and token issuers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{Domain, HttpUri, Name, Span};

/// A public entry for the apps of some namespaces.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SecureIngress {
    /// The names it answers to.
    pub domains: Vec<Domain>,
    /// Where its certificate comes from.
    pub certificate: CertificateSource,
    /// Which zone of ours names it; without it, DNS is somebody else's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Option<Dns>,
    /// The token issuers that apps may ask for by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jwt: Vec<JwtIssuer>,
    /// Which apps are exposed here.
    pub applications: ApplicationSelector,
    /// What port 80 does.
    #[serde(default)]
    pub http: PlainHttp,
    /// `Strict-Transport-Security` (RFC 6797). On by default for a year.
    #[serde(default)]
    pub hsts: Hsts,
    /// What a client may send.
    #[serde(default)]
    pub limits: Limits,
}

/// Where a certificate comes from: exactly one of these.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub enum CertificateSource {
    /// Ordered from this [`crate::resource::issuer::Issuer`] of the same namespace.
    Issuer(Name),
    /// Ordered from the first of these that delivers.
    Issuers(Vec<Name>),
    /// A [`crate::resource::certificate::Certificate`] of the same namespace.
    Certificate(Name),
    /// A `Secret` of the same namespace with `tls.crt` and `tls.key` in PEM.
    Secret(Name),
}

/// The DNS side of an ingress.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Dns {
    /// The name of a `Zone`, in any namespace.
    pub zone: Name,
    /// How long answers may be cached; also how long a name that is withdrawn goes on being served.
    #[serde(default = "one_minute")]
    pub ttl: Span,
}

/// Whose tokens are believed.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct JwtIssuer {
    /// What apps call it.
    pub name: Name,
    /// The `iss` claim, compared exactly.
    pub issuer: String,
    /// One of these must be in the `aud` claim.
    pub audiences: Vec<String>,
    /// Where its keys are.
    pub jwks: Jwks,
    /// Which signature algorithms are believed.
    #[serde(default = "default_algorithms")]
    pub algorithms: Vec<JwtAlgorithm>,
}

/// A JSON Web Key Set (RFC 7517): exactly one of these.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub enum Jwks {
    /// Fetched from this https (or, to a loopback address, http) address and kept fresh.
    Uri(HttpUri),
    /// Written here, as JSON text.
    Inline(String),
}

/// Signature algorithms (RFC 7518 §3.1, RFC 8037). No symmetric one, and never `none`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[expect(missing_docs, reason = "each is the name the RFC gives it")]
pub enum JwtAlgorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    ES512,
    EdDSA,
}

/// Which apps.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ApplicationSelector {
    /// Those of these namespaces.
    pub namespaces: Vec<Name>,
    /// Of those, only the ones with all these labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
}

/// What the plain-text port does for these names.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum PlainHttp {
    /// 308 to https, beside ACME challenges.
    #[default]
    Redirect,
    /// Nothing but ACME challenges; all else is refused.
    Refuse,
    /// Serves routes that ask for no authentication in plain text too, and redirects the others.
    Serve,
}

/// `Strict-Transport-Security`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Hsts {
    /// Whether the field is sent.
    pub enabled: bool,
    /// How long browsers remember.
    pub max_age: Span,
    /// Whether it covers every name below.
    pub include_subdomains: bool,
}

impl Default for Hsts {
    fn default() -> Self {
        Self { enabled: true, max_age: Span::from_secs(31_536_000), include_subdomains: false }
    }
}

/// What a client may send.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Limits {
    /// Largest request body, in bytes; larger is 413.
    pub body_bytes_max: u64,
}

impl Default for Limits {
    /// 100 MiB: above what forms and uploads of ordinary apps need.
    fn default() -> Self {
        Self { body_bytes_max: 100 << 20 }
    }
}

fn one_minute() -> Span {
    Span::from_secs(60)
}

fn default_algorithms() -> Vec<JwtAlgorithm> {
    use JwtAlgorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    vec![RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA]
}
