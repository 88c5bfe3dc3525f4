//! Hosts by domain, and finding one by the name that a client sent.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::Host;
use crate::id::Domain;

/// Hosts by domain.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    ordered: BTreeMap<Domain, Arc<Host>>,
    exact: HashMap<Box<str>, Arc<Host>>,
    /// By the name below the star.
    wildcard: HashMap<Box<str>, Arc<Host>>,
}

impl Hosts {
    /// Builds the lookup.
    #[must_use]
    pub fn new(ordered: BTreeMap<Domain, Arc<Host>>) -> Self {
        let mut hosts = Self::default();
        for (domain, host) in &ordered {
            let (map, name) = match domain {
                Domain::Exact(name) => (&mut hosts.exact, name),
                Domain::Wildcard(name) => (&mut hosts.wildcard, name),
            };
            map.insert(name.as_str().into(), Arc::clone(host));
        }
        Self { ordered, ..hosts }
    }

    /// In order of domain.
    #[must_use]
    pub const fn by_domain(&self) -> &BTreeMap<Domain, Arc<Host>> {
        &self.ordered
    }

    /// An exact name goes before a wildcard over its first label.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Arc<Host>> {
        if let Some(host) = self.exact.get(name) {
            return Some(host);
        }
        if self.wildcard.is_empty() {
            return None;
        }
        let (label, below) = name.split_once('.')?;
        if label.is_empty() { None } else { self.wildcard.get(below) }
    }
}

impl Serialize for Hosts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.ordered.iter().map(|(domain, host)| (domain.to_string(), host)))
    }
}
