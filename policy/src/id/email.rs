//! E-mail addresses (RFC 5321 §4.1.2), in the form that people use.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use super::{HostName, InvalidHostName, checked_text};

/// An address such as `ops@example.com`.
///
/// Holding one proves: one `@`, 1 to 64 bytes of dot-joined `atext` before it (no quoted strings), and a host
/// name of at least two labels after it.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Email(Arc<str>);

/// Why a text is no [`Email`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidEmail {
    /// There is no `@`, or more than one, or nothing beside it.
    #[error("an e-mail address is a name, one '@' and a domain; write it as in ops@example.com")]
    Form,
    /// The part before the `@` is longer than 64 bytes or holds what only quoting could express.
    #[error("{0:?} cannot stand before the '@'; write the plain address, as in ops@example.com")]
    User(String),
    /// What follows the `@` is no host name.
    #[error("after the '@': {0}")]
    Domain(InvalidHostName),
    /// What follows the `@` is a single label, where no certificate authority can send mail.
    #[error("the domain {0:?} has no dot; write it whole, as in ops@example.com")]
    Unqualified(String),
}

impl Email {
    /// Longest part before the `@` (RFC 5321 §4.5.3.1.1).
    const USER_BYTES_MAX: usize = 64;

    /// The address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Email {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = InvalidEmail;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((user, domain)) = text.split_once('@') else { return Err(InvalidEmail::Form) };
        if user.is_empty() || domain.is_empty() || domain.contains('@') {
            return Err(InvalidEmail::Form);
        }
        let atext = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
        let atoms = user.split('.').all(|atom| !atom.is_empty() && atom.chars().all(atext));
        if user.len() > Self::USER_BYTES_MAX || !atoms {
            return Err(InvalidEmail::User(user.chars().take(Self::USER_BYTES_MAX).collect()));
        }
        let host: HostName = domain.parse().map_err(InvalidEmail::Domain)?;
        if !host.as_str().contains('.') {
            return Err(InvalidEmail::Unqualified(host.as_str().into()));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

checked_text!(Email, "^[^@\\s]{1,64}@[^@\\s]+\\.[^@\\s]+$", "An e-mail address.");
