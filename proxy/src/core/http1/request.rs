//! Request heads from clients.

mod bad_request;

pub use bad_request::BadRequest;
use bytes::BytesMut;

use super::head::{
    self, ConnectionOptions, DeclaredFraming, Fields, FramingFields, HeadLimits, HeadScan, Line,
};
use crate::core::authority::Authority;
use crate::core::method;

/// A request head, whole and free of ambiguity.
#[derive(Clone, Debug)]
pub struct RequestHead {
    fields: Fields,
    method: std::ops::Range<u32>,
    target: std::ops::Range<u32>,
    authority: Authority,
    version: Version,
    framing: Framing,
    connection: ConnectionOptions,
    expects_continue: bool,
    websocket: bool,
}

/// Versions that are spoken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
}

/// How long a body is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Framing {
    /// There is none.
    None,
    /// So many bytes.
    Length(u64),
    /// In chunks (RFC 9112 §7.1).
    Chunked,
}

impl RequestHead {
    /// Takes a head off the front of `buffer` once it is whole.
    ///
    /// `scan` belongs to the connection and remembers where the search for the end stopped.
    ///
    /// # Errors
    /// When the head is refused; nothing on this connection can be trusted after that.
    pub fn take(
        buffer: &mut BytesMut,
        scan: &mut HeadScan,
        limits: &HeadLimits,
    ) -> Result<Option<Self>, BadRequest> {
        if !scan.skip_empty_line(buffer) {
            return Ok(None);
        }
        // Something that is no HTTP at all is refused at its first byte, not at the time limit.
        if buffer.first().is_some_and(|byte| !byte.is_ascii_uppercase()) {
            return Err(BadRequest::RequestLine);
        }
        match scan.find_end(buffer, limits.head_bytes_max)? {
            Some(length) => Self::parse(buffer, length, limits).map(Some),
            None => Ok(None),
        }
    }

    fn parse(buffer: &mut BytesMut, length: usize, limits: &HeadLimits) -> Result<Self, BadRequest> {
        let mut slots = [const { std::mem::MaybeUninit::uninit() }; FIELD_SLOTS];
        let mut parsed = httparse::Request::new(&mut []);
        let taken = parsed.parse_with_uninit_headers(&buffer[..length], &mut slots);
        // The parser must end where the scan did: two opinions on the end of a head are how requests are smuggled.
        if taken.map_err(|error| fault(error, &buffer[..length]))? != httparse::Status::Complete(length) {
            return Err(BadRequest::LineEnd);
        }
        let (Some(method), Some(target), Some(version)) = (parsed.method, parsed.path, parsed.version) else {
            return Err(BadRequest::RequestLine);
        };
        if parsed.headers.len() > limits.fields_max {
            return Err(BadRequest::HeadTooLarge);
        }
        if target.len() > limits.target_bytes_max {
            return Err(BadRequest::TargetTooLong);
        }
        if !method::is_well_formed(method) || !single_spaced(&buffer[..length], method, target) {
            return Err(BadRequest::RequestLine);
        }
        let place = |part: &[u8]| head::position(&buffer[..length], part);
        let lines = parsed
            .headers
            .iter()
            .map(|field| Line { name: place(field.name.as_bytes()), value: place(field.value) })
            .collect();
        let (method, target) = (place(method.as_bytes()), place(target.as_bytes()));
        let version = if version == 0 { Version::Http10 } else { Version::Http11 };
        let fields = Fields { lines, head: head::split_off(buffer, length) };
        Self::check(fields, method, target, version)
    }

    fn check(
        fields: Fields,
        method: std::ops::Range<u32>,
        target: std::ops::Range<u32>,
        version: Version,
    ) -> Result<Self, BadRequest> {
        let mut framing = FramingFields::default();
        let mut connection = ConnectionOptions::default();
        let (mut host, mut expects_continue) = (None, false);
        let mut upgrade = Upgrade::None;
        for field in fields.iter() {
            // One look at the length spares most fields the comparisons.
            match field.name.len() {
                4 if field.is("host") => {
                    host = Some(host.map_or(Ok(field.value), |_twice| Err(BadRequest::Host))?);
                }
                10 if field.is("connection") => connection.read(field.value),
                6 if field.is("expect") => {
                    if expects_continue || !field.value.eq_ignore_ascii_case(b"100-continue") {
                        return Err(BadRequest::Expectation);
                    }
                    expects_continue = true;
                }
                7 if field.is("upgrade") => upgrade = upgrade.and(field.value),
                14 | 17 => framing.read(&field)?,
                _ => {}
            }
        }
        let framing = match framing.decide()? {
            None => Framing::None,
            Some(DeclaredFraming::Length(length)) => Framing::Length(length),
            // HTTP/1.0 knows no transfer codings, so who sent one is not to be trusted (RFC 9112 §6.1).
            Some(DeclaredFraming::Chunked) if version == Version::Http10 => {
                return Err(BadRequest::TransferEncoding);
            }
            Some(DeclaredFraming::Chunked) => Framing::Chunked,
        };
        if matches!(fields.bytes(&method), b"CONNECT" | b"TRACE") {
            return Err(BadRequest::Method);
        }
        let (target, authority) = resolve_target(&fields, &method, target, host, version)?;
        // RFC 6455 §4.1: a GET. With a body, its bytes would be taken for the tunnel's by one side or the other.
        let websocket = upgrade == Upgrade::WebSocket
            && connection.upgrade
            && version == Version::Http11
            && fields.bytes(&method) == b"GET"
            && framing == Framing::None;
        Ok(Self {
            fields,
            method,
            target,
            authority,
            version,
            framing,
            connection,
            expects_continue,
            websocket,
        })
    }

