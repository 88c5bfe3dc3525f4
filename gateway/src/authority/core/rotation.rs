//! Rotation of the issuing CA's authorities.
//!
//! ```text
//!            everyone has acked            another is activated          leaked
//!  Prepared ────────────────────► Active ──────────────────────► Old ───────────► Tainted
//!     │                                                           │                  │
//!     └──────────────────────────── revoke ───────────────────────┴──────────────────┤
//!                  refused while someone depends, unless overridden by name          ▼
//!                                                                                 Revoked
//! ```
//!
//! All but the revoked are in the bundle. Two rules hold at every moment:
//! 1. Nothing is signed by an authority that some enforcing node has not acknowledged trusting.
//! 2. No authority leaves the bundle while an SVID that it signed may still be shown, unless a person says so.

mod holdings;
mod record;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use holdings::Holdings;
use policy::id::{Name, SpiffeId, TrustDomain};
pub use record::Contradiction;
use serde::{Deserialize, Serialize};

use super::census::Census;

/// Names an authority for ever; none is named twice.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String")]
pub struct AuthorityId(String);

impl AuthorityId {
    /// An id, from the digest of a key.
    #[must_use]
    pub fn of_key(public_key: &[u8]) -> Self {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, public_key);
        // 128 bits cannot be made to collide by chance, and fit a line of `ca status`.
        Self(digest.as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The id as text: hexadecimal.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for AuthorityId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an authority signs.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum SvidKind {
    /// X.509-SVIDs.
    X509,
    /// JWT-SVIDs.
    Jwt,
}

/// Where an authority stands.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// In the bundle, and signs nothing yet.
    Prepared,
    /// Signs. There is one of a kind at most.
    Active,
    /// Signed once; what it signed counts.
    Old,
    /// Its key may be another's: what it signed is to be replaced now.
    Tainted,
    /// Not in the bundle any more.
    Revoked,
}

/// The number of a bundle: each change of what is in it has a higher one.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct BundleSequence(pub u64);

/// One process that has an identity. Several may have the same: the replicas of a workload.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// Who it is.
    pub id: SpiffeId,
    /// Which one of them, from its registration.
    pub name: Name,
}

impl std::fmt::Display for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.id, self.name)
    }
}

/// Someone who checks SVIDs against our bundle.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Node {
    /// A gateway of this site.
    Gateway(Instance),
    /// A workload's sidecar.
    Sidecar(Instance),
    /// Another site.
    Peer(TrustDomain),
}

impl std::fmt::Display for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Gateway(instance) => write!(f, "gateway {instance}"),
            Self::Sidecar(instance) => write!(f, "sidecar {instance}"),
            Self::Peer(trust_domain) => write!(f, "peer {trust_domain}"),
        }
    }
}

/// An authority, as `ca status` shows it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Authority {
    /// What it signs.
    pub kind: SvidKind,
    /// Where it stands.
    pub stage: Stage,
    /// The first bundle that has it.
    pub since: BundleSequence,
    /// Its last second.
    pub not_after: SystemTime,
}

/// Leave to sign one SVID. Only [`Rotation::permit`] gives one, and has recorded by then who depends on whom.
#[derive(Debug, Eq, PartialEq)]
pub struct Permit {
    authority: AuthorityId,
    holder: Instance,
    kind: SvidKind,
    serial: Serial,
    issued: SystemTime,
    not_after: SystemTime,
}

/// Names an SVID among those of its holder. 128 bits, of which the first is clear, from a source of randomness.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "[u8; 16]")]
pub struct Serial([u8; 16]);

/// A person's decision to revoke in spite of who depends, for the audit trail.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Override {
    /// Who decides.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// What a revocation did, for the audit trail.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Revocation {
    /// What left the bundle.
    pub authority: AuthorityId,
    /// The first bundle without it.
    pub sequence: BundleSequence,
    /// Whose SVIDs count no more, and who decided so. Nothing, if nobody depended.
    pub overridden: Option<(Override, BTreeSet<Instance>)>,
}

/// Why a step is not taken.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refused {
    /// There is no such authority.
    #[error("there is no authority {0}")]
    Unknown(AuthorityId),
    /// There has been one of that id.
    #[error("there is, or was, an authority {0}")]
    Reused(AuthorityId),
    /// The step does not start from where the authority stands.
    #[error("authority {authority} is {stage:?}, from where this step does not lead")]
    Stage {
        /// Which.
        authority: AuthorityId,
        /// Where it stands.
        stage: Stage,
    },
    /// Not everyone has acknowledged the bundle that has the authority.
    #[error("bundle {} is not acknowledged by {}", sequence.0, named(missing))]
    NotAcknowledged {
        /// The bundle.
        sequence: BundleSequence,
        /// Who has not.
        missing: BTreeSet<Node>,
    },
    /// Someone's SVID was signed by it, and counts.
    #[error("authority {authority} is still depended on by {}", named(holders))]
    DependedOn {
        /// Which.
        authority: AuthorityId,
        /// Whose.
        holders: BTreeSet<Instance>,
    },
    /// Its dates are over.
    #[error("authority {0} has expired")]
    Expired(AuthorityId),
    /// No authority of the kind is active.
    #[error("no authority signs {0:?} SVIDs")]
    NoneActive(SvidKind),
    /// A node speaks of a bundle that there has not been.
    #[error("there is no bundle {} yet, this one is {}", offered.0, current.0)]
    FutureBundle {
        /// What it said.
        offered: BundleSequence,
        /// What there is.
        current: BundleSequence,
    },
    /// A node that would begin to enforce with an old bundle.
    #[error("the node must take bundle {} before it enforces", needed.0)]
    Behind {
        /// The bundle in force.
        needed: BundleSequence,
    },
}

