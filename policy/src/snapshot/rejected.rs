//! Why a set of resources has no snapshot.

use std::fmt;

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use super::RecordType;
use crate::id::{Domain, Email, HostName, InvalidHostName, Name, ResourceKey};
use crate::resource::zone::RelativeName;

/// One resource at fault. All that were found are reported together.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Rejected {
    /// The resource at fault.
    pub key: ResourceKey,
    /// The field, e.g. `spec.api[2].path`.
    pub field: String,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong, a variant per cause. What would help and who else has a part in it follow from the cause.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, thiserror::Error)]
pub enum Reason {
    /// A resource is named that does not exist.
    #[error("there is no {0}")]
    Missing(ResourceKey),
    /// A zone is named that does not exist in any namespace.
    #[error("there is no Zone {0}")]
    NoZone(Name),
    /// An issuer's external account names a secret that does not exist.
    #[error("there is no {0}")]
    NoAccountKey(ResourceKey),
    /// A secret cannot be a certificate.
    #[error("{secret} has no {part}")]
    SecretLacks {
        /// Which secret.
        secret: ResourceKey,
        /// Which of `tls.crt` and `tls.key`.
        part: &'static str,
    },
    /// An API entry names a port that the application does not have.
    #[error("there is no port named {name}")]
    NoPort {
        /// What it names.
        name: Name,
        /// What there is.
        known: Vec<Name>,
    },
    /// An API entry names a port that carries no requests.
    #[error("port {0} does not speak HTTP, so no path can be routed to it")]
    PortNotHttp(Name),
    /// An API entry names no port, and no port would do.
    #[error("the application has no port whose protocol is http, http2 or grpc")]
    NoHttpPort,
    /// An API entry names no port, and more than one would do.
    #[error("the application has several HTTP ports")]
    SeveralHttpPorts,
    /// Another ingress answers to the host.
    #[error("{domain} belongs to {owner} already")]
    HostTaken {
        /// The host.
        domain: Domain,
        /// Who has it.
        owner: ResourceKey,
    },
    /// Another API entry takes the same requests.
    #[error("the same requests are routed by {owner} spec.api[{index}] under {ingress}")]
    RequestsTaken {
        /// Whose entry.
        owner: ResourceKey,
        /// Which entry.
        index: usize,
        /// Under whose hosts.
        ingress: ResourceKey,
    },
    /// An API entry asks for tokens of an issuer that the ingress does not list.
    #[error("{ingress} knows no token issuer {issuer}")]
    UnknownTokenIssuer {
        /// Which ingress.
        ingress: ResourceKey,
        /// Which issuer.
        issuer: Name,
    },
    /// The CA must connect to a name that is not answered before its certificate is there.
    #[error("{issuer} proves control by connection, and our DNS names a host only after that")]
    NamedTooLate {
        /// Whose challenge.
        issuer: ResourceKey,
        /// Who wants the certificate.
        ingress: ResourceKey,
    },
    /// No CA takes anything but DNS as proof of a wildcard.
    #[error("{issuer} proves control by connection, which no CA accepts for {domain}")]
    WildcardByConnection {
        /// Whose challenge.
        issuer: ResourceKey,
        /// Which wildcard.
        domain: Domain,
    },
    /// DNS-01 needs a zone of ours.
    #[error("{issuer} proves control by DNS, and {domain} lies in no Zone of ours")]
    ForeignDns {
        /// Whose challenge.
        issuer: ResourceKey,
        /// Which name.
        domain: Domain,
    },
    /// A domain lies outside the zone that its ingress names.
    #[error("{domain} lies outside the zone {origin}")]
    OutsideZone {
        /// The domain.
        domain: Domain,
        /// The zone.
        origin: HostName,
    },
    /// A zone without an origin has a name that cannot be one.
    #[error("the name cannot be the zone's origin: {0}")]
    NotAnOrigin(InvalidHostName),
    /// Two zones have one origin.
    #[error("{owner} has the origin {origin} already")]
    OriginTaken {
        /// The origin.
        origin: HostName,
        /// Who has it.
        owner: ResourceKey,
    },
    /// A record's name is too long below its origin.
    #[error("{name}.{origin} is no host name of 253 bytes")]
    RecordName {
        /// The relative name.
        name: RelativeName,
        /// The zone.
        origin: HostName,
    },
    /// RFC 1034 §3.6.2: where there is an alias, there is nothing else.
    #[error("{0} is an alias and has other records too")]
    AliasNotAlone(Domain),
    /// RFC 1034 §3.6.2: an alias stands for one name.
    #[error("{0} is an alias of several names")]
    AliasOfSeveral(Domain),
    /// An exposed host has records by hand as well.
    #[error("{domain} has {kind} records from {zone} already")]
    RecordTaken {
        /// The host.
        domain: Domain,
        /// Their type.
        kind: RecordType,
        /// Who has them.
        zone: ResourceKey,
    },
    /// An address that has no form as a domain name.
    #[error("{0} cannot be written as an SOA contact")]
    Contact(Email),
}

