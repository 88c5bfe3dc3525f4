//! Keeps every wanted certificate: found, ordered, renewed, served.

pub mod issued;
pub(crate) mod keep;
mod metrics;
mod report;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use policy::clock::Clock;
use policy::id::Kind;
use policy::snapshot::{CertificateName, WantedCertificate};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

pub use metrics::CertificateMetrics;

use crate::acme::{Accounts, Presenter};
use crate::control_plane::ResourceSet;
use crate::core::exposure::Ready;
use crate::private_ca::PrivateCas;
use crate::status::{StatusBoard, Subject};
use crate::store::embedded::SharedStore;

/// A certificate that is wanted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Wanted {
    /// Of the resource that wants it.
    pub generation: u64,
    /// What it is to be.
    pub definition: WantedCertificate,
}

/// What the manager reads and writes.
pub struct Wiring {
    /// The certificates that are wanted.
    pub wanted: watch::Receiver<BTreeMap<CertificateName, Wanted>>,
    /// For secrets: given certificates, and external account keys.
    pub resources: watch::Receiver<Arc<ResourceSet>>,
    /// Where certificates and accounts are kept.
    pub store: SharedStore,
    /// Where answers to challenges and certificates go.
    pub presenter: Arc<Presenter>,
    /// Where progress is told.
    pub status: Arc<StatusBoard>,
    /// What is counted.
    pub metrics: CertificateMetrics,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Who holds leases: this gateway's name.
    pub holder: String,
    /// Random bits for jitter.
    pub seed: u64,
}

/// What the tasks of all certificates share.
struct Shared {
    resources: watch::Receiver<Arc<ResourceSet>>,
    store: SharedStore,
    presenter: Arc<Presenter>,
    status: Arc<StatusBoard>,
    metrics: CertificateMetrics,
    clock: Arc<dyn Clock>,
    holder: String,
    seed: u64,
    accounts: Accounts,
    private_cas: PrivateCas,
    ready: watch::Sender<Ready>,
    /// How many first looks at the store are still under way.
    loading: watch::Sender<usize>,
}

/// The running manager.
pub struct CertificateManager {
    shared: Arc<Shared>,
    renew: Arc<Notify>,
}

impl CertificateManager {
    /// Starts it; it ends with `stop`.
    #[must_use]
    pub fn start(wiring: Wiring, stop: CancellationToken) -> Self {
        let shared = Arc::new(Shared {
            accounts: Accounts::new(Arc::clone(&wiring.store)),
            private_cas: PrivateCas::new(Arc::clone(&wiring.store)),
            resources: wiring.resources,
            store: wiring.store,
            presenter: wiring.presenter,
            status: wiring.status,
            metrics: wiring.metrics,
            clock: wiring.clock,
            holder: wiring.holder,
            seed: wiring.seed,
            ready: watch::channel(Ready::new()).0,
            loading: watch::channel(0).0,
        });
        let renew = Arc::new(Notify::new());
        tokio::spawn(follow(Arc::clone(&shared), wiring.wanted, Arc::clone(&renew), stop));
        Self { shared, renew }
    }

    /// The certificates that can be served.
    #[must_use]
    pub fn ready(&self) -> watch::Receiver<Ready> {
        self.shared.ready.subscribe()
    }

    /// How many certificates have not been looked for in the store yet.
    #[must_use]
    pub fn loading(&self) -> watch::Receiver<usize> {
        self.shared.loading.subscribe()
    }

    /// Orders every certificate anew, whatever is left of its life.
    pub fn renew_all(&self) {
        self.renew.notify_waiters();
    }
}

/// A task that keeps a certificate.
struct Running {
    definition: WantedCertificate,
    /// Which may rise while the definition stays.
    generation: Arc<AtomicU64>,
    cancel: CancellationToken,
}

/// One task a certificate, for as long as it is wanted as it is.
async fn follow(
    shared: Arc<Shared>,
    mut wanted: watch::Receiver<BTreeMap<CertificateName, Wanted>>,
    renew: Arc<Notify>,
    stop: CancellationToken,
) {
    let mut running: BTreeMap<CertificateName, Running> = BTreeMap::new();
    loop {
        let now: BTreeMap<_, _> = wanted.borrow_and_update().clone();
        running.retain(|name, task| {
            if let Some(wanted) = now.get(name).filter(|wanted| wanted.definition == task.definition) {
                task.generation.store(wanted.generation, Ordering::Relaxed);
                shared
                    .status
                    .confirm(Subject { key: &name.0, generation: wanted.generation }, conditions(name));
                return true;
            }
            task.cancel.cancel();
            // One that is only wanted otherwise is served until its successor is there.
            if !now.contains_key(name) {
                shared.forget(name);
            }
            false
        });
        for (name, Wanted { generation, definition }) in now {
            if running.contains_key(&name) {
                continue;
            }
            let (generation, cancel) = (Arc::new(AtomicU64::new(generation)), stop.child_token());
            let task = Running {
                definition: definition.clone(),
                generation: Arc::clone(&generation),
                cancel: cancel.clone(),
            };
            running.insert(name.clone(), task);
            shared.loading.send_modify(|loading| *loading += 1);
            let keeper =
                keep::Keeper::new(Arc::clone(&shared), name, definition, generation, Arc::clone(&renew));
            tokio::spawn(async move {
                tokio::select! {
                    () = cancel.cancelled() => {}
                    () = keeper.run() => {}
                }
            });
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = wanted.changed() => if changed.is_err() { return },
        }
    }
}

/// What the keeper of a certificate says of the resource that wants it.
pub(crate) fn conditions(name: &CertificateName) -> &'static [&'static str] {
    if name.0.kind == Kind::Certificate {
        &["CertificateReady", "Renewal", "Ready"]
    } else {
        &["CertificateReady", "Renewal"]
    }
}

impl Shared {
    fn forget(&self, name: &CertificateName) {
        self.presenter.certificates.remove(name);
        self.metrics.forget(name);
        self.ready.send_if_modified(|ready| ready.remove(name).is_some());
    }
}
