//! Rules of one resource that its types do not hold: each fault as field, reason and fix.

use std::collections::BTreeSet;

use crate::resource::Spec;
use crate::resource::application::{Application, PathMatch};
use crate::resource::issuer::{Acme, Issuer};
use crate::resource::secure_ingress::{CertificateSource, Jwks, JwtIssuer, SecureIngress};
use crate::resource::zone::Zone;

type Found = (String, String, String);

/// Every fault of a spec; fields are relative to it.
pub(super) fn spec(spec: &Spec) -> Vec<Found> {
    let mut found = Vec::new();
    match spec {
        Spec::Application(application) => self::application(application, &mut found),
        Spec::SecureIngress(ingress) => secure_ingress(ingress, &mut found),
        Spec::Issuer(Issuer::Acme(acme)) => issuer(acme, &mut found),
        Spec::Issuer(Issuer::PrivateCa(_)) => {}
        Spec::Certificate(certificate) => {
            not_empty("domains", &certificate.domains, &mut found);
            not_empty("issuers", &certificate.issuers, &mut found);
        }
        Spec::Zone(zone) => self::zone(zone, &mut found),
        Spec::Secret(secret) => {
            if secret.string_data.is_empty() {
                found.push(fault("stringData", "the secret holds nothing", "add a key with its text"));
            }
        }
        Spec::Role(role) => not_empty("rules", &role.rules, &mut found),
        Spec::RoleBinding(binding) => not_empty("subjects", &binding.subjects, &mut found),
    }
    found
}

fn fault(field: impl Into<String>, reason: impl Into<String>, fix: impl Into<String>) -> Found {
    (field.into(), reason.into(), fix.into())
}

fn not_empty<T>(field: &str, list: &[T], found: &mut Vec<Found>) {
    if list.is_empty() {
        found.push(fault(field, "the list is empty", "name at least one"));
    }
}

fn application(spec: &Application, found: &mut Vec<Found>) {
    not_empty("endpoints", &spec.endpoints, found);
    not_empty("ports", &spec.ports, found);
    let mut names = BTreeSet::new();
    for (index, port) in spec.ports.iter().enumerate() {
        if !names.insert(&port.name) {
            let field = format!("ports[{index}].name");
            found.push(fault(field, format!("there are two ports named {}", port.name), "rename one"));
        }
        if port.declared_protocol().is_none() {
            let field = format!("ports[{index}].name");
            let reason = format!("the port {} declares no protocol, and none is guessed", port.name);
            let fix = format!("name it http-{}, or add protocol: http", port.name);
            found.push(fault(field, reason, fix));
        }
    }
    for (index, entry) in spec.api.iter().enumerate() {
        let path = match &entry.path {
            PathMatch::Exact(path) => ("exact", path, false),
            PathMatch::Prefix(path) => ("prefix", path, false),
            PathMatch::Template(path) => ("template", path, true),
        };
        if let Some((reason, fix)) = braces(path.1.as_str(), path.2) {
            found.push(fault(format!("api[{index}].path.{}", path.0), reason, fix));
        }
        let mut methods = BTreeSet::new();
        for (at, method) in entry.methods.iter().enumerate() {
            if !methods.insert(method) {
                let field = format!("api[{index}].methods[{at}]");
                found.push(fault(field, format!("{method} stands here twice"), "remove one"));
            }
        }
    }
}

/// Variables stand in templates, and each is a whole segment.
fn braces(path: &str, is_template: bool) -> Option<(String, String)> {
    if !is_template {
        return path.contains(['{', '}']).then(|| {
            ("braces stand for a variable only in a template".into(), "write template: instead".into())
        });
    }
    let mut names = BTreeSet::new();
    for segment in path.split('/').filter(|segment| segment.contains(['{', '}'])) {
        let name = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        match name.filter(|name| !name.is_empty() && !name.contains(['{', '}'])) {
            None => {
                let reason = format!("{segment:?} is no whole segment in braces");
                return Some((reason, "write variables as /{name}/".into()));
            }
            Some(name) if !names.insert(name) => {
                return Some((format!("two variables are named {name}"), "rename one".into()));
            }
            Some(_) => {}
        }
    }
    names.is_empty().then(|| ("the template has no variable".into(), "write exact: instead".into()))
}

