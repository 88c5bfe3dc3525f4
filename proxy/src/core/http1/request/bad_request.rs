//! Why a request is refused, and what the client is told.

use crate::core::authority::BadAuthority;
use crate::core::http1::head::{FramingFault, ScanFault};

/// Why a request head is refused. The connection is closed after each.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadRequest {
    /// Longer than [`HeadLimits::head_bytes_max`](crate::core::http1::HeadLimits), or more fields than allowed (RFC 6585 §5).
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

impl From<ScanFault> for BadRequest {
    fn from(fault: ScanFault) -> Self {
        match fault {
            ScanFault::BareLineFeed => Self::LineEnd,
            ScanFault::TooLarge => Self::HeadTooLarge,
        }
    }
}
