//! An exchange over HTTP/2, driven by hyper.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame};
use hyper::body::Incoming;
use tokio::sync::mpsc;
use tokio_util::sync::PollSender;

use super::{Answer, Piece, RequestBody, Unanswered};
use crate::core::http1::body::may_trail;
use crate::refusal::Refusal;

/// The request's body on its way into hyper, piece by piece. `None` once it is over.
#[derive(Debug)]
pub(crate) struct SendBody(Option<mpsc::Receiver<Option<Frame<Bytes>>>>);

/// The body ended before its end: the exchange was given up, because the client went away or broke a rule. Hyper
/// then resets the stream; an end of stream would make half a body look whole to the endpoint.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the request's body was given up")]
pub(crate) struct GivenUp;

impl Body for SendBody {
    type Data = Bytes;
    type Error = GivenUp;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Some(frames) = &mut self.0 else { return Poll::Ready(None) };
        match ready!(frames.poll_recv(cx)) {
            Some(Some(frame)) => {
                // Trailers are the end.
                if frame.is_trailers() {
                    self.0 = None;
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Some(None) => {
                self.0 = None;
                Poll::Ready(None)
            }
            None => Poll::Ready(Some(Err(GivenUp))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }
}

type Responding = Pin<Box<dyn Future<Output = hyper::Result<http::Response<Incoming>>>>>;

/// One request and its answer.
pub(crate) struct Http2Exchange<B> {
    body: B,
    /// `None` once the body is over or the endpoint takes no more.
    frames: Option<PollSender<Option<Frame<Bytes>>>>,
    responding: Option<Responding>,
    answer: Option<Incoming>,
    sent: bool,
    reused: bool,
}

/// A connection to an endpoint.
pub(crate) struct Http2Connection {
    pub(crate) sender: Http2Sender,
    /// Whether it was made for an earlier request, so that the endpoint may have closed it in the meantime.
    pub(crate) reused: bool,
}

/// A handle to send requests on one HTTP/2 connection.
pub(crate) type Http2Sender = hyper::client::conn::http2::SendRequest<SendBody>;

impl<B: RequestBody> Http2Exchange<B> {
    /// Sends `head` on a connection of hyper's.
    pub(crate) fn new(
        Http2Connection { mut sender, reused }: Http2Connection,
        head: http::Request<()>,
        has_body: bool,
        body: B,
    ) -> Self {
        // One frame under way: the stream's window is the buffer.
        let (frames, receiver) = mpsc::channel(1);
        let request = head.map(|()| SendBody(has_body.then_some(receiver)));
        let responding = Box::pin(sender.send_request(request));
        Self {
            body,
            frames: has_body.then(|| PollSender::new(frames)),
            responding: Some(responding),
            answer: None,
            sent: !has_body,
            reused,
        }
    }

    pub(crate) const fn body_mut(&mut self) -> &mut B {
        &mut self.body
    }

    pub(crate) fn into_body(self) -> B {
        self.body
    }

    /// What the endpoint may have done before it failed with `refusal`.
    pub(crate) fn unanswered(&self, refusal: &Refusal) -> Unanswered {
        let Refusal::BackendHttp2(error) = refusal else { return Unanswered::Failed };
        if error.is_canceled() {
            // Hyper still had it.
            return Unanswered::Untouched;
        }
        let source = std::error::Error::source(error);
        match source.and_then(|source| source.downcast_ref::<h2::Error>()) {
            // RFC 9113 §6.8 and §8.7: a stream above the last that was looked at, and one that was refused.
            Some(error) if error.is_remote() && error.is_go_away() => Unanswered::Untouched,
            Some(error) if error.is_remote() && error.reason() == Some(h2::Reason::REFUSED_STREAM) => {
                Unanswered::Untouched
            }
            Some(error) if error.is_reset() => Unanswered::Failed,
            Some(_) | None if self.reused => Unanswered::Unknown,
            Some(_) | None => Unanswered::Failed,
        }
    }

    pub(crate) const fn is_sent(&self) -> bool {
        self.sent
    }

    pub(crate) fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<(), Refusal> {
        while let Some(frames) = &mut self.frames {
            match frames.poll_reserve(cx) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Err(_endpoint_takes_no_more)) => {
                    self.frames = None;
                    return Ok(());
                }
                Poll::Ready(Ok(())) => {}
            }
            let Poll::Ready(piece) = self.body.poll_piece(cx) else { return Ok(()) };
            match piece? {
                Piece::Data(data) if data.is_empty() => {}
                Piece::Data(data) => drop(frames.send_item(Some(Frame::data(data)))),
                Piece::End(trailers) => {
                    // `None` says that this end is meant.
                    drop(frames.send_item(trailers.map(only_trailers).map(Frame::trailers)));
                    self.frames = None;
                    self.sent = true;
                }
            }
        }
        Ok(())
    }

    pub(crate) fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Answer, Refusal>> {
        self.poll_send(cx)?;
        let Some(responding) = &mut self.responding else {
            return Poll::Ready(Err(Refusal::BackendClosed));
        };
        let response = ready!(responding.as_mut().poll(cx)).map_err(Refusal::BackendHttp2)?;
        self.responding = None;
        let (parts, body) = response.into_parts();
        let length = if body.is_end_stream() { Some(0) } else { body.size_hint().exact() };
        self.answer = Some(body);
        Poll::Ready(Ok(Answer::Http2(Box::new(parts), length)))
    }

    pub(crate) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, Refusal>> {
        self.poll_send(cx)?;
        let Some(answer) = &mut self.answer else { return Poll::Ready(Ok(Piece::End(None))) };
        let Some(frame) = ready!(Pin::new(answer).poll_frame(cx)) else {
            return Poll::Ready(Ok(Piece::End(None)));
        };
        let frame = frame.map_err(Refusal::BackendHttp2)?;
        Poll::Ready(Ok(match frame.into_data() {
            Ok(data) => Piece::Data(data),
            Err(frame) => Piece::End(frame.into_trailers().ok().map(only_trailers)),
        }))
    }
}

/// Drops what may not stand in a trailer, and keeps gRPC's, which must.
fn only_trailers(mut trailers: http::HeaderMap) -> http::HeaderMap {
    let refused: Vec<_> = trailers.keys().filter(|name| !may_trail(name.as_str())).cloned().collect();
    for name in refused {
        trailers.remove(name);
    }
    trailers
}