fn secure_ingress(spec: &SecureIngress, found: &mut Vec<Found>) {
    not_empty("domains", &spec.domains, found);
    not_empty("applications.namespaces", &spec.applications.namespaces, found);
    let mut domains = BTreeSet::new();
    for (index, domain) in spec.domains.iter().enumerate() {
        if !domains.insert(domain) {
            found.push(fault(
                format!("domains[{index}]"),
                format!("{domain} stands here twice"),
                "remove one",
            ));
        }
    }
    if let CertificateSource::Issuers(issuers) = &spec.certificate {
        not_empty("certificate.issuers", issuers, found);
    }
    let mut names = BTreeSet::new();
    for (index, issuer) in spec.jwt.iter().enumerate() {
        let field = format!("jwt[{index}]");
        if !names.insert(&issuer.name) {
            let reason = format!("there are two issuers named {}", issuer.name);
            found.push(fault(format!("{field}.name"), reason, "rename one"));
        }
        jwt(&field, issuer, found);
    }
}

fn jwt(field: &str, issuer: &JwtIssuer, found: &mut Vec<Found>) {
    not_empty(&format!("{field}.audiences"), &issuer.audiences, found);
    not_empty(&format!("{field}.algorithms"), &issuer.algorithms, found);
    if issuer.issuer.is_empty() {
        let fix = "write the iss claim of its tokens";
        found.push(fault(format!("{field}.issuer"), "the issuer is empty", fix));
    }
    match &issuer.jwks {
        Jwks::Uri(uri) => {
            if let Some((reason, fix)) = address(uri) {
                found.push(fault(format!("{field}.jwks.uri"), reason, fix));
            }
        }
        Jwks::Inline(text) => {
            let keys = serde_json::from_str::<serde_json::Value>(text);
            let is_set = keys.as_ref().is_ok_and(|keys| keys["keys"].is_array());
            if !is_set {
                let fix = "write {\"keys\": [...]} (RFC 7517)";
                found.push(fault(format!("{field}.jwks.inline"), "this is no JSON Web Key Set", fix));
            }
        }
    }
}

fn issuer(acme: &Acme, found: &mut Vec<Found>) {
    let email = acme.email.split_once('@');
    let plausible = email.is_some_and(|(user, host)| {
        !user.is_empty() && host.contains('.') && host.parse::<crate::id::HostName>().is_ok()
    });
    if !plausible || acme.email.contains(char::is_whitespace) {
        let reason = format!("{:?} is no e-mail address", acme.email);
        found.push(fault("acme.email", reason, "write one such as ops@example.com"));
    }
    if let Some((reason, fix)) = address(&acme.server) {
        found.push(fault("acme.server", reason, fix));
    }
    if acme.trust.as_ref().is_some_and(|pem| !pem.contains("-----BEGIN CERTIFICATE-----")) {
        found.push(fault("acme.trust", "there is no certificate in it", "write roots in PEM"));
    }
}

/// `https`, or `http` to this machine.
fn address(text: &str) -> Option<(String, String)> {
    let plain = text.strip_prefix("http://");
    let Some(rest) = text.strip_prefix("https://").or(plain) else {
        return Some((format!("{text:?} is no https address"), "write https://…".into()));
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    if host.is_empty() || authority.contains('@') || text.contains(char::is_whitespace) {
        return Some((format!("{text:?} names no host"), "write https://host/path".into()));
    }
    let here = host == "localhost"
        || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    (plain.is_some() && !here).then(|| {
        ("keys and accounts are not fetched in plain text".into(), "write https:// instead of http://".into())
    })
}

fn zone(spec: &Zone, found: &mut Vec<Found>) {
    not_empty("nameservers", &spec.nameservers, found);
    for (index, record) in spec.records.iter().enumerate() {
        use crate::resource::zone::RecordValues;
        let empty = match &record.data {
            RecordValues::A(list) => list.is_empty(),
            RecordValues::Aaaa(list) => list.is_empty(),
            RecordValues::Cname(_) => false,
            RecordValues::Txt(list) => list.is_empty(),
            RecordValues::Mx(list) => list.is_empty(),
            RecordValues::Ns(list) => list.is_empty(),
        };
        if empty {
            found.push(fault(
                format!("records[{index}]"),
                "the record has no value",
                "add one, or remove it",
            ));
        }
    }
}
