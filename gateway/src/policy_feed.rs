//! Turns the stored resources into what is in force: compiles, publishes to the data plane, DNS and the
//! certificate manager, and reports how far each resource has come.
//!
//! One task runs this. Every event (resources changed, certificates became ready, the data plane caught up, a
//! withdrawn name is forgotten) ends in at most one compilation and one publication.

mod report;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use policy::clock::Clock;
use policy::snapshot::{CertificateName, Current, Generation, Input, Site, Snapshot, compile};
use prometheus::{IntCounter, IntGauge};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::certificates::Wanted;
use crate::control_plane::{Departure, ResourceSet};
use crate::core::exposure::{Exposure, Outcome, Ready};
use crate::jwks::InlineKeys;
use crate::status::StatusBoard;

/// What the feed reads and writes.
pub struct Wiring {
    /// The resources as stored.
    pub resources: watch::Receiver<Arc<ResourceSet>>,
    /// Names that went before this start and that caches may still hold.
    pub departures: Vec<Departure>,
    /// The certificates that can be served.
    pub ready: watch::Receiver<Ready>,
    /// What the data plane reads.
    pub current: Arc<Current>,
    /// The keys of token issuers that the data plane needs with it.
    pub inline_keys: InlineKeys,
    /// What DNS answers from.
    pub zones: Arc<dns::Zones>,
    /// What the certificate manager keeps.
    pub wanted: watch::Sender<BTreeMap<CertificateName, Wanted>>,
    /// Where progress is reported.
    pub status: Arc<StatusBoard>,
    /// The lowest generation that every worker has in force.
    pub enforced: Box<dyn Fn() -> Generation + Send + Sync>,
    /// What this site is.
    pub site: Site,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What is counted.
    pub metrics: FeedMetrics,
}

/// What the feed counts.
#[derive(Clone)]
pub struct FeedMetrics {
    /// Snapshots that did not compile; the one before stays in force.
    pub rejections: IntCounter,
    /// The newest published generation.
    pub generation: IntGauge,
}

impl FeedMetrics {
    /// Makes and registers them.
    ///
    /// # Errors
    /// When `registry` has metrics of these names already.
    pub fn register(registry: &prometheus::Registry) -> Result<Self, prometheus::Error> {
        let rejections = IntCounter::new(
            "causeway_config_rejections_total",
            "Stored configurations that did not compile; the last good one stayed in force.",
        )?;
        let generation =
            IntGauge::new("causeway_config_generation", "The newest snapshot handed to the data plane.")?;
        registry.register(Box::new(rejections.clone()))?;
        registry.register(Box::new(generation.clone()))?;
        Ok(Self { rejections, generation })
    }
}

/// How often the data plane is asked whether it has caught up, while it has not.
const CATCH_UP_POLL: Duration = Duration::from_millis(10);

/// The feed's own state between events.
struct Feed {
    wiring: Wiring,
    exposure: Exposure,
    /// The newest set that compiled.
    accepted: Arc<ResourceSet>,
    snapshot: Arc<Snapshot>,
    /// Published, not yet in force everywhere.
    pending: bool,
}

/// Runs until `stop`.
pub async fn run(wiring: Wiring, stop: CancellationToken) {
    let accepted = Arc::new(ResourceSet::default());
    let mut feed = Feed {
        snapshot: wiring.current.load(),
        wiring,
        exposure: Exposure::default(),
        accepted,
        pending: false,
    };
    let first = feed.wiring.resources.borrow_and_update().clone();
    feed.accept(first);
    for departure in std::mem::take(&mut feed.wiring.departures) {
        feed.resume(&departure);
    }
    loop {
        let wake = feed.wake_after();
        let outcome = tokio::select! {
            () = stop.cancelled() => return,
            changed = feed.wiring.resources.changed() => {
                if changed.is_err() { return }
                let set = feed.wiring.resources.borrow_and_update().clone();
                feed.accept(set);
                Outcome::Same
            }
            changed = feed.wiring.ready.changed() => {
                if changed.is_err() { return }
                let ready = feed.wiring.ready.borrow_and_update().clone();
                feed.exposure.handle_ready(ready)
            }
            () = sleep_for(wake) => feed.catch_up(),
        };
        if outcome == Outcome::Changed {
            feed.publish();
        }
    }
}

async fn sleep_for(wake: Option<Duration>) {
    match wake {
        Some(duration) => tokio::time::sleep(duration).await,
        None => std::future::pending().await,
    }
}

