//! The compiled form: immutable, complete, ready to be decided on.

mod compile;
mod current;
mod digest;
mod hosts;
mod lookup;
mod rejected;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

pub use compile::{Input, Site, compile};
pub use current::Current;
pub use digest::Digest;
pub use hosts::Hosts;
pub use lookup::{RouteMatch, RouteTable};
pub use rejected::{Reason, Rejected};
use serde::Serialize;

use crate::id::{Domain, HostName, Name, ResourceKey, Span};
use crate::resource::application::{Balance, HealthCheck, Protocol};
use crate::resource::issuer::Challenge;
use crate::resource::secure_ingress::{Jwks, JwtAlgorithm, Limits, PlainHttp};

/// Counts published snapshots of one gateway, from 1.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Generation(pub u64);

/// Everything that a gateway enforces.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Snapshot {
    /// Which one this is.
    pub generation: Generation,
    /// What the data path reads.
    pub ingress: Ingress,
    /// What DNS answers, by origin.
    pub zones: BTreeMap<HostName, ZoneView>,
    /// What must be ordered and kept fresh.
    pub certificates: BTreeMap<CertificateName, WantedCertificate>,
}

/// What the data path reads.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Ingress {
    /// By domain. Includes hosts on their way in and out; see [`Stage`].
    pub hosts: Hosts,
}

impl Ingress {
    /// Finds the host that answers for a name in lower case, without port or trailing dot.
    #[must_use]
    pub fn host(&self, name: &str) -> Option<&Arc<Host>> {
        self.hosts.find(name)
    }
}

impl Host {
    /// Finds the route of a request; see [`RouteTable::find`].
    pub fn route(&self, method: &str, path: &str, has_field: impl Fn(&str, &str) -> bool) -> RouteMatch<'_> {
        self.routes.find(method, path, has_field)
    }
}

/// How far a host's exposure has come. A host climbs on its way in and descends on its way out, one step a time,
/// so that a name is never answered before it is served, nor served no more while it is answered (DN-8).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Stage {
    /// Routes exist; no listener answers for the host yet, or any more (ACME challenges excepted).
    Routed,
    /// The listener answers for it.
    Listening,
    /// DNS names it.
    Named,
}

/// One host and all that is served under it. Self-contained, so that it can outlive the resources it came from
/// while it is withdrawn.
#[derive(Clone, Debug, Serialize)]
pub struct Host {
    /// What it answers to.
    pub domain: Domain,
    /// The `SecureIngress` that declares it.
    pub source: ResourceKey,
    /// How far its exposure has come.
    pub stage: Stage,
    /// Its certificate.
    pub certificate: CertificateName,
    /// What the plain-text port does.
    pub plain_http: PlainHttp,
    /// The value of `Strict-Transport-Security`, when sent.
    pub hsts: Option<String>,
    /// What a client may send.
    pub limits: Limits,
    /// DNS: zone and time to live, when ours.
    pub dns: Option<HostDns>,
    /// What is served; shared by all domains of one ingress.
    pub routes: Arc<RouteTable>,
}

/// Where a host is named.
#[derive(Clone, Debug, Serialize)]
pub struct HostDns {
    /// The zone's origin.
    pub origin: HostName,
    /// Time to live of its records.
    pub ttl: Span,
}

/// One route: what it matches, what it demands, where it leads.
#[derive(Clone, Debug, Serialize)]
pub struct Route {
    /// For metrics and logs: `namespace/application/index`.
    pub id: String,
    /// The `Application` it came from.
    pub source: ResourceKey,
    /// Index in its `api` list.
    pub api_index: usize,
    /// Which paths.
    pub path: crate::resource::application::PathMatch,
    /// Which methods; empty is all. `HEAD` stands here wherever `GET` does.
    pub methods: Vec<crate::id::MethodName>,
    /// Header fields that must be there, name in lower case.
    pub headers: Vec<(crate::id::HeaderName, String)>,
    /// What a caller must show.
    pub authentication: Option<Arc<JwtRule>>,
    /// Where it leads.
    pub backend: Arc<Backend>,
}

/// A token that a caller must show.
#[derive(Clone, Debug, Serialize)]
pub struct JwtRule {
    /// Whose tokens.
    pub provider: Arc<JwtProvider>,
    /// Claims that must be present.
    pub claims: BTreeMap<String, String>,
}

/// Whose tokens are believed, and where the keys are.
#[derive(Clone, Debug, Serialize)]
pub struct JwtProvider {
    /// Of `jwks` alone: key sets are kept by it, and so live through a reload that changes anything else.
    pub key_set: Digest,
    /// For messages: the name in the ingress.
    pub name: Name,
    /// The `iss` claim.
    pub issuer: String,
    /// One of these in `aud`.
    pub audiences: Vec<String>,
    /// Where the keys are.
    pub jwks: Jwks,
    /// Which algorithms.
    pub algorithms: Vec<JwtAlgorithm>,
}

