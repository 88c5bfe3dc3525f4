//! Answers to HTTP/1 clients: a backend's, streamed, and our own.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use policy::snapshot::Host;
use tokio::io::AsyncWrite as _;

use super::After;
use super::client::{Client, ClientBody};
use crate::core::http1::body::{write_chunk_head, write_last_chunk};
use crate::core::http1::request::{RequestHead, Version};
use crate::core::http1::write::{self, Framing};
use crate::deadline::Deadline;
use crate::exchange::{Answer, Exchange, Piece, RequestBody as _};
use crate::io::poll_write_two;
use crate::listen::ListenerKind;
use crate::refusal::Refusal;
use crate::server::Record;

/// Pieces up to this are copied together, so that a head and a small body leave in one segment.
const COPY_BYTES_MAX: usize = 8 << 10;
/// How long a client may take to read an answer of ours.
const OWN_ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Streams a backend's answer to the client.
///
/// # Errors
/// When either side fails after the head was written.
pub(super) async fn forward(
    exchange: &mut Exchange<ClientBody<'_>>,
    answer: &Answer,
    host: &Host,
    request: &RequestHead,
    deadline: &Deadline,
    idle: Duration,
    record: &mut Record,
) -> Result<(), Refusal> {
    let mut out = BytesMut::with_capacity(4096);
    let framing = write_head(&mut out, answer, host, request, record);
    let mut stream = Stream { out, large: Bytes::new(), framing, ended: false, flushed: false };
    deadline.set(idle);
    poll_fn(|cx| {
        loop {
            if !stream.ended && stream.large.is_empty() && stream.out.len() < COPY_BYTES_MAX {
                if let Poll::Ready(piece) = exchange.poll_piece(cx) {
                    record.bytes_out += stream.queue(piece?);
                    continue;
                }
            } else if !exchange.is_sent() {
                exchange.poll_send(cx)?;
            }
            let io = &mut exchange.body_mut().client.io;
            if !(stream.out.is_empty() && stream.large.is_empty()) {
                match poll_write_two(cx, &mut *io, &mut stream.out, &mut stream.large) {
                    Poll::Ready(Ok(())) => {
                        stream.flushed = false;
                        deadline.set(idle);
                        continue;
                    }
                    Poll::Ready(Err(_gone)) => return Poll::Ready(Err(Refusal::ClientGone)),
                    Poll::Pending => {}
                }
            } else if !stream.flushed {
                match Pin::new(io).poll_flush(cx) {
                    Poll::Ready(Ok(())) => {
                        stream.flushed = true;
                        continue;
                    }
                    Poll::Ready(Err(_gone)) => return Poll::Ready(Err(Refusal::ClientGone)),
                    Poll::Pending => {}
                }
            } else if stream.ended {
                return Poll::Ready(Ok(()));
            } else if exchange.body_mut().poll_gone(cx, deadline).is_ready() {
                return Poll::Ready(Err(Refusal::ClientGone));
            }
            return if deadline.poll_passed(cx) {
                Poll::Ready(Err(Refusal::ResponseTimeout))
            } else {
                Poll::Pending
            };
        }
    })
    .await
}

/// What is on its way to the client.
struct Stream {
    out: BytesMut,
    large: Bytes,
    framing: Framing,
    ended: bool,
    flushed: bool,
}

impl Stream {
    /// Takes a piece in. Returns how many bytes of body it had.
    fn queue(&mut self, piece: Piece) -> u64 {
        let chunked = self.framing == Framing::Chunked;
        match piece {
            Piece::End(trailers) => {
                self.end(trailers.as_ref());
                0
            }
            Piece::Data(data) => {
                let length = data.len();
                if length == 0 {
                    return 0;
                }
                if chunked {
                    write_chunk_head(&mut self.out, length);
                    self.out.extend_from_slice(&data);
                    self.out.extend_from_slice(b"\r\n");
                } else if length <= COPY_BYTES_MAX {
                    self.out.extend_from_slice(&data);
                } else {
                    self.large = data;
                }
                length as u64
            }
        }
    }

    fn end(&mut self, trailers: Option<&HeaderMap>) {
        if self.framing == Framing::Chunked {
            write_last_chunk(&mut self.out, trailers);
        }
        self.ended = true;
    }
}

