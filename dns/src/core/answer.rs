//! What is said to a question (RFC 1034 §4.3.2).

#![expect(clippy::wildcard_enum_match_arm, reason = "only these kinds of record lead to further ones")]

use std::collections::BTreeMap;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::HINFO;
use hickory_proto::rr::{LowerName, Name, RData, Record, RecordType};

use super::zone::{Node, Zone, txt};

/// An answer, section by section.
#[derive(Debug)]
pub struct Answer {
    /// The code.
    pub code: ResponseCode,
    /// Whether it is ours to say (AA).
    pub authoritative: bool,
    /// What was asked for.
    pub answers: Vec<Record>,
    /// Where to ask instead, or the SOA for "no".
    pub authorities: Vec<Record>,
    /// Addresses that will be asked for next.
    pub additionals: Vec<Record>,
}

/// Aliases that are followed within a zone. A chain that is longer is a loop or a mistake.
const ALIASES_MAX: usize = 8;
/// Answers to challenges change with every order.
const CHALLENGE_TTL_SECS: u32 = 1;

/// Answers to DNS-01 challenges: texts by full name.
pub type ChallengeTexts = BTreeMap<LowerName, Vec<String>>;

impl Answer {
    /// A code and nothing else.
    #[must_use]
    pub const fn refusal(code: ResponseCode) -> Self {
        Self {
            code,
            authoritative: false,
            answers: Vec::new(),
            authorities: Vec::new(),
            additionals: Vec::new(),
        }
    }
}

/// The zone that a name lies in: the one with the most labels.
#[must_use]
pub fn zone_of<'z>(zones: &'z BTreeMap<LowerName, Zone>, name: &LowerName) -> Option<&'z Zone> {
    let mut at = name.clone();
    loop {
        if let Some(zone) = zones.get(&at) {
            return Some(zone);
        }
        if at.is_root() {
            return None;
        }
        at = at.base_name();
    }
}

/// Answers one question of class IN.
#[must_use]
pub fn answer(
    zones: &BTreeMap<LowerName, Zone>,
    challenges: &ChallengeTexts,
    name: &Name,
    kind: RecordType,
) -> Answer {
    let lower = LowerName::new(name);
    // What is not ours is not answered, not even with where to ask (RFC 8499, "lame").
    let Some(zone) = zone_of(zones, &lower) else { return Answer::refusal(ResponseCode::Refused) };
    // Zone transfers carry everything at once and are not served.
    if matches!(kind, RecordType::AXFR | RecordType::IXFR) {
        return Answer::refusal(ResponseCode::Refused);
    }
    if let Some(texts) = challenges.get(&lower) {
        return challenge(zone, name, kind, texts);
    }
    if let Some(servers) = zone.delegation(&lower) {
        return referral(zone, servers);
    }
    let mut answer = Answer { authoritative: true, ..Answer::refusal(ResponseCode::NoError) };
    resolve(zone, name.clone(), kind, &mut answer);
    if answer.answers.is_empty() {
        answer.authorities.push(negative_soa(zone));
    } else {
        add_addresses(zone, &mut answer);
    }
    answer
}

fn challenge(zone: &Zone, name: &Name, kind: RecordType, texts: &[String]) -> Answer {
    let mut answer = Answer { authoritative: true, ..Answer::refusal(ResponseCode::NoError) };
    if matches!(kind, RecordType::TXT | RecordType::ANY) {
        let records = texts
            .iter()
            .map(|text| Record::from_rdata(name.clone(), CHALLENGE_TTL_SECS, RData::TXT(txt(text))));
        answer.answers.extend(records);
    } else {
        answer.authorities.push(negative_soa(zone));
    }
    answer
}

fn resolve(zone: &Zone, mut name: Name, kind: RecordType, answer: &mut Answer) {
    for _ in 0..ALIASES_MAX {
        let lower = LowerName::new(&name);
        let Some(node) = zone.exact(&lower).or_else(|| zone.wildcard(&lower)) else {
            // The code speaks of the last name of a chain (RFC 6604 §2.1).
            answer.code = ResponseCode::NXDomain;
            return;
        };
        if kind == RecordType::ANY {
            answer.answers.extend(minimal_any(node, &name));
            return;
        }
        if let Some(records) = node.set(kind) {
            answer.answers.extend(owned_by(records, &name));
            return;
        }
        let Some(alias) = node.set(RecordType::CNAME) else { return };
        answer.answers.extend(owned_by(alias, &name));
        let target = alias.iter().find_map(|record| match &record.data {
            RData::CNAME(target) => Some(target.0.clone()),
            _ => None,
        });
        // What lies outside is the resolver's to ask elsewhere.
        let Some(target) = target.filter(|target| zone.origin.zone_of(&LowerName::new(target))) else {
            return;
        };
        name = target;
    }
}

/// One set, or the word that there is nothing to see (RFC 8482 §4.1 and §4.2).
fn minimal_any(node: &Node, name: &Name) -> Vec<Record> {
    match node.first() {
        Some(records) => owned_by(records, name).collect(),
        None => {
            let hinfo = HINFO::new("RFC8482".into(), String::new());
            vec![Record::from_rdata(name.clone(), 3600, RData::HINFO(hinfo))]
        }
    }
}

/// Records under the name that was asked for: wildcards take its form, and its capitals come back as they came.
fn owned_by<'r>(records: &'r [Record], name: &'r Name) -> impl Iterator<Item = Record> + 'r {
    records.iter().map(|record| {
        let mut record = record.clone();
        record.name = name.clone();
        record
    })
}

fn referral(zone: &Zone, servers: &[Record]) -> Answer {
    let mut answer = Answer::refusal(ResponseCode::NoError);
    answer.authorities.extend_from_slice(servers);
    for server in servers {
        if let RData::NS(name) = &server.data {
            answer.additionals.extend(addresses(zone, &name.0));
        }
    }
    answer
}

fn add_addresses(zone: &Zone, answer: &mut Answer) {
    let targets = answer.answers.iter().filter_map(|record| match &record.data {
        RData::NS(server) => Some(&server.0),
        RData::MX(exchange) => Some(&exchange.exchange),
        _ => None,
    });
    answer.additionals = targets.flat_map(|target| addresses(zone, target)).collect();
}

fn addresses<'z>(zone: &'z Zone, name: &Name) -> impl Iterator<Item = Record> + 'z {
    let node = zone.exact(&LowerName::new(name));
    let kinds = [RecordType::A, RecordType::AAAA];
    kinds.into_iter().filter_map(move |kind| node?.set(kind)).flatten().cloned()
}

/// The SOA as "no" carries it: with the time that "no" may be remembered (RFC 2308 §3).
fn negative_soa(zone: &Zone) -> Record {
    let mut soa = zone.soa.clone();
    if let RData::SOA(data) = &soa.data {
        soa.ttl = soa.ttl.min(data.minimum);
    }
    soa
}

#[cfg(test)]
mod tests;
