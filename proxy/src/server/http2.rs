//! Clients that speak HTTP/2, through hyper.

mod answer;

use std::cell::Cell;
use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use answer::{AnswerBody, Forwarded};
use http::Response;
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::local::LocalExecutor;
use super::{Outgoing, Record, ask};
use crate::core::http1::HeadLimits;
use crate::core::http1::response::Asked;
use crate::core::http1::write::Framing;
use crate::core::http2::RequestHead;
use crate::core::target::Target;
use crate::deadline::Deadline;
use crate::exchange::{Piece, RequestBody};
use crate::ingress::{self, Decision, Forward, Request};
use crate::refusal::Refusal;
use crate::server::record::Connection;
use crate::worker::Worker;

/// Streams of one connection at a time, as RFC 9113 §6.5.2 recommends at least.
const STREAMS_MAX: u32 = 100;
/// Resets that a client may cause before its connection ends (CVE-2023-44487).
const RESETS_MAX: usize = 50;
/// All fields of a head together.
const HEAD_BYTES_MAX: u32 = 64 << 10;
/// Answers buffered for one stream whose client does not read.
const SEND_BYTES_MAX: usize = 256 << 10;
/// A client that is silent is asked whether it is there.
const PING_INTERVAL: Duration = Duration::from_secs(30);

/// Serves one connection to its end.
pub(crate) async fn serve(worker: Rc<Worker>, stream: TlsStream<TcpStream>, connection: Rc<Connection>) {
    let streams = Rc::<Streams>::default();
    let service = service_fn(|request| {
        let (worker, connection, streams) = (Rc::clone(&worker), Rc::clone(&connection), Rc::clone(&streams));
        async move {
            let running = Running::new(streams);
            let response = handle(&worker, &connection, request).await;
            Ok::<_, Infallible>(response.map(|body| body.counted(running)))
        }
    });
    let mut builder = hyper::server::conn::http2::Builder::new(LocalExecutor);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_pending_accept_reset_streams(RESETS_MAX)
        .max_local_error_reset_streams(RESETS_MAX)
        .max_header_list_size(HEAD_BYTES_MAX)
        .max_send_buf_size(SEND_BYTES_MAX)
        .keep_alive_interval(PING_INTERVAL);
    let mut serving = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let deadline = worker.deadlines.register();
    let mut ending = false;
    let mut was_busy = true;
    let served = std::future::poll_fn(|cx| {
        let polled = serving.as_mut().poll(cx);
        let busy = streams.under_way.get() > 0;
        if busy != was_busy {
            was_busy = busy;
            deadline.set(worker.limits.idle_timeout);
        }
        if busy && deadline.poll_passed(cx) {
            if streams.take_stalled() {
                tracing::debug!("HTTP/2 client reads no answer");
                return Poll::Ready(Ok(()));
            }
            deadline.set(worker.limits.idle_timeout);
        }
        if polled.is_pending() && !ending && (deadline.poll_passed(cx) || worker.is_draining()) {
            ending = true;
            serving.as_mut().graceful_shutdown();
            return serving.as_mut().poll(cx);
        }
        polled
    });
    if let Err(error) = served.await {
        tracing::debug!(%error, "HTTP/2 connection of a client ended");
    }
}

/// The requests of one connection.
#[derive(Default)]
struct Streams {
    under_way: Cell<usize>,
    /// Those that wait for a backend, which has limits of its own.
    waiting: Cell<usize>,
    /// Whether any of them moved since that was last asked.
    moved: Cell<bool>,
}

impl Streams {
    /// Whether all that is left to do since this was last asked is for the client to read (SECURITY case 109). A window
    /// that it keeps shut stops the library from asking for more of an answer, so that no limit in there is looked at.
    fn take_stalled(&self) -> bool {
        !self.moved.take() && self.waiting.get() == 0
    }
}

/// Counts a request until its answer is over.
pub(super) struct Running {
    streams: Rc<Streams>,
    waits: bool,
}

impl Running {
    fn new(streams: Rc<Streams>) -> Self {
        streams.under_way.set(streams.under_way.get() + 1);
        streams.waiting.set(streams.waiting.get() + 1);
        Self { streams, waits: true }
    }

    /// Takes in that it moved, and whether it waits for a backend now.
    fn handle_step(&mut self, waits: bool) {
        self.streams.moved.set(true);
        let others = self.streams.waiting.get() - usize::from(self.waits);
        self.streams.waiting.set(others + usize::from(waits));
        self.waits = waits;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.handle_step(false);
        self.streams.under_way.set(self.streams.under_way.get() - 1);
    }
}