impl Feed {
    fn wake_after(&self) -> Option<Duration> {
        if self.pending {
            return Some(CATCH_UP_POLL);
        }
        let due = self.exposure.poll_timeout()?;
        Some(due.saturating_duration_since(self.wiring.clock.monotonic()).max(CATCH_UP_POLL))
    }

    /// Takes a new set of resources, or keeps the last good one if it does not compile.
    fn accept(&mut self, set: Arc<ResourceSet>) {
        let input = Input {
            generation: Generation(0),
            resources: &set.resources,
            site: &self.wiring.site,
            stages: &BTreeMap::new(),
            interim: &BTreeMap::new(),
            departing: &[],
        };
        match compile(&input) {
            Ok(wanted) => {
                let now = self.wiring.clock.monotonic();
                let _moved = self.exposure.handle_wanted(wanted.ingress.hosts.by_domain(), now);
                self.accepted = set;
                self.publish();
            }
            Err(rejected) => {
                self.wiring.metrics.rejections.inc();
                for reason in &rejected {
                    warn!(revision = set.revision, %reason, "configuration refused; the last good one stays");
                }
            }
        }
    }

    /// Serves what went before this start until caches have forgotten it.
    fn resume(&mut self, departure: &Departure) {
        let clock = &self.wiring.clock;
        let left = departure.until.duration_since(clock.now()).unwrap_or_default();
        let at = clock.monotonic() + left;
        let mut changed = false;
        for domain in &departure.domains {
            let Some(host) = departure.snapshot.ingress.hosts.by_domain().get(domain) else { continue };
            if self.exposure.handle_departed(host, at) == Outcome::Same {
                continue;
            }
            changed = true;
            if let Some(definition) = departure.snapshot.certificates.get(&host.certificate) {
                let kept = || Wanted { generation: 0, definition: definition.clone() };
                self.wiring.wanted.send_modify(|wanted| {
                    wanted.entry(host.certificate.clone()).or_insert_with(kept);
                });
            }
        }
        if changed {
            self.publish();
        }
    }

    fn publish(&mut self) {
        let generation = Generation(self.snapshot.generation.0 + 1);
        let stages = self.exposure.stages();
        let interim = self.exposure.interim();
        let departing = self.exposure.departing();
        let input = Input {
            generation,
            resources: &self.accepted.resources,
            site: &self.wiring.site,
            stages: &stages,
            interim: &interim,
            departing: &departing,
        };
        let snapshot = match compile(&input) {
            Ok(snapshot) => snapshot,
            Err(rejected) => {
                // `accept` compiled the same resources, so only a host on its way out can be the cause.
                self.wiring.metrics.rejections.inc();
                warn!(?rejected, "configuration refused; the last good one stays");
                return;
            }
        };
        self.want_certificates(&snapshot);
        self.wiring.zones.publish(&snapshot.zones);
        self.snapshot = Arc::new(snapshot);
        let Wiring { current, inline_keys, .. } = &mut self.wiring;
        inline_keys.around(&self.snapshot, || current.publish(Arc::clone(&self.snapshot)));
        self.exposure.handle_published(generation);
        self.wiring.metrics.generation.set(i64::try_from(generation.0).unwrap_or(i64::MAX));
        self.pending = true;
        info!(generation = generation.0, revision = self.accepted.revision, "snapshot published");
        report::conditions(&self.wiring.status, &self.accepted, &self.snapshot, &self.exposure);
    }

    /// Hosts on their way out keep their certificate until they are gone; others, until its successor is there.
    fn want_certificates(&self, snapshot: &Snapshot) {
        let wanted = snapshot.certificates.iter().map(|(name, definition)| {
            let resource = self.accepted.resources.get(&name.0);
            let generation = resource.and_then(|resource| resource.metadata.generation).unwrap_or_default();
            (name.clone(), Wanted { generation, definition: definition.clone() })
        });
        let mut wanted: BTreeMap<_, _> = wanted.collect();
        self.wiring.wanted.send_if_modified(|before| {
            for name in self.exposure.outlived_certificates() {
                if let Some(kept) = before.get(name) {
                    wanted.entry(name.clone()).or_insert_with(|| kept.clone());
                }
            }
            let changed = *before != wanted;
            *before = wanted;
            changed
        });
    }

    /// Looks how far the data plane has come and takes the steps that waited for it.
    fn catch_up(&mut self) -> Outcome {
        let enforced = (self.wiring.enforced)();
        if enforced >= self.snapshot.generation && self.pending {
            self.pending = false;
            debug!(generation = enforced.0, "snapshot in force");
            self.wiring.status.set_enforced(self.accepted.revision);
        }
        self.exposure.handle_enforced(enforced, self.wiring.clock.monotonic())
    }
}
