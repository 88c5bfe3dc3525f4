use std::net::Ipv4Addr;

use hickory_proto::rr::{LowerName, Name, RData, RecordType};
use policy::id::{Domain, Kind, ResourceKey};
use policy::snapshot::{RecordData, RecordSet, RecordType as Kept};

use super::*;
use crate::core::answer::answer;

fn view(origin: &str, last: u8) -> (HostName, ZoneView) {
    let origin: HostName = origin.parse().unwrap();
    let set = RecordSet { ttl: 60, data: vec![RecordData::A(Ipv4Addr::new(192, 0, 2, last))] };
    let view = ZoneView {
        origin: origin.clone(),
        source: ResourceKey {
            kind: Kind::Zone,
            namespace: "network".parse().unwrap(),
            name: "zone".parse().unwrap(),
        },
        primary: origin.clone(),
        contact: origin.clone(),
        ttl: 60,
        records: BTreeMap::from([((Domain::Exact(origin.clone()), Kept::A), set)]),
    };
    (origin, view)
}

fn serial(zones: &Zones, origin: &str) -> u32 {
    let name = Name::from_ascii(format!("{origin}.")).unwrap();
    let answer = answer(&zones.load(), &zones.challenges().load(), &name, RecordType::SOA);
    let RData::SOA(soa) = &answer.answers[0].data else { panic!("no SOA") };
    soa.serial
}

#[test]
fn a_serial_rises_when_its_zone_changes_and_only_then() {
    let zones = Zones::with_serial(100);
    zones.publish(&BTreeMap::from([view("a.test", 1), view("b.test", 1)]));
    assert_eq!((serial(&zones, "a.test"), serial(&zones, "b.test")), (100, 100));
    zones.publish(&BTreeMap::from([view("a.test", 1), view("b.test", 2)]));
    zones.publish(&BTreeMap::from([view("a.test", 1), view("b.test", 2)]));
    assert_eq!((serial(&zones, "a.test"), serial(&zones, "b.test")), (100, 101));
}

/// RFC 1982: a serial that falls is a change that secondaries and caches never see.
#[test]
fn a_zone_that_comes_back_goes_on_counting() {
    let zones = Zones::with_serial(100);
    for last in 1..5 {
        zones.publish(&BTreeMap::from([view("a.test", last)]));
    }
    zones.publish(&BTreeMap::new());
    zones.publish(&BTreeMap::from([view("a.test", 1)]));
    assert_eq!(serial(&zones, "a.test"), 104);
}

#[test]
fn a_zone_that_is_gone_is_refused() {
    let zones = Zones::with_serial(1);
    zones.publish(&BTreeMap::from([view("a.test", 1)]));
    zones.publish(&BTreeMap::new());
    assert!(zones.load().is_empty());
}

#[test]
fn what_did_not_change_is_not_built_again() {
    let zones = Zones::with_serial(1);
    let name = |text| LowerName::new(&Name::from_ascii(text).unwrap());
    zones.publish(&BTreeMap::from([view("a.test", 1), view("b.test", 1)]));
    let before = Arc::clone(&zones.load()[&name("a.test.")]);
    zones.publish(&BTreeMap::from([view("a.test", 1), view("b.test", 2)]));
    assert!(Arc::ptr_eq(&before, &zones.load()[&name("a.test.")]));
}
