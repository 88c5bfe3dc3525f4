//! Answers to HTTP/2 clients: a backend's, streamed, and our own.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use policy::snapshot::Host;

use super::{IncomingBody, Running};
use crate::backend::InFlight;
use crate::deadline::Deadline;
use crate::exchange::{Answer, Exchange, Piece, RequestBody as _};
use crate::refusal::Refusal;
use crate::server::Record;

/// The body of an answer.
pub(super) struct AnswerBody {
    content: Content,
    record: Record,
    running: Option<Running>,
}

enum Content {
    Own(Option<Bytes>),
    /// `None` once it is over.
    Forwarded(Option<Forwarded>),
}

/// A backend's answer, its head taken off.
pub(super) struct Forwarded {
    pub(super) exchange: Exchange<IncomingBody>,
    pub(super) in_flight: InFlight,
    pub(super) deadline: Deadline,
    /// How long the backend may be silent.
    pub(super) idle: Duration,
}

impl Forwarded {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, Refusal>> {
        match self.exchange.poll_piece(cx) {
            Poll::Ready(piece) => {
                self.deadline.clear();
                Poll::Ready(piece)
            }
            Poll::Pending => {
                // From the first time on that it has nothing: before, the client may have been the slow one.
                self.deadline.at_most(self.idle);
                let passed = self.deadline.poll_passed(cx);
                if passed { Poll::Ready(Err(Refusal::ResponseTimeout)) } else { Poll::Pending }
            }
        }
    }
}

impl AnswerBody {
    pub(super) fn forwarded(forwarded: Forwarded, record: Record) -> Self {
        forwarded.deadline.clear();
        Self { content: Content::Forwarded(Some(forwarded)), record, running: None }
    }

    fn own(text: String, record: Record) -> Self {
        let text = (!text.is_empty()).then(|| Bytes::from(text));
        Self { content: Content::Own(text), record, running: None }
    }

    pub(super) fn counted(mut self, mut running: Running) -> Self {
        running.handle_step(false);
        self.running = Some(running);
        self
    }

    /// Gives the backend's connection back once both bodies are over.
    fn finish(&mut self) {
        let Content::Forwarded(forwarded) = &mut self.content else { return };
        let Some(Forwarded { mut exchange, in_flight, .. }) = forwarded.take() else { return };
        self.record.bytes_in = exchange.body_mut().bytes();
        if let Exchange::Http1(exchange) = exchange
            && exchange.is_reusable()
        {
            let (connection, _body) = exchange.into_parts();
            in_flight.0.keep(connection, self.record.now());
        }
    }
}

/// The client may leave, or be left, before its answer is whole.
impl Drop for AnswerBody {
    fn drop(&mut self) {
        if matches!(self.content, Content::Forwarded(Some(_))) && self.record.reason.is_none() {
            self.record.refuse(&Refusal::ClientGone);
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Refusal;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Refusal>>> {
        let this = &mut *self;
        let forwarded = match &mut this.content {
            Content::Own(text) => return Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            Content::Forwarded(None) => return Poll::Ready(None),
            Content::Forwarded(Some(forwarded)) => forwarded,
        };
        let polled = forwarded.poll_piece(cx);
        if let Some(running) = &mut this.running {
            running.handle_step(polled.is_pending());
        }
        match ready!(polled) {
            Ok(Piece::Data(data)) => {
                this.record.bytes_out += data.len() as u64;
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Ok(Piece::End(trailers)) => {
                this.finish();
                Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))))
            }
            Err(refusal) => {
                this.record.refuse(&refusal);
                Poll::Ready(Some(Err(refusal)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.content, Content::Own(None) | Content::Forwarded(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Own(text) => SizeHint::with_exact(text.as_ref().map_or(0, |text| text.len() as u64)),
            Content::Forwarded(_) => SizeHint::default(),
        }
    }
}

/// The head of a backend's answer as the client sees it.
pub(super) fn head(answer: &Answer, host: &Host, record: &Record) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = answer.status();
    let headers = response.headers_mut();
    answer.each_field(|name, value| {
        let value = HeaderValue::from_bytes(value);
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), value) {
            headers.append(name, value);
        }
    });
    if let Some(length) = answer.declared_length() {
        headers.insert(http::header::CONTENT_LENGTH, length.into());
    }
    if let Some(hsts) = host.hsts.as_ref().and_then(|hsts| HeaderValue::from_str(hsts).ok()) {
        headers.insert(http::header::STRICT_TRANSPORT_SECURITY, hsts);
    }
    identify(headers, record);
    response
}

/// Sends the client elsewhere.
pub(super) fn redirect(mut record: Record, address: &str) -> Response<AnswerBody> {
    record.status = StatusCode::PERMANENT_REDIRECT.as_u16();
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    if let Ok(address) = HeaderValue::from_str(address) {
        response.headers_mut().insert(http::header::LOCATION, address);
    }
    identify(response.headers_mut(), &record);
    response.map(|()| AnswerBody::own(String::new(), record))
}

/// Tells the client why there is no answer.
pub(super) fn refuse(mut record: Record, refusal: &Refusal) -> Response<AnswerBody> {
    let text = refusal.body(record.id.as_str());
    record.bytes_out = text.len() as u64;
    let mut response = Response::new(());
    *response.status_mut() = refusal.status();
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(http::header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some((name, value)) = refusal.field()
        && let Ok(value) = HeaderValue::from_str(value)
    {
        headers.insert(HeaderName::from_static(name), value);
    }
    identify(headers, &record);
    response.map(|()| AnswerBody::own(text, record))
}

fn identify(headers: &mut http::HeaderMap, record: &Record) {
    if let Ok(id) = HeaderValue::from_str(record.id.as_str()) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
}
