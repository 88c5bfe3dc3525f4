//! Answers to DNS-01 challenges (RFC 8555 §8.4), beside the zones: they come and go with every order.

use arc_swap::ArcSwap;
use hickory_proto::rr::{LowerName, Name};
use policy::id::HostName;

use crate::core::answer::ChallengeTexts;

/// The texts that CAs look for now.
#[derive(Debug, Default)]
pub struct Challenges(ArcSwap<ChallengeTexts>);

impl Challenges {
    /// Answers with `value` at `_acme-challenge.<name>` from now on, beside what is answered there already: an order
    /// for a name and its wildcard has two.
    pub fn insert(&self, name: &HostName, value: &str) {
        let Some(owner) = owner(name) else { return };
        self.0.rcu(|texts| {
            let mut texts = ChallengeTexts::clone(texts);
            let values = texts.entry(owner.clone()).or_default();
            if !values.iter().any(|own| own == value) {
                values.push(value.to_owned());
            }
            texts
        });
    }

    /// Answers with it no more.
    pub fn remove(&self, name: &HostName, value: &str) {
        let Some(owner) = owner(name) else { return };
        self.0.rcu(|texts| {
            let mut texts = ChallengeTexts::clone(texts);
            if let Some(values) = texts.get_mut(&owner) {
                values.retain(|own| own != value);
                if values.is_empty() {
                    texts.remove(&owner);
                }
            }
            texts
        });
    }

    pub(crate) fn load(&self) -> arc_swap::Guard<std::sync::Arc<ChallengeTexts>> {
        self.0.load()
    }
}

fn owner(name: &HostName) -> Option<LowerName> {
    Some(LowerName::new(&Name::from_ascii(format!("_acme-challenge.{name}.")).ok()?))
}
