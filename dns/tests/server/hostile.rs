//! Packets that nobody should send: each is answered in few bytes or dropped, and the server goes on.

use super::served::Served;

/// A question of class IN, with RD.
pub(crate) fn question(id: u16, name: &str, kind: u16) -> Vec<u8> {
    let mut packet = header(id, 0x0100, [1, 0, 0, 0]);
    packet.extend(wire(name));
    packet.extend(kind.to_be_bytes());
    packet.extend([0, 1]);
    packet
}

fn header(id: u16, flags: u16, counts: [u16; 4]) -> Vec<u8> {
    [id, flags].into_iter().chain(counts).flat_map(u16::to_be_bytes).collect()
}

fn wire(name: &str) -> Vec<u8> {
    let labels = name.split('.').flat_map(|label| {
        let len = u8::try_from(label.len()).unwrap();
        [len].into_iter().chain(label.bytes())
    });
    labels.chain([0]).collect()
}

/// A header with these counts, then these bytes.
fn packet(flags: u16, counts: [u16; 4], rest: &[u8]) -> Vec<u8> {
    [header(0x4711, flags, counts), rest.to_vec()].concat()
}

fn opt(version: u8) -> Vec<u8> {
    vec![0, 0, 41, 4, 208, 0, version, 0, 0, 0, 0]
}

fn with(counts: [u16; 4], more: &[u8]) -> Vec<u8> {
    packet(0x0100, counts, &[&question(0, "shop.example.com", 1)[12..], more].concat())
}

/// What must happen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Expected {
    Code(u8),
    Dropped,
}

use Expected::{Code, Dropped};

const FORMERR: Expected = Code(1);
const NXDOMAIN: Expected = Code(3);
const NOTIMP: Expected = Code(4);
const REFUSED: Expected = Code(5);

fn cases() -> Vec<(&'static str, Vec<u8>, Expected)> {
    let in_a = [0, 1, 0, 1];
    let long_label = [vec![64], vec![b'a'; 64], vec![0], in_a.to_vec()].concat();
    let long_name = [[vec![63], vec![b'a'; 63]].concat().repeat(5), vec![0], in_a.to_vec()].concat();
    let chain: Vec<u8> =
        (0..200_u16).rev().flat_map(|at| (0xC000 | (12 + 2 * at + 2)).to_be_bytes()).collect();
    let name_of_zeroes = [vec![3, 0, 0xFF, b'.'], wire("example.com"), in_a.to_vec()].concat();
    vec![
        ("nothing", vec![], Dropped),
        ("one byte", vec![0x47], Dropped),
        ("half a header", vec![0x47, 0x11, 1, 0, 0, 1], Dropped),
        ("a header but for one byte", question(1, "shop.example.com", 1)[..11].to_vec(), Dropped),
        ("a response", packet(0x8180, [1, 0, 0, 0], &question(0, "shop.example.com", 1)[12..]), Dropped),
        ("a response that cannot be read", packet(0x8180, [9, 9, 9, 9], &[0xC0, 0x0C]), Dropped),
        ("a response with FORMERR", packet(0x8181, [0; 4], &[]), Dropped),
        ("a header alone", packet(0x0100, [0; 4], &[]), FORMERR),
        ("a question that is missing", packet(0x0100, [1, 0, 0, 0], &[]), FORMERR),
        ("a question cut in its name", packet(0x0100, [1, 0, 0, 0], &[4, b's', b'h']), FORMERR),
        ("a question cut in its class", packet(0x0100, [1, 0, 0, 0], &[0, 0, 1, 0]), FORMERR),
        ("counts that lie", packet(0x0100, [0xFFFF; 4], &question(0, "shop.example.com", 1)[12..]), FORMERR),
        ("answers that are missing", with([1, 7, 0, 0], &[]), FORMERR),
        ("an additional that is missing", with([1, 0, 0, 1], &[]), FORMERR),
        (
            "two questions",
            packet(0x0100, [2, 0, 0, 0], &question(0, "a.example.com", 1)[12..].repeat(2)),
            FORMERR,
        ),
        ("a pointer to itself", packet(0x0100, [1, 0, 0, 0], &[0xC0, 0x0C, 0, 1, 0, 1]), FORMERR),
        (
            "two pointers in a ring",
            packet(0x0100, [1, 0, 0, 0], &[0xC0, 0x0E, 0xC0, 0x0C, 0, 1, 0, 1]),
            FORMERR,
        ),
        ("a pointer forward", packet(0x0100, [1, 0, 0, 0], &[0xC0, 0x12, 0, 1, 0, 1, 0]), FORMERR),
        ("a pointer past the end", packet(0x0100, [1, 0, 0, 0], &[0xFF, 0xFF, 0, 1, 0, 1]), FORMERR),
        ("a pointer into the header", packet(0x0100, [1, 0, 0, 0], &[0xC0, 0x00, 0, 1, 0, 1]), FORMERR),
        (
            "a label and a pointer to it",
            packet(0x0100, [1, 0, 0, 0], &[1, b'a', 0xC0, 0x0C, 0, 1, 0, 1]),
            FORMERR,
        ),
        ("a chain of pointers", packet(0x0100, [1, 0, 0, 0], &[chain, in_a.to_vec()].concat()), FORMERR),
        ("a label of 64 bytes", packet(0x0100, [1, 0, 0, 0], &long_label), FORMERR),
        ("a label of an unknown kind", packet(0x0100, [1, 0, 0, 0], &[0x80, 1, 0, 0, 1, 0, 1]), FORMERR),
        ("a name of 321 bytes", packet(0x0100, [1, 0, 0, 0], &long_name), FORMERR),
        ("a name of odd bytes", packet(0x0100, [1, 0, 0, 0], &name_of_zeroes), NXDOMAIN),
        ("two OPTs", with([1, 0, 0, 2], &opt(0).repeat(2)), FORMERR),
        ("an OPT among the answers", with([1, 1, 0, 0], &opt(0)), FORMERR),
        (
            "an OPT whose data is longer than the packet",
            with([1, 0, 0, 1], &[0, 0, 41, 4, 208, 0, 0, 0, 0, 255, 0]),
            FORMERR,
        ),
        (
            "an option longer than its OPT",
            with([1, 0, 0, 1], &[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 4, 0, 10, 0, 99]),
            FORMERR,
        ),
        ("EDNS version 1", with([1, 0, 0, 1], &opt(1)), Code(0)),
        ("a NOTIFY", packet(0x2400, [1, 0, 0, 0], &question(0, "example.com", 6)[12..]), NOTIMP),
        ("an UPDATE", packet(0x2800, [1, 0, 0, 0], &question(0, "example.com", 6)[12..]), NOTIMP),
        ("an UPDATE that cannot be read", packet(0x2800, [1, 9, 9, 9], &[0xC0, 0x0C]), NOTIMP),
        ("a transfer by UDP", packet(0, [1, 0, 0, 0], &question(0, "example.com", 252)[12..]), REFUSED),
        ("what is not ours", question(0x4711, "elsewhere.test", 1), REFUSED),
    ]
}

