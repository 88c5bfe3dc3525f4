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

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use policy::id::Domain;
use policy::snapshot::{CertificateName, Generation, Host, Stage};

/// Where each host stands between its resources and the world.
#[derive(Debug, Default)]
pub struct Exposure {
    hosts: BTreeMap<Domain, Progress>,
    ready: Ready,
}

/// The certificates that can be served, and the names that each is for.
pub type Ready = BTreeMap<CertificateName, Vec<Domain>>;

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
    /// What it is served with: that of `host` once it covers the domain, and the one before until then.
    certificate: CertificateName,
    /// The snapshot that first carried `stage`, once it is published.
    since: Option<Generation>,
    /// How long caches hold what DNS said of it before its time to live was lowered, or its name was withdrawn.
    cached_until: Option<Instant>,
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
                    progress.note_cached(now);
                    progress.host = Arc::clone(host);
                }
                None => {
                    let progress = Progress {
                        host: Arc::clone(host),
                        stage: Stage::Routed,
                        certificate: host.certificate.clone(),
                        since: None,
                        cached_until: None,
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
            progress.note_cached(now);
            progress.direction = Direction::Leaving { at: progress.cached_until.unwrap_or(now) };
            if progress.stage == Stage::Named {
                progress.descend();
            }
        }
        if self.use_ready() == Outcome::Changed { Outcome::Changed } else { outcome }
    }

    /// Takes in a host that went before this start, and whose name caches hold until `at`.
    pub fn handle_departed(&mut self, host: &Arc<Host>, at: Instant) -> Outcome {
        match self.hosts.get_mut(&host.domain) {
            Some(Progress { direction: Direction::Leaving { at: known }, .. }) => *known = at.max(*known),
            // It is wanted again.
            Some(_) => {}
            None => {
                let progress = Progress {
                    host: Arc::clone(host),
                    stage: Stage::Listening,
                    certificate: host.certificate.clone(),
                    cached_until: Some(at),
                    since: None,
                    direction: Direction::Leaving { at },
                };
                self.hosts.insert(host.domain.clone(), progress);
                return Outcome::Changed;
            }
        }
        Outcome::Same
    }

    /// Takes in which certificates can be served.
    pub fn handle_ready(&mut self, ready: Ready) -> Outcome {
        self.ready = ready;
        self.use_ready()
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
            .map(|progress| {
                let (stage, certificate) = (progress.stage, progress.certificate.clone());
                Arc::new(Host { stage, certificate, ..(*progress.host).clone() })
            })
            .collect()
    }

    /// The hosts that are served with the certificate that they had before.
    #[must_use]
    pub fn interim(&self) -> BTreeMap<Domain, CertificateName> {
        let waiting = self.hosts.iter().filter(|(_, progress)| progress.is_interim());
        waiting.map(|(domain, progress)| (domain.clone(), progress.certificate.clone())).collect()
    }

    /// Whether the host is on its way out.
    #[must_use]
    pub fn is_departing(&self, domain: &Domain) -> bool {
        self.hosts.get(domain).is_some_and(|progress| progress.direction != Direction::Coming)
    }

    /// The certificates that hosts are still served with though their resources may not name them any more.
    pub fn outlived_certificates(&self) -> impl Iterator<Item = &CertificateName> {
        self.hosts
            .values()
            .filter(|progress| progress.direction != Direction::Coming || progress.is_interim())
            .map(|progress| &progress.certificate)
    }

    /// Serves hosts with the certificates that cover them now.
    fn use_ready(&mut self) -> Outcome {
        let mut outcome = Outcome::Same;
        for (domain, progress) in &mut self.hosts {
            if progress.direction != Direction::Coming {
                continue;
            }
            let own = &progress.host.certificate;
            let is_covered =
                self.ready.get(own).is_some_and(|names| names.iter().any(|name| name.covers(domain)));
            if progress.stage == Stage::Routed {
                progress.certificate = own.clone();
                if is_covered {
                    progress.enter(Stage::Listening);
                    outcome = Outcome::Changed;
                }
            } else if is_covered && progress.is_interim() {
                progress.certificate = own.clone();
                outcome = Outcome::Changed;
            }
        }
        outcome
    }
}

impl Progress {
    /// What DNS says now may be held for a time to live from now on.
    fn note_cached(&mut self, now: Instant) {
        if self.stage == Stage::Named {
            let ttl = self.host.dns.as_ref().map_or(Duration::ZERO, |dns| dns.ttl.duration());
            self.cached_until = self.cached_until.max(Some(now + ttl));
        }
    }

    fn is_interim(&self) -> bool {
        self.certificate != self.host.certificate
    }

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