async fn handle(
    worker: &Rc<Worker>,
    connection: &Rc<Connection>,
    request: http::Request<Incoming>,
) -> Response<AnswerBody> {
    let (head, body) = request.into_parts();
    let mut traceparents = head.headers.get_all("traceparent").iter();
    // Two of them would be two traces.
    let traceparent = traceparents.next().filter(|_only| traceparents.next().is_none());
    let traceparent = traceparent.map(http::HeaderValue::as_bytes);
    let mut record = Record::new(worker, connection, "http/2", traceparent);
    match answer_to(worker, connection, head, body, &mut record).await {
        Ok(Ours::Forwarded(response)) => response.map(|forwarded| AnswerBody::forwarded(forwarded, record)),
        Ok(Ours::Redirect(address)) => {
            worker.metrics.redirects.add(1);
            answer::redirect(record, &address)
        }
        Err(refusal) => {
            record.refuse(&refusal);
            answer::refuse(record, &refusal)
        }
    }
}

enum Ours {
    Forwarded(Response<Forwarded>),
    Redirect(String),
}

async fn answer_to(
    worker: &Rc<Worker>,
    connection: &Connection,
    head: http::request::Parts,
    body: Incoming,
    record: &mut Record,
) -> Result<Ours, Refusal> {
    let head = RequestHead::read(head, &HeadLimits::default())?;
    let agent = head.forwarded().get(http::header::USER_AGENT).map(http::HeaderValue::as_bytes);
    record.describe(head.method(), head.authority().host(), agent);
    let target = Target::canonical(head.target().as_bytes())?;
    record.set_path(target.path());
    let request = Request {
        listener: connection.listener,
        sni: connection.sni.as_deref(),
        method: head.method(),
        host: head.authority().host(),
        target: &target,
        fields: &head,
        length: if body.is_end_stream() { Some(0) } else { body.size_hint().exact() },
    };
    let snapshot = worker.snapshot();
    match ingress::decide(&request, &snapshot, &worker.shared)? {
        Decision::Forward(forward) => {
            let response = forward_request(worker, connection, &head, &target, body, forward, record);
            Ok(Ours::Forwarded(response.await?))
        }
        Decision::Redirect(address) => Ok(Ours::Redirect(address)),
        // Challenges are asked for on the plain port, which speaks HTTP/1 alone.
        Decision::Challenge(_) => Err(Refusal::NoRoute),
    }
}

async fn forward_request(
    worker: &Rc<Worker>,
    connection: &Connection,
    head: &RequestHead,
    target: &Target<'_>,
    body: Incoming,
    forward: Forward,
    record: &mut Record,
) -> Result<Response<Forwarded>, Refusal> {
    let backend = worker.backend(&forward.route.backend);
    record.accept(&forward, &backend);
    let framing = match body.size_hint().exact() {
        _ if body.is_end_stream() => Framing::None,
        Some(length) => Framing::Length(length),
        None => Framing::Chunked,
    };
    let outgoing = Outgoing {
        method: head.method(),
        target,
        host: head.authority().host(),
        port: head.authority().port(),
        framing,
        asked: if head.method() == "HEAD" { Asked::Head } else { Asked::Plain },
        fields: |show: &mut dyn FnMut(&[u8], &[u8])| {
            head.forwarded()
                .iter()
                .for_each(|(name, value)| show(name.as_str().as_bytes(), value.as_bytes()));
        },
        connection,
        record,
    };
    let body = IncomingBody {
        body,
        bytes: 0,
        bytes_max: forward.host.limits.body_bytes_max,
        begun: false,
        awaited: false,
    };
    let deadline = worker.deadlines.register();
    let (answer, exchange, in_flight) = ask(worker, &backend, &outgoing, body, &deadline).await?;
    record.status = answer.status().as_u16();
    let head = answer::head(&answer, &forward.host, record);
    let idle = backend.backend.timeouts.idle.duration();
    Ok(head.map(|()| Forwarded { exchange, in_flight, deadline, idle }))
}

/// The body of a request as hyper reads it.
pub(super) struct IncomingBody {
    body: Incoming,
    bytes: u64,
    bytes_max: u64,
    begun: bool,
    awaited: bool,
}

impl RequestBody for IncomingBody {
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
        // Hyper drops what serves a stream that is reset.
        Poll::Pending
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, Refusal>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.awaited = polled.is_pending();
        let Some(frame) = ready!(polled) else {
            return Poll::Ready(Ok(Piece::End(None)));
        };
        self.begun = true;
        let frame = frame.map_err(|_reset| Refusal::ClientGone)?;
        match frame.into_data() {
            Ok(data) => {
                self.bytes += data.len() as u64;
                if self.bytes > self.bytes_max {
                    return Poll::Ready(Err(Refusal::BodyTooLarge));
                }
                Poll::Ready(Ok(Piece::Data(data)))
            }
            Err(frame) => Poll::Ready(Ok(Piece::End(frame.into_trailers().ok()))),
        }
    }
}