/// The first few by name, and how many more there are: whoever needs them all has the set.
fn named<T: std::fmt::Display>(all: &BTreeSet<T>) -> String {
    const NAMED_MAX: usize = 5;
    let mut text = all.iter().take(NAMED_MAX).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if all.len() > NAMED_MAX {
        text.push_str(&format!(" and {} more", all.len() - NAMED_MAX));
    }
    text
}

/// The authorities of a site, and everyone who has to do with them. How it is kept is in `rotation/record.rs`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "record::Record")]
pub struct Rotation {
    authorities: BTreeMap<AuthorityId, Authority>,
    sequence: BundleSequence,
    census: Census,
    holdings: Holdings,
}

impl Rotation {
    /// The longest life of an SVID. Of a certificate, half is left when it is renewed, so that a site goes on for
    /// twelve hours without its CA; a token is a bearer's, and is asked for again when it is needed (JWT-SVID §7.1).
    #[must_use]
    pub const fn lifetime_max(kind: SvidKind) -> Duration {
        match kind {
            SvidKind::X509 => Duration::from_secs(24 * 3600),
            SvidKind::Jwt => Duration::from_secs(3600),
        }
    }

    /// The bundle in force.
    #[must_use]
    pub fn sequence(&self) -> BundleSequence {
        self.sequence
    }

    /// Every authority that there is or was.
    #[must_use]
    pub fn authorities(&self) -> &BTreeMap<AuthorityId, Authority> {
        &self.authorities
    }

    /// The authorities in the bundle.
    pub fn bundle(&self) -> impl Iterator<Item = (&AuthorityId, &Authority)> {
        self.authorities.iter().filter(|(_, authority)| authority.stage != Stage::Revoked)
    }

    /// How many nodes enforce, and which of them have not acknowledged the bundle in force.
    #[must_use]
    pub fn progress(&self) -> (usize, BTreeSet<Node>) {
        (self.census.len(), self.census.behind(self.sequence))
    }

    /// Puts a new authority into the bundle.
    ///
    /// # Errors
    /// When there is, or was, one of that id.
    pub fn prepare(
        &mut self,
        id: AuthorityId,
        kind: SvidKind,
        not_after: SystemTime,
    ) -> Result<BundleSequence, Refused> {
        if self.authorities.contains_key(&id) {
            return Err(Refused::Reused(id));
        }
        self.sequence.0 += 1;
        let authority = Authority { kind, stage: Stage::Prepared, since: self.sequence, not_after };
        self.authorities.insert(id, authority);
        Ok(self.sequence)
    }

    /// Lets a prepared authority sign from now on; the one that did becomes old.
    ///
    /// # Errors
    /// When someone has not acknowledged trusting it, or it is not prepared, or has expired.
    pub fn activate(&mut self, id: &AuthorityId, now: SystemTime) -> Result<(), Refused> {
        let authority = self.at_stage(id, &[Stage::Prepared])?;
        let (kind, sequence) = (authority.kind, authority.since);
        if authority.not_after <= now {
            return Err(Refused::Expired(id.clone()));
        }
        let missing = self.census.behind(sequence);
        if !missing.is_empty() {
            return Err(Refused::NotAcknowledged { sequence, missing });
        }
        for (other, authority) in &mut self.authorities {
            if other == id {
                authority.stage = Stage::Active;
            } else if authority.kind == kind && authority.stage == Stage::Active {
                authority.stage = Stage::Old;
            }
        }
        Ok(())
    }

    /// Says that the key of an old authority may be another's. Returns whose SVIDs are to be replaced now.
    ///
    /// # Errors
    /// When it is not old: an active one is first followed by another.
    pub fn taint(&mut self, id: &AuthorityId, now: SystemTime) -> Result<BTreeSet<Instance>, Refused> {
        self.at_stage(id, &[Stage::Old])?;
        self.set_stage(id, Stage::Tainted);
        Ok(self.holdings.holders(id, now))
    }

