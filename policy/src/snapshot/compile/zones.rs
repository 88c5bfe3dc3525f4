//! Zones: what DNS answers.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::IpAddr;
use std::sync::Arc;

use super::super::rejected::{Reason, Rejections};
use super::super::{Host, RecordData, RecordSet, RecordType, Stage, ZoneView};
use super::{Resources, Site};
use crate::id::{Domain, HostName, Name, ResourceKey};
use crate::resource::Spec;
use crate::resource::zone::{RecordValues, RelativeName, Zone};

/// The zones by origin.
pub(super) struct Zones<'a> {
    by_origin: BTreeMap<HostName, (&'a ResourceKey, &'a Zone)>,
    by_name: BTreeMap<&'a Name, HostName>,
}

impl<'a> Zones<'a> {
    pub(super) fn collect(resources: Resources<'a>, rejections: &mut Rejections) -> Self {
        let mut zones = Self { by_origin: BTreeMap::new(), by_name: BTreeMap::new() };
        for (key, resource) in resources.iter() {
            let Spec::Zone(zone) = &resource.spec else { continue };
            let origin = match &zone.origin {
                Some(origin) => origin.clone(),
                None => match key.name.as_str().parse::<HostName>() {
                    Ok(origin) => origin,
                    Err(error) => {
                        rejections.add(key, "metadata.name", Reason::NotAnOrigin(error));
                        continue;
                    }
                },
            };
            zones.by_name.insert(&key.name, origin.clone());
            match zones.by_origin.entry(origin) {
                Entry::Vacant(free) => {
                    free.insert((key, zone));
                }
                Entry::Occupied(taken) => {
                    let [owner, later] = resources.by_age([taken.get().0, key], |zone| zone);
                    let reason = Reason::OriginTaken { origin: taken.key().clone(), owner: owner.clone() };
                    rejections.add(later, "spec.origin", reason);
                }
            }
        }
        zones
    }

    /// The closest zone that a name lies in.
    pub(super) fn holding(&self, name: &HostName) -> Option<&HostName> {
        let mut rest = name.as_str();
        loop {
            if let Some((origin, _)) = self.by_origin.get_key_value(rest) {
                return Some(origin);
            }
            rest = rest.split_once('.')?.1;
        }
    }

    /// The origin of the zone that an ingress names for one of its domains.
    pub(super) fn origin_for(
        &self,
        key: &ResourceKey,
        zone: &Name,
        domain: &Domain,
        index: usize,
        rejections: &mut Rejections,
    ) -> Option<HostName> {
        let Some(origin) = self.by_name.get(zone) else {
            rejections.add(key, "spec.dns.zone", Reason::NoZone(zone.clone()));
            return None;
        };
        if !domain.base().is_within(origin) {
            let reason = Reason::OutsideZone { domain: domain.clone(), origin: origin.clone() };
            rejections.add(key, format!("spec.domains[{index}]"), reason);
            return None;
        }
        Some(origin.clone())
    }

    /// What DNS answers for each zone; hosts are named at [`Stage::Named`] alone.
    pub(super) fn views(
        &self,
        hosts: &BTreeMap<Domain, Arc<Host>>,
        site: &Site,
        rejections: &mut Rejections,
    ) -> BTreeMap<HostName, ZoneView> {
        let mut views = BTreeMap::new();
        for (origin, (key, zone)) in &self.by_origin {
            views.insert(origin.clone(), View::build(key, origin, zone, site, rejections));
        }
        for host in hosts.values() {
            let Some(dns) = &host.dns else { continue };
            let Some((_, zone)) = self.by_origin.get(&dns.origin) else { continue };
            let Some(view) = views.get_mut(&dns.origin) else { continue };
            let addresses = if zone.addresses.is_empty() { &site.addresses } else { &zone.addresses };
            view.expose(host, addresses, dns.ttl.seconds_ceil(), rejections);
        }
        views.into_iter().map(|(origin, view)| (origin, view.0)).collect()
    }
}

struct View(ZoneView);

impl View {
    fn build(
        key: &ResourceKey,
        origin: &HostName,
        zone: &Zone,
        site: &Site,
        rejections: &mut Rejections,
    ) -> Self {
        let ttl = zone.ttl.seconds_ceil();
        let primary = zone.nameservers.first().map_or(origin, |server| &server.name);
        let mut view = Self(ZoneView {
            origin: origin.clone(),
            source: key.clone(),
            primary: primary.clone(),
            contact: contact(key, origin, zone, rejections),
            ttl,
            records: BTreeMap::new(),
        });
        let apex = Domain::Exact(origin.clone());
        for server in &zone.nameservers {
            view.add(&apex, ttl, RecordData::Ns(server.name.clone()));
            if server.name.is_within(origin) {
                let own = if server.addresses.is_empty() { &site.addresses } else { &server.addresses };
                for address in own {
                    view.add(&Domain::Exact(server.name.clone()), ttl, address_record(*address));
                }
            }
        }
        for authority in &zone.caa {
            view.add(&apex, ttl, RecordData::CaaIssue(authority.clone()));
        }
        for (index, record) in zone.records.iter().enumerate() {
            let field = format!("spec.records[{index}]");
            let Some(name) = absolute(&record.name, origin) else {
                let reason = Reason::RecordName { name: record.name.clone(), origin: origin.clone() };
                rejections.add(key, format!("{field}.name"), reason);
                continue;
            };
            let ttl = record.ttl.map_or(ttl, crate::id::Span::seconds_ceil);
            for data in values(&record.data) {
                view.add(&name, ttl, data);
            }
        }
        view.check_aliases(key, rejections);
        view
    }

