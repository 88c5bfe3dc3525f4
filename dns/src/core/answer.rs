//! What is said to a question (RFC 1034 §4.3.2).
//!
//! One pure function of zones, challenges and a question. The server calls it for each message.

use std::collections::BTreeMap;
use std::sync::Arc;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::CNAME;
use hickory_proto::rr::{LowerName, Name, RData, Record, RecordType};

use super::zone::{Zone, txt};

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

/// Zones by origin.
pub type ZoneTable = BTreeMap<LowerName, Arc<Zone>>;

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

    fn authoritative() -> Self {
        Self { authoritative: true, ..Self::refusal(ResponseCode::NoError) }
    }
}

/// Answers one question of class IN.
#[must_use]
pub fn answer(zones: &ZoneTable, challenges: &ChallengeTexts, name: &Name, kind: RecordType) -> Answer {
    // Zone transfers carry everything at once and are not served.
    if matches!(kind, RecordType::AXFR | RecordType::IXFR) {
        return Answer::refusal(ResponseCode::Refused);
    }
    let lower = LowerName::new(name);
    // What is not ours is not answered, not even with where to ask (RFC 9499, "lame").
    let Some(zone) = zone_asked(zones, &lower, kind) else { return Answer::refusal(ResponseCode::Refused) };
    Resolution { zones, zone, challenges, kind, answer: Answer::authoritative() }.resolve(name, lower)
}

/// The zone that answers: the deepest that holds the name. What a DS speaks of is a child, but it is the parent's
/// (RFC 4035 §3.1.4.1).
fn zone_asked<'z>(zones: &'z ZoneTable, name: &LowerName, kind: RecordType) -> Option<&'z Zone> {
    let deepest = zone_of(zones, name)?;
    if kind == RecordType::DS && deepest.origin() == name && !name.is_root() {
        let parent = zone_of(zones, &name.base_name());
        return Some(parent.filter(|parent| parent.exact(name).is_some()).unwrap_or(deepest));
    }
    Some(deepest)
}

/// The zone that a name lies in: the one with the most labels.
fn zone_of<'z>(zones: &'z ZoneTable, name: &LowerName) -> Option<&'z Zone> {
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

/// What one step came to.
enum Step {
    /// Ask again, for what an alias stands for.
    Follow(Name, LowerName),
    /// There are records.
    Found,
    /// There are none: say until when that may be believed.
    Nothing,
    /// The rest is for others to answer.
    Elsewhere,
}

/// A question on its way to its answer.
struct Resolution<'z> {
    zones: &'z ZoneTable,
    zone: &'z Zone,
    challenges: &'z ChallengeTexts,
    kind: RecordType,
    answer: Answer,
}

impl Resolution<'_> {
    fn resolve(mut self, name: &Name, lower: LowerName) -> Answer {
        let mut seen = vec![lower.clone()];
        let mut step = self.step(name, &lower);
        while let Step::Follow(name, lower) = step {
            if seen.len() > ALIASES_MAX || seen.contains(&lower) {
                return self.answer;
            }
            step = self.step(&name, &lower);
            seen.push(lower);
        }
        match step {
            // After aliases too: the SOA is how long "no" holds (RFC 2308 §2.1 and §2.2).
            Step::Nothing => self.answer.authorities.push(negative_soa(self.zone)),
            Step::Found => self.add_addresses(),
            Step::Elsewhere | Step::Follow(..) => {}
        }
        self.answer
    }

    fn step(&mut self, name: &Name, lower: &LowerName) -> Step {
        if let Some(texts) = self.challenges.get(lower) {
            return self.challenge(name, texts);
        }
        if let Some(step) = self.delegated(lower) {
            return step;
        }
        let zone = self.zone;
        let Some(node) = zone.exact(lower).or_else(|| zone.wildcard(lower)) else {
            // The code speaks of the last name of a chain (RFC 6604 §3). A name that has a challenge below it exists
            // (RFC 8020 §2): a resolver that goes down label by label must not stop here.
            if !has_below(self.challenges, lower) {
                self.answer.code = ResponseCode::NXDomain;
            }
            return Step::Nothing;
        };
        // Everything at a name makes a small question a big answer, so ANY gets one set (RFC 8482 §4.1).
        let set = if self.kind == RecordType::ANY { node.any() } else { node.set(self.kind) };
        if let Some(records) = set {
            self.answer.answers.extend(owned_by(records, name));
            return Step::Found;
        }
        let Some(alias) = node.set(RecordType::CNAME) else { return Step::Nothing };
        self.answer.answers.extend(owned_by(alias, name));
        self.follow(alias)
    }

    fn follow(&self, alias: &[Record]) -> Step {
        let Some(RData::CNAME(CNAME(target))) = alias.first().map(|record| &record.data) else {
            return Step::Elsewhere;
        };
        let lower = LowerName::new(target);
        // What lies in no zone or in another one is the resolver's to ask for.
        match zone_of(self.zones, &lower) {
            Some(zone) if zone.origin() == self.zone.origin() => Step::Follow(target.clone(), lower),
            Some(_) | None => Step::Elsewhere,
        }
    }

    fn challenge(&mut self, name: &Name, texts: &[String]) -> Step {
        if !matches!(self.kind, RecordType::TXT | RecordType::ANY) {
            return Step::Nothing;
        }
        let records = texts.iter().map(|text| RData::TXT(txt(text)));
        let records = records.map(|data| Record::from_rdata(name.clone(), CHALLENGE_TTL_SECS, data));
        self.answer.answers.extend(records);
        Step::Found
    }

    /// Points to the name servers of a delegation, if the name lies at or below one.
    fn delegated(&mut self, name: &LowerName) -> Option<Step> {
        let servers = self.zone.delegation(name)?;
        // The parent's own word on the delegation (RFC 4035 §3.1.4.1).
        if self.kind == RecordType::DS && servers.iter().any(|server| LowerName::new(&server.name) == *name) {
            return Some(Step::Nothing);
        }
        // After an alias of ours the answer as a whole is ours (RFC 1035 §4.1.1).
        self.answer.authoritative = !self.answer.answers.is_empty();
        self.answer.authorities.extend_from_slice(servers);
        for server in servers {
            if let RData::NS(server) = &server.data {
                self.answer.additionals.extend(addresses(self.zone, &server.0));
            }
        }
        Some(Step::Elsewhere)
    }

    fn add_addresses(&mut self) {
        let targets = self.answer.answers.iter().filter_map(target);
        self.answer.additionals = targets.flat_map(|target| addresses(self.zone, target)).collect();
    }
}

/// The name whose address is asked for next, by the types that say where a service is.
fn target(record: &Record) -> Option<&Name> {
    if let RData::NS(server) = &record.data {
        return Some(&server.0);
    }
    let RData::MX(exchanger) = &record.data else { return None };
    Some(&exchanger.exchange)
}

/// Names in canonical order have those below them next (RFC 4034 §6.1).
fn has_below(challenges: &ChallengeTexts, name: &LowerName) -> bool {
    challenges.range(name..).next().is_some_and(|(next, _)| name.zone_of(next))
}

/// Records under the name that was asked for: wildcards take its form, and its capitals come back as they came.
fn owned_by<'r>(records: &'r [Record], name: &'r Name) -> impl Iterator<Item = Record> + 'r {
    records.iter().map(|record| {
        let mut record = record.clone();
        record.name = name.clone();
        record
    })
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
