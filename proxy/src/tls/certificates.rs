//! The certificates that can be served. Replacing one changes new handshakes alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use policy::id::HostName;
use policy::snapshot::CertificateName;
use rustls::sign::CertifiedKey;

/// Certificates by name, and the answers to TLS-ALPN-01 challenges by host.
#[derive(Debug, Default)]
pub struct Certificates {
    served: ArcSwap<BTreeMap<CertificateName, Arc<CertifiedKey>>>,
    challenges: ArcSwap<BTreeMap<HostName, Arc<CertifiedKey>>>,
}

impl Certificates {
    /// Serves `key` under `name` from the next handshake on.
    pub fn set(&self, name: &CertificateName, key: Arc<CertifiedKey>) {
        self.served.rcu(|served| with(served, name, Some(&key)));
    }

    /// Serves it no more.
    pub fn remove(&self, name: &CertificateName) {
        self.served.rcu(|served| with(served, name, None));
    }

    /// Whether there is one of that name.
    #[must_use]
    pub fn contains(&self, name: &CertificateName) -> bool {
        self.served.load().contains_key(name)
    }

    /// Answers a TLS-ALPN-01 challenge (RFC 8737) for `host` from now on.
    pub fn set_challenge(&self, host: &HostName, key: Arc<CertifiedKey>) {
        self.challenges.rcu(|challenges| with(challenges, host, Some(&key)));
    }

    /// Answers it no more.
    pub fn remove_challenge(&self, host: &HostName) {
        self.challenges.rcu(|challenges| with(challenges, host, None));
    }

    pub(super) fn of(&self, name: &CertificateName) -> Option<Arc<CertifiedKey>> {
        self.served.load().get(name).cloned()
    }

    pub(super) fn challenge(&self, host: &str) -> Option<Arc<CertifiedKey>> {
        let host: HostName = host.parse().ok()?;
        self.challenges.load().get(&host).cloned()
    }
}

fn with<K: Ord + Clone>(
    map: &BTreeMap<K, Arc<CertifiedKey>>,
    name: &K,
    key: Option<&Arc<CertifiedKey>>,
) -> BTreeMap<K, Arc<CertifiedKey>> {
    let mut map = map.clone();
    match key {
        Some(key) => map.insert(name.clone(), Arc::clone(key)),
        None => map.remove(name),
    };
    map
}
