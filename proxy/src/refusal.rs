//! Why a request gets no answer from an app. The only place that decides what the client sees.

use std::io;

use http::StatusCode;

use crate::core::http1::body::BadBody;
use crate::core::http1::request::BadRequest;
use crate::core::http1::response::BadResponse;
use crate::core::jwt::JwtRefusal;
use crate::core::target::BadTarget;

/// Every reason to refuse.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("malformed request")]
    BadRequest(#[from] BadRequest),
    #[error("ambiguous target")]
    BadTarget(#[from] BadTarget),
    #[error("malformed body")]
    BadBody(#[from] BadBody),
    #[error("no request arrived in time")]
    HeadTimeout,
    #[error("the body did not arrive in time")]
    BodyTimeout,
    #[error("no host of that name is served here")]
    UnknownHost,
    #[error("the connection was made for another host")]
    Misdirected,
    #[error("nothing is served in plain text")]
    PlainText,
    #[error("no such path is exposed")]
    NoRoute,
    #[error("the method is not exposed at this path")]
    Method { allowed: String },
    #[error("no acceptable token")]
    Token(#[from] JwtRefusal),
    #[error("the body is larger than allowed")]
    BodyTooLarge,
    #[error("no endpoint is healthy")]
    NoEndpoint,
    #[error("connecting took too long")]
    ConnectTimeout,
    #[error("connecting to an endpoint")]
    Connect(#[source] io::Error),
    #[error("no answer in time")]
    ResponseTimeout,
    #[error("the endpoint's answer is malformed")]
    BadResponse(#[from] BadResponse),
    #[error("the endpoint's answer is malformed")]
    BadResponseBody(BadBody),
    #[error("the endpoint closed the connection")]
    BackendClosed,
    #[error("talking to the endpoint")]
    Backend(#[source] io::Error),
    #[error("talking HTTP/2 to the endpoint")]
    BackendHttp2(#[source] hyper::Error),
    #[error("the client went away")]
    ClientGone,
    #[error("the endpoint speaks no protocol that can be upgraded")]
    Upgrade,
}

impl Refusal {
    /// What the client sees (RFC 9110 §15).
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(cause) => cause.status(),
            Self::BadTarget(_) | Self::BadBody(_) | Self::Upgrade => StatusCode::BAD_REQUEST,
            Self::HeadTimeout | Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::UnknownHost | Self::NoRoute => StatusCode::NOT_FOUND,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::PlainText => StatusCode::FORBIDDEN,
            Self::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::Token(JwtRefusal::Claim) => StatusCode::FORBIDDEN,
            Self::Token(_) => StatusCode::UNAUTHORIZED,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NoEndpoint => StatusCode::SERVICE_UNAVAILABLE,
            Self::ConnectTimeout | Self::ResponseTimeout => StatusCode::GATEWAY_TIMEOUT,
            Self::Connect(_)
            | Self::BadResponse(_)
            | Self::BadResponseBody(_)
            | Self::BackendClosed
            | Self::Backend(_)
            | Self::BackendHttp2(_) => StatusCode::BAD_GATEWAY,
            // Nobody reads it. nginx's number, which those who read logs know.
            Self::ClientGone => StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
        }
    }

    /// For metrics and logs: one of a fixed set.
    pub(crate) const fn reason(&self) -> &'static str {
        match self {
            Self::BadRequest(cause) => cause.reason(),
            Self::BadTarget(cause) => cause.reason(),
            Self::BadBody(cause) => cause.reason(),
            Self::HeadTimeout => "head_timeout",
            Self::BodyTimeout => "body_timeout",
            Self::UnknownHost => "unknown_host",
            Self::Misdirected => "misdirected",
            Self::PlainText => "plain_text",
            Self::NoRoute => "no_route",
            Self::Method { .. } => "method_not_allowed",
            Self::Token(cause) => cause.reason(),
            Self::BodyTooLarge => "body_too_large",
            Self::NoEndpoint => "no_healthy_endpoint",
            Self::ConnectTimeout => "connect_timeout",
            Self::Connect(_) => "connect_failed",
            Self::ResponseTimeout => "response_timeout",
            Self::BadResponse(cause) => cause.reason(),
            Self::BadResponseBody(_) => "backend_body_malformed",
            Self::BackendClosed => "backend_closed",
            Self::Backend(_) => "backend_io",
            Self::BackendHttp2(_) => "backend_http2",
            Self::ClientGone => "client_gone",
            Self::Upgrade => "upgrade_unsupported",
        }
    }

    /// A field that goes with the status.
    pub(crate) fn field(&self) -> Option<(&'static str, &str)> {
        if let Self::Method { allowed } = self {
            return Some(("allow", allowed));
        }
        let Self::Token(cause) = self else { return None };
        (!matches!(cause, JwtRefusal::Claim)).then(|| ("www-authenticate", cause.challenge()))
    }

    /// What the client reads: the status, the reason, and the id to ask about. Nothing that the client sent.
    pub(crate) fn body(&self, request_id: &str) -> String {
        let status = self.status();
        let (code, phrase) = (status.as_str(), status.canonical_reason().unwrap_or(""));
        format!("{code} {phrase}: {self} ({})\nid: {request_id}\n", self.reason())
    }
}
