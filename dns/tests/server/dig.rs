//! What `dig` and `kdig`, two clients that are not ours, make of our answers.

use std::process::Command;

use super::served::Served;

/// Runs a client and returns what it printed.
fn run(client: &str, served: &Served, arguments: &str) -> String {
    let port = served.address.port().to_string();
    let output = Command::new(client)
        .args(["@127.0.0.1", "-p", &port])
        .args(if client == "kdig" { ["+retry=0", "+timeout=20"] } else { ["+tries=1", "+time=20"] })
        .args(arguments.split(' '))
        .output()
        .unwrap_or_else(|error| {
            panic!("{client} must be installed (bind9-dnsutils, knot-dnsutils): {error}")
        });
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // That we do not ask others on a client's behalf is as it should be.
    let judged = text.replace("WARNING: recursion requested but not available", "");
    for word in ["warning", "bad packet", "malformed"] {
        assert!(!judged.to_lowercase().contains(word), "{client} {arguments}: {text}");
    }
    text
}

fn lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
    lines.sort();
    lines
}

/// What both clients print with `+short`.
#[track_caller]
fn check(served: &Served, question: &str, expected: &[&str]) {
    for client in ["dig", "kdig"] {
        let text = run(client, served, &format!("{question} +short +norec"));
        assert_eq!(lines(&text), expected, "{client} {question}");
    }
}

/// The header of an answer: its code, and its flags.
fn header(text: &str) -> (String, Vec<String>) {
    let code = text.split("status: ").nth(1).unwrap_or_else(|| panic!("no answer: {text}"));
    let flags = text.split("lags: ").nth(1).unwrap();
    (
        code.split([',', ';']).next().unwrap().to_owned(),
        flags.split(';').next().unwrap().split_whitespace().map(str::to_owned).collect(),
    )
}

#[test]
fn every_type_is_understood_by_other_clients() {
    let served = Served::start();
    check(&served, "shop.example.com A", &["192.0.2.80"]);
    check(&served, "shop.example.com AAAA", &["2001:db8::80"]);
    // `kdig` puts a space behind it, so what is compared is the wire form: flags, length of tag, tag, value.
    let text = run("dig", &served, "example.com CAA +short +unknownformat");
    assert_eq!(text.trim(), "\\# 22 000569737375656C657473656E63727970742E6F7267", "0 issue letsencrypt.org");
    check(&served, "example.com TXT", &["\"v=spf1 -all\""]);
    check(&served, "example.com NS", &["ns1.example.com.", "ns2.elsewhere.test."]);
    check(&served, "example.com MX", &["10 mail.example.com."]);
    check(&served, "ns1.example.com AAAA", &["2001:db8::1"]);
    check(&served, "www.example.com A", &["192.0.2.80", "shop.example.com."]);
    check(&served, "www.example.com CNAME", &["shop.example.com."]);
    check(&served, "any.wild.example.com A", &["192.0.2.7"]);
    let soa = "ns1.example.com. dns.admin.example.com. 2026112400 3600 600 1209600 60";
    check(&served, "example.com SOA", &[soa]);
}

#[test]
fn the_https_record_says_how_to_connect() {
    let served = Served::start();
    for client in ["dig", "kdig"] {
        let text = run(client, &served, "shop.example.com HTTPS +short");
        assert_eq!(
            text.trim().replace('"', ""),
            "1 . alpn=h2,http/1.1 ipv4hint=192.0.2.80 ipv6hint=2001:db8::80",
            "{client}"
        );
    }
}

#[test]
fn a_text_longer_than_255_bytes_is_split() {
    let served = Served::start();
    let text = run("dig", &served, "long.example.com TXT +short");
    let parts: Vec<&str> = text.trim().split("\" \"").collect();
    assert_eq!(parts.len(), 2, "{text}");
    assert_eq!(parts.concat().replace('"', ""), "0123456789".repeat(40));
}

#[test]
fn codes_and_flags_are_as_the_rfcs_say() {
    let served = Served::start();
    let cases = [
        ("shop.example.com A", "NOERROR", "qr aa"),
        ("shop.example.com MX", "NOERROR", "qr aa"),
        ("nobody.example.com A", "NXDOMAIN", "qr aa"),
        ("later.example.com A", "NXDOMAIN", "qr aa"),
        ("elsewhere.test A", "REFUSED", "qr"),
        (". NS", "REFUSED", "qr"),
        ("version.bind TXT CH", "REFUSED", "qr"),
        ("host.sub.example.com A", "NOERROR", "qr"),
        ("example.com ANY", "NOERROR", "qr aa"),
        ("shop.example.com A +opcode=UPDATE", "NOTIMP", "qr"),
        ("shop.example.com A +opcode=NOTIFY", "NOTIMP", "qr"),
        ("shop.example.com A +opcode=15", "NOTIMP", "qr"),
        ("shop.example.com A +noedns", "NOERROR", "qr aa"),
        ("shop.example.com A +edns=1 +noednsnegotiation", "BADVERS", "qr"),
        ("shop.example.com A +ednsopt=100:cafe", "NOERROR", "qr aa"),
        ("shop.example.com A +ednsflags=0x40", "NOERROR", "qr aa"),
        ("shop.example.com A +zflag", "NOERROR", "qr aa"),
        ("shop.example.com A +dnssec", "NOERROR", "qr aa"),
        ("shop.example.com A +cdflag", "NOERROR", "qr aa cd"),
        ("shop.example.com A +nsid +subnet=192.0.2.0/24", "NOERROR", "qr aa"),
    ];
    for (question, code, flags) in cases {
        let text = run("dig", &served, &format!("{question} +norec +noad +nocookie"));
        assert_eq!(
            header(&text),
            (code.to_owned(), flags.split(' ').map(str::to_owned).collect()),
            "{question}"
        );
    }
    let text = run("dig", &served, "shop.example.com A +rec +noad");
    assert!(text.contains("flags: qr aa rd;"), "RD comes back, RA never: {text}");
}

