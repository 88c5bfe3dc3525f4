//! Starting and ending the data plane.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use policy::clock::Clock;
use policy::snapshot::{Current, Generation};
use prometheus::proto::MetricFamily;
use tokio::runtime::LocalOptions;
use tokio_util::sync::CancellationToken;

use crate::access_log;
use crate::challenge::Http01Tokens;
use crate::endpoints::{self, Endpoints};
use crate::jwt::KeySets;
use crate::listen::{self, Listener, ListenerKind};
use crate::metrics::{self, WorkerMetrics};
use crate::tls::{self, Certificates};
use crate::worker::{self, Parts};

/// What the data plane shares with the rest of the program.
pub struct Shared {
    /// The snapshot in force.
    pub snapshot: Arc<Current>,
    /// The certificates that can be served.
    pub certificates: Arc<Certificates>,
    /// The keys of token issuers.
    pub key_sets: Arc<KeySets>,
    /// Answers to HTTP-01 challenges.
    pub http01: Arc<Http01Tokens>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where redirects from plain HTTP lead; set to the first HTTPS listener's port at start.
    pub https_port: AtomicU16,
}

/// How to run.
pub struct Options {
    /// Threads; one a core.
    pub workers: NonZeroUsize,
    /// Where to accept clients.
    pub listeners: Vec<Listener>,
    /// What a client may take.
    pub limits: ConnectionLimits,
    /// Where access log lines go.
    pub access_log: Option<Box<dyn Write + Send>>,
    /// Random bits that ids and choices begin from.
    pub seed: u64,
}

/// What a connection may take.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Connections of one worker; more are closed at once. Two workers stay below common limits of descriptors.
    pub connections_max: usize,
    /// For the TLS handshake.
    pub handshake_timeout: Duration,
    /// From the first byte of a request to the end of its head.
    pub head_timeout: Duration,
    /// Without a byte of a body that is waited for. gRPC has the `idle` of its application instead, since its calls may
    /// be silent for long.
    pub body_timeout: Duration,
    /// Between requests.
    pub idle_timeout: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections_max: 100_000,
            handshake_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
        }
    }
}

