//! How an endpoint source is written: a map with one key. Read in this form, so that a fault in it can say which
//! keys there are and where it stands; serde's untagged enums cannot.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{Deserializer, Visitor};

use super::{AddressEndpoint, DnsEndpoint};
use crate::id::HostName;

/// Where endpoints come from: exactly one of these.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum EndpointSource {
    /// One IP address, on the ports of `ports`.
    Address(#[serde(deserialize_with = "address")] IpAddr),
    /// A name that is looked up again as its answers age.
    Dns(HostName),
}

/// Why a text is no address of an endpoint.
#[derive(Debug, thiserror::Error)]
enum InvalidAddress {
    #[error("an address has no port here: it stands in `ports`; write {0}")]
    Port(IpAddr),
    #[error("this is a name, not an IP address; write {{dns: {0}}}")]
    Name(HostName),
    #[error("this is no IP address; write an IPv4 or IPv6 address, as in 10.0.0.7 or 2001:db8::7")]
    Other,
}

fn parse(text: &str) -> Result<IpAddr, InvalidAddress> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if let Ok(socket) = text.parse::<SocketAddr>() {
        return Err(InvalidAddress::Port(socket.ip()));
    }
    let name = text.rsplit_once(':').map_or(text, |(name, _port)| name);
    // Only digits at the end: an address with a slip in it.
    let is_name = name.rsplit('.').next().is_some_and(|last| !last.bytes().all(|byte| byte.is_ascii_digit()));
    match name.parse() {
        Ok(name) if is_name => Err(InvalidAddress::Name(name)),
        Ok(_) | Err(_) => Err(InvalidAddress::Other),
    }
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<IpAddr, D::Error> {
    struct Reader;
    impl Visitor<'_> for Reader {
        type Value = IpAddr;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an IP address")
        }
        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<IpAddr, E> {
            parse(text).map_err(E::custom)
        }
    }
    deserializer.deserialize_str(Reader)
}

impl From<EndpointSource> for super::EndpointSource {
    fn from(form: EndpointSource) -> Self {
        match form {
            EndpointSource::Address(address) => Self::Address(AddressEndpoint { address }),
            EndpointSource::Dns(dns) => Self::Dns(DnsEndpoint { dns }),
        }
    }
}
