//! The names an ingress answers to: a host name, or a wildcard over one label.

use std::fmt;
use std::str::FromStr;

use super::{HostName, InvalidHostName, checked_text};

/// `shop.example.com`, or `*.example.com`, which stands for exactly one further label (RFC 6125 §6.4.3).
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Domain {
    /// One host.
    Exact(HostName),
    /// Every host one label below the name held here.
    Wildcard(HostName),
}

/// Why a text is no [`Domain`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidDomain {
    /// A star anywhere but as the whole first label.
    #[error("'*' stands only as the whole first part of a name; write it as in *.example.com")]
    Star,
    /// The rest is no host name.
    #[error(transparent)]
    Host(#[from] InvalidHostName),
}

impl Domain {
    /// The host name, without the `*.` of a wildcard.
    #[must_use]
    pub fn base(&self) -> &HostName {
        match self {
            Self::Exact(host) | Self::Wildcard(host) => host,
        }
    }

    /// Whether a certificate for this covers `wanted`: a wildcard covers one label (RFC 6125 §6.4.3).
    #[must_use]
    pub fn covers(&self, wanted: &Self) -> bool {
        if self == wanted {
            return true;
        }
        match (self, wanted) {
            (Self::Wildcard(base), Self::Exact(host)) => {
                host.as_str().split_once('.').is_some_and(|(_, below)| below == base.as_str())
            }
            (Self::Exact(_) | Self::Wildcard(_), _) => false,
        }
    }
}

impl FromStr for Domain {
    type Err = InvalidDomain;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (wildcard, rest) = match text.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        if rest.contains('*') {
            return Err(InvalidDomain::Star);
        }
        let host = rest.parse()?;
        Ok(if wildcard { Self::Wildcard(host) } else { Self::Exact(host) })
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(host) => host.fmt(f),
            Self::Wildcard(host) => write!(f, "*.{host}"),
        }
    }
}

checked_text!(
    Domain,
    "^(\\*\\.)?([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\\.)*[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\\.?$",
    "A DNS host name, or a wildcard over its first label."
);
