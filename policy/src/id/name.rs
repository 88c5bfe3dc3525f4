//! Names of resources, namespaces, ports and users (RFC 1123 labels, joined by dots where a kind allows it).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::checked_text;

/// A name such as `productpage` or `example.com`: 1 to 253 bytes of `[a-z0-9.-]` that begin and end with a
/// letter or digit, as Kubernetes object names are.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Name(Arc<str>);

/// Why a text is no [`Name`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidName {
    /// There is no text.
    #[error("a name cannot be empty")]
    Empty,
    /// The text is longer than [`Name::BYTES_MAX`].
    #[error("a name has at most {} bytes, this one has {len_bytes}", Name::BYTES_MAX)]
    TooLong {
        /// How long it is.
        len_bytes: usize,
    },
    /// A character that names cannot hold.
    #[error("{found:?} cannot stand in a name; use lower-case letters, digits, '-' and '.'")]
    Character {
        /// The first such character.
        found: char,
    },
    /// The first or last character is no letter or digit.
    #[error("a name begins and ends with a lower-case letter or a digit")]
    Edge,
}

impl Name {
    /// The longest name, as in Kubernetes (a DNS subdomain, RFC 1123).
    pub const BYTES_MAX: usize = 253;

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(InvalidName::Empty);
        }
        if text.len() > Self::BYTES_MAX {
            return Err(InvalidName::TooLong { len_bytes: text.len() });
        }
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        if let Some(found) = text.chars().find(|c| !allowed(*c)) {
            return Err(InvalidName::Character { found });
        }
        let edge = |c: u8| c == b'-' || c == b'.';
        if edge(text.as_bytes()[0]) || edge(text.as_bytes()[text.len() - 1]) {
            return Err(InvalidName::Edge);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

checked_text!(Name, "^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$", "A lower-case DNS-style name.");
