//! One zone, ready to be looked up.

use std::collections::{BTreeMap, HashMap};

use hickory_proto::rr::rdata::svcb::{Alpn, IpHint, SVCB, SvcParamKey, SvcParamValue};
use hickory_proto::rr::rdata::{A, AAAA, CAA, CNAME, HTTPS, MX, NS, SOA, TXT};
use hickory_proto::rr::{LowerName, Name, RData, Record, RecordType};
use policy::id::{Domain, HostName};
use policy::snapshot::{RecordData, RecordSet, ZoneView};

/// A zone with its names in a table.
#[derive(Debug)]
pub struct Zone {
    pub(super) origin: LowerName,
    pub(super) soa: Record,
    nodes: HashMap<LowerName, Node>,
}

/// Everything at one name. Empty for names that only have others below them (RFC 4592 §2.2.2).
#[derive(Debug, Default)]
pub struct Node {
    sets: BTreeMap<RecordType, Vec<Record>>,
}

/// RFC 1912 §2.2. No secondary of ours asks, so these are for the eye.
const REFRESH_SECS: i32 = 3600;
const RETRY_SECS: i32 = 600;
const EXPIRE_SECS: i32 = 1_209_600;
/// How long "no such name" may be remembered (RFC 2308 §5): a name that is about to appear should not wait.
const NEGATIVE_TTL_SECS: u32 = 60;

impl Zone {
    /// Builds the table of a zone. Names that cannot be written on the wire are left out; the resource types
    /// see to it that there are none.
    #[must_use]
    pub fn new(view: &ZoneView, serial: u32) -> Option<Self> {
        let origin = name(&view.origin)?;
        let (primary, contact) = (name(&view.primary)?, name(&view.contact)?);
        let minimum = NEGATIVE_TTL_SECS.min(view.ttl);
        let soa = SOA::new(primary, contact, serial, REFRESH_SECS, RETRY_SECS, EXPIRE_SECS, minimum);
        let soa = Record::from_rdata(origin.clone(), view.ttl, RData::SOA(soa));
        let mut zone = Self { origin: LowerName::new(&origin), soa: soa.clone(), nodes: HashMap::new() };
        zone.node(&origin).sets.insert(RecordType::SOA, vec![soa]);
        for ((domain, _), set) in &view.records {
            zone.add(domain, set);
        }
        Some(zone)
    }

    fn add(&mut self, domain: &Domain, set: &RecordSet) {
        let owner = match domain {
            Domain::Exact(host) => name(host),
            Domain::Wildcard(host) => name(host).and_then(|name| name.prepend_label("*").ok()),
        };
        let Some(owner) = owner else { return };
        for data in set.data.iter().filter_map(rdata) {
            let record = Record::from_rdata(owner.clone(), set.ttl, data);
            self.node(&owner).sets.entry(record.record_type()).or_default().push(record);
        }
    }

    /// The node of a name, made with every name between it and the apex.
    fn node(&mut self, owner: &Name) -> &mut Node {
        let lower = LowerName::new(owner);
        let mut above = lower.base_name();
        while self.origin.zone_of(&above) && !self.nodes.contains_key(&above) {
            self.nodes.insert(above.clone(), Node::default());
            above = above.base_name();
        }
        self.nodes.entry(lower).or_default()
    }

    /// The apex.
    #[must_use]
    pub const fn origin(&self) -> &LowerName {
        &self.origin
    }

    pub(super) fn exact(&self, name: &LowerName) -> Option<&Node> {
        self.nodes.get(name)
    }

    /// The wildcard that stands for a name that does not exist: the one right below its closest encloser
    /// (RFC 4592 §3.3.1).
    pub(super) fn wildcard(&self, name: &LowerName) -> Option<&Node> {
        let mut below = name.clone();
        let mut encloser = name.base_name();
        while !self.nodes.contains_key(&encloser) {
            if encloser == self.origin || encloser.is_root() {
                return None;
            }
            below = encloser;
            encloser = below.base_name();
        }
        self.nodes.get(&below.into_wildcard())
    }

    /// The delegation that a name lies at or below, if any.
    pub(super) fn delegation(&self, name: &LowerName) -> Option<&Vec<Record>> {
        let mut at = name.clone();
        let mut found = None;
        while at != self.origin && !at.is_root() {
            if let Some(servers) = self.nodes.get(&at).and_then(|node| node.set(RecordType::NS)) {
                // The one nearest to the apex counts; below it nothing is ours.
                found = Some(servers);
            }
            at = at.base_name();
        }
        found
    }
}

impl Node {
    pub(super) fn set(&self, kind: RecordType) -> Option<&Vec<Record>> {
        self.sets.get(&kind)
    }

    /// One set, whichever.
    pub(super) fn any(&self) -> Option<&Vec<Record>> {
        self.sets.values().next()
    }
}

fn name(host: &HostName) -> Option<Name> {
    Name::from_ascii(format!("{host}.")).ok()
}

fn rdata(data: &RecordData) -> Option<RData> {
    Some(match data {
        RecordData::A(address) => RData::A(A(*address)),
        RecordData::Aaaa(address) => RData::AAAA(AAAA(*address)),
        RecordData::CaaIssue(authority) => {
            // `;` is how nobody is allowed (RFC 8659 §4.2).
            let authority = if authority == ";" { None } else { Some(Name::from_ascii(authority).ok()?) };
            RData::CAA(CAA::new_issue(false, authority, Vec::new()))
        }
        RecordData::Cname(target) => RData::CNAME(CNAME(name(target)?)),
        RecordData::Https { alpn, hints } => RData::HTTPS(HTTPS(service(alpn, hints))),
        RecordData::Mx(preference, exchange) => RData::MX(MX::new(*preference, name(exchange)?)),
        RecordData::Ns(server) => RData::NS(NS(name(server)?)),
        RecordData::Txt(text) => RData::TXT(txt(text)),
    })
}

/// One text as character strings of at most 255 bytes (RFC 1035 §3.3.14).
pub(super) fn txt(text: &str) -> TXT {
    let parts: Vec<&[u8]> = text.as_bytes().chunks(255).collect();
    TXT::from_bytes(if parts.is_empty() { vec![b"".as_slice()] } else { parts })
}

fn service(alpn: &[String], hints: &[std::net::IpAddr]) -> SVCB {
    let mut params = vec![(SvcParamKey::Alpn, SvcParamValue::Alpn(Alpn(alpn.to_vec())))];
    let v4: Vec<A> = hints
        .iter()
        .filter_map(|hint| match hint {
            std::net::IpAddr::V4(address) => Some(A(*address)),
            std::net::IpAddr::V6(_) => None,
        })
        .collect();
    let v6: Vec<AAAA> = hints
        .iter()
        .filter_map(|hint| match hint {
            std::net::IpAddr::V6(address) => Some(AAAA(*address)),
            std::net::IpAddr::V4(_) => None,
        })
        .collect();
    if !v4.is_empty() {
        params.push((SvcParamKey::Ipv4Hint, SvcParamValue::Ipv4Hint(IpHint(v4))));
    }
    if !v6.is_empty() {
        params.push((SvcParamKey::Ipv6Hint, SvcParamValue::Ipv6Hint(IpHint(v6))));
    }
    SVCB::new(1, Name::root(), params)
}