    /// Takes an authority out of the bundle.
    ///
    /// # Errors
    /// When someone depends on it and nobody overrides that, or it is active or revoked.
    pub fn revoke(
        &mut self,
        id: &AuthorityId,
        over: Option<Override>,
        now: SystemTime,
    ) -> Result<Revocation, Refused> {
        self.at_stage(id, &[Stage::Prepared, Stage::Old, Stage::Tainted])?;
        let holders = self.holdings.holders(id, now);
        let overridden = match (holders.is_empty(), over) {
            (true, _) => None,
            (false, Some(over)) => Some((over, holders)),
            (false, None) => return Err(Refused::DependedOn { authority: id.clone(), holders }),
        };
        self.set_stage(id, Stage::Revoked);
        self.holdings.forget(id);
        self.sequence.0 += 1;
        Ok(Revocation { authority: id.clone(), sequence: self.sequence, overridden })
    }

    /// Records that a node enforces from now on, with the bundle in force. A node keeps a bundle before it acknowledges
    /// it, so one that comes back has at least what the census says.
    ///
    /// # Errors
    /// When it has another bundle: it takes the one in force first, or it might not trust what signs, or trust what is
    /// revoked.
    pub fn handle_joined(&mut self, node: Node, acknowledged: BundleSequence) -> Result<(), Refused> {
        self.check_exists(acknowledged)?;
        if acknowledged < self.sequence {
            return Err(Refused::Behind { needed: self.sequence });
        }
        self.census.admit(node, acknowledged);
        Ok(())
    }

    /// Records that a node enforces no more, and is not waited for.
    pub fn handle_departed(&mut self, node: &Node) {
        self.census.remove(node);
    }

    /// Records that a node trusts a bundle. Returns whether the node is one that enforces.
    ///
    /// # Errors
    /// When there has been no such bundle.
    pub fn handle_acknowledged(&mut self, node: &Node, sequence: BundleSequence) -> Result<bool, Refused> {
        self.check_exists(sequence)?;
        Ok(self.census.acknowledge(node, sequence))
    }

    /// Records that a holder shows the X.509-SVID of that serial, and none of its earlier ones any more.
    pub fn handle_installed(&mut self, holder: &Instance, serial: Serial) {
        self.holdings.install(holder, serial);
    }

    /// Forgets SVIDs that have expired. To be called now and then: nothing but memory depends on it.
    pub fn forget_expired(&mut self, now: SystemTime) {
        self.holdings.forget_expired(now);
    }

    /// Gives leave to sign an SVID for `holder`, valid for `lifetime` or for as long as may be, and records that the
    /// holder depends on the authority until then.
    ///
    /// # Errors
    /// When no authority of the kind is active, or it has expired.
    pub fn permit(
        &mut self,
        kind: SvidKind,
        holder: Instance,
        serial: Serial,
        lifetime: Duration,
        now: SystemTime,
    ) -> Result<Permit, Refused> {
        let is_signing = |(_, authority): &(&AuthorityId, &Authority)| {
            authority.kind == kind && authority.stage == Stage::Active
        };
        let (id, authority) = self.authorities.iter().find(is_signing).ok_or(Refused::NoneActive(kind))?;
        if authority.not_after <= now {
            return Err(Refused::Expired(id.clone()));
        }
        let not_after = (now + lifetime.min(Self::lifetime_max(kind))).min(authority.not_after);
        let authority = id.clone();
        self.holdings.add(&holder, kind, serial, &authority, not_after);
        Ok(Permit { authority, holder, kind, serial, issued: now, not_after })
    }

    fn at_stage(&self, id: &AuthorityId, wanted: &[Stage]) -> Result<&Authority, Refused> {
        let authority = self.authorities.get(id).ok_or_else(|| Refused::Unknown(id.clone()))?;
        if wanted.contains(&authority.stage) {
            Ok(authority)
        } else {
            Err(Refused::Stage { authority: id.clone(), stage: authority.stage })
        }
    }

    fn set_stage(&mut self, id: &AuthorityId, stage: Stage) {
        if let Some(authority) = self.authorities.get_mut(id) {
            authority.stage = stage;
        }
    }

    fn check_exists(&self, offered: BundleSequence) -> Result<(), Refused> {
        let current = self.sequence;
        if offered > current { Err(Refused::FutureBundle { offered, current }) } else { Ok(()) }
    }
}

impl Permit {
    /// Who signs.
    #[must_use]
    pub fn authority(&self) -> &AuthorityId {
        &self.authority
    }

    /// Whose identity it is.
    #[must_use]
    pub fn holder(&self) -> &Instance {
        &self.holder
    }

    /// What is signed.
    #[must_use]
    pub fn kind(&self) -> SvidKind {
        self.kind
    }

    /// The SVID's serial number.
    #[must_use]
    pub fn serial(&self) -> Serial {
        self.serial
    }

    /// When leave was given.
    #[must_use]
    pub fn issued(&self) -> SystemTime {
        self.issued
    }

    /// The SVID's last second.
    #[must_use]
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }
}

impl Serial {
    /// A serial of random bits. The first is cleared: a serial number is positive (RFC 5280 §4.1.2.2).
    #[must_use]
    pub fn from_random(mut bits: [u8; 16]) -> Self {
        bits[0] &= 0x7f;
        Self(bits)
    }

    /// The number, big-endian.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

#[cfg(test)]
mod tests;
