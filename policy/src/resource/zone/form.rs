//! How a record set is written: a name, and one field that is called as its type. Read in this form, so that a
//! fault in it keeps its place; serde's `flatten` loses it.

use std::net::{Ipv4Addr, Ipv6Addr};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{MailExchange, RecordValues, RelativeName};
use crate::id::{HostName, Span};

/// One record set: a name, exactly one type, its values.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Record {
    /// Relative to the origin: `www`, `@` for the apex, `*` or `*.shop` for a wildcard.
    name: RelativeName,
    /// Time to live; the zone's when left out.
    ttl: Option<Span>,
    /// IPv4 addresses.
    a: Option<Vec<Ipv4Addr>>,
    /// IPv6 addresses.
    aaaa: Option<Vec<Ipv6Addr>>,
    /// The name this one stands for.
    cname: Option<HostName>,
    /// Texts, each up to 255 bytes or split by us.
    txt: Option<Vec<String>>,
    /// Mail exchangers.
    mx: Option<Vec<MailExchange>>,
    /// A delegation.
    ns: Option<Vec<HostName>>,
}

/// Why a record set is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotOneType {
    #[error("a record set has a type; add one of a, aaaa, cname, txt, mx, ns with its values")]
    None,
    #[error("a record set has one type, this one has {}; write one entry for each", .0.join(" and "))]
    Several(Vec<&'static str>),
}

impl TryFrom<Record> for super::Record {
    type Error = NotOneType;

    fn try_from(form: Record) -> Result<Self, NotOneType> {
        let given = [
            form.a.map(|list| ("a", RecordValues::A(list))),
            form.aaaa.map(|list| ("aaaa", RecordValues::Aaaa(list))),
            form.cname.map(|name| ("cname", RecordValues::Cname(name))),
            form.txt.map(|list| ("txt", RecordValues::Txt(list))),
            form.mx.map(|list| ("mx", RecordValues::Mx(list))),
            form.ns.map(|list| ("ns", RecordValues::Ns(list))),
        ];
        let (mut types, mut values): (Vec<_>, Vec<_>) = given.into_iter().flatten().unzip();
        match (values.pop(), values.is_empty()) {
            (Some(data), true) => Ok(Self { name: form.name, ttl: form.ttl, data }),
            (None, _) => Err(NotOneType::None),
            (Some(_), false) => Err(NotOneType::Several(std::mem::take(&mut types))),
        }
    }
}
