//! A worker's view of one backend: which endpoint is next, and the connections that are kept to each.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Context;
use std::time::{Duration, Instant};

use hyper_util::rt::TokioIo;
use policy::resource::application::Balance;
use policy::snapshot::Backend;
use socket2::SockRef;
use tokio::net::TcpStream;

use crate::core::method;
use crate::core::trace_context::Bits;
use crate::endpoints::Endpoints;
use crate::exchange::{BackendConnection, Http2Connection, Http2Sender};
use crate::io::ReadBuffer;
use crate::metrics::{BackendMetrics, WorkerMetrics};
use crate::refusal::Refusal;
use crate::server::local::LocalExecutor;

/// How long an unused connection is kept. Below the minute after which common servers close theirs.
const IDLE_MAX: Duration = Duration::from_secs(55);
/// Unused connections that are kept to one endpoint, per worker.
const IDLE_CONNECTIONS_MAX: usize = 256;

/// One backend as this worker uses it.
pub(crate) struct BackendState {
    pub(crate) backend: Arc<Backend>,
    pub(crate) metrics: Arc<BackendMetrics>,
    endpoints: Arc<Endpoints>,
    targets: RefCell<Vec<Rc<Target>>>,
    next: Cell<usize>,
}

/// One endpoint as this worker uses it.
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    under_way: Cell<usize>,
    idle: RefCell<Vec<Idle>>,
    http2: RefCell<Option<Http2Sender>>,
}

struct Idle {
    connection: BackendConnection,
    since: Instant,
}

/// A request that is under way at an endpoint.
pub(crate) struct InFlight(pub(crate) Rc<Target>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.under_way.set(self.0.under_way.get().saturating_sub(1));
    }
}

impl BackendState {
    pub(crate) fn new(backend: Arc<Backend>, endpoints: Arc<Endpoints>, metrics: &WorkerMetrics) -> Self {
        let state = Self {
            metrics: metrics.backend(&backend.name),
            backend,
            endpoints,
            targets: RefCell::default(),
            next: Cell::new(0),
        };
        state.follow_endpoints();
        state
    }

    /// Takes in which endpoints are healthy now. Connections to those that stay are kept.
    pub(crate) fn follow_endpoints(&self) {
        let addresses = self.endpoints.healthy(&self.backend);
        let mut targets = self.targets.borrow_mut();
        if targets.len() == addresses.len() && targets.iter().zip(&addresses).all(|(t, a)| t.address == *a) {
            return;
        }
        let mut known: BTreeMap<SocketAddr, Rc<Target>> =
            targets.drain(..).map(|target| (target.address, target)).collect();
        targets.extend(addresses.into_iter().map(|address| {
            known.remove(&address).unwrap_or_else(|| {
                Rc::new(Target {
                    address,
                    under_way: Cell::new(0),
                    idle: RefCell::default(),
                    http2: RefCell::default(),
                })
            })
        }));
    }

    /// Closes connections that were not used for long, or that the endpoint closed.
    pub(crate) fn close_idle(&self, now: Instant, cx: &mut Context<'_>) {
        for target in &*self.targets.borrow() {
            target.idle.borrow_mut().retain(|idle| {
                now.saturating_duration_since(idle.since) < IDLE_MAX && is_quiet(&idle.connection.stream, cx)
            });
        }
    }

    /// Chooses an endpoint for a request.
    pub(crate) fn choose(&self, bits: &mut Bits) -> Result<InFlight, Refusal> {
        let targets = self.targets.borrow();
        let target = match (self.backend.balance, targets.len()) {
            (_, 0) => return Err(Refusal::NoEndpoint),
            (_, 1) => &targets[0],
            (Balance::RoundRobin, count) => {
                let at = self.next.get() % count;
                self.next.set(at + 1);
                &targets[at]
            }
            (Balance::LeastRequest, count) => {
                // Two at random, the less busy of them: nearly as even as looking at all ("power of two choices").
                let mut draw = || &targets[usize::try_from(bits.next() % count as u64).unwrap_or(0)];
                let (one, other) = (draw(), draw());
                if other.under_way.get() < one.under_way.get() { other } else { one }
            }
        };
        target.under_way.set(target.under_way.get() + 1);
        Ok(InFlight(Rc::clone(target)))
    }

