//! Answers to HTTP-01 challenges (RFC 8555 §8.3): an exact map, asked before anything else on the plain port.

use std::collections::BTreeMap;

use arc_swap::ArcSwap;
use policy::id::HostName;

/// The path under which CAs ask.
pub(crate) const PREFIX: &str = "/.well-known/acme-challenge/";

/// The tokens that are being asked for now.
#[derive(Debug, Default)]
pub struct Http01Tokens(ArcSwap<BTreeMap<(HostName, String), String>>);

impl Http01Tokens {
    /// Answers `token` at `host` from now on.
    pub fn insert(&self, host: HostName, token: String, key_authorization: String) {
        self.0.rcu(|tokens| {
            let mut tokens = BTreeMap::clone(tokens);
            tokens.insert((host.clone(), token.clone()), key_authorization.clone());
            tokens
        });
    }

    /// Answers it no more.
    pub fn remove(&self, host: &HostName, token: &str) {
        self.0.rcu(|tokens| {
            let mut tokens = BTreeMap::clone(tokens);
            tokens.remove(&(host.clone(), token.to_owned()));
            tokens
        });
    }

    /// What a CA is told that asks for `path` at `host`.
    pub(crate) fn answer(&self, host: &str, path: &str) -> Option<String> {
        let token = path.strip_prefix(PREFIX)?;
        let host: HostName = host.parse().ok()?;
        self.0.load().get(&(host, token.to_owned())).cloned()
    }
}
