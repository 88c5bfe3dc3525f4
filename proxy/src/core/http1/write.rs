//! Heads written: to backends, and to clients.

use bytes::BytesMut;
use http::StatusCode;

use super::head::{Field, Fields};
use super::request::{RequestHead, Version};
use super::response::ResponseHead;
use crate::core::fields::{is_hop_by_hop, may_client_say};

/// How the body that follows is framed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Framing {
    /// No body, and nothing said of its length.
    None,
    /// `Content-Length`.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

impl RequestHead {
    /// The fields that go on to a backend: not those about this connection, its framing or its host, and none
    /// that a client may not say.
    pub fn forwarded(&self) -> impl Iterator<Item = Field<'_>> {
        self.fields().iter().filter(|field| self.goes_on(field))
    }

    /// Those of them that have this name, given in lower case.
    pub fn forwarded_as<'h>(&'h self, name: &'h str) -> impl Iterator<Item = Field<'h>> {
        self.fields().iter().filter(move |field| field.is(name) && self.goes_on(field))
    }

    fn goes_on(&self, field: &Field<'_>) -> bool {
        let stays = ends_here(field)
            || field.is("host")
            || field.is("expect")
            || (self.nominates() && is_nominated(self.fields(), field.name));
        !stays && may_client_say(field.name)
    }
}

impl ResponseHead {
    /// The fields that go on to a client: not those about this connection or its framing.
    pub fn forwarded(&self) -> impl Iterator<Item = Field<'_>> {
        let nominated = self.nominates().then(|| self.fields());
        self.fields().iter().filter(move |field| {
            !ends_here(field) && !nominated.is_some_and(|fields| is_nominated(fields, field.name))
        })
    }

    /// The length that the fields declare, which for `HEAD` and `304` is not that of this message.
    #[must_use]
    pub fn declared_length(&self) -> Option<u64> {
        std::str::from_utf8(self.fields().first("content-length")?).ok()?.parse().ok()
    }
}

/// Whether a field speaks of one connection or of the framing on it.
fn ends_here(field: &Field<'_>) -> bool {
    // Most names have a length that none of these has.
    match field.name.len() {
        2 | 7 | 10 | 14 | 16..=19 | 25 => is_hop_by_hop(field.name) || field.is("content-length"),
        _ => false,
    }
}

/// Whether `Connection` names this field (RFC 9110 §7.6.1). Those that carry the request itself cannot be named away.
fn is_nominated(fields: &Fields, name: &[u8]) -> bool {
    const KEPT: [&str; 5] = ["host", "authorization", "cookie", "content-type", "cache-control"];
    if KEPT.iter().any(|kept| name.eq_ignore_ascii_case(kept.as_bytes())) {
        return false;
    }
    let lists = fields.iter().filter(|field| field.is("connection"));
    lists
        .flat_map(|list| list.value.split(|byte| *byte == b','))
        .any(|option| option.trim_ascii().eq_ignore_ascii_case(name))
}

/// Writes `method target HTTP/1.1` and `host`.
pub fn request_line(
    out: &mut BytesMut,
    method: &str,
    path: &str,
    query: Option<&str>,
    host: &str,
    port: Option<u16>,
) {
    out.extend_from_slice(method.as_bytes());
    out.extend_from_slice(b" ");
    out.extend_from_slice(path.as_bytes());
    if let Some(query) = query {
        out.extend_from_slice(b"?");
        out.extend_from_slice(query.as_bytes());
    }
    out.extend_from_slice(b" HTTP/1.1\r\nhost: ");
    out.extend_from_slice(host.as_bytes());
    if let Some(port) = port {
        out.extend_from_slice(b":");
        decimal(out, u64::from(port));
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes a status line.
pub fn status_line(out: &mut BytesMut, status: StatusCode, version: Version) {
    out.extend_from_slice(match version {
        Version::Http10 => b"HTTP/1.0 ",
        Version::Http11 => b"HTTP/1.1 ",
    });
    out.extend_from_slice(status.as_str().as_bytes());
    out.extend_from_slice(b" ");
    out.extend_from_slice(status.canonical_reason().unwrap_or("").as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Writes one field.
pub fn field(out: &mut BytesMut, name: impl AsRef<[u8]>, value: &[u8]) {
    let name = name.as_ref();
    // One look at the room for all four parts.
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Writes the framing fields and the empty line.
pub fn end(out: &mut BytesMut, framing: Framing) {
    match framing {
        Framing::None => {}
        Framing::Length(length) => {
            out.extend_from_slice(b"content-length: ");
            decimal(out, length);
            out.extend_from_slice(b"\r\n");
        }
        Framing::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes a number in digits, without the formatting machinery.
pub fn decimal(out: &mut BytesMut, value: u64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = value;
    loop {
        at -= 1;
        // The remainder of a division by ten is one digit.
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests;
