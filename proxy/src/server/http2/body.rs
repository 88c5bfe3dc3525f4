//! The body of a request on a stream.

use std::task::{Context, Poll, ready};

use h2::RecvStream;

use crate::deadline::Deadline;
use crate::exchange::{Piece, RequestBody};
use crate::refusal::Refusal;

/// The body of a request.
pub(super) struct StreamBody {
    stream: RecvStream,
    bytes: u64,
    bytes_max: u64,
    begun: bool,
    awaited: bool,
}

impl StreamBody {
    pub(super) const fn new(stream: RecvStream, bytes_max: u64) -> Self {
        Self { stream, bytes: 0, bytes_max, begun: false, awaited: false }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, Refusal>> {
        match ready!(self.stream.poll_data(cx)) {
            Some(Ok(data)) => {
                self.bytes += data.len() as u64;
                if self.bytes > self.bytes_max {
                    return Poll::Ready(Err(Refusal::BodyTooLarge));
                }
                // One piece is under way to the backend at a time; the client may fill the window behind it.
                let _ended_meanwhile = self.stream.flow_control().release_capacity(data.len());
                Poll::Ready(Ok(Piece::Data(data)))
            }
            Some(Err(_reset)) => Poll::Ready(Err(Refusal::ClientGone)),
            None => match ready!(self.stream.poll_trailers(cx)) {
                Ok(trailers) => Poll::Ready(Ok(Piece::End(trailers))),
                Err(_reset) => Poll::Ready(Err(Refusal::ClientGone)),
            },
        }
    }
}

impl RequestBody for StreamBody {
    fn has_begun(&self) -> bool {
        self.begun
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn is_awaited(&self) -> bool {
        self.awaited
    }

    fn poll_gone(&mut self, _cx: &mut Context<'_>, _deadline: &Deadline) -> Poll<()> {
        // Whoever serves the stream is told of its reset.
        Poll::Pending
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, Refusal>> {
        let polled = self.poll_next(cx);
        self.awaited = polled.is_pending();
        self.begun |= polled.is_ready();
        polled
    }
}