#[test]
fn each_hostile_packet_is_answered_as_it_deserves() {
    let served = Served::start();
    let socket = served.udp();
    for (name, hostile, expected) in cases() {
        socket.send(&hostile).unwrap();
        // What comes first shows what came of the packet: its answer, or that of the good question after it.
        socket.send(&question(0x0800, "shop.example.com", 1)).unwrap();
        let mut answer = [0; 2048];
        let len = socket.recv(&mut answer).unwrap();
        if answer[..2] == [0x08, 0x00] {
            assert_eq!(expected, Dropped, "{name}");
            continue;
        }
        assert_eq!(Code(answer[3] & 0x0F), expected, "{name}");
        assert_eq!(answer[2] & 0x80, 0x80, "{name}");
        if expected != NXDOMAIN {
            assert!(len <= hostile.len().max(12), "{name}: a refusal is no longer than what it refuses");
        }
        let len = socket.recv(&mut answer).unwrap();
        assert_eq!(answer[..2], [0x08, 0x00], "{name}: the server goes on");
        assert!(len > 12);
    }
    let dropped = cases().iter().filter(|case| case.2 == Dropped).count();
    assert_eq!(served.counted("causeway_dns_dropped_total"), dropped as u64);
}

/// xorshift64*: enough to spread faults, and the same on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33).unwrap() % bound
    }
}

fn mutated(random: &mut Random) -> Vec<u8> {
    let cases = cases();
    let mut packet = cases[random.below(cases.len())].1.clone();
    for _ in 0..=random.below(6) {
        let at = random.below(packet.len() + 1);
        let byte = u8::try_from(random.below(256)).unwrap();
        match random.below(4) {
            0 => packet.insert(at, byte),
            1 => packet.truncate(at.max(4)),
            2 => packet.extend_from_within(at..),
            _ => {
                if let Some(old) = packet.get_mut(at) {
                    *old = byte;
                }
            }
        }
    }
    packet
}

#[test]
fn two_thousand_mutated_packets_are_answered_or_dropped() {
    let seed = 0x00CA_05E3_A700_2026;
    let served = Served::start();
    let mut random = Random(seed);
    let socket = served.udp();
    for round in 0..2000_u16 {
        let hostile = mutated(&mut random);
        socket.send(&hostile).unwrap();
        let marker = 0x8000 | round;
        socket.send(&question(marker, "shop.example.com", 1)).unwrap();
        let mut answer = [0; 2048];
        loop {
            let len =
                socket.recv(&mut answer).unwrap_or_else(|error| panic!("seed {seed} round {round}: {error}"));
            assert!(len <= 1232, "seed {seed} round {round}");
            assert_eq!(answer[2] & 0x80, 0x80);
            if answer[..2] == marker.to_be_bytes() {
                break;
            }
            assert_eq!(answer[..2], hostile[..2], "seed {seed} round {round}");
            assert_eq!(hostile[2] & 0x80, 0, "seed {seed} round {round}: an answer was answered");
        }
    }
}

#[test]
fn the_pure_path_gives_what_the_socket_gives() {
    let served = Served::start();
    let socket = served.udp();
    for (name, hostile, expected) in cases() {
        let pure = dns::answer_packet(&served.zones, &hostile);
        assert_eq!(pure.is_none(), expected == Dropped, "{name}");
        if let Some(pure) = pure {
            socket.send(&hostile).unwrap();
            let mut answer = [0; 2048];
            let len = socket.recv(&mut answer).unwrap();
            assert_eq!(answer[..len], pure, "{name}");
        }
    }
}
