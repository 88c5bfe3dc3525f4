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
use super::{CertificateName, Generation, Host, Hosts, Ingress, Reason, Rejected, Snapshot, Stage};
use crate::id::{Domain, Kind, ResourceKey};
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
    /// The certificate that a host is served with until the one that its resource names covers it.
    pub interim: &'a BTreeMap<Domain, CertificateName>,
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
    let mut hosts = ingresses::hosts(resources, &applications, &zones, input, &mut rejections);
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

    fn find(self, key: &ResourceKey) -> Option<(&'a ResourceKey, &'a Spec)> {
        self.all.get_key_value(key).map(|(key, resource)| (key, &resource.spec))
    }

    /// Of two that want the same, the one that was stored first, and the later. What is not stored yet is the later;
    /// two of those go by name. What is stored goes together, so it never is at odds with itself.
    fn by_age<T>(self, mut pair: [T; 2], owner: impl Fn(&T) -> &'a ResourceKey) -> [T; 2] {
        let revision = |key| self.all.get(key)?.metadata.resource_version.as_ref()?.parse().ok();
        pair.sort_by_key(|item| (revision(owner(item)).unwrap_or(u64::MAX), owner(item)));
        pair
    }
}

fn check_bindings(resources: Resources<'_>, rejections: &mut Rejections) {
    for (key, resource) in resources.iter() {
        let Spec::RoleBinding(binding) = &resource.spec else { continue };
        let role = key.beside(Kind::Role, &binding.role);
        if resources.find(&role).is_none() {
            rejections.add(key, "spec.role", Reason::Missing(role));
        }
    }
}

#[cfg(test)]
mod tests;