    /// The method, in the case it was sent in.
    #[must_use]
    pub fn method(&self) -> &str {
        // httparse lets only token bytes into methods.
        std::str::from_utf8(self.fields.bytes(&self.method)).unwrap_or("")
    }

    /// Path and query as they came; `*` for `OPTIONS *`.
    #[must_use]
    pub fn target(&self) -> &[u8] {
        match self.fields.bytes(&self.target) {
            // `http://host` without a path means `/` (RFC 9112 §3.2.1).
            b"" => b"/",
            target => target,
        }
    }

    /// The one host that this request is for.
    #[must_use]
    pub const fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The version.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// How long the body is.
    #[must_use]
    pub const fn framing(&self) -> Framing {
        self.framing
    }

    /// The fields.
    #[must_use]
    pub const fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Whether the client would use the connection again (RFC 9112 §9.3).
    #[must_use]
    pub const fn keeps_alive(&self) -> bool {
        match self.version {
            Version::Http11 => !self.connection.close,
            Version::Http10 => self.connection.keep_alive && !self.connection.close,
        }
    }

    /// Whether the client waits for `100 Continue` before it sends the body (RFC 9110 §10.1.1).
    #[must_use]
    pub fn expects_continue(&self) -> bool {
        self.expects_continue && self.version == Version::Http11 && self.framing != Framing::None
    }

    /// Whether the client asks to go on as WebSocket (RFC 6455 §4.1).
    #[must_use]
    pub const fn wants_websocket(&self) -> bool {
        self.websocket
    }

    /// Whether `Connection` names fields that must go no further.
    pub(super) const fn nominates(&self) -> bool {
        self.connection.nominates
    }
}

/// More than any limit in use, so that too many fields are counted, not overrun.
const FIELD_SLOTS: usize = 128;

/// What `Upgrade` asks for (RFC 9110 §7.8). All but exactly one `websocket` is as nothing, `h2c` among it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Upgrade {
    None,
    WebSocket,
    Other,
}

impl Upgrade {
    fn and(self, value: &[u8]) -> Self {
        let is_websocket = value.eq_ignore_ascii_case(b"websocket");
        if self == Self::None && is_websocket { Self::WebSocket } else { Self::Other }
    }
}

fn fault(error: httparse::Error, head: &[u8]) -> BadRequest {
    match error {
        httparse::Error::TooManyHeaders => BadRequest::HeadTooLarge,
        httparse::Error::Version if names_a_version(head) => BadRequest::Version,
        httparse::Error::Version => BadRequest::RequestLine,
        httparse::Error::Token | httparse::Error::NewLine => BadRequest::RequestLine,
        httparse::Error::HeaderName | httparse::Error::HeaderValue | httparse::Error::Status => {
            BadRequest::FieldLine
        }
    }
}

/// Whether the request line ends with `HTTP/` and two digits: another version, rather than no HTTP.
fn names_a_version(head: &[u8]) -> bool {
    let line = &head[..memchr::memchr(b'\r', head).unwrap_or(head.len())];
    let mut parts = line.split(|byte| *byte == b' ').skip(2);
    let (version, rest) = (parts.next().unwrap_or_default(), parts.next());
    rest.is_none()
        && matches!(version, [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit())
}

/// RFC 9112 §3: exactly one space between the parts. A parser that forgave more would see other parts than we do.
fn single_spaced(head: &[u8], method: &str, target: &str) -> bool {
    let rest = head.strip_prefix(method.as_bytes()).and_then(|rest| rest.strip_prefix(b" "));
    let rest = rest.and_then(|rest| rest.strip_prefix(target.as_bytes()));
    rest.is_some_and(|rest| rest.starts_with(b" HTTP/1.") && rest.get(9..11) == Some(b"\r\n"))
}

/// Reduces the four forms of a target (RFC 9112 §3.2) to path and query, and finds the one authority.
fn resolve_target(
    fields: &Fields,
    method: &std::ops::Range<u32>,
    target: std::ops::Range<u32>,
    host: Option<&[u8]>,
    version: Version,
) -> Result<(std::ops::Range<u32>, Authority), BadRequest> {
    let host = match host {
        Some(host) => Some(Authority::parse(host)?),
        None if version == Version::Http11 => return Err(BadRequest::Host),
        None => None,
    };
    let text = fields.bytes(&target);
    if text.starts_with(b"/") || (text == b"*" && fields.bytes(method) == b"OPTIONS") {
        return Ok((target, host.ok_or(BadRequest::Host)?));
    }
    let scheme = ["http://", "https://"]
        .iter()
        .find(|scheme| {
            text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme.as_bytes()))
        })
        .ok_or(BadRequest::RequestLine)?;
    let rest = &text[scheme.len()..];
    let path_at = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    if rest.get(path_at).is_some_and(|byte| *byte != b'/') {
        return Err(BadRequest::RequestLine);
    }
    let authority = Authority::parse(&rest[..path_at])?;
    if host.is_some_and(|host| host != authority) {
        return Err(BadRequest::Host);
    }
    let start = target.start + u32::try_from(scheme.len() + path_at).unwrap_or(0);
    Ok((start..target.end, authority))
}

#[cfg(test)]
mod tests;
