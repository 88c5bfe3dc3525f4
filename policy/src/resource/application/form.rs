//! How an endpoint source is written: a map with one key. Read in this form, so that a fault in it can say which
//! keys there are and where it stands; serde's untagged enums cannot.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{AddressEndpoint, DnsEndpoint};
use crate::id::HostName;

/// Where endpoints come from: exactly one of these.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum EndpointSource {
    /// One IP address, on the ports of `ports`.
    Address(IpAddr),
    /// A name that is looked up again as its answers age.
    Dns(HostName),
}

impl From<EndpointSource> for super::EndpointSource {
    fn from(form: EndpointSource) -> Self {
        match form {
            EndpointSource::Address(address) => Self::Address(AddressEndpoint { address }),
            EndpointSource::Dns(dns) => Self::Dns(DnsEndpoint { dns }),
        }
    }
}
