//! Answers to HTTP/2 clients: a backend's, streamed, and our own.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use policy::snapshot::Host;

use super::body::StreamBody;
use super::streams::Running;
use crate::backend::InFlight;
use crate::core::http1::response::Asked;
use crate::deadline::Deadline;
use crate::exchange::{Answer, Exchange, Piece, RequestBody as _};
use crate::refusal::Refusal;
use crate::server::Record;

/// A backend's answer, its head taken off.
pub(super) struct Forwarded {
    pub(super) head: Response<()>,
    /// Whether the head is all of it.
    pub(super) is_whole: bool,
    pub(super) exchange: Exchange<StreamBody>,
    pub(super) in_flight: InFlight,
    pub(super) deadline: Deadline,
    /// How long the backend may be silent.
    pub(super) idle: Duration,
}

impl Forwarded {
    /// Streams it to the client.
    pub(super) async fn send(
        self,
        mut respond: SendResponse<Bytes>,
        mut record: Record,
        mut running: Running,
    ) {
        let Self { head, is_whole, exchange, in_flight, deadline, idle } = self;
        running.handle_step(false);
        let Ok(stream) = respond.send_response(head, is_whole) else {
            record.refuse(&Refusal::ClientGone);
            return;
        };
        let mut outbound =
            Outbound { stream, exchange, held: None, deadline, idle, record: &mut record, running };
        outbound.deadline.clear();
        let sent = if is_whole { Ok(()) } else { poll_fn(|cx| outbound.poll(cx)).await };
        if let Err(refusal) = sent {
            outbound.stream.send_reset(Reason::INTERNAL_ERROR);
            record.refuse(&refusal);
            return;
        }
        let mut exchange = outbound.exchange;
        record.bytes_in = exchange.body_mut().bytes();
        if let Exchange::Http1(exchange) = exchange
            && exchange.is_reusable()
        {
            let (connection, _body) = exchange.into_parts();
            in_flight.0.keep(connection, record.now());
        }
    }
}

/// An answer's body on its way to the client.
struct Outbound<'r> {
    stream: SendStream<Bytes>,
    exchange: Exchange<StreamBody>,
    /// What is to be sent next.
    held: Option<Bytes>,
    deadline: Deadline,
    idle: Duration,
    record: &'r mut Record,
    running: Running,
}

impl Outbound<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        if self.stream.poll_reset(cx).is_ready() {
            return Poll::Ready(Err(Refusal::ClientGone));
        }
        loop {
            // Nothing more is read of the backend's either while the client takes nothing.
            let connection_room = self.running.poll_room(cx);
            if connection_room == 0 {
                self.running.handle_wait(false);
                self.exchange.poll_send(cx)?;
                return Poll::Pending;
            }
            let room = self.held.as_ref().map(|data| data.len().min(connection_room));
            let room = room.map(|bytes| room_for(&mut self.stream, bytes));
            match room {
                None => match ready!(self.poll_piece(cx))? {
                    Piece::Data(data) => self.held = (!data.is_empty()).then_some(data),
                    Piece::End(trailers) => return Poll::Ready(self.end(Bytes::new(), trailers)),
                },
                Some(0) => {
                    // The client is the slow one now; its body may be what the backend waits for.
                    self.running.handle_wait(false);
                    self.exchange.poll_send(cx)?;
                    match ready!(self.stream.poll_capacity(cx)) {
                        Some(Ok(_room)) => {}
                        Some(Err(_)) | None => return Poll::Ready(Err(Refusal::ClientGone)),
                    }
                }
                Some(room) => {
                    let Some(mut data) = self.held.take() else { continue };
                    if room < data.len() {
                        self.held = Some(data.split_off(room));
                        self.send(data)?;
                        continue;
                    }
                    // One piece is read ahead, so that the last carries the end of the stream with it.
                    match self.poll_piece(cx) {
                        Poll::Ready(Ok(Piece::End(trailers))) => {
                            return Poll::Ready(self.end(data, trailers));
                        }
                        Poll::Ready(Ok(Piece::Data(next))) => {
                            self.send(data)?;
                            self.held = (!next.is_empty()).then_some(next);
                        }
                        Poll::Ready(Err(refusal)) => return Poll::Ready(Err(refusal)),
                        Poll::Pending => self.send(data)?,
                    }
                }
            }
        }
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, Refusal>> {
        match self.exchange.poll_piece(cx) {
            Poll::Ready(piece) => {
                self.running.handle_step(false);
                self.deadline.clear();
                Poll::Ready(piece)
            }
            Poll::Pending => {
                self.running.handle_wait(true);
                // From the first time on that it has nothing: before, the client may have been the slow one.
                self.deadline.at_most(self.idle);
                let passed = self.deadline.poll_passed(cx);
                if passed { Poll::Ready(Err(Refusal::ResponseTimeout)) } else { Poll::Pending }
            }
        }
    }

    fn send(&mut self, data: Bytes) -> Result<(), Refusal> {
        self.running.handle_step(false);
        self.handle_sent(data.len());
        self.stream.send_data(data, false).map_err(|_reset| Refusal::ClientGone)
    }

    fn handle_sent(&mut self, bytes: usize) {
        self.record.bytes_out += bytes as u64;
        self.running.handle_queued(bytes);
    }

    fn end(&mut self, data: Bytes, trailers: Option<HeaderMap>) -> Result<(), Refusal> {
        self.handle_sent(data.len());
        let sent = match trailers {
            None => self.stream.send_data(data, true),
            Some(trailers) if data.is_empty() => self.stream.send_trailers(trailers),
            Some(trailers) => {
                self.stream.send_data(data, false).and_then(|()| self.stream.send_trailers(trailers))
            }
        };
        sent.map_err(|_reset| Refusal::ClientGone)
    }
}