impl Reason {
    /// The smallest change that would help.
    #[must_use]
    pub fn fix(&self) -> String {
        let fix = match self {
            Self::Missing(_) => "create it, or name one of the same namespace that exists",
            Self::NoZone(_) => "create it, or leave spec.dns out if DNS is not ours",
            Self::NoAccountKey(_) => "create it with the key hmacKey",
            Self::SecretLacks { part, .. } => return format!("add {part} in PEM to its stringData"),
            Self::NoPort { known, .. } => {
                let known: Vec<&str> = known.iter().map(Name::as_str).collect();
                return format!("name one of: {}", known.join(", "));
            }
            Self::PortNotHttp(_) => "name a port whose protocol is http, http2 or grpc",
            Self::NoHttpPort => "declare one, e.g. {name: http-web, port: 8080}",
            Self::SeveralHttpPorts => "say which: add port: NAME",
            Self::HostTaken { .. } => "remove it from one of the two",
            Self::RequestsTaken { .. } => "change path, methods or headers of one",
            Self::UnknownTokenIssuer { ingress, .. } => {
                return format!("add it to spec.jwt of {ingress}, or name one that is there");
            }
            Self::NamedTooLate { .. } => "leave spec.acme.challenge out, or set it to dns01",
            Self::WildcardByConnection { .. } => {
                "use an Issuer with challenge: dns01, or name the hosts one by one"
            }
            Self::ForeignDns { .. } => "add a Zone for it, or use an Issuer with challenge: http01",
            Self::OutsideZone { .. } => "remove it, or name the zone that holds it in spec.dns.zone",
            Self::NotAnOrigin(_) => "set spec.origin",
            Self::OriginTaken { .. } => "delete one of the two",
            Self::RecordName { .. } => "shorten it",
            Self::AliasNotAlone(_) => "remove the cname, or everything else at that name",
            Self::AliasOfSeveral(_) => "keep one",
            Self::RecordTaken { .. } => {
                "remove the record from the Zone; exposed names get theirs by themselves"
            }
            Self::Contact(_) => "write an address such as hostmaster@example.com",
        };
        fix.to_owned()
    }

    /// Other resources that exist and have a part in it.
    #[must_use]
    pub fn others(&self) -> Vec<&ResourceKey> {
        match self {
            Self::SecretLacks { secret: other, .. }
            | Self::HostTaken { owner: other, .. }
            | Self::UnknownTokenIssuer { ingress: other, .. }
            | Self::NamedTooLate { ingress: other, .. }
            | Self::WildcardByConnection { issuer: other, .. }
            | Self::ForeignDns { issuer: other, .. }
            | Self::OriginTaken { owner: other, .. }
            | Self::RecordTaken { zone: other, .. } => vec![other],
            Self::RequestsTaken { owner, ingress, .. } => vec![owner, ingress],
            Self::Missing(_)
            | Self::NoZone(_)
            | Self::NoAccountKey(_)
            | Self::NoPort { .. }
            | Self::PortNotHttp(_)
            | Self::NoHttpPort
            | Self::SeveralHttpPorts
            | Self::OutsideZone { .. }
            | Self::NotAnOrigin(_)
            | Self::RecordName { .. }
            | Self::AliasNotAlone(_)
            | Self::AliasOfSeveral(_)
            | Self::Contact(_) => Vec::new(),
        }
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}; {}", self.key, self.field, self.reason, self.reason.fix())
    }
}

/// As the API shows it: the reason in words, with what follows from it.
impl Serialize for Rejected {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let others = self.reason.others();
        let mut fields = serializer.serialize_struct("Rejected", 4 + usize::from(!others.is_empty()))?;
        fields.serialize_field("key", &self.key)?;
        fields.serialize_field("field", &self.field)?;
        fields.serialize_field("reason", &self.reason.to_string())?;
        fields.serialize_field("fix", &self.reason.fix())?;
        if others.is_empty() {
            fields.skip_field("others")?;
        } else {
            fields.serialize_field("others", &others)?;
        }
        fields.end()
    }
}

/// Collects reasons during one compilation.
#[derive(Debug, Default)]
pub(super) struct Rejections(Vec<Rejected>);

impl Rejections {
    pub(super) fn add(&mut self, key: &ResourceKey, field: impl Into<String>, reason: Reason) {
        self.0.push(Rejected { key: key.clone(), field: field.into(), reason });
    }

    pub(super) fn into_result<T>(mut self, value: T) -> Result<T, Vec<Rejected>> {
        if self.0.is_empty() {
            return Ok(value);
        }
        self.0.sort();
        self.0.dedup();
        Err(self.0)
    }
}
