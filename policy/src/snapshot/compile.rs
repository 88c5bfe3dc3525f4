//! From resources to a [`Snapshot`]: a pure function, all or nothing.

mod applications;
mod certificates;
mod ingresses;
mod zones;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;

use super::rejected::Rejections;
use super::{Generation, Host, Hosts, Ingress, Rejected, Snapshot, Stage};
use crate::id::{Domain, Kind, Name, ResourceKey};
use crate::resource::{Resource, Spec};

/// What a site is, beside its resources.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Site {
    /// Where exposed names point, unless their zone says otherwise.
    pub addresses: Vec<IpAddr>,
}

/// What a snapshot is made from.
#[derive(Debug)]
pub struct Input<'a> {
    /// The number that it gets.
    pub generation: Generation,
    /// Everything that is stored.
    pub resources: &'a BTreeMap<ResourceKey, Resource>,
    /// Where we are.
    pub site: &'a Site,
    /// How far each host's exposure has come; [`Stage::Routed`] for those that are not named here.
    pub stages: &'a BTreeMap<Domain, Stage>,
    /// Hosts that are not wanted any more and are on their way out, each at its stage.
    pub departing: &'a [Arc<Host>],
}

/// Compiles. The same input gives the same snapshot, byte for byte.
///
/// # Errors
/// Every reason why these resources do not go together; then there is no snapshot at all.
pub fn compile(input: &Input<'_>) -> Result<Snapshot, Vec<Rejected>> {
    let resources = Resources { all: input.resources };
    let mut rejections = Rejections::default();
    let zones = zones::Zones::collect(resources, &mut rejections);
    let applications = applications::compile(resources, &mut rejections);
    let mut hosts = ingresses::hosts(resources, &applications, &zones, input.stages, &mut rejections);
    let certificates = certificates::wanted(resources, &hosts, &zones, &mut rejections);
    check_bindings(resources, &mut rejections);
    for host in input.departing {
        hosts.entry(host.domain.clone()).or_insert_with(|| Arc::clone(host));
    }
    let zones = zones.views(&hosts, input.site, &mut rejections);
    rejections.into_result(Snapshot {
        generation: input.generation,
        ingress: Ingress { hosts: Hosts::new(hosts) },
        zones,
        certificates,
    })
}

/// The resources, with the look-ups that compilation needs.
#[derive(Clone, Copy)]
struct Resources<'a> {
    all: &'a BTreeMap<ResourceKey, Resource>,
}

impl<'a> Resources<'a> {
    fn iter(self) -> impl Iterator<Item = (&'a ResourceKey, &'a Resource)> {
        self.all.iter()
    }

    fn of(self, kind: Kind, namespace: &Name, name: &Name) -> Option<(&'a ResourceKey, &'a Spec)> {
        let key = ResourceKey { kind, namespace: namespace.clone(), name: name.clone() };
        self.all.get_key_value(&key).map(|(key, resource)| (key, &resource.spec))
    }
}

fn check_bindings(resources: Resources<'_>, rejections: &mut Rejections) {
    for (key, resource) in resources.iter() {
        let Spec::RoleBinding(binding) = &resource.spec else { continue };
        if resources.of(Kind::Role, &key.namespace, &binding.role).is_none() {
            let reason = format!("there is no Role {}/{}", key.namespace, binding.role);
            rejections.add(key, "spec.role", reason, "create it, or name one that exists");
        }
    }
}

#[cfg(test)]
mod tests;
