//! Rules of one `Zone`.

use super::{Checker, spec_field};
use crate::document::tree::Path;
use crate::id::HostName;
use crate::resource::zone::{Record, RecordValues, Zone};

/// Most name servers of a zone. More than 13 do not fit a small answer.
const NAMESERVERS_MAX: usize = 13;
/// Most addresses of one name: what an answer over UDP can carry, with room.
const ADDRESSES_MAX: usize = 64;
/// Most authorities of a CAA record set.
const CAA_MAX: usize = 16;
/// Most record sets that an operator adds.
const RECORDS_MAX: usize = 10_000;
/// Most values of one record set.
const VALUES_MAX: usize = 100;
/// Longest text of one TXT record: DKIM keys take about 800 bytes.
const TXT_BYTES_MAX: usize = 4096;

pub(super) fn check(checker: &mut Checker<'_>, spec: &Zone) {
    let path = spec_field("nameservers");
    checker.count(&path, &spec.nameservers, NAMESERVERS_MAX, "name at least one: [{name: ns1.example.com}]");
    checker.distinct(&spec.nameservers, |server| server.name.clone(), |index| path.index(index).key("name"));
    for (index, server) in spec.nameservers.iter().enumerate() {
        checker.at_most(&path.index(index).key("addresses"), server.addresses.len(), ADDRESSES_MAX);
    }
    checker.at_most(&spec_field("addresses"), spec.addresses.len(), ADDRESSES_MAX);
    caa(checker, &spec.caa);
    let path = spec_field("records");
    checker.at_most(&path, spec.records.len(), RECORDS_MAX);
    for (index, record) in spec.records.iter().enumerate() {
        self::record(checker, record, &path.index(index));
    }
}

/// An authority is a domain name (RFC 8659 §4.2); parameters after a semicolon are not written here.
fn caa(checker: &mut Checker<'_>, authorities: &[String]) {
    let path = spec_field("caa");
    checker.at_most(&path, authorities.len(), CAA_MAX);
    for (index, authority) in authorities.iter().enumerate() {
        if authority.parse::<HostName>().is_err() {
            let reason = format!("{authority:?} is no domain name of a certificate authority");
            checker.fault(&path.index(index), reason, "write it as in letsencrypt.org");
        }
    }
}

fn record(checker: &mut Checker<'_>, record: &Record, path: &Path) {
    const FIX: &str = "write at least one value, or remove the record set";
    match &record.data {
        RecordValues::A(list) => checker.count(&path.key("a"), list, VALUES_MAX, FIX),
        RecordValues::Aaaa(list) => checker.count(&path.key("aaaa"), list, VALUES_MAX, FIX),
        RecordValues::Cname(_) if record.name.as_str() == "@" => {
            let reason =
                "the apex holds SOA and NS records, beside which no CNAME may stand (RFC 1034 §3.6.2)";
            checker.fault(&path.key("cname"), reason, "write its addresses with `a:` and `aaaa:`");
        }
        RecordValues::Cname(_) => {}
        RecordValues::Txt(list) => {
            let at = path.key("txt");
            checker.count(&at, list, VALUES_MAX, FIX);
            for (index, text) in list.iter().enumerate() {
                checker.text(&at.index(index), text, TXT_BYTES_MAX, "write the text, or remove it");
            }
        }
        RecordValues::Mx(list) => checker.count(&path.key("mx"), list, VALUES_MAX, FIX),
        RecordValues::Ns(list) => checker.count(&path.key("ns"), list, VALUES_MAX, FIX),
    }
}
