//! Clients that speak HTTP/2: the connection, and its limits. Each stream is served by a task of its own.

mod answer;
mod body;
mod cork;
mod liveness;
mod stream;
mod streams;

use std::future::{Future as _, poll_fn};
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use cork::{Cork, Gathered};
use h2::Reason;
use liveness::Liveness;
use streams::{Running, Streams};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::deadline::Deadline;
use crate::server::record::Connection;
use crate::worker::Worker;

/// Streams of one connection at a time, as RFC 9113 §6.5.2 recommends at least.
const STREAMS_MAX: u32 = 100;
/// Resets that a client may cause before its connection ends (CVE-2023-44487).
const RESETS_MAX: usize = 50;
/// All fields of a head together.
const HEAD_BYTES_MAX: u32 = 64 << 10;
/// Answers buffered for one stream whose client does not read; [`streams`] bounds those of a connection together.
const SEND_BYTES_MAX: usize = 256 << 10;
/// Request bodies that were not passed on yet, of one stream and of all of a connection: enough to keep a fast link of
/// usual delay full, and the most that a client can make us hold.
const WINDOW_BYTES: u32 = 1 << 20;

type Client = h2::server::Connection<Gathered<TlsStream<TcpStream>>, Bytes>;

/// Serves one connection to its end.
pub(crate) async fn serve(worker: Rc<Worker>, stream: TlsStream<TcpStream>, connection: Rc<Connection>) {
    let deadline = worker.deadlines.register();
    let mut builder = h2::server::Builder::new();
    builder
        .max_concurrent_streams(STREAMS_MAX)
        .max_pending_accept_reset_streams(RESETS_MAX)
        .max_local_error_reset_streams(Some(RESETS_MAX))
        .max_header_list_size(HEAD_BYTES_MAX)
        .max_send_buffer_size(SEND_BYTES_MAX)
        .initial_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES);
    let (stream, cork) = cork::gather(stream);
    let mut greeting = Box::pin(builder.handshake(stream));
    let greeting = poll_fn(|cx| {
        let greeted = greeting.as_mut().poll(cx);
        // Our settings leave with the first answers, unless the client waits for them.
        if greeted.is_pending() && matches!(cork.poll_release(cx), Poll::Ready(Err(_))) {
            return Poll::Ready(None);
        }
        greeted.map(Result::ok)
    });
    let Ok(Some(mut client)) = deadline.within(worker.limits.head_timeout, greeting).await else { return };
    let liveness = Liveness::new(client.ping_pong(), worker.deadlines.register());
    let mut serving = Serving {
        streams: Rc::default(),
        phase: Phase::Open,
        was_busy: false,
        deadline,
        liveness,
        cork,
        worker,
        connection,
    };
    serving.deadline.set(serving.worker.limits.idle_timeout);
    poll_fn(|cx| serving.poll(cx, &mut client)).await;
}

/// A connection that is being served.
struct Serving {
    worker: Rc<Worker>,
    connection: Rc<Connection>,
    streams: Rc<Streams>,
    phase: Phase,
    was_busy: bool,
    deadline: Deadline,
    liveness: Liveness,
    cork: Cork<TlsStream<TcpStream>>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    Open,
    /// The client was told to open no more streams (GOAWAY).
    Ending,
}

impl Serving {
    fn poll(&mut self, cx: &mut Context<'_>, client: &mut Client) -> Poll<()> {
        loop {
            match client.poll_accept(cx) {
                Poll::Ready(Some(Ok((request, respond)))) => {
                    let running = Running::new(Rc::clone(&self.streams));
                    let serving = stream::serve(
                        Rc::clone(&self.worker),
                        Rc::clone(&self.connection),
                        request,
                        respond,
                        running,
                    );
                    // Boxed, so that the runtime moves a pointer about.
                    tokio::task::spawn_local(Box::pin(serving));
                }
                Poll::Ready(Some(Err(error))) => {
                    tracing::debug!(%error, "HTTP/2 connection of a client ended");
                    return Poll::Ready(());
                }
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => break,
            }
        }
        if self.liveness.poll_dead(cx) {
            tracing::debug!("HTTP/2 client answers no ping");
            return Poll::Ready(());
        }
        match self.cork.poll_release(cx) {
            Poll::Ready(Ok(())) => self.streams.handle_written(),
            Poll::Ready(Err(error)) => {
                tracing::debug!(%error, "HTTP/2 connection of a client broke");
                return Poll::Ready(());
            }
            Poll::Pending => {}
        }
        if self.phase == Phase::Open && self.streams.are_given_up_too_often() {
            tracing::debug!("HTTP/2 client gives up what it asks for");
            self.phase = Phase::Ending;
            client.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
            return self.poll(cx, client);
        }
        self.poll_limits(cx, client)
    }

    fn poll_limits(&mut self, cx: &mut Context<'_>, client: &mut Client) -> Poll<()> {
        let idle_timeout = self.worker.limits.idle_timeout;
        let is_busy = self.streams.are_under_way();
        if is_busy != self.was_busy {
            self.was_busy = is_busy;
            self.deadline.set(idle_timeout);
        }
        let passed = self.deadline.poll_passed(cx);
        if passed && is_busy && !self.streams.take_stalled() {
            self.deadline.set(idle_timeout);
            return self.poll_limits(cx, client);
        }
        if passed && (is_busy || self.phase == Phase::Ending) {
            tracing::debug!("HTTP/2 client reads no answer");
            return Poll::Ready(());
        }
        if self.phase == Phase::Open && (passed || self.worker.is_draining()) {
            self.phase = Phase::Ending;
            self.deadline.set(idle_timeout);
            client.graceful_shutdown();
            // What was just queued is to be written.
            return self.poll(cx, client);
        }
        Poll::Pending
    }
}