/// Endpoints that serve the same thing.
#[derive(Clone, Debug, Serialize)]
pub struct Backend {
    /// Of all the rest: pools, health and balancing state are kept by it, and so live through a reload that
    /// does not change it.
    pub id: Digest,
    /// For metrics and logs: `namespace/application:port`.
    pub name: String,
    /// What it speaks: one of `Http`, `Http2`, `Grpc`.
    pub protocol: Protocol,
    /// Where it is.
    pub endpoints: Vec<Endpoint>,
    /// How one is chosen.
    pub balance: Balance,
    /// How it is checked.
    pub health: Option<HealthCheck>,
    /// How long things may take.
    pub timeouts: crate::resource::application::Timeouts,
}

/// One place, or a name for places.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Endpoint {
    /// An address.
    Address(std::net::SocketAddr),
    /// A name to look up, and a port.
    Dns(HostName, u16),
}

/// Names a certificate: the namespace, and the `Certificate`, `SecureIngress` or `Secret` it comes from.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CertificateName(pub ResourceKey);

impl Serialize for CertificateName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl std::fmt::Display for CertificateName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A certificate that must be had.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct WantedCertificate {
    /// The names it covers, sorted.
    pub domains: Vec<Domain>,
    /// Where it comes from.
    pub origin: CertificateOrigin,
}

/// Where a certificate comes from.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub enum CertificateOrigin {
    /// Ordered from the first of these that delivers.
    Issuers(Vec<IssuerPlan>),
    /// Given by an operator in a `Secret`.
    Secret(ResourceKey),
}

/// One way to get a certificate.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct IssuerPlan {
    /// The `Issuer`.
    pub key: ResourceKey,
    /// Its spec.
    pub issuer: crate::resource::issuer::Issuer,
    /// How control is proven, for ACME.
    pub challenge: Option<Challenge>,
}

/// What DNS answers for one zone. Names are absolute, without a trailing dot.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct ZoneView {
    /// The apex.
    pub origin: HostName,
    /// The `Zone`.
    pub source: ResourceKey,
    /// The primary name server.
    pub primary: HostName,
    /// The SOA's RNAME, as a domain name.
    pub contact: HostName,
    /// Negative answers may be cached this long (RFC 2308), and it is the SOA's own time to live.
    pub ttl: u32,
    /// Every record set but SOA, whose serial the server keeps.
    #[serde(serialize_with = "records_as_list")]
    pub records: BTreeMap<(Domain, RecordType), RecordSet>,
}

/// The types that zones hold.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[expect(missing_docs, reason = "each is the mnemonic of its RFC")]
pub enum RecordType {
    A,
    Aaaa,
    Caa,
    Cname,
    Https,
    Mx,
    Ns,
    Txt,
}

impl std::fmt::Display for RecordType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Caa => "CAA",
            Self::Cname => "CNAME",
            Self::Https => "HTTPS",
            Self::Mx => "MX",
            Self::Ns => "NS",
            Self::Txt => "TXT",
        })
    }
}

/// Values with one time to live.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct RecordSet {
    /// Seconds.
    pub ttl: u32,
    /// Sorted, without duplicates.
    pub data: Vec<RecordData>,
}

/// One value.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub enum RecordData {
    /// RFC 1035 §3.4.1.
    A(Ipv4Addr),
    /// RFC 3596.
    Aaaa(Ipv6Addr),
    /// RFC 8659 §4, always `0 issue`.
    CaaIssue(String),
    /// RFC 1035 §3.3.1.
    Cname(HostName),
    /// RFC 9460 in service mode: priority 1, target `.`.
    Https {
        /// ALPN ids, in order.
        alpn: Vec<String>,
        /// Address hints.
        hints: Vec<IpAddr>,
    },
    /// RFC 1035 §3.3.9.
    Mx(u16, HostName),
    /// RFC 1035 §3.3.11.
    Ns(HostName),
    /// RFC 1035 §3.3.14; one value may be longer than 255 bytes and is then split into strings.
    Txt(String),
}

/// JSON keys are strings, so the records of a zone are written as a list.
fn records_as_list<S: serde::Serializer>(
    records: &BTreeMap<(Domain, RecordType), RecordSet>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Item<'a> {
        name: &'a Domain,
        r#type: RecordType,
        #[serde(flatten)]
        set: &'a RecordSet,
    }
    let items = records.iter().map(|((name, kind), set)| Item { name, r#type: *kind, set });
    serializer.collect_seq(items)
}
