//! Keeps the keys of token issuers: fetched, kept through an outage, and let go when they are too old.

mod fetch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use policy::clock::Clock;
use policy::resource::secure_ingress::Jwks;
use policy::snapshot::{Current, Digest, JwtProvider, Snapshot};
use proxy::jwt::{KeySet, KeySets};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use self::fetch::Fetcher;
use crate::core::key_refresh::{Belief, KeyRefresh};

/// Between two looks for issuers that came or went, and for tokens with keys that are not known.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(100);

/// The keys that resources hold themselves.
#[derive(Debug, Default)]
pub struct InlineKeys {
    key_sets: Arc<KeySets>,
    published: BTreeSet<Digest>,
}

impl InlineKeys {
    /// Uses those of `next` around `publish`, which puts it in force: so that no request is refused for want of them.
    pub fn around(&mut self, next: &Snapshot, publish: impl FnOnce()) {
        let mut wanted = BTreeSet::new();
        for (key_set, provider) in providers(next) {
            let Jwks::Inline(text) = &provider.jwks else { continue };
            if wanted.insert(key_set) && !self.published.contains(&key_set) {
                match KeySet::parse(text.as_bytes()) {
                    Ok(keys) => self.key_sets.publish(key_set, keys),
                    Err(error) => {
                        warn!(issuer = %provider.name, error = crate::chain(&error), "keys cannot be used");
                    }
                }
            }
        }
        publish();
        for gone in self.published.difference(&wanted) {
            self.key_sets.remove(*gone);
        }
        self.published = wanted;
    }
}

impl From<Arc<KeySets>> for InlineKeys {
    fn from(key_sets: Arc<KeySets>) -> Self {
        Self { key_sets, published: BTreeSet::new() }
    }
}

/// Keeps the keys that are fetched, until `stop`.
pub async fn run(
    current: Arc<Current>,
    key_sets: Arc<KeySets>,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) {
    // Made when it is first needed: whoever fetches nothing needs no roots of the system.
    let fetcher = Arc::<OnceCell<Fetcher>>::default();
    let mut running: BTreeMap<Digest, CancellationToken> = BTreeMap::new();
    loop {
        let fetched = |provider: &JwtProvider| matches!(provider.jwks, Jwks::Uri(_));
        let mut providers = providers(&current.load());
        providers.retain(|_, provider| fetched(provider));
        running.retain(|id, cancel| {
            let keep = providers.contains_key(id);
            if !keep {
                cancel.cancel();
                key_sets.remove(*id);
            }
            keep
        });
        for (id, provider) in providers {
            running.entry(id).or_insert_with(|| {
                let cancel = stop.child_token();
                let keeping = keep(provider, Arc::clone(&fetcher), Arc::clone(&key_sets), Arc::clone(&clock));
                let ended = cancel.clone();
                tokio::spawn(async move {
                    tokio::select! {
                        () = ended.cancelled() => {}
                        () = keeping => {}
                    }
                });
                cancel
            });
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(FOLLOW_INTERVAL) => {}
        }
    }
}

/// By key set. Two issuers that share one are the same here.
fn providers(snapshot: &Snapshot) -> BTreeMap<Digest, Arc<JwtProvider>> {
    let hosts = snapshot.ingress.hosts.by_domain().values();
    let mut tables: Vec<_> = hosts.map(|host| &host.routes).collect();
    // Thousands of domains share one table.
    tables.dedup_by(|one, other| Arc::ptr_eq(one, other));
    let rules =
        tables.iter().flat_map(|table| &table.routes).filter_map(|route| route.authentication.as_ref());
    rules.map(|rule| (rule.provider.key_set, Arc::clone(&rule.provider))).collect()
}

async fn keep(
    provider: Arc<JwtProvider>,
    fetcher: Arc<OnceCell<Fetcher>>,
    key_sets: Arc<KeySets>,
    clock: Arc<dyn Clock>,
) {
    let Jwks::Uri(uri) = &provider.jwks else { return };
    let mut refresh = KeyRefresh::new(clock.monotonic());
    loop {
        let now = clock.monotonic();
        if key_sets.take_missed(provider.key_set) {
            refresh.handle_unknown_key(now);
        }
        if now < refresh.poll_timeout() {
            tokio::time::sleep(FOLLOW_INTERVAL).await;
            continue;
        }
        let fetched = async { fetcher.get_or_try_init(async || Fetcher::new()).await?.fetch(uri).await };
        match fetched.await {
            Ok(keys) => {
                key_sets.publish(provider.key_set, keys);
                refresh.handle_fetched(now);
            }
            Err(error) => {
                warn!(issuer = %provider.name, error = crate::chain(&error), "keys cannot be fetched");
                if refresh.handle_failed(now) == Belief::Drop {
                    key_sets.remove(provider.key_set);
                }
            }
        }
    }
}
