//! Which SVIDs are out, and so who depends on which authority.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use super::{AuthorityId, Instance, Serial, SvidKind};

/// SVIDs by holder, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Holdings(BTreeMap<Instance, Vec<Held>>);

#[derive(Clone, Debug)]
struct Held {
    kind: SvidKind,
    serial: Serial,
    authority: AuthorityId,
    not_after: SystemTime,
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
