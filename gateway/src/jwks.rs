//! Keeps the keys of token issuers: fetched, kept through an outage, and let go when they are too old.

mod fetch;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use policy::clock::Clock;
use policy::resource::secure_ingress::Jwks;
use policy::snapshot::{Current, Digest, JwtProvider};
use proxy::jwt::{KeySet, KeySets};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::core::key_refresh::{Belief, KeyRefresh};

/// Between two looks for issuers that came or went, and for tokens with keys that are not known.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(100);

/// Uses the keys that resources hold themselves: before the listeners open, so that no first request is refused for
/// want of them.
pub fn publish_inline(current: &Current, key_sets: &KeySets) {
    for provider in providers(current).values() {
        if let Jwks::Inline(text) = &provider.jwks {
            publish_text(provider, text, key_sets);
        }
    }
}

fn publish_text(provider: &JwtProvider, text: &str, key_sets: &KeySets) {
    match KeySet::parse(text.as_bytes()) {
        Ok(keys) => key_sets.publish(provider.id, keys),
        Err(error) => warn!(issuer = %provider.name, error = crate::chain(&error), "keys cannot be used"),
    }
}

/// Runs until `stop`.
pub async fn run(
    current: Arc<Current>,
    key_sets: Arc<KeySets>,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) {
    let fetcher = match fetch::Fetcher::new() {
        Ok(fetcher) => Arc::new(fetcher),
        Err(error) => {
            warn!(error = crate::chain(&error), "keys of token issuers cannot be fetched");
            return;
        }
    };
    let mut running: BTreeMap<Digest, CancellationToken> = BTreeMap::new();
    loop {
        let providers = providers(&current);
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

fn providers(current: &Current) -> BTreeMap<Digest, Arc<JwtProvider>> {
    let snapshot = current.load();
    let hosts = snapshot.ingress.hosts.by_domain().values();
    let mut tables: Vec<_> = hosts.map(|host| &host.routes).collect();
    // Thousands of domains share one table.
    tables.dedup_by(|one, other| Arc::ptr_eq(one, other));
    let rules =
        tables.iter().flat_map(|table| &table.routes).filter_map(|route| route.authentication.as_ref());
    rules.map(|rule| (rule.provider.id, Arc::clone(&rule.provider))).collect()
}

async fn keep(
    provider: Arc<JwtProvider>,
    fetcher: Arc<fetch::Fetcher>,
    key_sets: Arc<KeySets>,
    clock: Arc<dyn Clock>,
) {
    let uri = match &provider.jwks {
        Jwks::Inline(text) => return publish_text(&provider, text, &key_sets),
        Jwks::Uri(uri) => uri,
    };
    let mut refresh = KeyRefresh::new(clock.monotonic());
    loop {
        let now = clock.monotonic();
        if key_sets.take_missed(provider.id) {
            refresh.handle_unknown_key(now);
        }
        if now < refresh.poll_timeout() {
            tokio::time::sleep(FOLLOW_INTERVAL).await;
            continue;
        }
        match fetcher.fetch(uri).await {
            Ok(keys) => {
                key_sets.publish(provider.id, keys);
                refresh.handle_fetched(now);
            }
            Err(error) => {
                warn!(issuer = %provider.name, error = crate::chain(&error), "keys cannot be fetched");
                if refresh.handle_failed(now) == Belief::Drop {
                    key_sets.remove(provider.id);
                }
            }
        }
    }
}
