//! The order in which a host comes and goes (DN-8): route, listener, name on the way in; name, listener, route on
//! the way out. A step is taken only after the one before it is in force everywhere, so that no resolver is told
//! of a host that is not served, and no host stops while a resolver may still hold its name.
//!
//! ```text
//!             certificate ready         listener in force
//!   Routed ─────────────────────► Listening ─────────────► Named      wanted
//!   (gone) ◄── Routed ◄──────── Listening ◄─────────────── Named      not wanted
//!          in force     TTL over              at once
//! ```
//!
//! The policy feed drives this: it hands in what was compiled, which certificates are ready, and what the data
//! plane has in force, and compiles again whenever a `handle_*` says that something changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use policy::id::Domain;
use policy::snapshot::{CertificateName, Generation, Host, Stage};

/// Where each host stands between its resources and the world.
#[derive(Debug, Default)]
pub struct Exposure {
    hosts: BTreeMap<Domain, Progress>,
    ready: BTreeSet<CertificateName>,
}

/// Whether a snapshot must be compiled again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum Outcome {
    /// Stages moved.
    Changed,
    /// Nothing moved.
    Same,
}

#[derive(Debug)]
struct Progress {
    host: Arc<Host>,
    stage: Stage,
    /// The snapshot that first carried `stage`, once it is published.
    since: Option<Generation>,
    direction: Direction,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Direction {
    Coming,
    /// Not wanted any more. The next step down waits until `at`, when caches have forgotten the name.
    Leaving {
        at: Instant,
    },
}

impl Exposure {
    /// Takes in the hosts that the resources want now. Those not among them begin to leave.
    pub fn handle_wanted(&mut self, wanted: &BTreeMap<Domain, Arc<Host>>, now: Instant) -> Outcome {
        let mut outcome = Outcome::Same;
        for (domain, host) in wanted {
            match self.hosts.get_mut(domain) {
                Some(progress) => {
                    // A host that is wanted again climbs from where it stands.
                    progress.direction = Direction::Coming;
                    progress.host = Arc::clone(host);
                }
                None => {
                    let progress = Progress {
                        host: Arc::clone(host),
                        stage: Stage::Routed,
                        since: None,
                        direction: Direction::Coming,
                    };
                    self.hosts.insert(domain.clone(), progress);
                }
            }
        }
        for (domain, progress) in &mut self.hosts {
            if wanted.contains_key(domain) || progress.direction != Direction::Coming {
                continue;
            }
            outcome = Outcome::Changed;
            let cached = progress.host.dns.as_ref().map_or(Duration::ZERO, |dns| dns.ttl.duration());
            let was_named = progress.stage == Stage::Named;
            progress.direction = Direction::Leaving { at: if was_named { now + cached } else { now } };
            if was_named {
                progress.descend();
            }
        }
        if self.climb_to_listening() == Outcome::Changed { Outcome::Changed } else { outcome }
    }

    /// Takes in which certificates can be served.
    pub fn handle_ready(&mut self, ready: BTreeSet<CertificateName>) -> Outcome {
        self.ready = ready;
        self.climb_to_listening()
    }

    /// Notes that a snapshot with the present stages was published.
    pub fn handle_published(&mut self, generation: Generation) {
        for progress in self.hosts.values_mut() {
            progress.since.get_or_insert(generation);
        }
    }

    /// Takes in what every worker has in force, and the time.
    pub fn handle_enforced(&mut self, enforced: Generation, now: Instant) -> Outcome {
        let mut outcome = Outcome::Same;
        let mut gone = Vec::new();
        for (domain, progress) in &mut self.hosts {
            if progress.since.is_none_or(|since| since > enforced) {
                continue;
            }
            match (progress.direction, progress.stage) {
                (Direction::Coming, Stage::Listening) => progress.enter(Stage::Named),
                (Direction::Coming, Stage::Routed | Stage::Named) => continue,
                (Direction::Leaving { at }, _) if now < at => continue,
                (Direction::Leaving { .. }, Stage::Routed) => gone.push(domain.clone()),
                (Direction::Leaving { .. }, Stage::Listening | Stage::Named) => progress.descend(),
            }
            outcome = Outcome::Changed;
        }
        for domain in gone {
            self.hosts.remove(&domain);
        }
        outcome
    }

    /// Returns when to call [`Self::handle_enforced`] next even if nothing new is in force.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.hosts
            .values()
            .filter_map(|progress| match progress.direction {
                Direction::Leaving { at } => Some(at),
                Direction::Coming => None,
            })
            .min()
    }

    /// The stage of each host, for compilation.
    #[must_use]
    pub fn stages(&self) -> BTreeMap<Domain, Stage> {
        self.hosts.iter().map(|(domain, progress)| (domain.clone(), progress.stage)).collect()
    }

    /// The hosts on their way out, at their stages.
    #[must_use]
    pub fn departing(&self) -> Vec<Arc<Host>> {
        self.hosts
            .values()
            .filter(|progress| progress.direction != Direction::Coming)
            .map(|progress| Arc::new(Host { stage: progress.stage, ..(*progress.host).clone() }))
            .collect()
    }

    /// The certificates that hosts on their way out are still served with.
    pub fn departing_certificates(&self) -> impl Iterator<Item = &CertificateName> {
        self.hosts
            .values()
            .filter(|progress| progress.direction != Direction::Coming)
            .map(|progress| &progress.host.certificate)
    }

    fn climb_to_listening(&mut self) -> Outcome {
        let mut outcome = Outcome::Same;
        for progress in self.hosts.values_mut() {
            let waiting = progress.direction == Direction::Coming && progress.stage == Stage::Routed;
            if waiting && self.ready.contains(&progress.host.certificate) {
                progress.enter(Stage::Listening);
                outcome = Outcome::Changed;
            }
        }
        outcome
    }
}

impl Progress {
    fn enter(&mut self, stage: Stage) {
        self.stage = stage;
        self.since = None;
    }

    fn descend(&mut self) {
        self.enter(match self.stage {
            Stage::Named => Stage::Listening,
            Stage::Listening | Stage::Routed => Stage::Routed,
        });
    }
}

#[cfg(test)]
mod tests;
