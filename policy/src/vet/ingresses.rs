//! Findings of ingresses, and of what they use.

#![expect(clippy::wildcard_enum_match_arm, reason = "only applications are selected")]

use std::collections::{BTreeMap, BTreeSet};

use super::{About, Finding, Severity};
use crate::id::{Kind, Name, ResourceKey};
use crate::resource::application::{Application, Authentication, PathMatch};
use crate::resource::issuer::Issuer;
use crate::resource::role::Subject;
use crate::resource::secure_ingress::{CertificateSource, PlainHttp, SecureIngress};
use crate::resource::{Resource, Spec};

pub(super) fn find(resources: &BTreeMap<ResourceKey, Resource>, findings: &mut Vec<Finding>) {
    for (key, resource) in resources {
        let Spec::SecureIngress(spec) = &resource.spec else { continue };
        let mut add = |severity, code, field: &str, message: String, fix: &str| {
            let field = field.to_owned();
            findings.push(Finding {
                severity,
                code,
                about: About::Resource(key.clone()),
                field,
                message,
                fix: fix.into(),
            });
        };
        let selected = selected(spec, resources);
        if !selected.iter().any(|(_, application)| !application.api.is_empty()) {
            let message = "it selects no application that exposes a path".into();
            let fix = "name the namespace of an application that has an api list";
            add(Severity::Warning, "CW0102", "spec.applications", message, fix);
        }
        if spec.http == PlainHttp::Serve {
            let message = "routes without authentication are served in plain text".into();
            add(Severity::Warning, "CW0301", "spec.http", message, "remove http: serve");
        }
        if !spec.hsts.enabled {
            let message = "browsers are not told to come back over https alone".into();
            add(Severity::Info, "CW0303", "spec.hsts.enabled", message, "remove hsts.enabled: false");
        }
        if spec.dns.is_none() {
            for (index, domain) in spec.domains.iter().enumerate() {
                let message =
                    format!("{domain} is named by no zone of ours; its DNS must point here by hand");
                let field = format!("spec.domains[{index}]");
                add(Severity::Info, "CW0203", &field, message, "add dns: {zone: NAME} if its zone is ours");
            }
        }
    }
    open_prefixes(resources, findings);
    unused(resources, findings);
}

fn selected<'a>(
    spec: &SecureIngress,
    resources: &'a BTreeMap<ResourceKey, Resource>,
) -> Vec<(&'a ResourceKey, &'a Application)> {
    let applications = resources.iter().filter_map(|(key, resource)| match &resource.spec {
        Spec::Application(application) => Some((key, resource, application)),
        _ => None,
    });
    applications
        .filter(|(key, resource, _)| {
            let labels = &resource.metadata.labels;
            spec.applications.namespaces.contains(&key.namespace)
                && spec.applications.match_labels.iter().all(|(name, value)| labels.get(name) == Some(value))
        })
        .map(|(key, _, application)| (key, application))
        .collect()
}

/// A path that asks for a token, inside a prefix that asks for none: whoever finds another spelling of the path that
/// the app understands is let in. We refuse such spellings; the next hop may know more of them.
fn open_prefixes(resources: &BTreeMap<ResourceKey, Resource>, findings: &mut Vec<Finding>) {
    for (key, resource) in resources {
        let Spec::Application(application) = &resource.spec else { continue };
        for (index, open) in application.api.iter().enumerate() {
            let (PathMatch::Prefix(prefix), Authentication::None) = (&open.path, &open.authentication) else {
                continue;
            };
            let guarded = application.api.iter().find(|other| {
                let path = match &other.path {
                    PathMatch::Exact(path) | PathMatch::Prefix(path) | PathMatch::Template(path) => path,
                };
                let below = path.as_str().strip_prefix(prefix.as_str().trim_end_matches('/'));
                let within = below.is_some_and(|below| below.len() > 1 && below.starts_with('/'));
                within && other.authentication != Authentication::None
            });
            if guarded.is_some() {
                findings.push(Finding {
                    severity: Severity::Warning,
                    code: "CW0302",
                    about: About::Resource(key.clone()),
                    field: format!("spec.api[{index}]"),
                    message: format!("{prefix} is open and holds a path that asks for a token"),
                    fix: "ask for a token on the prefix too, or expose the open paths one by one".into(),
                });
            }
        }
    }
}

/// What nothing refers to.
fn unused(resources: &BTreeMap<ResourceKey, Resource>, findings: &mut Vec<Finding>) {
    let mut used: BTreeSet<(Kind, &Name, &Name)> = BTreeSet::new();
    let mut zones: BTreeSet<&Name> = BTreeSet::new();
    for (key, resource) in resources {
        let namespace = &key.namespace;
        match &resource.spec {
            Spec::SecureIngress(spec) => {
                match &spec.certificate {
                    CertificateSource::Issuer(name) => drop(used.insert((Kind::Issuer, namespace, name))),
                    CertificateSource::Issuers(names) => {
                        used.extend(names.iter().map(|name| (Kind::Issuer, namespace, name)));
                    }
                    CertificateSource::Certificate(name) => {
                        used.insert((Kind::Certificate, namespace, name));
                    }
                    CertificateSource::Secret(name) => drop(used.insert((Kind::Secret, namespace, name))),
                }
                zones.extend(spec.dns.iter().map(|dns| &dns.zone));
            }
            Spec::Certificate(spec) => {
                used.extend(spec.issuers.iter().map(|name| (Kind::Issuer, namespace, name)));
            }
            Spec::Issuer(Issuer::Acme(acme)) => {
                used.extend(
                    acme.external_account.iter().map(|account| (Kind::Secret, namespace, &account.secret)),
                );
            }
            Spec::RoleBinding(binding) => {
                used.insert((Kind::Role, namespace, &binding.role));
                used.extend(binding.subjects.iter().filter_map(|subject| match subject {
                    Subject::Token(name) => Some((Kind::Secret, namespace, name)),
                    Subject::User(_) => None,
                }));
            }
            Spec::Application(_) | Spec::Issuer(_) | Spec::Zone(_) | Spec::Secret(_) | Spec::Role(_) => {}
        }
    }
    for key in resources.keys() {
        let kept = match key.kind {
            Kind::Issuer | Kind::Secret | Kind::Role => used.contains(&(key.kind, &key.namespace, &key.name)),
            Kind::Zone => zones.contains(&key.name),
            Kind::Application | Kind::SecureIngress | Kind::Certificate | Kind::RoleBinding => true,
        };
        if !kept {
            findings.push(Finding {
                severity: Severity::Info,
                code: "CW0401",
                about: About::Resource(key.clone()),
                field: "metadata.name".into(),
                message: "nothing refers to it".into(),
                fix: "delete it, if nobody needs it".into(),
            });
        }
    }
}
