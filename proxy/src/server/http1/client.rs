//! The client's end of an HTTP/1 connection: heads and bodies read off it.

use std::future::poll_fn;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead as _, AsyncWrite as _, AsyncWriteExt as _, ReadBuf};

use crate::core::http1::body::{BodyDecoder, Decoded};
use crate::core::http1::request::{BadRequest, Framing, RequestHead};
use crate::core::http1::{HeadLimits, HeadScan};
use crate::deadline::Deadline;
use crate::exchange::{Piece, RequestBody};
use crate::io::{ClientIo, ReadBuffer};
use crate::refusal::Refusal;
use crate::worker::Worker;

/// A client's connection.
pub(super) struct Client {
    pub(super) io: ClientIo,
    pub(super) buffer: ReadBuffer,
    scan: HeadScan,
    served: bool,
    aborted: bool,
    /// It said that it will send no more.
    half_closed: bool,
}

/// What came of waiting for a request.
pub(super) enum Next {
    Request(Box<RequestHead>),
    Refused(Refusal),
    /// The client has nothing more to say, or said nothing for too long.
    Gone,
}

/// First read of a request. Most heads fit; no memory is held while none comes.
const FIRST_READ_BYTES: usize = 4 << 10;
/// How long a client that ended its sending side is served on while it waits for the endpoint.
///
/// The end of the stream is all that the kernel shows of most clients that left, but also of those that only have
/// nothing more to say (`nc -N`, `socat`). nginx, Envoy and Go drop both at once, older HAProxy serves both to the end.
/// Here what an endpoint answers or goes on with in this time still arrives, and what nobody waits for ends soon.
/// A reset leaves no doubt and ends the request at once.
const HALF_CLOSED_MAX: Duration = Duration::from_secs(2);
/// How long a client that was refused may go on sending before its connection is cut.
const LINGER: Duration = Duration::from_secs(2);
/// How much of it is read.
const LINGER_BYTES_MAX: usize = 256 << 10;

impl Client {
    pub(super) fn new(io: ClientIo) -> Self {
        Self {
            io,
            buffer: ReadBuffer::default(),
            scan: HeadScan::default(),
            served: false,
            aborted: false,
            half_closed: false,
        }
    }

    /// Waits for the next request.
    pub(super) async fn next_head(&mut self, worker: &Worker, deadline: &Deadline) -> Next {
        let limits = HeadLimits::default();
        let mut begun = !self.buffer.bytes.is_empty();
        deadline.set(if begun || !self.served {
            worker.limits.head_timeout
        } else {
            worker.limits.idle_timeout
        });
        loop {
            if !self.buffer.bytes.is_empty() {
                match RequestHead::take(&mut self.buffer.bytes, &mut self.scan, &limits) {
                    Ok(Some(head)) => {
                        self.served = true;
                        return Next::Request(Box::new(head));
                    }
                    Ok(None) => {}
                    Err(refused) => return Next::Refused(refused.into()),
                }
            }
            let read = if begun {
                poll_fn(|cx| match self.buffer.poll_read(cx, &mut self.io) {
                    Poll::Pending if deadline.poll_passed(cx) => Poll::Ready(None),
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(read) => Poll::Ready(Some(read)),
                })
                .await
            } else {
                self.buffer.release();
                poll_fn(|cx| match self.poll_first(cx) {
                    Poll::Pending if worker.is_draining() || deadline.poll_passed(cx) => Poll::Ready(None),
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(read) => Poll::Ready(Some(read)),
                })
                .await
            };
            match read {
                // The first byte starts the clock for the head.
                Some(Ok(1..)) if !begun => {
                    begun = true;
                    deadline.set(worker.limits.head_timeout);
                }
                Some(Ok(1..)) => {}
                None if begun => return Next::Refused(Refusal::HeadTimeout),
                Some(Ok(0)) if begun => return Next::Refused(BadRequest::RequestLine.into()),
                Some(Ok(0) | Err(_)) | None => return Next::Gone,
            }
        }
    }

