//! Names of trust domains (SPIFFE-ID §2.1).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::checked_text;

/// The authority part of a SPIFFE ID, e.g. `east.example`: the root under which identities are issued.
///
/// Holding one proves: 1 to 255 bytes of `[a-z0-9.-_]`. Nothing is folded or repaired, so that equal names are equal
/// bytes; and a name that is also an address or a DNS name is treated as any other (SPIFFE-ID §2.1).
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TrustDomain(Arc<str>);

/// Why a text is no [`TrustDomain`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidTrustDomain {
    /// There is no text.
    #[error("a trust domain cannot be empty")]
    Empty,
    /// Longer than [`TrustDomain::BYTES_MAX`].
    #[error("a trust domain has at most {} bytes, this one has {len_bytes}", TrustDomain::BYTES_MAX)]
    TooLong {
        /// How long it is.
        len_bytes: usize,
    },
    /// A character that trust domains cannot hold; of a port, user information and percent-encoding too.
    #[error("{found:?} cannot stand in a trust domain; use lower-case letters, digits, '.', '-' and '_'")]
    Character {
        /// The first such character.
        found: char,
    },
}

impl TrustDomain {
    /// The longest name (SPIFFE-ID §2.3, after RFC 3986's longest host).
    pub const BYTES_MAX: usize = 255;

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TrustDomain {
    type Err = InvalidTrustDomain;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(InvalidTrustDomain::Empty);
        }
        if text.len() > Self::BYTES_MAX {
            return Err(InvalidTrustDomain::TooLong { len_bytes: text.len() });
        }
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '_');
        match text.chars().find(|c| !allowed(*c)) {
            Some(found) => Err(InvalidTrustDomain::Character { found }),
            None => Ok(Self(text.into())),
        }
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

checked_text!(TrustDomain, "^[a-z0-9._-]{1,255}$", "The name of a SPIFFE trust domain.");
