//! The zones in force.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use arc_swap::ArcSwap;
use hickory_proto::rr::LowerName;
use policy::id::HostName;
use policy::snapshot::ZoneView;
use prometheus::proto::MetricFamily;

use crate::challenge::Challenges;
use crate::core::serial;
use crate::core::zone::Zone;
use crate::metrics::Metrics;

/// The zones in force, swapped whole; and the answers to challenges beside them.
#[derive(Debug)]
pub struct Zones {
    tables: ArcSwap<BTreeMap<LowerName, Zone>>,
    challenges: Challenges,
    /// What was published last, by origin.
    published: Mutex<BTreeMap<HostName, (ZoneView, u32)>>,
    first_serial: u32,
    pub(crate) metrics: Metrics,
}

impl Zones {
    /// No zones yet. Serials begin at `first_serial`, which must be higher at each start: the time in seconds is.
    #[must_use]
    pub fn with_serial(first_serial: u32) -> Self {
        Self {
            tables: ArcSwap::default(),
            challenges: Challenges::default(),
            published: Mutex::default(),
            first_serial,
            metrics: Metrics::default(),
        }
    }

    /// Answers from `views` from now on. The serial of a zone rises if it changed.
    pub fn publish(&self, views: &BTreeMap<HostName, ZoneView>) {
        let mut published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        if views.len() == published.len()
            && views.iter().all(|(o, v)| published.get(o).is_some_and(|p| p.0 == *v))
        {
            return;
        }
        let mut next = BTreeMap::new();
        for (origin, view) in views {
            let serial = match published.get(origin) {
                Some((before, serial)) if before == view => *serial,
                Some((_, serial)) => serial::next(*serial),
                None => self.first_serial,
            };
            next.insert(origin.clone(), (view.clone(), serial));
        }
        let tables = next.values().filter_map(|(view, serial)| Zone::new(view, *serial));
        let tables = tables.map(|zone| (zone.origin().clone(), zone)).collect();
        self.tables.store(std::sync::Arc::new(tables));
        *published = next;
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

    pub(crate) fn load(&self) -> arc_swap::Guard<std::sync::Arc<BTreeMap<LowerName, Zone>>> {
        self.tables.load()
    }
}
