//! Rules of one `Application`.

use super::{Checker, spec_field};
use crate::document::nearest::{alternatives, nearest};
use crate::document::tree::Path;
use crate::resource::application::{
    ApiPath, Application, Authentication, PathMatch, PathText, Port, Protocol,
};

/// Most endpoint sources of one application: ten times the largest deployments seen behind one name.
const ENDPOINTS_MAX: usize = 10_000;
/// Most ports of one application. People declare a handful.
const PORTS_MAX: usize = 100;
/// Most `api` entries of one application: the size that the router is measured with.
const API_MAX: usize = 10_000;
/// Most methods of one entry. HTTP registers about forty (RFC 9110 §16.1.1).
const METHODS_MAX: usize = 50;
/// Most header conditions of one entry: each is looked up for each request that comes this far.
const HEADERS_MAX: usize = 16;
/// Longest value that a header condition asks for: what servers take as one field line.
const HEADER_VALUE_BYTES_MAX: usize = 4096;
/// Most claims asked for by one entry: each is compared for each request.
const CLAIMS_MAX: usize = 32;
/// Longest name or value of a claim: what fits a header with the rest of the token.
const CLAIM_BYTES_MAX: usize = 1024;

pub(super) fn check(checker: &mut Checker<'_>, spec: &Application) {
    let path = spec_field("endpoints");
    checker.count(&path, &spec.endpoints, ENDPOINTS_MAX, "name where the app runs: [{address: 10.0.0.7}]");
    ports(checker, &spec.ports);
    checker.at_most(&spec_field("api"), spec.api.len(), API_MAX);
    for (index, entry) in spec.api.iter().enumerate() {
        api(checker, spec, entry, &spec_field("api").index(index));
    }
    if let Some(health) = &spec.health {
        no_braces(
            checker,
            &health.path,
            &spec_field("health").key("path"),
            "write a path that can be asked for",
        );
    }
}

fn ports(checker: &mut Checker<'_>, ports: &[Port]) {
    let path = spec_field("ports");
    checker.count(&path, ports, PORTS_MAX, "declare a port: [{name: http-web, port: 8080}]");
    checker.distinct(ports, |port| port.name.clone(), |index| path.index(index).key("name"));
    for (index, port) in ports.iter().enumerate() {
        // A protocol that was given but is faulty was reported; it is not missing.
        let at = path.index(index);
        let given = checker.is_partial(&checker.root.resolve(&at).0.key("protocol"));
        if port.declared_protocol().is_none() && !given {
            let name = port.name.as_str();
            let reason = format!("port {name} has no protocol: protocols are declared, never guessed");
            let rest = name.split_once('-').map_or(String::new(), |(_, rest)| format!("-{rest}"));
            let fix = match name.split('-').next() {
                Some("https") => format!("name it http{rest}: apps are spoken to without TLS for now"),
                Some("h2c" | "h2") => format!("name it http2{rest}"),
                Some(_) | None => format!("name it http-{name}, or add `protocol: http`"),
            };
            checker.coded("CW0103", &at.key("name"), reason, fix);
        }
    }
}

fn api(checker: &mut Checker<'_>, spec: &Application, entry: &ApiPath, path: &Path) {
    api_port(checker, spec, entry, path);
    api_path(checker, &entry.path, &path.key("path"));
    let methods = path.key("methods");
    checker.at_most(&methods, entry.methods.len(), METHODS_MAX);
    checker.distinct(&entry.methods, Clone::clone, |index| methods.index(index));
    let headers = path.key("headers");
    checker.at_most(&headers, entry.headers.len(), HEADERS_MAX);
    for (name, value) in &entry.headers {
        let at = headers.key(name.as_str());
        checker.text(&at, value, HEADER_VALUE_BYTES_MAX, "write the value that must be there");
        if value.chars().any(char::is_control) || value.trim() != value {
            checker.fault(
                &at,
                "no header field can have this value",
                "remove control characters and outer spaces",
            );
        }
    }
    match &entry.authentication {
        Authentication::None => {}
        Authentication::Jwt(requirement) => {
            let claims = path.key("authentication").key("jwt").key("claims");
            checker.at_most(&claims, requirement.claims.len(), CLAIMS_MAX);
            for (name, value) in &requirement.claims {
                let at = claims.key(name);
                checker.text(&at, name, CLAIM_BYTES_MAX, "name the claim");
                checker.text(&at, value, CLAIM_BYTES_MAX, "write the value that the claim must have");
            }
        }
    }
}

fn speaks_http(port: &Port) -> bool {
    matches!(port.declared_protocol(), Some(Protocol::Http | Protocol::Http2 | Protocol::Grpc))
}

