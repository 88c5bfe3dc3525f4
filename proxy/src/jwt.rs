//! The key sets of token issuers. Whoever fetches them publishes them here; requests only read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use policy::snapshot::Digest;

pub use crate::core::jwt::{InvalidKeySet, KeySet};

/// Key sets by the digest of where they are from.
#[derive(Debug, Default)]
pub struct KeySets(ArcSwap<BTreeMap<Digest, Arc<IssuerKeys>>>);

/// The keys of one issuer as they were fetched, and whether that was enough.
#[derive(Debug)]
pub(crate) struct IssuerKeys {
    keys: KeySet,
    missed: AtomicBool,
}

impl IssuerKeys {
    pub(crate) const fn keys(&self) -> &KeySet {
        &self.keys
    }

    /// Notes that a token names a key that is not here: the issuer may have a new one.
    pub(crate) fn miss(&self) {
        // A flood of such tokens reads what is true already, and writes nothing.
        if !self.missed.load(Ordering::Relaxed) {
            self.missed.store(true, Ordering::Relaxed);
        }
    }
}

impl KeySets {
    /// Uses `keys` for that issuer from now on.
    pub fn publish(&self, key_set: Digest, keys: KeySet) {
        let keys = Arc::new(IssuerKeys { keys, missed: AtomicBool::new(false) });
        self.0.rcu(|sets| {
            let mut sets = BTreeMap::clone(sets);
            sets.insert(key_set, Arc::clone(&keys));
            sets
        });
    }

    /// Refuses every token of that issuer from now on.
    pub fn remove(&self, key_set: Digest) {
        self.0.rcu(|sets| {
            let mut sets = BTreeMap::clone(sets);
            sets.remove(&key_set);
            sets
        });
    }

    /// Whether a token named a key of that issuer that was not there, since its keys were published or this was
    /// last asked.
    #[must_use]
    pub fn take_missed(&self, key_set: Digest) -> bool {
        self.0.load().get(&key_set).is_some_and(|keys| keys.missed.swap(false, Ordering::Relaxed))
    }

    pub(crate) fn of(&self, key_set: Digest) -> Option<Arc<IssuerKeys>> {
        self.0.load().get(&key_set).cloned()
    }
}
