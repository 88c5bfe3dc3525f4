use std::net::Ipv4Addr;

use policy::id::{Domain, HostName, Kind, ResourceKey};
use policy::snapshot::{RecordData, RecordSet, ZoneView};

use super::*;

fn host(name: &str) -> HostName {
    name.parse().unwrap()
}

fn a(last: u8) -> RecordData {
    RecordData::A(Ipv4Addr::new(192, 0, 2, last))
}

fn txt(text: &str) -> RecordData {
    RecordData::Txt(text.into())
}

fn cname(target: &str) -> RecordData {
    RecordData::Cname(host(target))
}

fn ns(server: &str) -> RecordData {
    RecordData::Ns(host(server))
}

fn zone(origin: &str, records: &[(&str, RecordData)]) -> (LowerName, Arc<Zone>) {
    let mut sets: BTreeMap<_, RecordSet> = BTreeMap::new();
    for (name, data) in records {
        let domain: Domain = match *name {
            "@" => origin.parse().unwrap(),
            name => format!("{name}.{origin}").parse().unwrap(),
        };
        let set = sets.entry((domain, data.record_type()));
        set.or_insert(RecordSet { ttl: 300, data: Vec::new() }).data.push(data.clone());
    }
    let view = ZoneView {
        origin: host(origin),
        source: ResourceKey {
            kind: Kind::Zone,
            namespace: "network".parse().unwrap(),
            name: "zone".parse().unwrap(),
        },
        primary: host(&format!("ns1.{origin}")),
        contact: host(&format!("hostmaster.{origin}")),
        ttl: 3600,
        records: sets,
    };
    let zone = Zone::new(&view, 7).unwrap();
    (zone.origin().clone(), Arc::new(zone))
}

fn zones() -> ZoneTable {
    ZoneTable::from([
        zone(
            "example.com",
            &[
                ("@", ns("ns1.example.com")),
                ("@", ns("ns2.elsewhere.test")),
                ("ns1", a(1)),
                ("@", RecordData::Mx(10, host("mail.example.com"))),
                ("mail", a(25)),
                ("shop", a(2)),
                ("shop", txt("open")),
                ("www", cname("shop.example.com")),
                ("away", cname("shop.elsewhere.test")),
                ("dangling", cname("nobody.example.com")),
                ("empty-end", cname("ns1.example.com")),
                ("loop-a", cname("loop-b.example.com")),
                ("loop-b", cname("loop-a.example.com")),
                ("to-sub", cname("host.sub.example.com")),
                ("to-inner", cname("host.inner.example.com")),
                ("_acme-challenge.alias", cname("_acme-challenge.shop.example.com")),
                ("*.wild", a(7)),
                ("x.b.wild", txt("deep")),
                ("*.alias-wild", cname("shop.example.com")),
                ("sub", ns("ns.sub.example.com")),
                ("sub", ns("ns.elsewhere.test")),
                ("ns.sub", a(53)),
                ("inner", ns("ns1.inner.example.com")),
            ],
        ),
        zone("inner.example.com", &[("@", ns("ns1.inner.example.com")), ("host", a(99))]),
    ])
}

fn ask_with(challenges: &ChallengeTexts, name: &str, kind: RecordType) -> Answer {
    answer(&zones(), challenges, &Name::from_ascii(name).unwrap(), kind)
}

fn ask(name: &str, kind: RecordType) -> Answer {
    ask_with(&ChallengeTexts::new(), name, kind)
}

/// Sections as `owner TYPE`, in order.
fn shown(records: &[Record]) -> Vec<String> {
    records.iter().map(|record| format!("{} {}", record.name, record.record_type())).collect()
}

#[track_caller]
fn assert_negative(answer: &Answer, code: ResponseCode, origin: &str) {
    assert_eq!(answer.code, code);
    assert!(answer.authoritative);
    assert_eq!(shown(&answer.authorities), [format!("{origin} SOA")]);
}