fn write_head(
    out: &mut BytesMut,
    answer: &Answer,
    host: &Host,
    request: &RequestHead,
    record: &Record,
) -> Framing {
    let status = answer.status();
    write::status_line(out, status, Version::Http11);
    let mut has_date = false;
    answer.each_field(|name, value| {
        let own = name.eq_ignore_ascii_case(b"strict-transport-security") && host.hsts.is_some();
        let id = name.eq_ignore_ascii_case(b"x-request-id");
        has_date |= name.eq_ignore_ascii_case(b"date");
        if !own && !id {
            write::field(out, name, value);
        }
    });
    if !has_date {
        write::field(out, "date", record.http_date().as_bytes());
    }
    own_fields(out, host, record);
    let bodiless = request.method() == "HEAD" || status == StatusCode::NOT_MODIFIED;
    let framing = match (answer.body_length(), request.version()) {
        _ if status == StatusCode::NO_CONTENT => Framing::None,
        _ if bodiless => answer.declared_length().map_or(Framing::None, Framing::Length),
        (Some(length), _) => Framing::Length(length),
        (None, Version::Http11) => Framing::Chunked,
        // HTTP/1.0 has no chunks: the end of the connection is the end of the body.
        (None, Version::Http10) => Framing::None,
    };
    let ends = !request.keeps_alive() || record.is_draining();
    if ends || (framing == Framing::None && request.version() == Version::Http10) {
        write::field(out, "connection", b"close");
    } else if request.version() == Version::Http10 {
        write::field(out, "connection", b"keep-alive");
    }
    write::end(out, framing);
    framing
}

fn own_fields(out: &mut BytesMut, host: &Host, record: &Record) {
    if let Some(hsts) = &host.hsts
        && record.listener() == ListenerKind::Https
    {
        write::field(out, "strict-transport-security", hsts.as_bytes());
    }
    write::field(out, "x-request-id", record.id.as_bytes());
}

/// Answers an ACME challenge.
pub(super) async fn challenge(
    client: &mut Client,
    deadline: &Deadline,
    record: &mut Record,
    text: &str,
    after: After,
) -> After {
    let fields = [("content-type", "application/octet-stream")];
    own(client, deadline, record, StatusCode::OK, &fields, text, after, false).await
}

/// Sends the client to `https`. 308 keeps method and body (RFC 9110 §15.4.9).
pub(super) async fn redirect(
    client: &mut Client,
    deadline: &Deadline,
    record: &mut Record,
    address: &str,
    after: After,
    is_head: bool,
) -> After {
    let status = StatusCode::PERMANENT_REDIRECT;
    own(client, deadline, record, status, &[("location", address)], "", after, is_head).await
}

/// Tells the client why there is no answer.
pub(super) async fn refuse(
    client: &mut Client,
    deadline: &Deadline,
    record: &mut Record,
    refusal: &Refusal,
    after: After,
    is_head: bool,
) -> After {
    if matches!(refusal, Refusal::ClientGone) {
        client.abort();
        return After::Close;
    }
    let mut fields = vec![("content-type", "text/plain; charset=utf-8"), ("cache-control", "no-store")];
    fields.extend(refusal.field());
    let text = refusal.body(record.id.as_str());
    own(client, deadline, record, refusal.status(), &fields, &text, after, is_head).await
}

#[expect(
    clippy::too_many_arguments,
    reason = "each is a part of the one answer; a struct would only rename them"
)]
async fn own(
    client: &mut Client,
    deadline: &Deadline,
    record: &mut Record,
    status: StatusCode,
    fields: &[(&str, &str)],
    text: &str,
    after: After,
    is_head: bool,
) -> After {
    record.status = status.as_u16();
    record.bytes_out = text.len() as u64;
    let mut out = BytesMut::with_capacity(512 + text.len());
    write::status_line(&mut out, status, Version::Http11);
    for (name, value) in fields {
        write::field(&mut out, name, value.as_bytes());
    }
    write::field(&mut out, "date", record.http_date().as_bytes());
    write::field(&mut out, "x-request-id", record.id.as_bytes());
    if after == After::Close {
        write::field(&mut out, "connection", b"close");
    }
    write::end(&mut out, Framing::Length(text.len() as u64));
    if !is_head {
        out.extend_from_slice(text.as_bytes());
    }
    let mut nothing = Bytes::new();
    let writing = poll_fn(|cx| {
        std::task::ready!(poll_write_two(cx, &mut client.io, &mut out, &mut nothing))?;
        Pin::new(&mut client.io).poll_flush(cx)
    });
    match deadline.within(OWN_ANSWER_TIMEOUT, writing).await {
        Ok(Ok(())) => after,
        Ok(Err(_)) | Err(_) => {
            client.abort();
            After::Close
        }
    }
}
