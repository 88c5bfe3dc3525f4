use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use hickory_proto::op::Message;
use policy::id::{Domain, HostName, Kind, ResourceKey};
use policy::snapshot::{RecordData, RecordSet, RecordType as Kept, ZoneView};

use super::*;

fn host(name: &str) -> HostName {
    name.parse().unwrap()
}

/// `shop` has one address, `many` has `addresses`, the apex has a mail exchanger with `addresses`.
fn zones(addresses: u8) -> Zones {
    let exact = |name| Domain::Exact(host(name));
    let set = |data| RecordSet { ttl: 60, data };
    let many: Vec<_> = (1..=addresses).map(|last| RecordData::A(Ipv4Addr::new(192, 0, 2, last))).collect();
    let servers = vec![RecordData::Ns(host("many.sub.example.com"))];
    let records = BTreeMap::from([
        ((exact("shop.example.com"), Kept::A), set(many[..1].to_vec())),
        ((exact("many.example.com"), Kept::A), set(many.clone())),
        ((exact("many.sub.example.com"), Kept::A), set(many)),
        ((exact("sub.example.com"), Kept::Ns), set(servers)),
        ((exact("example.com"), Kept::Mx), set(vec![RecordData::Mx(1, host("many.example.com"))])),
    ]);
    let view = ZoneView {
        origin: host("example.com"),
        source: ResourceKey {
            kind: Kind::Zone,
            namespace: "network".parse().unwrap(),
            name: "zone".parse().unwrap(),
        },
        primary: host("ns1.example.com"),
        contact: host("hostmaster.example.com"),
        ttl: 3600,
        records,
    };
    let zones = Zones::with_serial(1);
    zones.publish(&BTreeMap::from([(host("example.com"), view)]));
    zones
}

struct Question {
    flags: u16,
    counts: [u16; 4],
    rest: Vec<u8>,
}

fn question(name: &str, kind: u16) -> Question {
    let mut rest = Vec::new();
    for label in name.split('.') {
        rest.push(u8::try_from(label.len()).unwrap());
        rest.extend_from_slice(label.as_bytes());
    }
    rest.push(0);
    rest.extend_from_slice(&kind.to_be_bytes());
    rest.extend_from_slice(&1_u16.to_be_bytes());
    Question { flags: 0x0100, counts: [1, 0, 0, 0], rest }
}

impl Question {
    fn edns(mut self, bytes_max: u16, version: u8, flags: u16) -> Self {
        self.counts[3] += 1;
        self.rest.extend_from_slice(&[0, 0, 41]);
        self.rest.extend_from_slice(&bytes_max.to_be_bytes());
        self.rest.extend_from_slice(&[0, version]);
        self.rest.extend_from_slice(&flags.to_be_bytes());
        self.rest.extend_from_slice(&[0, 0]);
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let words = [0x4711, self.flags].into_iter().chain(self.counts);
        words.flat_map(u16::to_be_bytes).chain(self.rest.iter().copied()).collect()
    }

    fn ask(&self, zones: &Zones, transport: Transport) -> (Vec<u8>, Message) {
        let bytes = respond(zones, &self.bytes(), transport).expect("an answer");
        let message = Message::from_vec(&bytes).expect("a message");
        assert_eq!(message.metadata.id, 0x4711);
        assert_eq!(message.metadata.message_type, MessageType::Response);
        (bytes, message)
    }

    fn code(&self) -> ResponseCode {
        self.ask(&zones(1), Transport::Udp).1.metadata.response_code
    }
}

const A: u16 = 1;
const MX: u16 = 15;

#[test]
fn the_question_comes_back_byte_for_byte() {
    let (bytes, message) = question("sHoP.Example.cOm", A).ask(&zones(1), Transport::Udp);
    assert_eq!(bytes[12..34], question("sHoP.Example.cOm", A).bytes()[12..34]);
    assert_eq!(message.answers.len(), 1);
    assert!(message.metadata.authoritative && message.metadata.recursion_desired);
    assert!(!message.metadata.recursion_available);
}

/// CVE-2024-2169.
#[test]
fn an_answer_is_never_answered_whether_it_can_be_read_or_not() {
    let mut response = question("shop.example.com", A);
    response.flags |= 0x8000;
    assert_eq!(answer_packet(&zones(1), &response.bytes()), None);
    response.counts[0] = 3;
    assert_eq!(answer_packet(&zones(1), &response.bytes()), None);
    response.rest = vec![0xC0, 0x0C, 0, 1, 0, 1];
    response.counts[0] = 1;
    assert_eq!(answer_packet(&zones(1), &response.bytes()), None);
}

#[test]
fn what_has_no_header_is_dropped() {
    for len in 0..12 {
        assert_eq!(answer_packet(&zones(1), &question("shop.example.com", A).bytes()[..len]), None);
    }
}

