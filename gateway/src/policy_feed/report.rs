//! Says in each resource's status how far its exposure has come.

use std::collections::{BTreeMap, BTreeSet};

use policy::id::ResourceKey;
use policy::resource::{ConditionStatus, Spec};
use policy::snapshot::{Host, Snapshot, Stage};

use crate::control_plane::ResourceSet;
use crate::status::StatusBoard;

/// Sets `Listening`, `Named` and `Ready` of each ingress, and `Exposed` and `Ready` of each application.
pub(super) fn conditions(status: &StatusBoard, set: &ResourceSet, snapshot: &Snapshot) {
    let mut by_ingress: BTreeMap<&ResourceKey, Vec<&Host>> = BTreeMap::new();
    let mut exposed: BTreeMap<&ResourceKey, BTreeSet<String>> = BTreeMap::new();
    for host in snapshot.ingress.hosts.by_domain().values() {
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
    for (key, resource) in &set.resources {
        match &resource.spec {
            Spec::SecureIngress(_) => {
                ingress(status, key, by_ingress.get(key).map_or(&[], Vec::as_slice));
            }
            Spec::Application(_) => application(status, key, exposed.get(key)),
            Spec::Issuer(_)
            | Spec::Certificate(_)
            | Spec::Zone(_)
            | Spec::Secret(_)
            | Spec::Role(_)
            | Spec::RoleBinding(_) => {}
        }
    }
}

fn ingress(status: &StatusBoard, key: &ResourceKey, hosts: &[&Host]) {
    if hosts.is_empty() {
        let message = "no application of the selected namespaces exposes a path here";
        for kind in ["Listening", "Named", "Ready"] {
            status.set(key, kind, ConditionStatus::False, "NoRoutes", message);
        }
        return;
    }
    let waiting = |below: Stage| hosts.iter().find(|host| host.stage < below);
    match waiting(Stage::Listening) {
        Some(host) => {
            let message = format!("{} waits for its certificate", host.domain);
            status.set(key, "Listening", ConditionStatus::False, "CertificateMissing", &message);
        }
        None => status.set(key, "Listening", ConditionStatus::True, "Served", "every domain is served"),
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
            status.set(key, "Named", ConditionStatus::True, "Answered", message);
            status.set(key, "Ready", ConditionStatus::True, "Exposed", "reachable by its names");
        }
        Err(message) => {
            status.set(key, "Named", ConditionStatus::False, "Waiting", &message);
            status.set(key, "Ready", ConditionStatus::False, "Waiting", &message);
        }
    }
}

fn application(status: &StatusBoard, key: &ResourceKey, hosts: Option<&BTreeSet<String>>) {
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
    status.set(key, "Exposed", state, reason, &message);
    status.set(key, "Ready", state, reason, &message);
}
