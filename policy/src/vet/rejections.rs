//! What compilation would refuse, under the code that says what it is.

use std::collections::BTreeMap;

use super::{About, Finding, Severity};
use crate::id::ResourceKey;
use crate::resource::Resource;
use crate::snapshot::{Generation, Input, Reason, Rejected, Site, compile};

pub(super) fn find(resources: &BTreeMap<ResourceKey, Resource>, findings: &mut Vec<Finding>) {
    let site = Site::default();
    let input = Input {
        generation: Generation::default(),
        resources,
        site: &site,
        stages: &BTreeMap::new(),
        interim: &BTreeMap::new(),
        departing: &[],
    };
    let Err(rejected) = compile(&input) else { return };
    findings.extend(rejected.into_iter().map(|Rejected { key, field, reason }| Finding {
        severity: Severity::Error,
        code: code(&reason),
        about: About::Resource(key),
        field,
        message: reason.to_string(),
        fix: reason.fix(),
    }));
}

const fn code(reason: &Reason) -> &'static str {
    match reason {
        Reason::HostTaken { .. } => "CW0101",
        Reason::RequestsTaken { .. } => "CW0201",
        Reason::UnknownTokenIssuer { .. } => "CW0202",
        Reason::OutsideZone { .. } => "CW0203",
        Reason::NamedTooLate { .. } | Reason::WildcardByConnection { .. } | Reason::ForeignDns { .. } => {
            "CW0204"
        }
        Reason::Missing(_)
        | Reason::NoZone(_)
        | Reason::NoAccountKey(_)
        | Reason::SecretLacks { .. }
        | Reason::NoPort { .. }
        | Reason::PortNotHttp(_)
        | Reason::NoHttpPort
        | Reason::SeveralHttpPorts
        | Reason::NotAnOrigin(_)
        | Reason::OriginTaken { .. }
        | Reason::RecordName { .. }
        | Reason::AliasNotAlone(_)
        | Reason::AliasOfSeveral(_)
        | Reason::RecordTaken { .. }
        | Reason::Contact(_) => "CW0001",
    }
}