/// How much of so many bytes the windows and our own buffer have room for now.
fn room_for(stream: &mut SendStream<Bytes>, bytes: usize) -> usize {
    stream.reserve_capacity(bytes);
    stream.capacity().min(bytes)
}

/// The head of a backend's answer as the client sees it.
pub(super) fn head(answer: &Answer, host: &Host, record: &Record) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = answer.status();
    let headers = response.headers_mut();
    headers.reserve(HEADERS_EXPECTED);
    answer.each_header(|name, value| {
        headers.append(name, value);
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

/// Fields of an ordinary answer, so that the map does not grow step by step.
const HEADERS_EXPECTED: usize = 12;

/// Sends the client elsewhere.
pub(super) fn redirect(respond: SendResponse<Bytes>, record: &mut Record, address: &str, asked: Asked) {
    record.status = StatusCode::PERMANENT_REDIRECT.as_u16();
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    if let Ok(address) = HeaderValue::from_str(address) {
        response.headers_mut().insert(http::header::LOCATION, address);
    }
    send_own(respond, record, response, String::new(), asked);
}

/// Tells the client why there is no answer.
pub(super) fn refuse(respond: SendResponse<Bytes>, record: &mut Record, refusal: &Refusal, asked: Asked) {
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
    let text = refusal.body(record.id.as_str());
    send_own(respond, record, response, text, asked);
}

/// Sends an answer that is ours. A client that is gone by then reads none.
fn send_own(
    mut respond: SendResponse<Bytes>,
    record: &mut Record,
    mut response: Response<()>,
    text: String,
    asked: Asked,
) {
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_LENGTH, text.len().into());
    identify(headers, record);
    let is_whole = text.is_empty() || asked == Asked::Head;
    if let Ok(mut stream) = respond.send_response(response, is_whole)
        && !is_whole
    {
        record.bytes_out = text.len() as u64;
        let _gone = stream.send_data(text.into(), true);
    }
}

/// What every answer bears: the request's id, and a date (RFC 9110 §6.6.1).
fn identify(headers: &mut HeaderMap, record: &Record) {
    if let Ok(mut id) = HeaderValue::from_bytes(record.id.as_bytes()) {
        // No other answer bears it, so a place in the compression table would be wasted (RFC 7541 §6.2.3).
        id.set_sensitive(true);
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    if !headers.contains_key(http::header::DATE)
        && let Ok(date) = HeaderValue::from_str(&record.http_date())
    {
        headers.insert(http::header::DATE, date);
    }
}
