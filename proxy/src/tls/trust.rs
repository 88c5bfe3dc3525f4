//! Whom this process trusts: bundles by trust domain, each within its bounds, and never pooled.
//!
//! An SVID is proved under the bundle of its own trust domain alone (SPIFFE-ID §3.1, Trust Domain and Bundle §3), so
//! there is no way to ask for the authorities of more than one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use policy::id::{SpiffeId, SpiffeIdPrefix, TrustDomain};

use super::bundle::TrustBundle;

/// How far a trust domain is believed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TrustBounds {
    /// The identities that it is believed on.
    pub reach: Reach,
    /// Until then; then no more.
    pub until: Option<SystemTime>,
}

/// Which identities of a trust domain are believed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Reach {
    /// All of them.
    #[default]
    Everything,
    /// Those that one of these covers.
    Within(Vec<SpiffeIdPrefix>),
}

/// Why an identity, though proved, is not believed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OutOfBounds {
    /// The end date has come.
    #[error("the trust in {0} has ended")]
    Ended(TrustDomain),
    /// No prefix covers it.
    #[error("{0} lies outside what its trust domain is trusted for")]
    Outside(SpiffeId),
}

impl TrustBounds {
    /// Whether an identity of the domain lies within.
    ///
    /// # Errors
    /// When it does not.
    pub fn admit(&self, id: &SpiffeId, now: SystemTime) -> Result<(), OutOfBounds> {
        if self.until.is_some_and(|until| now >= until) {
            return Err(OutOfBounds::Ended(id.trust_domain().clone()));
        }
        match &self.reach {
            Reach::Everything => Ok(()),
            Reach::Within(prefixes) if prefixes.iter().any(|prefix| prefix.covers(id)) => Ok(()),
            Reach::Within(_) => Err(OutOfBounds::Outside(id.clone())),
        }
    }
}

/// A trust domain's bundle, and how far it is believed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Trusted {
    /// What proves.
    pub bundle: Arc<TrustBundle>,
    /// What that is believed for.
    pub bounds: TrustBounds,
}

/// The bundles in force, by trust domain. Readers never block; a change reaches the next handshake.
#[derive(Debug, Default)]
pub struct TrustBundles(ArcSwap<BTreeMap<TrustDomain, Trusted>>);

/// Why a bundle does not replace the one that is held.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum StaleBundle {
    /// A lower number: an old bundle, sent again.
    #[error("bundle {offered} is older than {held}, which is held")]
    Older {
        /// Of the bundle that is held.
        held: u64,
        /// Of the bundle that was offered.
        offered: u64,
    },
    /// The same number with other contents (Trust Domain and Bundle §4.1.1).
    #[error("there are two different bundles {0}")]
    Ambiguous(u64),
    /// No number, where there has been one.
    #[error("the bundle has no sequence, and bundle {held} is held")]
    Unnumbered {
        /// Of the bundle that is held.
        held: u64,
    },
}

impl TrustBundles {
    /// What is known of a trust domain.
    #[must_use]
    pub fn of(&self, trust_domain: &TrustDomain) -> Option<Trusted> {
        self.0.load().get(trust_domain).cloned()
    }

    /// The trust domains that are known.
    #[must_use]
    pub fn trust_domains(&self) -> Vec<TrustDomain> {
        self.0.load().keys().cloned().collect()
    }

    /// Trusts a domain from now on, within `bounds`, replacing what is held whatever its number: the decision of who
    /// operates this site.
    pub fn trust(&self, bundle: TrustBundle, bounds: TrustBounds) {
        let trusted = Trusted { bundle: Arc::new(bundle), bounds };
        self.0.rcu(|held| {
            let mut next = BTreeMap::clone(held);
            next.insert(trusted.bundle.trust_domain().clone(), trusted.clone());
            next
        });
    }

    /// Takes a newer bundle of a domain that is trusted already, within the same bounds. Returns whether anything
    /// changed; a domain that is not trusted stays so.
    ///
    /// # Errors
    /// When the bundle is not newer than the one that is held, which stays in force.
    pub fn refresh(&self, bundle: TrustBundle) -> Result<bool, StaleBundle> {
        let bundle = Arc::new(bundle);
        let mut outcome = Ok(false);
        self.0.rcu(|held| {
            let mut next = BTreeMap::clone(held);
            outcome = match next.get_mut(bundle.trust_domain()) {
                None => Ok(false),
                Some(trusted) => is_newer(&trusted.bundle, &bundle).inspect(|newer| {
                    if *newer {
                        trusted.bundle = Arc::clone(&bundle);
                    }
                }),
            };
            next
        });
        outcome
    }

    /// Trusts a domain no more.
    pub fn distrust(&self, trust_domain: &TrustDomain) {
        self.0.rcu(|held| {
            let mut next = BTreeMap::clone(held);
            next.remove(trust_domain);
            next
        });
    }
}

fn is_newer(held: &TrustBundle, offered: &TrustBundle) -> Result<bool, StaleBundle> {
    match (held.sequence(), offered.sequence()) {
        (None, _) => Ok(held != offered),
        (Some(held), None) => Err(StaleBundle::Unnumbered { held }),
        (Some(held), Some(offered)) if offered < held => Err(StaleBundle::Older { held, offered }),
        (Some(before), Some(now)) if before == now => {
            if held == offered {
                Ok(false)
            } else {
                Err(StaleBundle::Ambiguous(now))
            }
        }
        (Some(_), Some(_)) => Ok(true),
    }
}

#[cfg(test)]
mod tests;
