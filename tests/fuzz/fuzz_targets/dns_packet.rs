//! Any packet is answered or dropped. A response is never answered, and an answer is for its question and fits.
#![no_main]

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::LazyLock;

use dns::{Zones, answer_packet};
use libfuzzer_sys::fuzz_target;
use policy::id::{Domain, HostName, Kind, ResourceKey};
use policy::snapshot::{RecordData, RecordSet, RecordType, ZoneView};

fn host(name: &str) -> HostName {
    name.parse().expect("a host name")
}

static ZONES: LazyLock<Zones> = LazyLock::new(|| {
    let address = |last| RecordData::A(Ipv4Addr::new(192, 0, 2, last));
    let set = |data| RecordSet { ttl: 60, data };
    let exact = |name| Domain::Exact(host(name));
    let records = BTreeMap::from([
        ((exact("example.com"), RecordType::Ns), set(vec![RecordData::Ns(host("ns.example.com"))])),
        ((exact("ns.example.com"), RecordType::A), set(vec![address(1)])),
        ((exact("shop.example.com"), RecordType::A), set((1..=40).map(address).collect())),
        (
            (exact("www.example.com"), RecordType::Cname),
            set(vec![RecordData::Cname(host("shop.example.com"))]),
        ),
        ((Domain::Wildcard(host("w.example.com")), RecordType::A), set(vec![address(2)])),
        ((exact("example.com"), RecordType::Txt), set(vec![RecordData::Txt("x".repeat(600))])),
    ]);
    let view = ZoneView {
        origin: host("example.com"),
        source: ResourceKey {
            kind: Kind::Zone,
            namespace: "network".parse().expect("a name"),
            name: "example".parse().expect("a name"),
        },
        primary: host("ns.example.com"),
        contact: host("hostmaster.example.com"),
        ttl: 300,
        records,
    };
    let zones = Zones::with_serial(1);
    zones.publish(&BTreeMap::from([(host("example.com"), view)]));
    zones
});

fuzz_target!(|packet: &[u8]| {
    let Some(answer) = answer_packet(&ZONES, packet) else { return };
    assert!(packet.len() >= 12 && answer.len() >= 12);
    // The bit of a response: answering one would make two servers talk for ever (CVE-2024-2169).
    assert_eq!(packet[2] & 0x80, 0);
    assert_eq!(answer[2] & 0x80, 0x80);
    assert_eq!(answer[..2], packet[..2]);
    assert!(answer.len() <= 4096);
});
