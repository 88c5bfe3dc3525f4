//! `Issuer`: who signs certificates.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{Email, HttpUri, Name};

/// Exactly one of these.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub enum Issuer {
    /// An ACME server (RFC 8555).
    Acme(Acme),
    /// A private CA inside this gateway; its root is printed by `causeway get issuer NAME -o yaml`.
    PrivateCa(PrivateCa),
}

/// An account at an ACME server.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Acme {
    /// Told to the CA for expiry notices.
    pub email: Email,
    /// The directory address; Let's Encrypt when left out.
    #[serde(default = "lets_encrypt")]
    pub server: HttpUri,
    /// How control of a name is proven. When left out: by DNS where every name lies in a zone of ours, which needs no
    /// name to be answered before its certificate is there; otherwise by HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<Challenge>,
    /// External account binding (RFC 8555 §7.3.4), where the CA asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_account: Option<ExternalAccount>,
    /// Roots in PEM that the server's own certificate is checked against, instead of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<String>,
}

/// How control of a name is proven.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Challenge {
    /// By a file on port 80 (RFC 8555 §8.3). No wildcards.
    Http01,
    /// By a certificate on port 443 (RFC 8737). No wildcards.
    TlsAlpn01,
    /// By a TXT record in a zone of ours (RFC 8555 §8.4).
    Dns01,
}

/// External account binding.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ExternalAccount {
    /// The key's identifier, as the CA gave it.
    pub key_id: String,
    /// A `Secret` of the same namespace whose `hmacKey` is the key in base64url, as the CA gave it.
    pub secret: Name,
}

/// A private CA. It has no settings.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PrivateCa {}

fn lets_encrypt() -> HttpUri {
    "https://acme-v02.api.letsencrypt.org/directory".parse().expect("a literal that is an https address")
}