    fn add(&mut self, name: &Domain, ttl: u32, data: RecordData) {
        let set = self
            .0
            .records
            .entry((name.clone(), data.record_type()))
            .or_insert_with(|| RecordSet { ttl, data: Vec::new() });
        // One record set has one time to live (RFC 2181 §5.2): the lowest that was asked for.
        set.ttl = set.ttl.min(ttl);
        if let Err(at) = set.data.binary_search(&data) {
            set.data.insert(at, data);
        }
    }

    /// RFC 1034 §3.6.2: where there is an alias, there is nothing else.
    fn check_aliases(&self, key: &ResourceKey, rejections: &mut Rejections) {
        let aliases = self.0.records.iter().filter(|((_, kind), _)| *kind == RecordType::Cname);
        for ((name, _), set) in aliases {
            let others =
                self.0.records.keys().any(|(other, kind)| other == name && *kind != RecordType::Cname);
            if others || *name == Domain::Exact(self.0.origin.clone()) {
                rejections.add(key, "spec.records", Reason::AliasNotAlone(name.clone()));
            }
            if set.data.len() > 1 {
                rejections.add(key, "spec.records", Reason::AliasOfSeveral(name.clone()));
            }
        }
    }

    fn expose(&mut self, host: &Host, addresses: &[IpAddr], ttl: u32, rejections: &mut Rejections) {
        for kind in [RecordType::A, RecordType::Aaaa, RecordType::Cname, RecordType::Https] {
            if self.0.records.contains_key(&(host.domain.clone(), kind)) {
                let (domain, zone) = (host.domain.clone(), self.0.source.clone());
                rejections.add(&host.source, "spec.dns", Reason::RecordTaken { domain, kind, zone });
                return;
            }
        }
        if host.stage != Stage::Named {
            return;
        }
        for address in addresses {
            self.add(&host.domain, ttl, address_record(*address));
        }
        let alpn = vec!["h2".to_owned(), "http/1.1".to_owned()];
        self.add(&host.domain, ttl, RecordData::Https { alpn, hints: addresses.to_vec() });
    }
}

fn contact(key: &ResourceKey, origin: &HostName, zone: &Zone, rejections: &mut Rejections) -> HostName {
    let Some(contact) = &zone.contact else {
        return format!("hostmaster.{origin}").parse().unwrap_or_else(|_too_long| origin.clone());
    };
    let name = contact.split_once('@').and_then(|(user, host)| format!("{user}.{host}").parse().ok());
    name.unwrap_or_else(|| {
        rejections.add(key, "spec.contact", Reason::Contact(contact.clone()));
        origin.clone()
    })
}

fn address_record(address: IpAddr) -> RecordData {
    match address {
        IpAddr::V4(address) => RecordData::A(address),
        IpAddr::V6(address) => RecordData::Aaaa(address),
    }
}

fn absolute(name: &RelativeName, origin: &HostName) -> Option<Domain> {
    match name.as_str() {
        "@" => Some(Domain::Exact(origin.clone())),
        "*" => Some(Domain::Wildcard(origin.clone())),
        relative => format!("{relative}.{origin}").parse().ok(),
    }
}

fn values(values: &RecordValues) -> Vec<RecordData> {
    match values {
        RecordValues::A(list) => list.iter().copied().map(RecordData::A).collect(),
        RecordValues::Aaaa(list) => list.iter().copied().map(RecordData::Aaaa).collect(),
        RecordValues::Cname(target) => vec![RecordData::Cname(target.clone())],
        RecordValues::Txt(list) => list.iter().cloned().map(RecordData::Txt).collect(),
        RecordValues::Mx(list) => {
            list.iter().map(|mx| RecordData::Mx(mx.preference, mx.exchange.clone())).collect()
        }
        RecordValues::Ns(list) => list.iter().cloned().map(RecordData::Ns).collect(),
    }
}

impl RecordData {
    /// The type that this is a value of.
    #[must_use]
    pub const fn record_type(&self) -> RecordType {
        match self {
            Self::A(_) => RecordType::A,
            Self::Aaaa(_) => RecordType::Aaaa,
            Self::CaaIssue(_) => RecordType::Caa,
            Self::Cname(_) => RecordType::Cname,
            Self::Https { .. } => RecordType::Https,
            Self::Mx(..) => RecordType::Mx,
            Self::Ns(_) => RecordType::Ns,
            Self::Txt(_) => RecordType::Txt,
        }
    }
}
