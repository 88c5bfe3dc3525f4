//! One worker: a thread with its own runtime, listeners, backends and numbers.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use policy::snapshot::{Backend, Digest, Snapshot};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access_log::{self, AccessLog};
use crate::backend::{BackendState, InFlight};
use crate::core::trace_context::{Bits, RequestId, TraceParent};
use crate::deadline::{Deadlines, TICK};
use crate::endpoints::Endpoints;
use crate::io::ClientIo;
use crate::listen::ListenerKind;
use crate::metrics::WorkerMetrics;
use crate::refusal::Refusal;
use crate::server;
use crate::server::record::Connection;
use crate::start::{ConnectionLimits, Shared};
use crate::tls::{self, HandshakeFailure};

/// What a worker is made from.
pub(crate) struct Parts {
    pub(crate) listeners: Vec<(ListenerKind, StdListener)>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) limits: ConnectionLimits,
    pub(crate) tls: Arc<ServerConfig>,
    pub(crate) endpoints: Arc<Endpoints>,
    pub(crate) metrics: Arc<WorkerMetrics>,
    pub(crate) enforced: Arc<AtomicU64>,
    pub(crate) log: Option<std::sync::mpsc::SyncSender<Vec<u8>>>,
    pub(crate) seed: u64,
    /// No more clients; those that are here end when they next can.
    pub(crate) drain: CancellationToken,
    /// All ends now.
    pub(crate) stop: CancellationToken,
}

/// What the connections of one worker share.
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) limits: ConnectionLimits,
    pub(crate) metrics: Arc<WorkerMetrics>,
    pub(crate) deadlines: Rc<Deadlines>,
    pub(crate) log: AccessLog,
    pub(crate) drain: CancellationToken,
    snapshot: RefCell<Arc<Snapshot>>,
    backends: RefCell<BTreeMap<Digest, Rc<BackendState>>>,
    endpoints: Arc<Endpoints>,
    enforced: Arc<AtomicU64>,
    connections: Cell<usize>,
    bits: RefCell<Bits>,
    tls: Arc<ServerConfig>,
    /// Follows `drain`, for connections to look at without a lock.
    draining: Cell<bool>,
    /// The value of `Date`, written anew each second.
    http_date: RefCell<String>,
}

/// Runs a worker until it is stopped, or until it is drained and its last client has gone.
pub(crate) async fn run(parts: Parts) {
    let worker = Rc::new(Worker {
        snapshot: RefCell::new(parts.shared.snapshot.load()),
        shared: parts.shared,
        limits: parts.limits,
        metrics: parts.metrics,
        deadlines: Rc::default(),
        log: AccessLog::new(parts.log),
        drain: parts.drain,
        backends: RefCell::default(),
        endpoints: parts.endpoints,
        enforced: parts.enforced,
        connections: Cell::new(0),
        bits: RefCell::new(Bits::new(parts.seed)),
        tls: parts.tls,
        draining: Cell::new(false),
        http_date: RefCell::default(),
    });
    worker.write_date();
    worker.refresh();
    worker.enforced.store(worker.snapshot.borrow().generation.0, Ordering::Release);
    let clients = TaskTracker::new();
    for (kind, listener) in parts.listeners {
        match TcpListener::from_std(listener) {
            Ok(listener) => {
                tokio::task::spawn_local(accept(Rc::clone(&worker), kind, listener, clients.clone()));
            }
            Err(error) => tracing::error!(%error, "listener cannot be watched"),
        }
    }
    let ticking = tokio::task::spawn_local(tick(Rc::clone(&worker)));
    let drained = async {
        worker.drain.cancelled().await;
        clients.close();
        clients.wait().await;
    };
    tokio::select! {
        () = parts.stop.cancelled() => {}
        () = drained => {}
    }
    ticking.abort();
    let lost = worker.log.handle_tick(worker.shared.clock.now());
    worker.metrics.log_dropped.add(lost);
}

/// Ten times a second: limits, log, health, and the snapshot for workers that have no requests.
async fn tick(worker: Rc<Worker>) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut ticks: u64 = 0;
    loop {
        interval.tick().await;
        ticks += 1;
        worker.deadlines.handle_tick();
        let lost = worker.log.handle_tick(worker.shared.clock.now());
        worker.metrics.log_dropped.add(lost);
        worker.refresh();
        if worker.drain.is_cancelled() && !worker.draining.replace(true) {
            worker.deadlines.wake_all();
        }
        for backend in worker.backends.borrow().values() {
            backend.follow_endpoints();
        }
        if ticks.is_multiple_of(10) {
            worker.write_date();
            let now = worker.now();
            poll_fn(|cx| {
                for backend in worker.backends.borrow().values() {
                    backend.close_idle(now, cx);
                }
                Poll::Ready(())
            })
            .await;
        }
    }
}

/// After `accept` fails for want of file descriptors, which only time cures.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

