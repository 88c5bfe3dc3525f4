//! The zones in force.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};
use policy::id::HostName;
use policy::snapshot::ZoneView;
use prometheus::proto::MetricFamily;

use crate::challenge::Challenges;
use crate::core::answer::ZoneTable;
use crate::core::serial;
use crate::core::zone::Zone;
use crate::metrics::Metrics;

/// The zones in force, swapped whole; and the answers to challenges beside them.
#[derive(Debug)]
pub struct Zones {
    table: ArcSwap<ZoneTable>,
    challenges: Challenges,
    published: Mutex<Published>,
    first_serial: u32,
    pub(crate) metrics: Metrics,
}

/// What was published last. Only [`Zones::publish`] reads it: answers take no lock.
#[derive(Debug, Default)]
struct Published {
    zones: BTreeMap<HostName, (ZoneView, Option<Arc<Zone>>)>,
    /// Also of zones that are gone: one that comes back must not count from the start again.
    serials: BTreeMap<HostName, u32>,
}

impl Zones {
    /// No zones yet. Serials begin at `first_serial`, which must be higher at each start: the time in seconds is.
    #[must_use]
    pub fn with_serial(first_serial: u32) -> Self {
        Self {
            table: ArcSwap::default(),
            challenges: Challenges::default(),
            published: Mutex::default(),
            first_serial,
            metrics: Metrics::default(),
        }
    }

    /// Answers from `views` from now on. The serial of a zone rises if it changed, and only those are built anew.
    pub fn publish(&self, views: &BTreeMap<HostName, ZoneView>) {
        let mut published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = published.zones.len() != views.len();
        let mut zones = BTreeMap::new();
        for (origin, view) in views {
            let kept = published.zones.remove(origin).filter(|(before, _)| before == view);
            let zone = kept.unwrap_or_else(|| {
                changed = true;
                let last = published.serials.get(origin);
                let serial = last.map_or(self.first_serial, |last| serial::next(*last));
                published.serials.insert(origin.clone(), serial);
                (view.clone(), Zone::new(view, serial).map(Arc::new))
            });
            zones.insert(origin.clone(), zone);
        }
        published.zones = zones;
        if changed {
            let zones = published.zones.values().filter_map(|(_, zone)| zone.clone());
            self.table.store(Arc::new(zones.map(|zone| (zone.origin().clone(), zone)).collect()));
        }
    }

    /// The answers to DNS-01 challenges.
    #[must_use]
    pub const fn challenges(&self) -> &Challenges {
        &self.challenges
    }

    /// What was counted.
    #[must_use]
    pub fn metrics(&self) -> Vec<MetricFamily> {
        self.metrics.gather()
    }

    pub(crate) fn load(&self) -> Guard<Arc<ZoneTable>> {
        self.table.load()
    }
}

#[cfg(test)]
mod tests;
