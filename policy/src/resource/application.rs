//! `Application`: kept beside the app's code by its developers. What it is, where it runs, what it exposes.

mod form;

use std::collections::BTreeMap;
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{HeaderName, HostName, MethodName, Name, Span};

/// An app and the API that it offers to an ingress.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Application {
    /// The account its workloads run as; gives their SPIFFE ID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account: Option<Name>,
    /// Where it can be reached.
    pub endpoints: Vec<EndpointSource>,
    /// The ports it listens on, each with its protocol.
    pub ports: Vec<Port>,
    /// What may be asked of it from outside. A path that no entry names is not exposed.
    #[serde(default)]
    pub api: Vec<ApiPath>,
    /// How to tell that an endpoint is alive. Without it every endpoint counts as alive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<HealthCheck>,
    /// How an endpoint is chosen for a request.
    #[serde(default)]
    pub balance: Balance,
    /// How long its answers may take.
    #[serde(default)]
    pub timeouts: Timeouts,
}

/// Where endpoints come from.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(from = "form::EndpointSource", untagged)]
pub enum EndpointSource {
    /// One IP address, on the ports of `ports`.
    Address(AddressEndpoint),
    /// A name that is looked up again as its answers age.
    Dns(DnsEndpoint),
}

/// `address: 10.0.0.7`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AddressEndpoint {
    /// An IPv4 or IPv6 address.
    pub address: IpAddr,
}

/// `dns: app.internal`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DnsEndpoint {
    /// The name to look up.
    pub dns: HostName,
}

/// A port of the app.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// Its name. The protocol is its prefix (`http-web`), unless `protocol` says it.
    pub name: Name,
    /// The number.
    pub port: std::num::NonZeroU16,
    /// The protocol, where the name does not begin with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
}

/// The protocols a port can be declared to speak. There is no guessing.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// HTTP/1.1 without TLS.
    Http,
    /// HTTP/2 with prior knowledge, without TLS (RFC 9113 §3.3).
    Http2,
    /// gRPC over HTTP/2 without TLS.
    Grpc,
    /// Bytes over TCP. Not routed by an HTTP listener.
    Tcp,
    /// TLS that the app itself ends. Not routed by an HTTP listener.
    Tls,
    /// Datagrams. Not routed by an HTTP listener.
    Udp,
}

impl std::fmt::Display for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Http2 => "http2",
            Self::Grpc => "grpc",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Udp => "udp",
        })
    }
}

impl Port {
    /// The declared protocol: the field, else the part of the name before its first hyphen (or the whole name).
    #[must_use]
    pub fn declared_protocol(&self) -> Option<Protocol> {
        self.protocol.or_else(|| match self.name.as_str().split('-').next()? {
            "http" => Some(Protocol::Http),
            "http2" => Some(Protocol::Http2),
            "grpc" => Some(Protocol::Grpc),
            "tcp" => Some(Protocol::Tcp),
            "tls" => Some(Protocol::Tls),
            "udp" => Some(Protocol::Udp),
            _ => None,
        })
    }
}

/// One exposed piece of the app's API.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ApiPath {
    /// Which paths.
    pub path: PathMatch,
    /// Which methods; all that are ever forwarded when left out. `GET` includes `HEAD`, on the same terms.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<MethodName>,
    /// Header fields that must be present with exactly these values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<HeaderName, String>,
    /// The port that serves it; may be left out when the app has one HTTP port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<Name>,
    /// What a caller must show. Say `none` to let everyone in.
    pub authentication: Authentication,
}

/// How a path is matched, always against the canonical path without its query.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub enum PathMatch {
    /// This path and no other.
    Exact(PathText),
    /// This path and all below it, by whole segments (Gateway API `PathPrefix`).
    Prefix(PathText),
    /// Segments in braces match any one segment: `/users/{id}/orders`.
    Template(PathText),
}

/// An absolute path in canonical form: begins with `/`, holds no query, fragment, `;`, backslash, percent
/// escapes, empty or dot segments. Checked by `FromStr`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PathText(std::sync::Arc<str>);

/// Why a text is no [`PathText`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidPath {
    /// It does not begin with a slash.
    #[error("a path begins with '/'; put one in front")]
    Relative,
    /// More than 1024 bytes.
    #[error("a path has at most 1024 bytes; shorten it")]
    TooLong,
    /// A character that a canonical path does not hold.
    #[error("{0:?} cannot stand in a path, since requests with it are refused before routing; remove it")]
    Character(char),
    /// `//`, `/./` or `/../`.
    #[error(
        "the segment {0:?} cannot be matched, since requests with it are refused before routing; remove it"
    )]
    Segment(String),
}

impl PathText {
    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for PathText {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some(rest) = text.strip_prefix('/') else { return Err(InvalidPath::Relative) };
        if text.len() > 1024 {
            return Err(InvalidPath::TooLong);
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,=:@/{}".contains(c);
        if let Some(found) = text.chars().find(|c| !allowed(*c)) {
            return Err(InvalidPath::Character(found));
        }
        let mut segments = rest.split('/').peekable();
        while let Some(segment) = segments.next() {
            // One empty last segment is a trailing slash.
            let empty = segment.is_empty() && segments.peek().is_some();
            if empty || segment == "." || segment == ".." {
                return Err(InvalidPath::Segment(segment.into()));
            }
        }
        Ok(Self(text.into()))
    }
}

impl std::fmt::Display for PathText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

crate::id::checked_text!(
    PathText,
    "^/[-A-Za-z0-9._~!$&'()*+,=:@/{}]*$",
    "An absolute path in canonical form."
);

/// What a caller must show.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub enum Authentication {
    /// Nothing: everyone may call.
    None,
    /// A JSON Web Token (RFC 7519) in the `Authorization` field.
    Jwt(JwtRequirement),
}

/// Which token a caller must show.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct JwtRequirement {
    /// The name of an entry of the ingress's `jwt` list.
    pub issuer: Name,
    /// Claims that must be present with this value, or, where the token's claim is a list, contain it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<String, String>,
}

/// An active check of each endpoint.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct HealthCheck {
    /// Asked for with GET; 200 to 399 is alive.
    pub path: PathText,
    /// Between checks of one endpoint.
    #[serde(default = "five_seconds")]
    pub interval: Span,
    /// How long one check may take.
    #[serde(default = "two_seconds")]
    pub timeout: Span,
    /// Failures in a row that take an endpoint out.
    #[serde(default = "three")]
    pub unhealthy_after: std::num::NonZeroU8,
    /// Successes in a row that bring it back.
    #[serde(default = "one")]
    pub healthy_after: std::num::NonZeroU8,
}

/// How an endpoint is chosen.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Balance {
    /// One after the other.
    #[default]
    RoundRobin,
    /// The one with the fewest requests under way, of two drawn at random.
    LeastRequest,
}

/// How long things may take.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Timeouts {
    /// To open a connection to an endpoint.
    pub connect: Span,
    /// From the end of the request to the response head; while the endpoint takes no more of a body, from when it last
    /// did.
    pub response: Span,
    /// Without a byte in either direction while a body streams.
    pub idle: Span,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Span::from_secs(5), response: Span::from_secs(60), idle: Span::from_secs(300) }
    }
}

fn five_seconds() -> Span {
    Span::from_secs(5)
}
fn two_seconds() -> Span {
    Span::from_secs(2)
}
fn three() -> std::num::NonZeroU8 {
    std::num::NonZeroU8::MIN.saturating_add(2)
}
fn one() -> std::num::NonZeroU8 {
    std::num::NonZeroU8::MIN
}