async fn accept(worker: Rc<Worker>, kind: ListenerKind, listener: TcpListener, clients: TaskTracker) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = worker.drain.cancelled() => return,
        };
        match accepted {
            Ok((stream, address)) => {
                if worker.connections.get() >= worker.limits.connections_max {
                    worker.metrics.connections_shed.add(1);
                    continue;
                }
                let _refused_by_kernel = stream.set_nodelay(true);
                let client = serve(Rc::clone(&worker), kind, stream, address);
                clients.spawn_local(client);
            }
            Err(error) => {
                tracing::warn!(%error, "accepting paused");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Counts a connection for as long as it lives.
struct Counted(Rc<Worker>);

impl Counted {
    fn new(worker: &Rc<Worker>, kind: ListenerKind) -> Self {
        worker.connections.set(worker.connections.get() + 1);
        worker.metrics.connections_active.add(1);
        worker.metrics.connections[usize::from(kind == ListenerKind::Https)].add(1);
        Self(Rc::clone(worker))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.set(self.0.connections.get().saturating_sub(1));
        self.0.metrics.connections_active.sub(1);
    }
}

async fn serve(worker: Rc<Worker>, listener: ListenerKind, stream: TcpStream, address: SocketAddr) {
    let _counted = Counted::new(&worker, listener);
    let client = address.ip().to_canonical().to_string();
    let connection = |sni| Rc::new(Connection { listener, client, sni });
    match listener {
        ListenerKind::Http => {
            server::http1::serve(worker, ClientIo::Plain(stream), connection(None)).await;
        }
        ListenerKind::Https => {
            let Some(stream) = handshake(&worker, stream).await else { return };
            let session = stream.get_ref().1;
            let connection = connection(session.server_name().map(str::to_owned));
            match session.alpn_protocol() {
                // The certificate was the answer (RFC 8737 §3).
                Some(tls::ACME_ALPN) => {}
                Some(tls::H2_ALPN) => server::http2::serve(worker, stream, connection).await,
                Some(_) | None => {
                    server::http1::serve(worker, ClientIo::Tls(Box::new(stream)), connection).await;
                }
            }
        }
    }
}

async fn handshake(
    worker: &Rc<Worker>,
    stream: TcpStream,
) -> Option<tokio_rustls::server::TlsStream<TcpStream>> {
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::clone(&worker.tls));
    let deadline = worker.deadlines.register();
    // Boxed: a handshake's state is large, and most of a connection's life comes after it.
    let accepting = Box::pin(acceptor.accept(stream));
    match deadline.within(worker.limits.handshake_timeout, accepting).await {
        Ok(Ok(stream)) => {
            worker.metrics.handshakes.add(1);
            Some(stream)
        }
        Ok(Err(error)) => {
            worker.metrics.handshake_failed(HandshakeFailure::from(&error));
            tracing::debug!(%error, "TLS handshake failed");
            None
        }
        Err(_elapsed) => {
            worker.metrics.handshake_failed(HandshakeFailure::Timeout);
            None
        }
    }
}

impl Worker {
    /// The snapshot in force for a request that begins now. Kept by the request to its end.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.refresh();
        Arc::clone(&self.snapshot.borrow())
    }

    fn refresh(&self) {
        let mut held = self.snapshot.borrow_mut();
        if !self.shared.snapshot.refresh(&mut held) {
            return;
        }
        self.enforced.store(held.generation.0, Ordering::Release);
        // Backends whose definition did not change have the same id and keep their connections.
        let hosts = held.ingress.hosts.by_domain().values();
        let mut tables: Vec<_> = hosts.map(|host| &host.routes).collect();
        tables.dedup_by(|one, other| Arc::ptr_eq(one, other));
        let used: std::collections::HashSet<Digest> =
            tables.iter().flat_map(|table| &table.routes).map(|route| route.backend.id).collect();
        self.backends.borrow_mut().retain(|id, _| used.contains(id));
    }

    /// This worker's state of a backend.
    pub(crate) fn backend(&self, backend: &Arc<Backend>) -> Rc<BackendState> {
        if let Some(state) = self.backends.borrow().get(&backend.id) {
            return Rc::clone(state);
        }
        let endpoints = Arc::clone(&self.endpoints);
        let state = Rc::new(BackendState::new(Arc::clone(backend), endpoints, &self.metrics));
        self.backends.borrow_mut().insert(backend.id, Rc::clone(&state));
        state
    }

    pub(crate) fn choose(&self, backend: &BackendState) -> Result<InFlight, Refusal> {
        backend.choose(&mut self.bits.borrow_mut())
    }

    /// The id of a new request, and its place in a trace.
    pub(crate) fn identify(&self, traceparent: Option<&[u8]>) -> (RequestId, TraceParent) {
        let mut bits = self.bits.borrow_mut();
        let id = RequestId::new([bits.next(), bits.next()]);
        (id, TraceParent::continue_from(traceparent, &id, bits.next()))
    }

    /// Whether connections should end when they next can.
    pub(crate) const fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// The value of `Date`.
    pub(crate) fn http_date(&self) -> std::cell::Ref<'_, str> {
        std::cell::Ref::map(self.http_date.borrow(), String::as_str)
    }

    fn write_date(&self) {
        *self.http_date.borrow_mut() = access_log::imf_fixdate(self.shared.clock.now());
    }

    pub(crate) fn now(&self) -> Instant {
        self.shared.clock.monotonic()
    }
}
