//! Findings of applications.

#![expect(clippy::wildcard_enum_match_arm, reason = "only ingresses select applications")]

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{About, Finding, Severity};
use crate::id::ResourceKey;
use crate::resource::application::{EndpointSource, Port};
use crate::resource::{Resource, Spec};

pub(super) fn find(resources: &BTreeMap<ResourceKey, Resource>, findings: &mut Vec<Finding>) {
    for (key, resource) in resources {
        let Spec::Application(spec) = &resource.spec else { continue };
        let mut add = |severity, code, field: String, message: String, fix: &str| {
            findings.push(Finding {
                severity,
                code,
                about: About::Resource(key.clone()),
                field,
                message,
                fix: fix.into(),
            });
        };
        for (index, port) in spec.ports.iter().enumerate() {
            if let Some(message) = protocol_fault(port) {
                let fix = "let the name begin with the protocol, e.g. http-web, or make both agree";
                add(Severity::Warning, "CW0103", format!("spec.ports[{index}]"), message, fix);
            }
        }
        let labels = ["app", "app.kubernetes.io/name"];
        if !labels.iter().any(|label| resource.metadata.labels.contains_key(*label)) {
            let message = "no label app or app.kubernetes.io/name says what this is".into();
            add(Severity::Info, "CW0106", "metadata.labels".into(), message, "add labels: {app: NAME}");
        }
        if spec.service_account.is_none() {
            let message = "without a service account its workloads have no identity in the mesh".into();
            add(Severity::Info, "CW0107", "spec.serviceAccount".into(), message, "add serviceAccount: NAME");
        }
        for (index, endpoint) in spec.endpoints.iter().enumerate() {
            if let EndpointSource::Address(at) = endpoint
                && is_public(at.address)
            {
                let message =
                    format!("{} is a public address: requests leave the site in plain text", at.address);
                let field = format!("spec.endpoints[{index}].address");
                add(
                    Severity::Warning,
                    "CW0107",
                    field,
                    message,
                    "use the workload's address inside the site",
                );
            }
        }
        if !spec.api.is_empty() && !is_exposed(key, resource, resources) {
            let message = "no SecureIngress selects this application, so its api is reachable nowhere".into();
            let fix = "add its namespace to spec.applications of a SecureIngress";
            add(Severity::Warning, "CW0104", "spec.api".into(), message, fix);
        }
    }
}

/// A port that declares nothing is refused when it is read.
fn protocol_fault(port: &Port) -> Option<String> {
    let by_name = Port { protocol: None, ..port.clone() }.declared_protocol()?;
    let said = port.protocol.filter(|said| *said != by_name)?;
    Some(format!("port {} is named after {by_name} and declared {said}", port.name))
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            !(v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_documentation())
        }
        IpAddr::V6(v6) => !(v6.is_unique_local() || v6.is_loopback() || v6.is_unicast_link_local()),
    }
}

fn is_exposed(key: &ResourceKey, resource: &Resource, resources: &BTreeMap<ResourceKey, Resource>) -> bool {
    resources.values().any(|other| match &other.spec {
        Spec::SecureIngress(ingress) => {
            let labels = &resource.metadata.labels;
            ingress.applications.namespaces.contains(&key.namespace)
                && ingress
                    .applications
                    .match_labels
                    .iter()
                    .all(|(name, value)| labels.get(name) == Some(value))
        }
        _ => false,
    })
}
