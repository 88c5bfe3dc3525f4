//! HTTP methods and field names (RFC 9110 §5.1 and §9.1): tokens.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::checked_text;

/// Why a text is no HTTP token.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidHttpName {
    /// There is no text, or more than 64 bytes.
    #[error("an HTTP method or field name has 1 to 64 bytes")]
    Length,
    /// A character outside RFC 9110's `tchar`.
    #[error("{0:?} cannot stand in an HTTP method or field name; remove it")]
    Character(char),
    /// A method that is not written in capitals.
    #[error("methods are case-sensitive; write {0}")]
    Case(String),
    /// A method that the data path never forwards.
    #[error("{0} is never forwarded; remove it")]
    Refused(String),
}

fn token(text: &str) -> Result<(), InvalidHttpName> {
    if text.is_empty() || text.len() > 64 {
        return Err(InvalidHttpName::Length);
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    match text.chars().find(|c| !allowed(*c)) {
        Some(found) => Err(InvalidHttpName::Character(found)),
        None => Ok(()),
    }
}

/// A field name in lower case, e.g. `x-tenant`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct HeaderName(Arc<str>);

impl HeaderName {
    /// The name as text, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HeaderName {
    type Err = InvalidHttpName;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        token(text)?;
        Ok(Self(text.to_ascii_lowercase().into()))
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

checked_text!(HeaderName, "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$", "An HTTP field name.");

/// A request method in capitals, e.g. `GET`. `CONNECT` and `TRACE` are not forwarded and so cannot be named.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct MethodName(Arc<str>);

impl MethodName {
    /// The method as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MethodName {
    type Err = InvalidHttpName;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        token(text)?;
        if text.chars().any(|c| c.is_ascii_lowercase()) {
            return Err(InvalidHttpName::Case(text.to_ascii_uppercase()));
        }
        if matches!(text, "CONNECT" | "TRACE") {
            return Err(InvalidHttpName::Refused(text.into()));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for MethodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

checked_text!(MethodName, "^[!#$%&'*+.^_`|~0-9A-Z-]{1,64}$", "An HTTP request method, in capitals.");