fn api_port(checker: &mut Checker<'_>, spec: &Application, entry: &ApiPath, path: &Path) {
    let ports = &spec.ports;
    let partial = checker.is_partial(&spec_field("ports"));
    if let Some(name) = &entry.port {
        let at = path.key("port");
        match ports.iter().find(|port| port.name == *name) {
            Some(port) if port.declared_protocol().is_some() && !speaks_http(port) => {
                let reason = format!("port {name} does not speak HTTP, so no path leads to it");
                checker.fault(&at, reason, "name a port whose protocol is http, http2 or grpc");
            }
            None if !partial => {
                let known: Vec<&str> = ports.iter().map(|port| port.name.as_str()).collect();
                let fix = match nearest(name.as_str(), known.iter().copied()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("write {}", alternatives(&known)),
                };
                checker.fault(&at, format!("there is no port named {name}"), fix);
            }
            Some(_) | None => {}
        }
        return;
    }
    if partial || checker.is_partial(&checker.root.resolve(path).0.key("port")) {
        return;
    }
    let mut candidates: Vec<&str> =
        ports.iter().filter(|port| speaks_http(port)).map(|port| port.name.as_str()).collect();
    // Two of one name were reported.
    candidates.dedup();
    match candidates.as_slice() {
        [_only] => {}
        // Ports without a protocol were reported; with one, this may well resolve itself.
        [] if ports.iter().any(|port| port.declared_protocol().is_none()) => {}
        [] => {
            let fix = "declare one: {name: http-web, port: 8080}";
            checker.fault(path, "the application has no HTTP port for this path", fix);
        }
        several => {
            let fix = format!("add `port:`, {}", alternatives(several));
            checker.fault(path, "the application has several HTTP ports, and this entry names none", fix);
        }
    }
}

fn api_path(checker: &mut Checker<'_>, matched: &PathMatch, path: &Path) {
    match matched {
        PathMatch::Exact(text) => {
            let path = path.key("exact");
            no_braces(checker, text, &path, "write `template:` for segments in braces");
            no_patterns(checker, text, &path);
        }
        PathMatch::Prefix(text) => {
            let path = path.key("prefix");
            no_braces(checker, text, &path, "write `template:` for segments in braces");
            no_patterns(checker, text, &path);
        }
        PathMatch::Template(text) => template(checker, text, &path.key("template")),
    }
}

fn no_braces(checker: &mut Checker<'_>, text: &PathText, path: &Path, fix: &str) {
    if text.as_str().contains(['{', '}']) {
        checker.fault(path, "no request has '{' or '}' in its path", fix);
    }
}

/// `/static/*` and `/users/:id` are patterns elsewhere. Taken literally they match nothing that anyone asks for.
/// Says whether it found one.
fn no_patterns(checker: &mut Checker<'_>, text: &PathText, path: &Path) -> bool {
    let text = text.as_str();
    let is_any = |segment: &str| !segment.is_empty() && segment.chars().all(|c| c == '*');
    let is_pattern = |segment: &&str| is_any(segment) || segment.starts_with(':');
    let Some(found) = text.split('/').find(is_pattern) else { return false };
    let below = text.trim_end_matches('*');
    let fix = if is_any(found) && below.ends_with('/') && !below.contains(['{', '*']) && !below.contains("/:")
    {
        format!("a prefix already takes all below it: write `prefix: {below}`")
    } else {
        let named = |(at, segment): (usize, &str)| match segment.strip_prefix(':') {
            Some(name) if is_variable(name) => format!("{{{name}}}"),
            None if !is_any(segment) => segment.to_owned(),
            Some(_) | None => format!("{{part{at}}}"),
        };
        format!("write `template: {}`", text.split('/').enumerate().map(named).collect::<Vec<_>>().join("/"))
    };
    checker.fault(path, format!("the segment {found:?} would be taken literally"), fix);
    true
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

fn template(checker: &mut Checker<'_>, text: &PathText, path: &Path) {
    if no_patterns(checker, text, path) {
        return;
    }
    let mut names = std::collections::BTreeSet::new();
    for segment in text.as_str().split('/').filter(|segment| segment.contains(['{', '}'])) {
        let name = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        match name.filter(|name| is_variable(name)) {
            None => {
                let reason = format!("the segment {segment:?} is no name in braces");
                checker.fault(path, reason, "put braces around a whole segment, as in /users/{id}/orders");
            }
            Some(name) if !names.insert(name) => {
                checker.fault(
                    path,
                    format!("{{{name}}} stands here twice"),
                    "give each segment its own name",
                );
            }
            Some(_) => {}
        }
    }
    if names.is_empty() && !text.as_str().contains(['{', '}']) {
        checker.fault(path, "a template without braces matches one path", "write `exact:`");
    }
}
