//! Addresses that the gateway itself calls: key sets, ACME directories.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use super::{HostName, InvalidHostName, checked_text};

/// An absolute `https` URI (RFC 9110 §4.2.2) without user information and fragment. Plain `http` is taken only
/// to a loopback host, where nobody else can listen in.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct HttpUri(Arc<str>);

/// Why a text is no [`HttpUri`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidHttpUri {
    /// More than [`HttpUri::BYTES_MAX`].
    #[error("an address has at most {} bytes, this one has {len_bytes}", HttpUri::BYTES_MAX)]
    TooLong {
        /// How long it is.
        len_bytes: usize,
    },
    /// It does not begin with a scheme that is called.
    #[error("this is no https address; begin it with https://")]
    Scheme,
    /// Plain text to a host that is not this one.
    #[error(
        "http is taken only to a loopback address, since others could change what it answers; use https://"
    )]
    Plain,
    /// A user name or password before an `@`.
    #[error("an address cannot hold a user name or password; leave out what stands before the '@'")]
    UserInformation,
    /// Something after a `#`.
    #[error("a fragment is never sent; leave out the '#' and what follows")]
    Fragment,
    /// Whitespace, a control character, or one outside ASCII.
    #[error("{0:?} cannot stand in an address; percent-encode it")]
    Character(char),
    /// The host is neither an address nor a name.
    #[error("its host: {0}")]
    Host(InvalidHostName),
    /// The port is no number from 1 to 65535.
    #[error("its port is {0:?}; write a number from 1 to 65535")]
    Port(String),
}

impl HttpUri {
    /// Far above real directory and key-set addresses, far below what servers refuse (RFC 9110 §4.1).
    pub const BYTES_MAX: usize = 2048;

    /// The URI as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for HttpUri {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl FromStr for HttpUri {
    type Err = InvalidHttpUri;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > Self::BYTES_MAX {
            return Err(InvalidHttpUri::TooLong { len_bytes: text.len() });
        }
        let allowed = |c: char| c.is_ascii_graphic() && !"\"<>\\^`{|}".contains(c);
        if let Some(found) = text.chars().find(|c| !allowed(*c)) {
            return Err(InvalidHttpUri::Character(found));
        }
        let (secure, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err(InvalidHttpUri::Scheme),
        };
        if rest.contains('#') {
            return Err(InvalidHttpUri::Fragment);
        }
        let authority = &rest[..rest.find(['/', '?']).unwrap_or(rest.len())];
        if authority.contains('@') {
            return Err(InvalidHttpUri::UserInformation);
        }
        let loopback = is_loopback(host_of(authority)?)?;
        if secure || loopback { Ok(Self(text.into())) } else { Err(InvalidHttpUri::Plain) }
    }
}

/// The host of an authority whose port, if any, is a good one.
fn host_of(authority: &str) -> Result<&str, InvalidHttpUri> {
    let end = match authority.find(']') {
        Some(bracket) => bracket + 1,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at(end);
    if !port.is_empty() {
        let digits = port.strip_prefix(':').unwrap_or(port);
        let number = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<u16>().ok()).flatten();
        if !port.starts_with(':') || number.is_none_or(|number| number == 0) {
            return Err(InvalidHttpUri::Port(digits.into()));
        }
    }
    Ok(host)
}

fn is_loopback(host: &str) -> Result<bool, InvalidHttpUri> {
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return Ok(IpAddr::V4(address).is_loopback());
    }
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    if let Some(Ok(address)) = bracketed.map(str::parse::<Ipv6Addr>) {
        return Ok(address.is_loopback());
    }
    let name: HostName = host.parse().map_err(InvalidHttpUri::Host)?;
    Ok(name.as_str() == "localhost")
}

impl fmt::Display for HttpUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

checked_text!(HttpUri, "^https?://[^\\s#@]+$", "An https address; http only to a loopback host.");