#[test]
fn a_name_with_the_type_is_answered_with_authority() {
    let answer = ask("shop.example.com.", RecordType::A);
    assert_eq!(answer.code, ResponseCode::NoError);
    assert!(answer.authoritative);
    assert_eq!(shown(&answer.answers), ["shop.example.com. A"]);
    assert!(answer.authorities.is_empty() && answer.additionals.is_empty());
}

#[test]
fn a_name_without_the_type_is_nodata_with_the_soa() {
    let answer = ask("shop.example.com.", RecordType::AAAA);
    assert!(answer.answers.is_empty());
    assert_negative(&answer, ResponseCode::NoError, "example.com.");
}

#[test]
fn a_name_that_does_not_exist_is_nxdomain_with_the_soa() {
    let answer = ask("nobody.example.com.", RecordType::A);
    assert!(answer.answers.is_empty());
    assert_negative(&answer, ResponseCode::NXDomain, "example.com.");
}

#[test]
fn no_may_be_remembered_no_longer_than_the_soa_minimum() {
    let answer = ask("nobody.example.com.", RecordType::A);
    let RData::SOA(soa) = &answer.authorities[0].data else { panic!("no SOA") };
    assert_eq!((answer.authorities[0].ttl, soa.minimum), (60, 60), "RFC 2308 §3");
    assert_eq!(ask("example.com.", RecordType::SOA).answers[0].ttl, 3600, "asked for, it keeps its own");
}

#[test]
fn a_name_in_no_zone_of_ours_is_refused_with_nothing() {
    for name in ["elsewhere.test.", "com.", ".", "notexample.com."] {
        let answer = ask(name, RecordType::A);
        assert_eq!(answer.code, ResponseCode::Refused, "{name}");
        assert!(!answer.authoritative);
        assert!(answer.answers.is_empty() && answer.authorities.is_empty() && answer.additionals.is_empty());
    }
}

#[test]
fn zone_transfers_are_refused() {
    for kind in [RecordType::AXFR, RecordType::IXFR] {
        let answer = ask("example.com.", kind);
        assert_eq!(answer.code, ResponseCode::Refused);
        assert!(answer.answers.is_empty());
    }
}

#[test]
fn a_wildcard_answers_under_the_name_that_was_asked_for() {
    for name in ["one.wild.example.com.", "two.one.wild.example.com."] {
        let answer = ask(name, RecordType::A);
        assert_eq!(shown(&answer.answers), [format!("{name} A")]);
    }
}

#[test]
fn a_wildcard_without_the_type_is_nodata() {
    assert_negative(&ask("one.wild.example.com.", RecordType::TXT), ResponseCode::NoError, "example.com.");
}

#[test]
fn a_wildcard_does_not_stand_for_the_name_above_it() {
    assert_negative(&ask("wild.example.com.", RecordType::A), ResponseCode::NoError, "example.com.");
}

/// RFC 4592 §2.2.2 and §3.3.1.
#[test]
fn names_that_exist_only_by_what_is_below_them_block_the_wildcard() {
    assert_negative(&ask("b.wild.example.com.", RecordType::A), ResponseCode::NoError, "example.com.");
    assert_negative(&ask("y.b.wild.example.com.", RecordType::A), ResponseCode::NXDomain, "example.com.");
    assert_negative(&ask("y.x.b.wild.example.com.", RecordType::A), ResponseCode::NXDomain, "example.com.");
}

#[test]
fn a_wildcard_that_was_asked_for_is_answered_as_itself() {
    assert_eq!(shown(&ask("*.wild.example.com.", RecordType::A).answers), ["*.wild.example.com. A"]);
}

#[test]
fn an_alias_is_followed_within_the_zone() {
    let answer = ask("www.example.com.", RecordType::A);
    assert_eq!(shown(&answer.answers), ["www.example.com. CNAME", "shop.example.com. A"]);
    let answer = ask("any.alias-wild.example.com.", RecordType::A);
    assert_eq!(shown(&answer.answers), ["any.alias-wild.example.com. CNAME", "shop.example.com. A"]);
}

#[test]
fn an_alias_that_was_asked_for_is_not_followed() {
    assert_eq!(shown(&ask("www.example.com.", RecordType::CNAME).answers), ["www.example.com. CNAME"]);
}

