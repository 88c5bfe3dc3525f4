//! The key sets of token issuers. Whoever fetches them publishes them here; requests only read.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use policy::snapshot::Digest;

pub use crate::core::jwt::{InvalidKeySet, KeySet};

/// Key sets by the digest of their issuer's definition.
#[derive(Debug, Default)]
pub struct KeySets(ArcSwap<BTreeMap<Digest, Arc<KeySet>>>);

impl KeySets {
    /// Uses `keys` for that issuer from now on.
    pub fn publish(&self, provider: Digest, keys: KeySet) {
        let keys = Arc::new(keys);
        self.0.rcu(|sets| {
            let mut sets = BTreeMap::clone(sets);
            sets.insert(provider, Arc::clone(&keys));
            sets
        });
    }

    /// Refuses every token of that issuer from now on.
    pub fn remove(&self, provider: Digest) {
        self.0.rcu(|sets| {
            let mut sets = BTreeMap::clone(sets);
            sets.remove(&provider);
            sets
        });
    }

    pub(crate) fn of(&self, provider: Digest) -> Option<Arc<KeySet>> {
        self.0.load().get(&provider).cloned()
    }
}