#[test]
fn what_cannot_be_read_is_refused_in_twelve_bytes() {
    let mut lying = question("shop.example.com", A);
    lying.counts = [u16::MAX; 4];
    let mut pointer = question("shop.example.com", A);
    pointer.rest = vec![0xC0, 0x0C, 0, 1, 0, 1];
    let two_opts = question("shop.example.com", A).edns(1232, 0, 0).edns(1232, 0, 0);
    for hostile in [lying, pointer, two_opts] {
        let answer = answer_packet(&zones(1), &hostile.bytes()).expect("an answer");
        assert_eq!(answer, [0x47, 0x11, 0x81, 0x01, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
}

#[test]
fn two_questions_or_none_are_a_fault() {
    let mut two = question("shop.example.com", A);
    let again = two.rest.clone();
    two.rest.extend(again);
    two.counts[0] = 2;
    assert_eq!(two.code(), ResponseCode::FormErr);
    let none = Question { flags: 0, counts: [0; 4], rest: Vec::new() };
    assert_eq!(none.code(), ResponseCode::FormErr);
}

#[test]
fn other_operations_than_questions_are_not_implemented() {
    for operation in 1..16 {
        let mut other = question("example.com", A);
        other.flags |= operation << 11;
        assert_eq!(other.code(), ResponseCode::NotImp, "{operation}");
    }
}

#[test]
fn other_classes_than_in_are_refused() {
    for class in [0_u16, 3, 4, 254, 255] {
        let mut other = question("shop.example.com", A);
        let at = other.rest.len() - 2;
        other.rest[at..].copy_from_slice(&class.to_be_bytes());
        assert_eq!(other.code(), ResponseCode::Refused, "{class}");
    }
}

/// RFC 8945 §5.2.1: no key of ours is known to anyone.
#[test]
fn a_signed_question_is_not_believed() {
    let mut signed = question("shop.example.com", A);
    signed.counts[3] = 1;
    // key., TSIG, ANY, ttl 0, and data: hmac-sha256., time, fudge, no MAC, id, no error, no more.
    signed.rest.extend_from_slice(b"\x03key\0\0\xfa\0\xff\0\0\0\0\0\x1d\x0bhmac-sha256\0");
    signed.rest.extend_from_slice(&[0, 0, 0, 0, 0, 1, 1, 44, 0, 0, 0x47, 0x11, 0, 0, 0, 0]);
    assert_eq!(signed.code(), ResponseCode::NotAuth);
}

#[test]
fn edns_is_answered_with_our_size_and_the_do_bit() {
    let (_, message) = question("shop.example.com", A).edns(4096, 0, 0x8000).ask(&zones(1), Transport::Udp);
    let edns = message.edns.expect("an OPT record");
    assert_eq!((edns.max_payload(), edns.version(), edns.flags().dnssec_ok), (1232, 0, true));
    let (_, message) = question("shop.example.com", A).ask(&zones(1), Transport::Udp);
    assert!(message.edns.is_none(), "who does not speak EDNS is not spoken to in it");
}

#[test]
fn refusals_carry_edns_too() {
    let (_, message) = question("elsewhere.test", A).edns(1232, 0, 0).ask(&zones(1), Transport::Udp);
    assert_eq!(message.metadata.response_code, ResponseCode::Refused);
    assert!(message.edns.is_some());
}

/// RFC 6891 §6.1.3.
#[test]
fn a_later_edns_is_told_which_is_ours() {
    let (_, message) = question("shop.example.com", A).edns(1232, 1, 0).ask(&zones(1), Transport::Udp);
    assert_eq!(u16::from(message.metadata.response_code), u16::from(ResponseCode::BADVERS));
    assert_eq!(message.edns.expect("an OPT record").version(), 0);
    assert!(message.answers.is_empty());
}

#[test]
fn an_answer_is_cut_to_what_the_client_takes() {
    let zones = zones(100);
    let cases = [(None, 512), (Some(100), 512), (Some(512), 512), (Some(800), 800), (Some(65_535), 1232)];
    for (client, bytes_max) in cases {
        let mut asked = question("many.example.com", A);
        if let Some(client) = client {
            asked = asked.edns(client, 0, 0);
        }
        let (bytes, message) = asked.ask(&zones, Transport::Udp);
        assert!(bytes.len() <= bytes_max, "{client:?}: {}", bytes.len());
        assert!(message.metadata.truncation, "{client:?}");
        assert_eq!(message.edns.is_some(), client.is_some(), "RFC 6891 §7: {client:?}");
    }
}

#[test]
fn what_fits_exactly_is_not_cut() {
    // 12 of header, 22 of question, 32 for the first address with its name in full, 16 for each further one and 11 of
    // OPT: 73 addresses are 1229 bytes, 74 are 1245.
    for (addresses, truncated) in [(73, false), (74, true)] {
        let asked = question("many.example.com", A).edns(1232, 0, 0);
        let (_, message) = asked.ask(&zones(addresses), Transport::Udp);
        assert_eq!(message.metadata.truncation, truncated, "{addresses}");
        assert_eq!(message.answers.len(), if truncated { 0 } else { addresses.into() });
    }
}

#[test]
fn over_tcp_the_answer_is_whole() {
    let (_, message) = question("many.example.com", A).ask(&zones(100), Transport::Tcp);
    assert!(!message.metadata.truncation);
    assert_eq!(message.answers.len(), 100);
}

/// RFC 2181 §9.
#[test]
fn addresses_that_nobody_asked_for_are_left_out_without_a_word() {
    let (_, message) = question("example.com", MX).ask(&zones(100), Transport::Udp);
    assert!(!message.metadata.truncation);
    assert_eq!((message.answers.len(), message.additionals.len()), (1, 0));
}

/// RFC 9471 §3.1.
#[test]
fn glue_that_does_not_fit_sends_the_client_to_tcp() {
    let (_, message) = question("host.sub.example.com", A).ask(&zones(100), Transport::Udp);
    assert!(message.metadata.truncation);
    let (_, message) = question("host.sub.example.com", A).ask(&zones(100), Transport::Tcp);
    assert_eq!(message.additionals.len(), 100);
}