#[test]
fn an_alias_out_of_the_zone_is_given_alone() {
    let answer = ask("away.example.com.", RecordType::A);
    assert_eq!(answer.code, ResponseCode::NoError);
    assert_eq!(shown(&answer.answers), ["away.example.com. CNAME"]);
    assert!(answer.authorities.is_empty(), "an SOA would say that there is nothing");
    let answer = ask("to-inner.example.com.", RecordType::A);
    assert_eq!(shown(&answer.answers), ["to-inner.example.com. CNAME"], "another zone of ours is out too");
    assert!(answer.authorities.is_empty());
}

/// RFC 2308 §2.1, RFC 6604 §3.
#[test]
fn the_code_and_the_soa_speak_of_the_last_name_of_a_chain() {
    let answer = ask("dangling.example.com.", RecordType::A);
    assert_eq!(shown(&answer.answers), ["dangling.example.com. CNAME"]);
    assert_negative(&answer, ResponseCode::NXDomain, "example.com.");
    let answer = ask("empty-end.example.com.", RecordType::TXT);
    assert_eq!(shown(&answer.answers), ["empty-end.example.com. CNAME"]);
    assert_negative(&answer, ResponseCode::NoError, "example.com.");
}

#[test]
fn aliases_that_go_round_end_with_each_named_once() {
    let answer = ask("loop-a.example.com.", RecordType::A);
    assert_eq!(answer.code, ResponseCode::NoError);
    assert_eq!(shown(&answer.answers), ["loop-a.example.com. CNAME", "loop-b.example.com. CNAME"]);
}

#[test]
fn below_a_delegation_the_answer_is_where_to_ask() {
    for name in ["sub.example.com.", "host.sub.example.com.", "a.b.sub.example.com.", "ns.sub.example.com."] {
        let answer = ask(name, RecordType::A);
        assert_eq!(answer.code, ResponseCode::NoError, "{name}");
        assert!(!answer.authoritative, "{name}");
        assert!(answer.answers.is_empty(), "{name}");
        assert_eq!(shown(&answer.authorities), ["sub.example.com. NS", "sub.example.com. NS"]);
        assert_eq!(shown(&answer.additionals), ["ns.sub.example.com. A"], "glue for {name}");
    }
}

#[test]
fn the_name_servers_of_a_delegation_are_not_ours_to_confirm() {
    let answer = ask("sub.example.com.", RecordType::NS);
    assert!(!answer.authoritative && answer.answers.is_empty());
}

#[test]
fn an_alias_into_a_delegation_is_given_with_where_to_ask() {
    let answer = ask("to-sub.example.com.", RecordType::A);
    assert_eq!(answer.code, ResponseCode::NoError);
    assert!(answer.authoritative, "of the alias");
    assert_eq!(shown(&answer.answers), ["to-sub.example.com. CNAME"]);
    assert_eq!(shown(&answer.authorities), ["sub.example.com. NS", "sub.example.com. NS"]);
    assert_eq!(shown(&answer.additionals), ["ns.sub.example.com. A"]);
}

/// RFC 4035 §3.1.4.1.
#[test]
fn a_ds_is_answered_by_the_parent() {
    assert_negative(&ask("sub.example.com.", RecordType::DS), ResponseCode::NoError, "example.com.");
    assert_negative(&ask("inner.example.com.", RecordType::DS), ResponseCode::NoError, "example.com.");
    assert_negative(&ask("example.com.", RecordType::DS), ResponseCode::NoError, "example.com.");
    assert!(!ask("host.sub.example.com.", RecordType::DS).authoritative);
}

#[test]
fn the_deepest_zone_answers() {
    assert_eq!(shown(&ask("host.inner.example.com.", RecordType::A).answers), ["host.inner.example.com. A"]);
    let answer = ask("nobody.inner.example.com.", RecordType::A);
    assert_negative(&answer, ResponseCode::NXDomain, "inner.example.com.");
}

