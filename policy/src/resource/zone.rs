//! `Zone`: a DNS zone that this gateway answers for.

mod form;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{Email, HostName, Span};

/// A zone. Its origin is `origin`, or the resource's name.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Zone {
    /// The apex; the resource's name when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<HostName>,
    /// The zone's name servers. The first is the primary named in the SOA.
    pub nameservers: Vec<NameServer>,
    /// Who runs it, as an e-mail address; `hostmaster@` the origin when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Email>,
    /// Where exposed names point; the gateway's public addresses when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<IpAddr>,
    /// Time to live of the zone's own records and of records that give none.
    #[serde(default = "one_hour")]
    pub ttl: Span,
    /// Which CAs may issue for names in it (RFC 8659).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caa: Vec<String>,
    /// Records that an operator adds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<Record>,
}

/// A name server of a zone.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NameServer {
    /// Its name.
    pub name: HostName,
    /// Its addresses, published as A and AAAA where the name lies in the zone; the gateway's own when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<IpAddr>,
}

/// One record set: a name, one type, its values.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(try_from = "form::Record")]
pub struct Record {
    /// Relative to the origin: `www`, `@` for the apex, `*` or `*.shop` for a wildcard.
    pub name: RelativeName,
    /// Time to live; the zone's when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Span>,
    /// The values; the field's name is the type.
    #[serde(flatten)]
    pub data: RecordValues,
}

/// The values of a record set: exactly one of these.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum RecordValues {
    /// IPv4 addresses.
    A(Vec<Ipv4Addr>),
    /// IPv6 addresses.
    Aaaa(Vec<Ipv6Addr>),
    /// The name this one stands for.
    Cname(HostName),
    /// Texts, each up to 255 bytes or split by us.
    Txt(Vec<String>),
    /// Mail exchangers.
    Mx(Vec<MailExchange>),
    /// A delegation.
    Ns(Vec<HostName>),
}

/// A mail exchanger.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MailExchange {
    /// Lower is tried first.
    pub preference: u16,
    /// Its name.
    pub exchange: HostName,
}

/// A name relative to a zone's origin.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RelativeName(std::sync::Arc<str>);

/// Why a text is no [`RelativeName`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidRelativeName {
    /// It ends with a dot.
    #[error("names of records are relative to the zone; leave out the origin and the last dot, or write @")]
    Absolute,
    /// No host name.
    #[error(transparent)]
    Host(#[from] crate::id::InvalidDomain),
}

impl RelativeName {
    /// As written: `@`, `www`, `*.shop`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for RelativeName {
    type Err = InvalidRelativeName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.ends_with('.') {
            return Err(InvalidRelativeName::Absolute);
        }
        if text != "@" && text != "*" {
            text.parse::<crate::id::Domain>()?;
        }
        Ok(Self(text.to_ascii_lowercase().into()))
    }
}

impl std::fmt::Display for RelativeName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

crate::id::checked_text!(
    RelativeName,
    "^(@|\\*|(\\*\\.)?[A-Za-z0-9_.-]+)$",
    "A name relative to the zone's origin."
);

fn one_hour() -> Span {
    Span::from_secs(3600)
}
