//! One request and its answer, on a backend's connection.
//!
//! An exchange sends while it receives: whoever polls it for the answer also moves the request's body on, so that
//! both directions stream in one task.

mod http1;
mod http2;

use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
pub(crate) use http1::{BackendConnection, Http1Exchange};
pub(crate) use http2::{Http2Connection, Http2Exchange, Http2Sender};

use crate::core::fields::is_hop_by_hop;
use crate::core::http1::response::{Framing, ResponseHead};
use crate::core::method;
use crate::deadline::Deadline;
use crate::refusal::Refusal;

/// A piece of a body.
#[derive(Debug)]
pub(crate) enum Piece {
    Data(Bytes),
    /// The end, with trailers if there were any.
    End(Option<HeaderMap>),
}

/// The client's side of an exchange: the body, wherever it comes from, and who waits for the answer.
pub(crate) trait RequestBody {
    /// The next piece. Not called again after the end.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, Refusal>>;

    /// Whether any of it was taken, so that it cannot be sent again.
    fn has_begun(&self) -> bool;

    /// How many bytes came so far.
    fn bytes(&self) -> u64;

    /// Whether the client is waited for: the piece that was asked for last was not there.
    fn is_awaited(&self) -> bool;

    /// Looks, while the endpoint is waited for, whether the client still waits for the answer: ready once it does not.
    /// May bring `deadline` nearer.
    fn poll_gone(&mut self, cx: &mut Context<'_>, deadline: &Deadline) -> Poll<()>;
}

/// What an endpoint may have done about a request that it did not answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unanswered {
    /// Nothing: none of the request reached it, or it said that it would not look at it (RFC 9113 §8.7).
    Untouched,
    /// Nobody knows: a kept connection ended while the request was on its way. Most likely it was closed for being
    /// unused, and nothing was read.
    Unknown,
    /// It is a failure of the request, or of a connection made for it.
    Failed,
}

/// The head of an answer.
pub(crate) enum Answer {
    Http1(ResponseHead),
    Http2(Box<http::response::Parts>, Option<u64>),
}

impl Answer {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Http1(head) => head.status(),
            Self::Http2(parts, _) => parts.status,
        }
    }

    /// The length of the body that follows, if it is known. `Some(0)` where there is none.
    pub(crate) fn body_length(&self) -> Option<u64> {
        match self {
            Self::Http1(head) => match head.framing() {
                Framing::None => Some(0),
                Framing::Length(length) => Some(length),
                Framing::Chunked | Framing::UntilClose => None,
            },
            Self::Http2(_, length) => *length,
        }
    }

    /// The length that the fields speak of, which is not that of the body for `HEAD` and `304`.
    pub(crate) fn declared_length(&self) -> Option<u64> {
        match self {
            Self::Http1(head) => head.declared_length(),
            Self::Http2(parts, length) => {
                let declared = parts.headers.get(http::header::CONTENT_LENGTH);
                declared.and_then(|value| value.to_str().ok()?.parse().ok()).or(*length)
            }
        }
    }

    /// Shows every field that goes on to a client.
    pub(crate) fn each_field(&self, mut show: impl FnMut(&[u8], &[u8])) {
        match self {
            Self::Http1(head) => head.forwarded().for_each(|field| show(field.name, field.value)),
            Self::Http2(parts, _) => {
                for (name, value) in &parts.headers {
                    if !is_hop_by_hop(name.as_str()) && name != http::header::CONTENT_LENGTH {
                        show(name.as_str().as_bytes(), value.as_bytes());
                    }
                }
            }
        }
    }
}

impl Answer {
    /// Shows every field that goes on to a client, in the form that HTTP/2 wants, without copying values.
    pub(crate) fn each_header(&self, mut show: impl FnMut(HeaderName, HeaderValue)) {
        match self {
            Self::Http1(head) => {
                for field in head.forwarded() {
                    let value = HeaderValue::from_maybe_shared(head.fields().shared(field.value));
                    if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(field.name), value) {
                        show(name, value);
                    }
                }
            }
            Self::Http2(parts, _) => {
                for (name, value) in &parts.headers {
                    if !is_hop_by_hop(name.as_str()) && name != http::header::CONTENT_LENGTH {
                        show(name.clone(), value.clone());
                    }
                }
            }
        }
    }
}

/// An exchange with a backend of either protocol.
pub(crate) enum Exchange<B> {
    Http1(Box<Http1Exchange<B>>),
    Http2(Box<Http2Exchange<B>>),
}

impl<B: RequestBody> Exchange<B> {
    /// Waits for the head of the final answer.
    pub(crate) fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Answer, Refusal>> {
        match self {
            Self::Http1(exchange) => exchange.poll_head(cx),
            Self::Http2(exchange) => exchange.poll_head(cx),
        }
    }

    /// Waits for the next piece of the answer's body.
    pub(crate) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, Refusal>> {
        match self {
            Self::Http1(exchange) => exchange.poll_piece(cx),
            Self::Http2(exchange) => exchange.poll_piece(cx),
        }
    }

    /// Moves the request's body on, while the caller waits for something else.
    pub(crate) fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<(), Refusal> {
        match self {
            Self::Http1(exchange) => exchange.poll_send(cx),
            Self::Http2(exchange) => exchange.poll_send(cx),
        }
    }

    /// Whether a request that came to nothing but `refusal` may be sent once more: when nothing can have been done
    /// about it, or when doing it twice is doing it once (RFC 9110 §9.2.2).
    pub(crate) fn may_be_sent_again(&mut self, method: &str, refusal: &Refusal) -> bool {
        let unanswered = match self {
            Self::Http1(exchange) => exchange.unanswered(refusal),
            Self::Http2(exchange) => exchange.unanswered(refusal),
        };
        let harmless = match unanswered {
            Unanswered::Untouched => true,
            Unanswered::Unknown => method::is_idempotent(method),
            Unanswered::Failed => false,
        };
        harmless && !self.body_mut().has_begun()
    }

    /// Gives the body back, and the exchange up.
    pub(crate) fn into_body(self) -> B {
        match self {
            Self::Http1(exchange) => exchange.into_parts().1,
            Self::Http2(exchange) => exchange.into_body(),
        }
    }

    pub(crate) const fn body_mut(&mut self) -> &mut B {
        match self {
            Self::Http1(exchange) => exchange.body_mut(),
            Self::Http2(exchange) => exchange.body_mut(),
        }
    }

    /// Whether all of the request was sent.
    pub(crate) const fn is_sent(&self) -> bool {
        match self {
            Self::Http1(exchange) => exchange.is_sent(),
            Self::Http2(exchange) => exchange.is_sent(),
        }
    }
}