#[test]
fn addresses_of_name_servers_and_mail_exchangers_come_along() {
    let answer = ask("example.com.", RecordType::NS);
    assert!(answer.authoritative);
    assert_eq!(shown(&answer.answers), ["example.com. NS", "example.com. NS"]);
    assert_eq!(shown(&answer.additionals), ["ns1.example.com. A"]);
    let answer = ask("example.com.", RecordType::MX);
    assert_eq!(shown(&answer.additionals), ["mail.example.com. A"]);
}

/// RFC 8482 §4.1.
#[test]
fn any_is_answered_with_one_set() {
    let answer = ask("shop.example.com.", RecordType::ANY);
    assert_eq!(answer.answers.len(), 1);
    assert_eq!(shown(&ask("www.example.com.", RecordType::ANY).answers), ["www.example.com. CNAME"]);
    assert_negative(&ask("wild.example.com.", RecordType::ANY), ResponseCode::NoError, "example.com.");
    assert_negative(&ask("nobody.example.com.", RecordType::ANY), ResponseCode::NXDomain, "example.com.");
}

#[test]
fn capitals_come_back_as_they_came() {
    let answer = ask("sHoP.eXample.COM.", RecordType::A);
    assert_eq!(shown(&answer.answers), ["sHoP.eXample.COM. A"]);
}

fn challenges() -> ChallengeTexts {
    let name = |text| LowerName::new(&Name::from_ascii(text).unwrap());
    ChallengeTexts::from([
        (name("_acme-challenge.shop.example.com."), vec!["one".into(), "two".into()]),
        (name("_acme-challenge.not.yet.example.com."), vec!["three".into()]),
        (name("_acme-challenge.one.wild.example.com."), vec!["four".into()]),
        (name("_acme-challenge.elsewhere.test."), vec!["five".into()]),
    ])
}

#[test]
fn every_text_of_a_challenge_is_answered_and_soon_forgotten() {
    let answer = ask_with(&challenges(), "_Acme-challenge.shop.example.com.", RecordType::TXT);
    assert!(answer.authoritative);
    assert_eq!(shown(&answer.answers), ["_Acme-challenge.shop.example.com. TXT"; 2]);
    assert!(answer.answers.iter().all(|record| record.ttl <= 5));
}

#[test]
fn a_challenge_is_answered_for_a_name_that_is_not_there_yet() {
    let answer = ask_with(&challenges(), "_acme-challenge.not.yet.example.com.", RecordType::TXT);
    assert_eq!(answer.answers.len(), 1);
}

/// A CA's resolver that minimises names (RFC 9156) asks for each of these on its way down, and NXDOMAIN ends it.
#[test]
fn names_above_a_challenge_exist() {
    for name in ["not.yet.example.com.", "yet.example.com."] {
        let answer = ask_with(&challenges(), name, RecordType::A);
        assert_negative(&answer, ResponseCode::NoError, "example.com.");
    }
    let answer = ask_with(&challenges(), "nor.yet.example.com.", RecordType::A);
    assert_negative(&answer, ResponseCode::NXDomain, "example.com.");
}

#[test]
fn a_challenge_takes_no_wildcard_from_the_name_above_it() {
    let answer = ask_with(&challenges(), "one.wild.example.com.", RecordType::A);
    assert_eq!(shown(&answer.answers), ["one.wild.example.com. A"]);
}

#[test]
fn a_challenge_has_no_other_type() {
    let answer = ask_with(&challenges(), "_acme-challenge.shop.example.com.", RecordType::A);
    assert_negative(&answer, ResponseCode::NoError, "example.com.");
}

#[test]
fn a_challenge_is_found_through_an_alias() {
    let answer = ask_with(&challenges(), "_acme-challenge.alias.example.com.", RecordType::TXT);
    assert_eq!(answer.answers.len(), 3, "the alias and two texts: {:?}", shown(&answer.answers));
}

#[test]
fn a_challenge_outside_our_zones_is_refused() {
    let answer = ask_with(&challenges(), "_acme-challenge.elsewhere.test.", RecordType::TXT);
    assert_eq!(answer.code, ResponseCode::Refused);
    assert!(answer.answers.is_empty());
}
