//! Exact DNS host names (RFC 1123 §2.1, RFC 5890 for what an A-label looks like).

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::checked_text;

/// A fully qualified host name in lower case without a trailing dot, e.g. `shop.example.com`.
///
/// Holding one proves: 1 to 253 bytes, labels of 1 to 63 bytes of `[a-z0-9-_]` that neither begin nor end with
/// `-`, and not an IPv4 address. Parsing folds case and drops one trailing dot, since both name the same host.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct HostName(Arc<str>);

/// Why a text is no [`HostName`].
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, thiserror::Error)]
pub enum InvalidHostName {
    /// There is no text.
    #[error("a host name cannot be empty")]
    Empty,
    /// More than 253 bytes.
    #[error("a host name has at most 253 bytes, this one has {len_bytes}")]
    TooLong {
        /// How long it is.
        len_bytes: usize,
    },
    /// A label is empty or longer than 63 bytes.
    #[error("each part between dots has 1 to 63 bytes, {label:?} has {}", label.len())]
    Label {
        /// The label.
        label: String,
    },
    /// It is a URI.
    #[error("a host name has no scheme and no path; write {host}")]
    Uri {
        /// The host in it.
        host: String,
    },
    /// It ends with a port.
    #[error("a host name has no port; leave out :{port}")]
    Port {
        /// The port.
        port: u16,
    },
    /// A character that host names cannot hold.
    #[error("{found:?} cannot stand in a host name; {}", instead(*found))]
    Character {
        /// The first such character.
        found: char,
    },
    /// A label begins or ends with a hyphen.
    #[error("the part {label:?} begins or ends with '-'; remove it")]
    Hyphen {
        /// The label.
        label: String,
    },
    /// The text is an IP address.
    #[error("{0} is an address, not a host name; write a name")]
    Address(std::net::IpAddr),
}

const fn instead(of: char) -> &'static str {
    if of.is_ascii() { "remove it" } else { "write international names in their xn-- form" }
}

/// What people write who think of more than a name: a URI, or a name with a port.
fn more_than_a_name(text: &str) -> Option<InvalidHostName> {
    if let Some((_, rest)) = text.split_once("://") {
        let host = rest.split(['/', '?', '#']).next()?.split(':').next()?;
        return (!host.is_empty()).then(|| InvalidHostName::Uri { host: host.into() });
    }
    let (_, port) = text.rsplit_once(':')?;
    Some(InvalidHostName::Port { port: port.parse().ok()? })
}

impl HostName {
    /// The name as text: lower case, no trailing dot.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this name is `zone` or lies below it.
    #[must_use]
    pub fn is_within(&self, zone: &Self) -> bool {
        self == zone || self.0.strip_suffix(zone.as_str()).is_some_and(|rest| rest.ends_with('.'))
    }
}

/// Equal, ordered and hashed as its text.
impl Borrow<str> for HostName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for HostName {
    type Err = InvalidHostName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.is_empty() {
            return Err(InvalidHostName::Empty);
        }
        if text.len() > 253 {
            return Err(InvalidHostName::TooLong { len_bytes: text.len() });
        }
        if let Ok(address) = text.parse() {
            return Err(InvalidHostName::Address(address));
        }
        if let Some(more) = more_than_a_name(text) {
            return Err(more);
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if let Some(found) = text.chars().find(|c| !allowed(*c)) {
            return Err(InvalidHostName::Character { found });
        }
        for label in text.split('.') {
            if label.is_empty() || label.len() > 63 {
                return Err(InvalidHostName::Label { label: label.into() });
            }
            if label.starts_with('-') || label.ends_with('-') {
                return Err(InvalidHostName::Hyphen { label: label.into() });
            }
        }
        Ok(Self(text.to_ascii_lowercase().into()))
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

checked_text!(
    HostName,
    "^([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\\.)*[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\\.?$",
    "A DNS host name."
);
