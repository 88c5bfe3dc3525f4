//! An exchange over HTTP/1.1.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::net::TcpStream;

use super::{Answer, Piece, RequestBody, Unanswered};
use crate::core::http1::body::{BodyDecoder, Decoded, write_chunk_head, write_last_chunk};
use crate::core::http1::response::{Asked, Framing, ResponseHead};
use crate::core::http1::write::Framing as SendFraming;
use crate::core::http1::{HeadLimits, HeadScan};
use crate::io::{ReadBuffer, poll_write_two};
use crate::refusal::Refusal;

/// A connection to an endpoint.
#[derive(Debug)]
pub(crate) struct BackendConnection {
    pub(crate) stream: TcpStream,
    pub(crate) buffer: ReadBuffer,
    /// Whether it has served a request before, so that the endpoint may have closed it in the meantime.
    pub(crate) reused: bool,
}

/// One request and its answer.
pub(crate) struct Http1Exchange<B> {
    /// Gone once it was given back.
    connection: BackendConnection,
    body: B,
    /// What is to be written: the head and small pieces, then one large piece.
    out: BytesMut,
    large: Bytes,
    framing: SendFraming,
    sending: Sending,
    /// Whether the kernel took any of it.
    written: bool,
    scan: HeadScan,
    asked: Asked,
    answer: Option<BodyDecoder>,
    keeps_alive: bool,
    answered: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Sending {
    /// The body is not over.
    Body,
    /// All is in the buffers.
    Flush,
    Done,
    /// The endpoint takes no more. What it answers, if anything, decides what the client is told.
    Broken,
}

/// Pieces up to this are copied behind the head, so that both leave in one segment.
const COPY_BYTES_MAX: usize = 4 << 10;

impl<B: RequestBody> Http1Exchange<B> {
    /// An exchange whose head is written out in `head`.
    pub(crate) fn new(
        connection: BackendConnection,
        head: BytesMut,
        framing: SendFraming,
        asked: Asked,
        body: B,
    ) -> Self {
        let sending = if framing == SendFraming::None { Sending::Flush } else { Sending::Body };
        Self {
            connection,
            body,
            out: head,
            large: Bytes::new(),
            framing,
            sending,
            written: false,
            scan: HeadScan::default(),
            asked,
            answer: None,
            keeps_alive: false,
            answered: false,
        }
    }

    pub(crate) const fn body_mut(&mut self) -> &mut B {
        &mut self.body
    }

    pub(crate) const fn is_sent(&self) -> bool {
        matches!(self.sending, Sending::Done)
    }

    /// What the endpoint may have done before it failed with `refusal`.
    pub(crate) fn unanswered(&self, refusal: &Refusal) -> Unanswered {
        let silent = !self.answered && self.connection.buffer.bytes.is_empty();
        if !(silent && matches!(refusal, Refusal::BackendClosed)) {
            return Unanswered::Failed;
        }
        match (self.written, self.connection.reused) {
            (false, _) => Unanswered::Untouched,
            (true, true) => Unanswered::Unknown,
            (true, false) => Unanswered::Failed,
        }
    }

    /// Takes the connection and the body apart.
    pub(crate) fn into_parts(self) -> (BackendConnection, B) {
        (self.connection, self.body)
    }

    /// Whether the connection can serve another request: all was sent, all was read, nothing is left over.
    pub(crate) fn is_reusable(&self) -> bool {
        self.keeps_alive
            && self.is_sent()
            && self.answer.as_ref().is_some_and(BodyDecoder::is_done)
            && self.connection.buffer.bytes.is_empty()
    }

    pub(crate) fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<(), Refusal> {
        loop {
            if !(self.out.is_empty() && self.large.is_empty()) {
                // A first small piece goes out with the head.
                if self.sending == Sending::Body
                    && self.large.is_empty()
                    && self.out.len() < COPY_BYTES_MAX
                    && let Poll::Ready(piece) = self.body.poll_piece(cx)
                {
                    self.queue(piece?);
                    continue;
                }
                let waiting = self.out.len();
                let wrote = poll_write_two(cx, &mut self.connection.stream, &mut self.out, &mut self.large);
                self.written |= self.out.len() < waiting;
                match wrote {
                    Poll::Pending => return Ok(()),
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(_gone)) => {
                        self.out.clear();
                        self.large.clear();
                        self.sending = Sending::Broken;
                    }
                }
            }
            match self.sending {
                Sending::Done | Sending::Broken => return Ok(()),
                Sending::Flush => self.sending = Sending::Done,
                Sending::Body => match self.body.poll_piece(cx) {
                    Poll::Pending => return Ok(()),
                    Poll::Ready(piece) => self.queue(piece?),
                },
            }
        }
    }

    fn queue(&mut self, piece: Piece) {
        let chunked = self.framing == SendFraming::Chunked;
        match piece {
            Piece::Data(data) if data.is_empty() => {}
            Piece::Data(data) => {
                if chunked {
                    write_chunk_head(&mut self.out, data.len());
                }
                if chunked || data.len() <= COPY_BYTES_MAX {
                    self.out.extend_from_slice(&data);
                } else {
                    self.large = data;
                }
                if chunked {
                    self.out.extend_from_slice(b"\r\n");
                }
            }
            Piece::End(trailers) => {
                if chunked {
                    write_last_chunk(&mut self.out, trailers.as_ref());
                }
                self.sending = Sending::Flush;
            }
        }
    }

    pub(crate) fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Answer, Refusal>> {
        loop {
            self.poll_send(cx)?;
            let limits = HeadLimits { fields_max: usize::MAX, ..HeadLimits::default() };
            let bytes = &mut self.connection.buffer.bytes;
            if let Some(head) = ResponseHead::take(bytes, &mut self.scan, &limits, self.asked)? {
                self.answered = true;
                if head.is_interim() {
                    continue;
                }
                self.keeps_alive = head.keeps_alive();
                self.answer = Some(match head.framing() {
                    Framing::None => BodyDecoder::length(0),
                    Framing::Length(length) => BodyDecoder::length(length),
                    Framing::Chunked => BodyDecoder::chunked(),
                    Framing::UntilClose => BodyDecoder::until_close(),
                });
                return Poll::Ready(Ok(Answer::Http1(head)));
            }
            match ready!(self.connection.buffer.poll_read(cx, &mut self.connection.stream)) {
                Ok(0) => return Poll::Ready(Err(Refusal::BackendClosed)),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(backend_gone(error))),
            }
        }
    }

    pub(crate) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, Refusal>> {
        loop {
            self.poll_send(cx)?;
            let Some(decoder) = &mut self.answer else { return Poll::Ready(Ok(Piece::End(None))) };
            match decoder.decode(&mut self.connection.buffer.bytes).map_err(Refusal::BadResponseBody)? {
                Decoded::Data(data) => return Poll::Ready(Ok(Piece::Data(data))),
                Decoded::End(trailers) => return Poll::Ready(Ok(Piece::End(trailers))),
                Decoded::NeedMore => {}
            }
            match ready!(self.connection.buffer.poll_read(cx, &mut self.connection.stream)) {
                Ok(0) => {
                    decoder.handle_close().map_err(Refusal::BadResponseBody)?;
                    return Poll::Ready(Ok(Piece::End(None)));
                }
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(backend_gone(error))),
            }
        }
    }
}

fn backend_gone(error: io::Error) -> Refusal {
    if matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) {
        Refusal::BackendClosed
    } else {
        Refusal::Backend(error)
    }
}
