//! Where backends are right now: names resolved, and the sick left out.
//!
//! One housekeeping thread asks DNS and checks health for all workers and publishes what it found; requests only
//! read. A name that cannot be looked up keeps its last addresses.

mod health;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use policy::id::HostName;
use policy::snapshot::{Backend, Current, Digest, Endpoint, Snapshot};
use tokio_util::sync::CancellationToken;

use crate::metrics::EndpointCounts;

/// The endpoints of every backend, as last seen.
#[derive(Debug, Default)]
pub(crate) struct Endpoints {
    resolved: ArcSwap<BTreeMap<(HostName, u16), Vec<SocketAddr>>>,
    sick: ArcSwap<BTreeSet<(Digest, SocketAddr)>>,
}

/// Between two look-ups of a name. The system's resolver keeps to times to live; this bounds how late we ask it.
const RESOLVE_INTERVAL: Duration = Duration::from_secs(5);
/// Between two looks at the snapshot for backends that came or went.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(100);
/// Addresses of one name that are used.
const ADDRESSES_MAX: usize = 64;

impl Endpoints {
    /// Every address of a backend, healthy or not.
    pub(crate) fn all(&self, backend: &Backend) -> Vec<SocketAddr> {
        let resolved = self.resolved.load();
        let addresses = backend.endpoints.iter().flat_map(|endpoint| match endpoint {
            Endpoint::Address(address) => vec![*address],
            Endpoint::Dns(name, port) => resolved.get(&(name.clone(), *port)).cloned().unwrap_or_default(),
        });
        let unique: BTreeSet<SocketAddr> = addresses.collect();
        unique.into_iter().collect()
    }

    /// The addresses of a backend that can be tried.
    pub(crate) fn healthy(&self, backend: &Backend) -> Vec<SocketAddr> {
        let sick = self.sick.load();
        let mut addresses = self.all(backend);
        addresses.retain(|address| !sick.contains(&(backend.id, *address)));
        addresses
    }

    /// The endpoints of each backend of a snapshot, by its name.
    pub(crate) fn counts(&self, snapshot: &Snapshot) -> BTreeMap<String, EndpointCounts> {
        let mut counts: BTreeMap<String, EndpointCounts> = BTreeMap::new();
        for backend in backends(snapshot).values() {
            let (all, healthy) = (self.all(backend).len() as u64, self.healthy(backend).len() as u64);
            let sum = counts.entry(backend.name.clone()).or_default();
            sum.healthy += healthy;
            // Between the two looks one may have come.
            sum.unhealthy += all.saturating_sub(healthy);
        }
        counts
    }

    fn report(&self, id: Digest, address: SocketAddr, healthy: bool) {
        self.sick.rcu(|sick| {
            let mut sick = BTreeSet::clone(sick);
            if healthy {
                sick.remove(&(id, address));
            } else {
                sick.insert((id, address));
            }
            sick
        });
    }
}

/// Keeps `endpoints` true for the backends of the snapshot in force, until `stop`.
/// Runs in a `LocalRuntime`.
pub(crate) async fn run(endpoints: Arc<Endpoints>, current: Arc<Current>, stop: CancellationToken) {
    let mut checks: BTreeMap<(Digest, SocketAddr), CancellationToken> = BTreeMap::new();
    let mut resolvers: BTreeMap<(HostName, u16), CancellationToken> = BTreeMap::new();
    loop {
        let backends = backends(&current.load());
        follow_names(&endpoints, &backends, &mut resolvers);
        follow_health(&endpoints, &backends, &mut checks);
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(FOLLOW_INTERVAL) => {}
        }
    }
}

fn backends(snapshot: &Snapshot) -> BTreeMap<Digest, Arc<Backend>> {
    let hosts = snapshot.ingress.hosts.by_domain().values();
    let mut seen = BTreeSet::new();
    // Thousands of domains share one table.
    let tables = hosts.filter(|host| seen.insert(Arc::as_ptr(&host.routes))).map(|host| &host.routes);
    tables
        .flat_map(|table| &table.routes)
        .map(|route| (route.backend.id, Arc::clone(&route.backend)))
        .collect()
}

fn follow_names(
    endpoints: &Arc<Endpoints>,
    backends: &BTreeMap<Digest, Arc<Backend>>,
    resolvers: &mut BTreeMap<(HostName, u16), CancellationToken>,
) {
    let wanted: BTreeSet<(HostName, u16)> = backends
        .values()
        .flat_map(|backend| &backend.endpoints)
        .filter_map(|endpoint| match endpoint {
            Endpoint::Dns(name, port) => Some((name.clone(), *port)),
            Endpoint::Address(_) => None,
        })
        .collect();
    retain(resolvers, &wanted);
    for name in wanted {
        resolvers.entry(name.clone()).or_insert_with(|| {
            let stop = CancellationToken::new();
            tokio::task::spawn_local(resolve(Arc::clone(endpoints), name, stop.clone()));
            stop
        });
    }
}

fn follow_health(
    endpoints: &Arc<Endpoints>,
    backends: &BTreeMap<Digest, Arc<Backend>>,
    checks: &mut BTreeMap<(Digest, SocketAddr), CancellationToken>,
) {
    let checked = backends.values().filter(|backend| backend.health.is_some());
    let wanted: BTreeSet<(Digest, SocketAddr)> = checked
        .flat_map(|backend| endpoints.all(backend).into_iter().map(|address| (backend.id, address)))
        .collect();
    for gone in checks.keys().filter(|key| !wanted.contains(key)) {
        endpoints.report(gone.0, gone.1, true);
    }
    retain(checks, &wanted);
    for key in wanted {
        let Some(backend) = backends.get(&key.0) else { continue };
        checks.entry(key).or_insert_with(|| {
            let stop = CancellationToken::new();
            let report = {
                let endpoints = Arc::clone(endpoints);
                Rc::new(move |healthy| endpoints.report(key.0, key.1, healthy))
            };
            tokio::task::spawn_local(health::watch(Arc::clone(backend), key.1, report, stop.clone()));
            stop
        });
    }
}

fn retain<K: Ord>(tasks: &mut BTreeMap<K, CancellationToken>, wanted: &BTreeSet<K>) {
    tasks.retain(|key, stop| {
        let keep = wanted.contains(key);
        if !keep {
            stop.cancel();
        }
        keep
    });
}

async fn resolve(endpoints: Arc<Endpoints>, name: (HostName, u16), stop: CancellationToken) {
    loop {
        match tokio::net::lookup_host((name.0.as_str(), name.1)).await {
            Ok(found) => {
                let addresses: Vec<SocketAddr> = found.take(ADDRESSES_MAX).collect();
                endpoints.resolved.rcu(|resolved| {
                    let mut resolved = BTreeMap::clone(resolved);
                    resolved.insert(name.clone(), addresses.clone());
                    resolved
                });
            }
            Err(error) => tracing::warn!(host = %name.0, %error, "name of an endpoint cannot be looked up"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(RESOLVE_INTERVAL) => {}
        }
    }
}