/// Why there is no data plane.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("listening on {address}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// TLS cannot be set up.
    #[error("setting up TLS")]
    Tls(#[from] rustls::Error),
    /// A thread or its runtime cannot be made.
    #[error("starting a worker")]
    Worker(#[source] io::Error),
}

/// For the last lines of the access log, if its sink takes them at all.
const LOG_WRITE_TIMEOUT: Duration = Duration::from_secs(2);

/// The running data plane.
pub struct DataPlane {
    addresses: Vec<(ListenerKind, SocketAddr)>,
    workers: Vec<JoinHandle<()>>,
    access_log: Option<JoinHandle<()>>,
    metrics: Vec<Arc<WorkerMetrics>>,
    endpoints: Arc<Endpoints>,
    shared: Arc<Shared>,
    enforced: Vec<Arc<AtomicU64>>,
    drain: CancellationToken,
    stop: CancellationToken,
}

/// Starts the workers. They serve what `shared.snapshot` says, from then on.
///
/// # Errors
/// When an address cannot be listened on, or a thread cannot be made; then nothing runs.
pub fn start(options: Options, shared: Shared) -> Result<DataPlane, StartError> {
    let count = options.workers.get();
    let mut addresses = Vec::new();
    let mut sockets: Vec<Vec<_>> = (0..count).map(|_| Vec::new()).collect();
    for Listener { address, kind } in options.listeners {
        let bound = listen::bind(address, count);
        let (bound, each) = bound.map_err(|source| StartError::Listen { address, source })?;
        addresses.push((kind, bound));
        for (sockets, socket) in sockets.iter_mut().zip(each) {
            sockets.push((kind, socket));
        }
    }
    if let Some((_, https)) = addresses.iter().find(|(kind, _)| *kind == ListenerKind::Https) {
        shared.https_port.store(https.port(), Ordering::Relaxed);
    }
    let shared = Arc::new(shared);
    let tls = tls::server_config(Arc::clone(&shared.snapshot), Arc::clone(&shared.certificates))?;
    let log = options.access_log.map(access_log::start).transpose().map_err(StartError::Worker)?;
    let (log, writing) = log.unzip();
    let endpoints = Arc::new(Endpoints::default());
    let (drain, stop) = (CancellationToken::new(), CancellationToken::new());
    let stops_what_started = stop.clone().drop_guard();
    let mut plane = DataPlane {
        addresses,
        workers: Vec::new(),
        access_log: writing,
        metrics: Vec::new(),
        endpoints: Arc::clone(&endpoints),
        shared: Arc::clone(&shared),
        enforced: Vec::new(),
        drain: drain.clone(),
        stop: stop.clone(),
    };
    let (found, current, ended) = (Arc::clone(&endpoints), Arc::clone(&shared.snapshot), stop.clone());
    plane.workers.push(thread("housekeeping", move || endpoints::run(found, current, ended))?);
    for (index, listeners) in sockets.into_iter().enumerate() {
        let metrics = Arc::new(WorkerMetrics::default());
        let enforced = Arc::new(AtomicU64::new(0));
        plane.metrics.push(Arc::clone(&metrics));
        plane.enforced.push(Arc::clone(&enforced));
        let parts = Parts {
            listeners,
            shared: Arc::clone(&shared),
            limits: options.limits,
            tls: Arc::clone(&tls),
            endpoints: Arc::clone(&endpoints),
            metrics,
            enforced,
            log: log.clone(),
            seed: options.seed.wrapping_add(index as u64 * 0x9e37_79b9),
            drain: drain.clone(),
            stop: stop.clone(),
        };
        plane.workers.push(thread(&format!("worker-{index}"), move || worker::run(parts))?);
    }
    let _keeps_running = stops_what_started.disarm();
    Ok(plane)
}

fn thread<F: Future<Output = ()> + 'static>(
    name: &str,
    work: impl FnOnce() -> F + Send + 'static,
) -> Result<JoinHandle<()>, StartError> {
    let (report, built) = std::sync::mpsc::sync_channel(1);
    let body = move || {
        // Made where it runs: its tasks stay on this thread, so that waking one takes no lock.
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
        match runtime {
            Ok(runtime) => {
                let _started = report.send(Ok(()));
                runtime.block_on(work());
            }
            Err(error) => drop(report.send(Err(error))),
        }
    };
    let handle = std::thread::Builder::new().name(name.to_owned()).spawn(body).map_err(StartError::Worker)?;
    match built.recv() {
        Ok(Ok(())) => Ok(handle),
        Ok(Err(error)) => Err(StartError::Worker(error)),
        Err(_ended) => Err(StartError::Worker(io::Error::other("the thread ended as it began"))),
    }
}

impl DataPlane {
    /// Where clients are accepted.
    #[must_use]
    pub fn addresses(&self) -> &[(ListenerKind, SocketAddr)] {
        &self.addresses
    }

    /// The generation that every worker has in force.
    #[must_use]
    pub fn enforced(&self) -> Generation {
        let lowest = self.enforced.iter().map(|enforced| enforced.load(Ordering::Acquire)).min();
        Generation(lowest.unwrap_or(0))
    }

    /// What was counted, summed over the workers.
    #[must_use]
    pub fn metrics(&self) -> Vec<MetricFamily> {
        let endpoints = self.endpoints.counts(&self.shared.snapshot.load());
        metrics::gather(&self.metrics, &endpoints)
    }

    /// Ends: no more clients are accepted; those that are here may finish what they do for as long as `limit`. What was
    /// logged of them is written.
    pub async fn drain(mut self, limit: Duration) {
        self.drain.cancel();
        let workers: Vec<_> = self.workers.drain(..).collect();
        let (stop, writing) = (self.stop.clone(), self.access_log.take());
        let mut joined = tokio::task::spawn_blocking(move || {
            let mut workers = workers.into_iter();
            let housekeeping = workers.next();
            let ended = workers.map(JoinHandle::join).collect::<Vec<_>>();
            // The housekeeping thread waits for it, and the log for the last of those who write to it.
            stop.cancel();
            let _ended = (housekeeping.map(JoinHandle::join), writing.map(JoinHandle::join));
            ended.len()
        });
        if tokio::time::timeout(limit, &mut joined).await.is_err() {
            self.stop.cancel();
            let _written_or_stuck = tokio::time::timeout(LOG_WRITE_TIMEOUT, joined).await;
        }
    }
}

impl Drop for DataPlane {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
