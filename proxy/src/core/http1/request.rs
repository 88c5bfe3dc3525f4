//! Request heads from clients.

use bytes::BytesMut;

use super::head::{
    self, ConnectionOptions, DeclaredFraming, Fields, FramingFault, FramingFields, HeadLimits, HeadScan, Line,
};
use crate::core::authority::{Authority, BadAuthority};

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

/// Why a request head is refused. The connection is closed after each.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadRequest {
    /// Longer than [`HeadLimits::head_bytes_max`], or more fields than allowed (RFC 6585 §5).
    #[error("the head is too large")]
    HeadTooLarge,
    /// RFC 9110 §15.5.15.
    #[error("the target is too long")]
    TargetTooLong,
    /// A line end that is not CRLF (RFC 9112 §2.2).
    #[error("a line does not end with CRLF")]
    LineEnd,
    /// Not `method SP target SP version` (RFC 9112 §3).
    #[error("the request line is malformed")]
    RequestLine,
    /// Not HTTP/1.0 or HTTP/1.1.
    #[error("the version is not spoken")]
    Version,
    /// A field line that is malformed: no name, a space before the colon, a fold (RFC 9112 §5).
    #[error("a field line is malformed")]
    FieldLine,
    /// No, several or malformed `Host` (RFC 9112 §3.2), or one that contradicts an absolute target.
    #[error("the host is missing, doubled, malformed or contradicted")]
    Host,
    /// A `Content-Length` that is no plain number, or two of them.
    #[error("the content length is malformed or doubled")]
    ContentLength,
    /// A transfer coding other than exactly `chunked`, or one in HTTP/1.0 (RFC 9112 §6.1).
    #[error("the transfer coding is not understood")]
    TransferEncoding,
    /// Both framings at once (RFC 9112 §6.3).
    #[error("content length and transfer coding contradict each other")]
    BothFramings,
    /// `CONNECT` or `TRACE`.
    #[error("the method is not served")]
    Method,
    /// An expectation other than `100-continue` (RFC 9110 §10.1.1).
    #[error("the expectation is not understood")]
    Expectation,
}

impl BadRequest {
    /// The status that the client is told.
    #[must_use]
    pub const fn status(self) -> http::StatusCode {
        match self {
            Self::HeadTooLarge => http::StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::TargetTooLong => http::StatusCode::URI_TOO_LONG,
            Self::Version => http::StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::Method => http::StatusCode::NOT_IMPLEMENTED,
            Self::Expectation => http::StatusCode::EXPECTATION_FAILED,
            Self::LineEnd
            | Self::RequestLine
            | Self::FieldLine
            | Self::Host
            | Self::ContentLength
            | Self::TransferEncoding
            | Self::BothFramings => http::StatusCode::BAD_REQUEST,
        }
    }

    /// For metrics and logs.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::HeadTooLarge => "head_too_large",
            Self::TargetTooLong => "target_too_long",
            Self::LineEnd => "line_end",
            Self::RequestLine => "request_line",
            Self::Version => "version",
            Self::FieldLine => "field_line",
            Self::Host => "host",
            Self::ContentLength => "content_length",
            Self::TransferEncoding => "transfer_encoding",
            Self::BothFramings => "both_framings",
            Self::Method => "method",
            Self::Expectation => "expectation",
        }
    }
}

impl From<BadAuthority> for BadRequest {
    fn from(_: BadAuthority) -> Self {
        Self::Host
    }
}

impl From<FramingFault> for BadRequest {
    fn from(fault: FramingFault) -> Self {
        match fault {
            FramingFault::LengthForm | FramingFault::LengthTwice => Self::ContentLength,
            FramingFault::Coding => Self::TransferEncoding,
            FramingFault::Both => Self::BothFramings,
        }
    }
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
        // RFC 9112 §2.2: one empty line before a request line is forgiven.
        if !scan.has_begun() && buffer.starts_with(b"\r\n") {
            let _empty_line = buffer.split_to(2);
        }
        let Some(length) = scan.find_end(buffer) else {
            return match buffer.len() {
                too_long if too_long > limits.head_bytes_max => Err(BadRequest::HeadTooLarge),
                // Something that is no HTTP at all is refused at its first byte, not at the time limit.
                _ if buffer.first().is_some_and(|byte| !byte.is_ascii_alphabetic()) => {
                    Err(BadRequest::RequestLine)
                }
                _ => Ok(None),
            };
        };
        if length > limits.head_bytes_max {
            return Err(BadRequest::HeadTooLarge);
        }
        Self::parse(buffer, length, limits).map(Some)
    }

    fn parse(buffer: &mut BytesMut, length: usize, limits: &HeadLimits) -> Result<Self, BadRequest> {
        if head::has_bare_line_end(&buffer[..length]) {
            return Err(BadRequest::LineEnd);
        }
        let mut slots = [const { std::mem::MaybeUninit::uninit() }; FIELD_SLOTS];
        let mut parsed = httparse::Request::new(&mut []);
        parsed.parse_with_uninit_headers(&buffer[..length], &mut slots).map_err(fault)?;
        let (Some(method), Some(target), Some(version)) = (parsed.method, parsed.path, parsed.version) else {
            return Err(BadRequest::RequestLine);
        };
        if parsed.headers.len() > limits.fields_max {
            return Err(BadRequest::HeadTooLarge);
        }
        if target.len() > limits.target_bytes_max {
            return Err(BadRequest::TargetTooLong);
        }
        if !single_spaced(&buffer[..length], method, target) {
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
        let (mut host, mut expects_continue, mut websocket) = (None, false, false);
        for field in fields.iter() {
            // One look at the length spares most fields the comparisons.
            match field.name.len() {
                4 if field.is("host") => {
                    if host.replace(field.value).is_some() {
                        return Err(BadRequest::Host);
                    }
                }
                10 if field.is("connection") => connection.read(field.value),
                6 if field.is("expect") => {
                    if !field.value.eq_ignore_ascii_case(b"100-continue") {
                        return Err(BadRequest::Expectation);
                    }
                    expects_continue = true;
                }
                7 if field.is("upgrade") => websocket |= field.value.eq_ignore_ascii_case(b"websocket"),
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
        let websocket = websocket && connection.upgrade && version == Version::Http11;
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

const fn fault(error: httparse::Error) -> BadRequest {
    match error {
        httparse::Error::TooManyHeaders => BadRequest::HeadTooLarge,
        httparse::Error::Version => BadRequest::Version,
        httparse::Error::Token | httparse::Error::NewLine => BadRequest::RequestLine,
        httparse::Error::HeaderName | httparse::Error::HeaderValue | httparse::Error::Status => {
            BadRequest::FieldLine
        }
    }
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