    /// Waits for the first bytes of a request on the stack, so that idle connections hold no buffer.
    fn poll_first(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        let mut space = [MaybeUninit::uninit(); FIRST_READ_BYTES];
        let mut read = ReadBuf::uninit(&mut space);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut read))?;
        self.buffer.bytes.extend_from_slice(read.filled());
        Poll::Ready(Ok(read.filled().len()))
    }

    /// Whether the client still waits for an answer, asked while the endpoint is waited for.
    fn poll_gone(&mut self, cx: &mut Context<'_>, deadline: &Deadline) -> Poll<()> {
        // What is here already of the next request says that it does.
        if !self.half_closed && self.buffer.bytes.is_empty() {
            match self.poll_first(cx) {
                Poll::Ready(Err(_reset)) => return Poll::Ready(()),
                Poll::Ready(Ok(0)) => self.half_closed = true,
                Poll::Ready(Ok(1..)) | Poll::Pending => {}
            }
        }
        if !self.half_closed {
            return Poll::Pending;
        }
        deadline.at_most(HALF_CLOSED_MAX);
        if deadline.poll_passed(cx) { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Makes sure that the client notices that the answer is not whole.
    pub(super) const fn abort(&mut self) {
        self.aborted = true;
    }

    /// Ends the connection so that what was written arrives: closing while the client still sends would make the
    /// kernel throw the answer away (RFC 9112 §9.6).
    pub(super) async fn close(mut self, deadline: &Deadline) {
        if self.aborted {
            return;
        }
        let lingering = async {
            if self.io.shutdown().await.is_err() {
                return;
            }
            let mut left = LINGER_BYTES_MAX;
            while left > 0 {
                self.buffer.bytes.clear();
                match poll_fn(|cx| self.buffer.poll_read(cx, &mut self.io)).await {
                    Ok(0) | Err(_) => return,
                    Ok(read) => left = left.saturating_sub(read),
                }
            }
        };
        let _cut = deadline.within(LINGER, lingering).await;
    }
}

/// The body of the request that is being served.
pub(super) struct ClientBody<'c> {
    pub(super) client: &'c mut Client,
    decoder: BodyDecoder,
    bytes: u64,
    bytes_max: u64,
    /// `100 Continue`, as far as it is still to be written.
    interim: &'static [u8],
    begun: bool,
    awaited: bool,
}

impl<'c> ClientBody<'c> {
    pub(super) fn new(client: &'c mut Client, head: &RequestHead, bytes_max: u64) -> Self {
        let decoder = match head.framing() {
            Framing::None => BodyDecoder::length(0),
            Framing::Length(length) => BodyDecoder::length(length),
            Framing::Chunked => BodyDecoder::chunked(),
        };
        let interim: &[u8] = if head.expects_continue() { b"HTTP/1.1 100 Continue\r\n\r\n" } else { b"" };
        Self { client, decoder, bytes: 0, bytes_max, interim, begun: false, awaited: false }
    }

    /// Whether all of it was read.
    pub(super) const fn is_done(&self) -> bool {
        self.decoder.is_done()
    }

    pub(super) const fn into_client(self) -> &'c mut Client {
        self.client
    }

    fn poll_interim(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        while !self.interim.is_empty() {
            let written = ready!(Pin::new(&mut self.client.io).poll_write(cx, self.interim));
            match written {
                Ok(1..) => self.interim = &self.interim[written.unwrap_or(0)..],
                Ok(0) | Err(_) => return Poll::Ready(Err(Refusal::ClientGone)),
            }
            if self.interim.is_empty() {
                let _flushed_later = Pin::new(&mut self.client.io).poll_flush(cx);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl RequestBody for ClientBody<'_> {
    fn has_begun(&self) -> bool {
        self.begun
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn is_awaited(&self) -> bool {
        self.awaited
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>, deadline: &Deadline) -> Poll<()> {
        // While there is a body to read, reading it shows.
        if self.decoder.is_done() { self.client.poll_gone(cx, deadline) } else { Poll::Pending }
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, Refusal>> {
        let polled = self.poll_next(cx);
        self.awaited = polled.is_pending();
        polled
    }
}

impl ClientBody<'_> {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, Refusal>> {
        if !self.decoder.is_done() {
            ready!(self.poll_interim(cx))?;
        }
        loop {
            match self.decoder.decode(&mut self.client.buffer.bytes)? {
                Decoded::Data(data) => {
                    self.begun = true;
                    self.bytes += data.len() as u64;
                    if self.bytes > self.bytes_max {
                        return Poll::Ready(Err(Refusal::BodyTooLarge));
                    }
                    return Poll::Ready(Ok(Piece::Data(data)));
                }
                Decoded::End(trailers) => return Poll::Ready(Ok(Piece::End(trailers))),
                Decoded::NeedMore => {}
            }
            match ready!(self.client.buffer.poll_read(cx, &mut self.client.io)) {
                Ok(0) => {
                    self.decoder.handle_close()?;
                }
                Ok(_) => {}
                Err(_gone) => return Poll::Ready(Err(Refusal::ClientGone)),
            }
        }
    }
}
