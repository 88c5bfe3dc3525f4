//! SPIFFE IDs (SPIFFE-ID §2), and prefixes of them that bound what a trust domain may say.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::{InvalidTrustDomain, TrustDomain, checked_text};

/// The only scheme, in the only case that is taken: identities are compared as bytes.
const SCHEME: &str = "spiffe://";

/// An identity, e.g. `spiffe://east.example/ns/shop/sa/cart`.
///
/// Holding one proves: at most 2,048 bytes, scheme `spiffe`, a [`TrustDomain`], and either no path or segments of
/// `[a-zA-Z0-9.-_]` of which none is empty, `.` or `..`. Nothing is folded, decoded or repaired.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SpiffeId {
    text: Arc<str>,
    trust_domain: TrustDomain,
}

/// Why a text is no [`SpiffeId`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidSpiffeId {
    /// Longer than [`SpiffeId::BYTES_MAX`].
    #[error("a SPIFFE ID has at most {} bytes, this one has {len_bytes}", SpiffeId::BYTES_MAX)]
    TooLong {
        /// How long it is.
        len_bytes: usize,
    },
    /// It does not begin with `spiffe://`.
    #[error("a SPIFFE ID begins with spiffe://")]
    Scheme,
    /// What stands before the path is no trust domain.
    #[error(transparent)]
    TrustDomain(#[from] InvalidTrustDomain),
    /// Two slashes in a row, or one at the end.
    #[error("a part of the path is empty; remove the extra '/'")]
    EmptySegment,
    /// `.` or `..`.
    #[error("a path cannot hold '.' or '..' as a part")]
    RelativeSegment,
    /// A character that paths cannot hold; those of a query, a fragment and percent-encoding too.
    #[error("{found:?} cannot stand in the path; use letters, digits, '.', '-' and '_'")]
    Character {
        /// The first such character.
        found: char,
    },
}

impl SpiffeId {
    /// The longest ID (SPIFFE-ID §2.3: as long must be taken, longer should not be made).
    pub const BYTES_MAX: usize = 2048;

    /// The identity of a trust domain itself, which has no path.
    ///
    /// ```
    /// let domain: policy::id::TrustDomain = "east.example".parse()?;
    /// assert_eq!(policy::id::SpiffeId::of_trust_domain(&domain).to_string(), "spiffe://east.example");
    /// # Ok::<(), policy::id::InvalidTrustDomain>(())
    /// ```
    #[must_use]
    pub fn of_trust_domain(trust_domain: &TrustDomain) -> Self {
        Self { text: format!("{SCHEME}{trust_domain}").into(), trust_domain: trust_domain.clone() }
    }

    /// The ID as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whose identity it is: the root it must be proved under.
    #[must_use]
    pub fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }

    /// The path with its leading slash, or nothing for the trust domain's own ID.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.text[SCHEME.len() + self.trust_domain.as_str().len()..]
    }
}

impl FromStr for SpiffeId {
    type Err = InvalidSpiffeId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > Self::BYTES_MAX {
            return Err(InvalidSpiffeId::TooLong { len_bytes: text.len() });
        }
        let rest = text.strip_prefix(SCHEME).ok_or(InvalidSpiffeId::Scheme)?;
        let (domain, path) = match rest.split_once('/') {
            Some((domain, path)) => (domain, Some(path)),
            None => (rest, None),
        };
        let trust_domain = domain.parse()?;
        path.into_iter().flat_map(|path| path.split('/')).try_for_each(check_segment)?;
        Ok(Self { text: text.into(), trust_domain })
    }
}

/// SPIFFE-ID §2.2.
fn check_segment(segment: &str) -> Result<(), InvalidSpiffeId> {
    match segment {
        "" => return Err(InvalidSpiffeId::EmptySegment),
        "." | ".." => return Err(InvalidSpiffeId::RelativeSegment),
        _ => {}
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    match segment.chars().find(|c| !allowed(*c)) {
        Some(found) => Err(InvalidSpiffeId::Character { found }),
        None => Ok(()),
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

checked_text!(
    SpiffeId,
    "^spiffe://[a-z0-9._-]{1,255}(/[A-Za-z0-9._-]+)*$",
    "A SPIFFE ID: spiffe://trust-domain/path."
);

/// An identity and all below it, in whole segments: `spiffe://east.example/ns/shop` covers itself and
/// `spiffe://east.example/ns/shop/sa/cart`, and not `spiffe://east.example/ns/shopping`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SpiffeIdPrefix(SpiffeId);

impl SpiffeIdPrefix {
    /// Whether it is `id`, or stands above it.
    #[must_use]
    pub fn covers(&self, id: &SpiffeId) -> bool {
        let rest = id.as_str().strip_prefix(self.0.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The trust domain of everything that it covers.
    #[must_use]
    pub fn trust_domain(&self) -> &TrustDomain {
        self.0.trust_domain()
    }
}

impl From<SpiffeId> for SpiffeIdPrefix {
    fn from(id: SpiffeId) -> Self {
        Self(id)
    }
}

impl FromStr for SpiffeIdPrefix {
    type Err = InvalidSpiffeId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl fmt::Display for SpiffeIdPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

checked_text!(
    SpiffeIdPrefix,
    "^spiffe://[a-z0-9._-]{1,255}(/[A-Za-z0-9._-]+)*$",
    "A SPIFFE ID that stands for itself and all below it."
);

#[cfg(test)]
mod tests;
