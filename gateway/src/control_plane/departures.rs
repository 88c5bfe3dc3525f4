//! Names that a change takes away while caches may still hold them: stored with that change, so that a gateway that
//! starts anew serves them until they are forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use policy::clock::Clock;
use policy::id::{Domain, Kind, ResourceKey};
use policy::resource::Resource;
use policy::snapshot::{Generation, Host, Input, Site, Snapshot, compile};
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::state::State;
use super::{ControlPlane, LoadError};
use crate::store::embedded::SharedStore;
use crate::store::{Change, DEPARTURES, Expect, Key, Secrecy, Value};

/// Hosts that a change took away.
#[derive(Debug)]
pub struct Departure {
    /// When caches have forgotten their names.
    pub until: SystemTime,
    /// What the resources they came from made of them.
    pub snapshot: Snapshot,
    /// Which of its hosts they are.
    pub domains: BTreeSet<Domain>,
}

/// As the store keeps it.
#[derive(Deserialize, Serialize)]
struct Record {
    until_secs: u64,
    domains: Vec<String>,
    /// What they were made of.
    resources: Vec<serde_json::Value>,
}

impl Record {
    fn until(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.until_secs)
    }

    fn departure(&self, site: &Site) -> Option<Departure> {
        let resources: Option<Vec<Resource>> =
            self.resources.iter().map(|resource| policy::document::from_json(resource).ok()).collect();
        let resources = resources?.into_iter().map(|resource| (resource.key(), resource)).collect();
        let domains = self.domains.iter().filter_map(|domain| domain.parse().ok()).collect();
        Some(Departure { until: self.until(), snapshot: compiled(&resources, site)?, domains })
    }
}

impl ControlPlane {
    /// The names that caches may still hold, of what was stored before.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn departures(&self) -> Result<Vec<Departure>, LoadError> {
        let (entries, _) = self.store.list(DEPARTURES).await?;
        let now = self.clock.now();
        let mut departures = Vec::new();
        for (key, entry) in entries {
            let Ok(record) = serde_json::from_slice::<Record>(&entry.value) else { continue };
            if record.until() <= now {
                continue;
            }
            match record.departure(&self.site) {
                Some(departure) => departures.push(departure),
                None => warn!(%key, "names that went are not understood, and are served no more"),
            }
        }
        Ok(departures)
    }
}

/// What is written beside a change from `state` to `next`: what it takes away, and that older ones are forgotten.
pub(super) async fn changes(
    store: &SharedStore,
    clock: &dyn Clock,
    site: &Site,
    state: &State,
    next: &Snapshot,
) -> Result<Vec<Change>, LoadError> {
    let before = compiled(&state.set.resources, site).unwrap_or_default();
    let hosts = before.ingress.hosts.by_domain().values();
    let gone: Vec<&Host> = hosts
        .filter(|host| host.dns.is_some() && !next.ingress.hosts.by_domain().contains_key(&host.domain))
        .map(AsRef::as_ref)
        .collect();
    let ttls = gone.iter().filter_map(|host| host.dns.as_ref()).map(|dns| dns.ttl.duration());
    let Some(ttl) = ttls.max() else { return Ok(Vec::new()) };
    let now = clock.now();
    let until = (now + ttl).duration_since(UNIX_EPOCH).unwrap_or_default();
    let record = Record {
        until_secs: until.as_secs() + 1,
        domains: gone.iter().map(|host| host.domain.to_string()).collect(),
        resources: made_of(&gone, &state.set.resources).map(policy::document::to_json).collect(),
    };
    let bytes = serde_json::to_vec(&record).expect("resources have a JSON form");
    // Sealed: secrets may be among what they were made of.
    let value = Some(Value { bytes, secrecy: Secrecy::Sealed });
    // No two changes follow the same one.
    let follows = state.head.unwrap_or_default().0;
    let key = Key::new(format!("{DEPARTURES}{follows}")).expect("a number is a key");
    let mut changes = vec![Change { key, expect: Expect::Any, value }];
    for (key, entry) in store.list(DEPARTURES).await?.0 {
        let record = serde_json::from_slice::<Record>(&entry.value);
        if record.is_ok_and(|record| record.until() <= now) {
            changes.push(Change { key, expect: Expect::Any, value: None });
        }
    }
    Ok(changes)
}

/// The resources without which the hosts would not be what they are.
fn made_of<'r>(
    hosts: &[&Host],
    resources: &'r BTreeMap<ResourceKey, Resource>,
) -> impl Iterator<Item = &'r Resource> {
    let mut sources = BTreeSet::new();
    let mut namespaces = BTreeSet::new();
    for host in hosts {
        sources.insert(host.source.clone());
        namespaces.insert(host.source.namespace.clone());
        sources.extend(host.routes.routes.iter().map(|route| route.source.clone()));
    }
    let is_part = move |key: &ResourceKey| match key.kind {
        Kind::SecureIngress | Kind::Application => sources.contains(key),
        Kind::Zone => true,
        // What an ingress names lies beside it.
        Kind::Issuer | Kind::Certificate | Kind::Secret => namespaces.contains(&key.namespace),
        Kind::Role | Kind::RoleBinding => false,
    };
    resources.iter().filter(move |(key, _)| is_part(key)).map(|(_, resource)| resource)
}

fn compiled(resources: &BTreeMap<ResourceKey, Resource>, site: &Site) -> Option<Snapshot> {
    let none = BTreeMap::new();
    let (generation, interim) = (Generation::default(), &BTreeMap::new());
    compile(&Input { generation, resources, site, stages: &none, interim, departing: &[] }).ok()
}
#[cfg(test)]
mod tests;
