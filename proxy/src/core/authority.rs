//! The authority of a request (RFC 3986 §3.2), in its one form.

use std::net::Ipv6Addr;

/// Host and port of a request: the host in lower case without a trailing dot. User information is refused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Authority {
    host: Box<str>,
    port: Option<u16>,
}

/// RFC 1035 §2.3.4.
const HOST_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// The text is no authority.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a host with an optional port")]
pub struct BadAuthority;

impl Authority {
    /// Reads `host[:port]` (RFC 9110 §7.2).
    ///
    /// # Errors
    /// For everything else: user information, paths, lists, white space, ports that are no number.
    pub fn parse(text: &[u8]) -> Result<Self, BadAuthority> {
        if text.is_empty() || text.len() > 262 {
            return Err(BadAuthority);
        }
        let text = std::str::from_utf8(text).map_err(|_not_ascii| BadAuthority)?;
        if text.starts_with('[') {
            return Self::bracketed(text);
        }
        // Every request comes by here, so one pass over the bytes does it all.
        let bytes = text.as_bytes();
        let (mut label_bytes, mut has_upper, mut end) = (0, false, bytes.len());
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => label_bytes += 1,
                b'A'..=b'Z' => {
                    has_upper = true;
                    label_bytes += 1;
                }
                b'.' if (1..=LABEL_BYTES_MAX).contains(&label_bytes) => label_bytes = 0,
                b':' => {
                    end = at;
                    break;
                }
                _ => return Err(BadAuthority),
            }
        }
        let port = text.get(end + 1..).map(parse_port).transpose()?;
        let host = &text[..end];
        let host = host.strip_suffix('.').unwrap_or(host);
        if host.is_empty() || host.len() > HOST_BYTES_MAX || label_bytes > LABEL_BYTES_MAX {
            return Err(BadAuthority);
        }
        let host = if has_upper { host.to_ascii_lowercase().into() } else { host.into() };
        Ok(Self { host, port })
    }

    fn bracketed(text: &str) -> Result<Self, BadAuthority> {
        let (address, rest) = text[1..].split_once(']').ok_or(BadAuthority)?;
        let address: Ipv6Addr = address.parse().map_err(|_no_address| BadAuthority)?;
        let port = match rest.strip_prefix(':') {
            Some(port) => Some(parse_port(port)?),
            None if rest.is_empty() => None,
            None => return Err(BadAuthority),
        };
        Ok(Self { host: format!("[{address}]").into(), port })
    }

    /// The host in lower case, without port or trailing dot; IPv6 addresses in brackets.
    #[must_use]
    pub const fn host(&self) -> &str {
        &self.host
    }

    /// The port, if one was sent.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.port
    }
}

fn parse_port(text: &str) -> Result<u16, BadAuthority> {
    let plain = !text.is_empty() && text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().map_err(|_too_large| BadAuthority) } else { Err(BadAuthority) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_host_has_one_form() {
        for (text, host, port) in [
            ("Shop.Example.COM", "shop.example.com", None),
            ("shop.example.com.", "shop.example.com", None),
            ("shop.example.com:8443", "shop.example.com", Some(8443)),
            ("127.0.0.1:80", "127.0.0.1", Some(80)),
            ("[::1]:443", "[::1]", Some(443)),
            ("[0:0:0:0:0:0:0:1]", "[::1]", None),
        ] {
            let parsed = Authority::parse(text.as_bytes()).unwrap();
            assert_eq!((parsed.host(), parsed.port()), (host, port), "{text}");
        }
    }

    /// SECURITY case 10: userinfo, paths, lists, and other forms that two readers would split differently.
    #[test]
    fn anything_but_host_and_port_is_refused() {
        for text in [
            "",
            ".",
            "a..b",
            "user@host",
            "host/path",
            "a,b",
            "a b",
            "host:",
            "host:+80",
            "host:80x",
            "host:99999",
            "host:080808",
            "[::1",
            "[::1]x",
            "::1",
            "h\u{e4}st",
            "host\t",
            "a:1:2",
            "*",
            "%61",
            "[::ffff:1.2.3.4%eth0]",
        ] {
            assert_eq!(Authority::parse(text.as_bytes()), Err(BadAuthority), "{text:?}");
        }
    }
}