#[test]
fn a_referral_names_the_servers_and_their_addresses() {
    let served = Served::start();
    let text = run("dig", &served, "host.sub.example.com A +norec +noall +authority +additional +nottlid");
    let fields: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(
        fields,
        [
            vec!["sub.example.com.", "IN", "NS", "ns.sub.example.com."],
            vec!["ns.sub.example.com.", "IN", "A", "192.0.2.53"],
        ]
    );
}

#[test]
fn no_carries_the_soa_with_its_short_life() {
    let served = Served::start();
    let text = run("dig", &served, "nobody.example.com A +norec +noall +authority");
    let fields: Vec<&str> = text.split_whitespace().collect();
    assert_eq!(fields[..4], ["example.com.", "60", "IN", "SOA"], "{text}");
}

#[test]
fn a_big_answer_is_cut_over_udp_and_asked_for_again_over_tcp() {
    let served = Served::start();
    for client in ["dig", "kdig"] {
        let text = run(client, &served, "big.example.com TXT +ignore +norec");
        assert!(header(&text).1.contains(&"tc".to_owned()), "{client}: {text}");
        let text = run(client, &served, "big.example.com TXT +short");
        assert_eq!(text.lines().filter(|line| line.starts_with('"')).count(), 5, "{client}: {text}");
    }
    assert_eq!(served.counted("causeway_dns_answers_truncated_total"), 4);
    assert!(served.counted(r#"causeway_dns_queries_total{rcode="NOERROR",transport="tcp",type="TXT"}"#) >= 2);
}

#[test]
fn any_gives_one_set_also_over_tcp() {
    let served = Served::start();
    for over in ["+notcp", "+tcp"] {
        let text = run("dig", &served, &format!("example.com ANY {over} +noall +answer"));
        let types: Vec<&str> = text.lines().filter_map(|line| line.split_whitespace().nth(3)).collect();
        assert!(!types.is_empty(), "{text}");
        assert!(types.iter().all(|kind| *kind == types[0]), "one type: {text}");
    }
}

#[test]
fn zones_are_not_transferred() {
    let served = Served::start();
    for question in ["example.com AXFR", "example.com IXFR=1 +tcp", "example.com IXFR=1 +notcp"] {
        let text = run("dig", &served, question);
        assert!(!text.contains("192.0.2."), "{question}: {text}");
    }
    assert!(run("dig", &served, "example.com AXFR").contains("Transfer failed"));
    for (kind, transport) in [("AXFR", "tcp"), ("IXFR", "tcp"), ("IXFR", "udp")] {
        let series = format!(
            "causeway_dns_queries_total{{rcode=\"REFUSED\",transport=\"{transport}\",type=\"{kind}\"}}"
        );
        assert!(served.counted(&series) > 0, "{series}");
    }
    let signed = "example.com AXFR -y hmac-sha256:key:c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0";
    assert!(!run("dig", &served, signed).contains("192.0.2."), "a key that we do not know opens nothing");
}

#[test]
fn a_challenge_is_answered_as_soon_as_it_is_there_and_no_longer() {
    let served = Served::start();
    let later = "later.example.com".parse().unwrap();
    let question = "_acme-challenge.later.example.com TXT";
    check(&served, question, &[]);
    served.zones.challenges().insert(&later, "one");
    served.zones.challenges().insert(&later, "two");
    check(&served, question, &["\"one\"", "\"two\""]);
    served.zones.challenges().remove(&later, "one");
    check(&served, question, &["\"two\""]);
    served.zones.challenges().remove(&later, "two");
    check(&served, question, &[]);
}

#[test]
fn capitals_come_back_as_they_came() {
    let served = Served::start();
    let text = run("dig", &served, "sHoP.eXaMple.cOM A +noall +answer +question");
    assert_eq!(text.matches("sHoP.eXaMple.cOM.").count(), 2, "{text}");
}

#[test]
fn after_shutdown_nothing_answers_and_the_port_is_free() {
    let address = Served::start().shutdown();
    std::net::UdpSocket::bind(address).unwrap();
    std::net::TcpListener::bind(address).unwrap();
}
