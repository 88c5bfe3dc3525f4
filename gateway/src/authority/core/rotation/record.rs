//! The rotation as it is kept: it is written whole, and believed only if its parts fit each other.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::holdings::Holdings;
use super::{Authority, AuthorityId, BundleSequence, Rotation, Serial, Stage, SvidKind};
use crate::authority::core::census::Census;

/// What was read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    authorities: BTreeMap<AuthorityId, Authority>,
    sequence: BundleSequence,
    census: Census,
    holdings: Holdings,
}

/// Why what was read is no rotation.
#[derive(Debug, thiserror::Error)]
pub enum Contradiction {
    /// Two are active of one kind.
    #[error("two authorities sign {0:?} SVIDs")]
    TwoActive(SvidKind),
    /// Its bundle is still to come.
    #[error("authority {0} is of a bundle that there is not yet")]
    FutureAuthority(AuthorityId),
    /// So is the one that is acknowledged.
    #[error("bundle {} is acknowledged, which there is not yet", .0.0)]
    FutureAcknowledgement(BundleSequence),
    /// It proves nothing.
    #[error("an SVID is kept of authority {0}, which there is not, or is revoked")]
    Unfounded(AuthorityId),
    /// Not 32 hexadecimal digits.
    #[error("no authority has the id {0:?}")]
    AuthorityId(String),
    /// RFC 5280 §4.1.2.2.
    #[error("a serial number is positive")]
    Serial,
}

impl TryFrom<Record> for Rotation {
    type Error = Contradiction;

    fn try_from(read: Record) -> Result<Self, Contradiction> {
        let Record { authorities, sequence, census, holdings } = read;
        for kind in [SvidKind::X509, SvidKind::Jwt] {
            let signs = |authority: &&Authority| authority.kind == kind && authority.stage == Stage::Active;
            if authorities.values().filter(signs).count() > 1 {
                return Err(Contradiction::TwoActive(kind));
            }
        }
        if let Some((id, _)) = authorities.iter().find(|(_, authority)| authority.since > sequence) {
            return Err(Contradiction::FutureAuthority(id.clone()));
        }
        if let Some(newest) = census.newest().filter(|newest| *newest > sequence) {
            return Err(Contradiction::FutureAcknowledgement(newest));
        }
        let counts = |id: &&AuthorityId| {
            authorities.get(*id).is_some_and(|authority| authority.stage != Stage::Revoked)
        };
        if let Some(id) = holdings.authorities().find(|id| !counts(id)) {
            return Err(Contradiction::Unfounded(id.clone()));
        }
        Ok(Self { authorities, sequence, census, holdings })
    }
}

impl TryFrom<String> for AuthorityId {
    type Error = Contradiction;

    fn try_from(text: String) -> Result<Self, Contradiction> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() == 32 && text.bytes().all(is_digit) {
            Ok(Self(text))
        } else {
            Err(Contradiction::AuthorityId(text))
        }
    }
}

impl TryFrom<[u8; 16]> for Serial {
    type Error = Contradiction;

    fn try_from(bits: [u8; 16]) -> Result<Self, Contradiction> {
        if bits[0] & 0x80 == 0 { Ok(Self(bits)) } else { Err(Contradiction::Serial) }
    }
}

#[cfg(test)]
mod tests;
