//! What compilation would refuse, under the code that says what it is.

use std::collections::BTreeMap;

use super::{Finding, Severity};
use crate::id::ResourceKey;
use crate::resource::Resource;
use crate::snapshot::{Generation, Input, Rejected, Site, compile};

pub(super) fn find(resources: &BTreeMap<ResourceKey, Resource>, findings: &mut Vec<Finding>) {
    let site = Site::default();
    let input = Input {
        generation: Generation::default(),
        resources,
        site: &site,
        stages: &BTreeMap::new(),
        departing: &[],
    };
    let Err(rejected) = compile(&input) else { return };
    findings.extend(rejected.into_iter().map(|rejected| Finding {
        severity: Severity::Error,
        code: code(&rejected),
        key: rejected.key,
        field: rejected.field,
        message: rejected.reason,
        fix: rejected.fix.unwrap_or_default(),
    }));
}

/// By the field and the words of the reason, which the tests of both hold together.
fn code(rejected: &Rejected) -> &'static str {
    let reason = &rejected.reason;
    match rejected.field.as_str() {
        field if field.ends_with("authentication.jwt.issuer") => "CW0202",
        "spec.acme.challenge" => "CW0204",
        field if field.ends_with(".path") => "CW0201",
        field if field.starts_with("spec.domains") && reason.contains("belongs to") => "CW0101",
        field if field.starts_with("spec.domains") && reason.contains("outside the zone") => "CW0203",
        field if field.starts_with("spec.domains") && reason.contains("proves control") => "CW0204",
        _ => "CW0001",
    }
}