    /// Opens a connection.
    pub(crate) async fn connect(&self, target: &Target) -> Result<TcpStream, Refusal> {
        let limit = self.backend.timeouts.connect.duration();
        self.metrics.connects.add(1);
        let stream = match tokio::time::timeout(limit, TcpStream::connect(target.address)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                self.metrics.connect_failures.add(1);
                return Err(Refusal::Connect(error));
            }
            Err(_elapsed) => {
                self.metrics.connect_failures.add(1);
                return Err(Refusal::ConnectTimeout);
            }
        };
        // A request waits for its answer; nothing is gained by waiting for more to send.
        let _refused_by_kernel = stream.set_nodelay(true);
        Ok(stream)
    }

    /// A fresh HTTP/1.1 connection.
    pub(crate) async fn connect_http1(&self, target: &Target) -> Result<BackendConnection, Refusal> {
        let stream = self.connect(target).await?;
        Ok(BackendConnection { stream, buffer: ReadBuffer::default(), reused: false })
    }

    /// A fresh HTTP/2 connection, which requests that follow share.
    pub(crate) async fn connect_http2(&self, target: &Target) -> Result<Http2Connection, Refusal> {
        let stream = self.connect(target).await?;
        let (sender, connection) = hyper::client::conn::http2::Builder::new(LocalExecutor)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(Refusal::BackendHttp2)?;
        tokio::task::spawn_local(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "HTTP/2 connection to an endpoint ended");
            }
        });
        *target.http2.borrow_mut() = Some(sender.clone());
        Ok(Http2Connection { sender, reused: false })
    }
}

impl Target {
    /// The HTTP/2 connection that is open.
    pub(crate) fn http2(&self) -> Option<Http2Connection> {
        let sender = self.http2.borrow().as_ref().filter(|sender| !sender.is_closed())?.clone();
        Some(Http2Connection { sender, reused: true })
    }

    /// Takes a kept connection that is still open, the latest first, for a request with `method`. A request that
    /// cannot be sent twice must not be lost to a close that the runtime did not see yet.
    pub(crate) fn reuse(&self, cx: &mut Context<'_>, method: &str) -> Option<BackendConnection> {
        let mut idle = self.idle.borrow_mut();
        while let Some(kept) = idle.pop() {
            let stream = &kept.connection.stream;
            if is_quiet(stream, cx) && (method::is_idempotent(method) || is_quiet_to_the_kernel(stream)) {
                return Some(kept.connection);
            }
        }
        None
    }

    /// Keeps a connection for another request.
    pub(crate) fn keep(&self, mut connection: BackendConnection, now: Instant) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < IDLE_CONNECTIONS_MAX {
            connection.reused = true;
            connection.buffer.release();
            idle.push(Idle { connection, since: now });
        }
    }
}

/// Whether nothing has arrived, the end of the stream included. Asks the runtime, not the kernel.
fn is_quiet(stream: &TcpStream, cx: &mut Context<'_>) -> bool {
    stream.poll_read_ready(cx).is_pending()
}

fn is_quiet_to_the_kernel(stream: &TcpStream) -> bool {
    let peeked = SockRef::from(stream).peek(&mut [MaybeUninit::uninit()]);
    peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;

    use policy::clock::{Clock as _, SystemClock};

    use super::*;

    #[tokio::test]
    async fn a_request_that_cannot_be_sent_twice_gets_no_connection_that_just_ended() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let target = Target {
            address,
            under_way: Cell::default(),
            idle: RefCell::default(),
            http2: RefCell::default(),
        };
        let stream = TcpStream::connect(address).await.unwrap();
        let (app, _) = listener.accept().unwrap();
        let connection = BackendConnection { stream, buffer: ReadBuffer::default(), reused: false };
        target.keep(connection, SystemClock.monotonic());
        let post = poll_fn(|cx| Poll::Ready(target.reuse(cx, "POST"))).await;
        target.keep(post.unwrap(), SystemClock.monotonic());
        // The runtime learns of this only when this task next waits.
        drop(app);
        assert!(poll_fn(|cx| Poll::Ready(target.reuse(cx, "POST"))).await.is_none());
    }
}
