//! Says in each resource's status how far its exposure has come.

use std::collections::{BTreeMap, BTreeSet};

use policy::id::{Domain, ResourceKey};
use policy::resource::{ConditionStatus, Spec};
use policy::snapshot::{CertificateName, Host, Snapshot, Stage};

use crate::control_plane::ResourceSet;
use crate::core::exposure::Exposure;
use crate::status::{StatusBoard, Subject};

/// Notes which generation of each resource is compiled. Sets `Listening`, `Named` and `Ready` of each ingress, and `Exposed` and `Ready` of each application.
pub(super) fn conditions(status: &StatusBoard, set: &ResourceSet, snapshot: &Snapshot, exposure: &Exposure) {
    let interim = exposure.interim();
    let mut by_ingress: BTreeMap<&ResourceKey, Vec<&Host>> = BTreeMap::new();
    let mut exposed: BTreeMap<&ResourceKey, BTreeSet<String>> = BTreeMap::new();
    let hosts = snapshot.ingress.hosts.by_domain().values();
    // One on its way out is nothing that its ingress waits for.
    for host in hosts.filter(|host| !exposure.is_departing(&host.domain)) {
        by_ingress.entry(&host.source).or_default().push(host);
        if host.stage >= Stage::Listening {
            for route in &host.routes.routes {
                let hosts = exposed.entry(&route.source).or_default();
                // Enough to read; an ingress of thousands of domains is not listed out.
                if hosts.len() < 5 {
                    hosts.insert(host.domain.to_string());
                }
            }
        }
    }
    status.retain(|key| set.resources.contains_key(key));
    for (key, resource) in &set.resources {
        let subject = Subject { key, generation: resource.metadata.generation.unwrap_or_default() };
        status.observe(subject);
        match &resource.spec {
            Spec::SecureIngress(_) => {
                ingress(status, subject, by_ingress.get(key).map_or(&[], Vec::as_slice), &interim);
            }
            Spec::Application(_) => application(status, subject, exposed.get(key)),
            Spec::Issuer(_)
            | Spec::Certificate(_)
            | Spec::Zone(_)
            | Spec::Secret(_)
            | Spec::Role(_)
            | Spec::RoleBinding(_) => {}
        }
    }
}

fn ingress(
    status: &StatusBoard,
    subject: Subject<'_>,
    hosts: &[&Host],
    interim: &BTreeMap<Domain, CertificateName>,
) {
    if hosts.is_empty() {
        let message = "no application of the selected namespaces exposes a path here";
        for kind in ["Listening", "Named", "Ready"] {
            status.set(subject, kind, ConditionStatus::False, "NoRoutes", message);
        }
        return;
    }
    let waiting = |below: Stage| hosts.iter().find(|host| host.stage < below);
    match waiting(Stage::Listening) {
        Some(host) => {
            let message = format!("{} waits for its certificate", host.domain);
            status.set(subject, "Listening", ConditionStatus::False, "CertificateMissing", &message);
        }
        None => status.set(subject, "Listening", ConditionStatus::True, "Served", "every domain is served"),
    }
    let named = match waiting(Stage::Named) {
        Some(host) => {
            let message = format!("{} is named once its listener is in force", host.domain);
            Err(message)
        }
        None if hosts.iter().all(|host| host.dns.is_none()) => Ok("DNS of these domains is not ours"),
        None => Ok("every domain is answered by our DNS"),
    };
    match named {
        Ok(message) => {
            status.set(subject, "Named", ConditionStatus::True, "Answered", message);
            match hosts.iter().find(|host| interim.contains_key(&host.domain)) {
                Some(host) => {
                    let message = format!("{} is served with the certificate it had before", host.domain);
                    status.set(subject, "Ready", ConditionStatus::False, "CertificateMissing", &message);
                }
                None => {
                    status.set(subject, "Ready", ConditionStatus::True, "Exposed", "reachable by its names");
                }
            }
        }
        Err(message) => {
            status.set(subject, "Named", ConditionStatus::False, "Waiting", &message);
            status.set(subject, "Ready", ConditionStatus::False, "Waiting", &message);
        }
    }
}

fn application(status: &StatusBoard, subject: Subject<'_>, hosts: Option<&BTreeSet<String>>) {
    let (state, reason, message) = match hosts {
        Some(hosts) => {
            let names: Vec<&str> = hosts.iter().map(String::as_str).collect();
            (ConditionStatus::True, "Served", format!("served at {}", names.join(", ")))
        }
        None => (
            ConditionStatus::False,
            "NotServed",
            "no SecureIngress that listens selects this application".to_owned(),
        ),
    };
    status.set(subject, "Exposed", state, reason, &message);
    status.set(subject, "Ready", state, reason, &message);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use policy::clock::SystemClock;
    use policy::id::Kind;
    use policy::resource::condition_types;
    use policy::snapshot::CertificateName;

    use super::*;

    #[test]
    fn what_is_set_is_what_crds_may_show() {
        for kind in Kind::ALL {
            let key = ResourceKey { kind, namespace: "a".parse().unwrap(), name: "a".parse().unwrap() };
            let status = StatusBoard::new(Arc::new(SystemClock));
            let subject = Subject { key: &key, generation: 1 };
            match kind {
                Kind::Application => application(&status, subject, None),
                Kind::SecureIngress => ingress(&status, subject, &[], &BTreeMap::new()),
                Kind::Issuer
                | Kind::Certificate
                | Kind::Zone
                | Kind::Secret
                | Kind::Role
                | Kind::RoleBinding => {}
            }
            let mut set: BTreeSet<String> =
                status.conditions(&key).into_iter().map(|condition| condition.r#type).collect();
            if matches!(kind, Kind::SecureIngress | Kind::Certificate) {
                let kept = crate::certificates::conditions(&CertificateName(key));
                set.extend(kept.iter().map(ToString::to_string));
            }
            assert_eq!(set.into_iter().collect::<Vec<_>>(), condition_types(kind), "{kind}");
        }
    }
}
