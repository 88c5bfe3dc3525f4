//! Which SVIDs are out, and so who depends on which authority.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::{AuthorityId, Instance, Serial, SvidKind};

/// SVIDs by holder, oldest first.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(from = "Vec<(Instance, Vec<Held>)>", into = "Vec<(Instance, Vec<Held>)>")]
pub(super) struct Holdings(BTreeMap<Instance, Vec<Held>>);

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Held {
    kind: SvidKind,
    serial: Serial,
    authority: AuthorityId,
    not_after: SystemTime,
}

/// Keys of JSON are texts, and a holder is none.
impl From<Vec<(Instance, Vec<Held>)>> for Holdings {
    fn from(holdings: Vec<(Instance, Vec<Held>)>) -> Self {
        Self(holdings.into_iter().collect())
    }
}

impl From<Holdings> for Vec<(Instance, Vec<Held>)> {
    fn from(holdings: Holdings) -> Self {
        holdings.0.into_iter().collect()
    }
}

impl Held {
    /// Its last second is one in which it counts.
    fn counts(&self, now: SystemTime) -> bool {
        now < self.not_after + Duration::from_secs(1)
    }
}

impl Holdings {
    pub(super) fn add(
        &mut self,
        holder: &Instance,
        kind: SvidKind,
        serial: Serial,
        authority: &AuthorityId,
        not_after: SystemTime,
    ) {
        let held = self.0.entry(holder.clone()).or_default();
        // A bearer token is not installed; of all that one authority signed, the last to expire is enough to know.
        if kind == SvidKind::Jwt
            && let Some(last) = held.iter_mut().find(|held| held.kind == kind && held.authority == *authority)
        {
            last.not_after = last.not_after.max(not_after);
            return;
        }
        held.push(Held { kind, serial, authority: authority.clone(), not_after });
    }

    /// The authorities that something is known of.
    pub(super) fn authorities(&self) -> impl Iterator<Item = &AuthorityId> {
        self.0.values().flatten().map(|held| &held.authority)
    }

    /// The holder shows this one: those that it got before are not shown any more.
    pub(super) fn install(&mut self, holder: &Instance, serial: Serial) {
        let Some(held) = self.0.get_mut(holder) else { return };
        let is_it = |held: &Held| held.kind == SvidKind::X509 && held.serial == serial;
        if let Some(at) = held.iter().position(is_it) {
            let mut index = 0;
            held.retain(|held| {
                let earlier = index < at && held.kind == SvidKind::X509;
                index += 1;
                !earlier
            });
        }
    }

    /// Whose SVIDs of that authority count at `now`.
    pub(super) fn holders(&self, authority: &AuthorityId, now: SystemTime) -> BTreeSet<Instance> {
        let depends = |held: &Held| held.authority == *authority && held.counts(now);
        let holders = self.0.iter().filter(|(_, held)| held.iter().any(depends));
        holders.map(|(holder, _)| holder.clone()).collect()
    }

    pub(super) fn forget(&mut self, authority: &AuthorityId) {
        self.keep(|held| held.authority != *authority);
    }

    pub(super) fn forget_expired(&mut self, now: SystemTime) {
        self.keep(|held| held.counts(now));
    }

    fn keep(&mut self, wanted: impl Fn(&Held) -> bool) {
        self.0.retain(|_, held| {
            held.retain(&wanted);
            !held.is_empty()
        });
    }
}
