//! Applications: their backends, and what each entry of their API matches.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::super::rejected::{Reason, Rejections};
use super::super::{Backend, Digest, Endpoint};
use super::Resources;
use crate::id::{Name, ResourceKey};
use crate::resource::application::{Application, EndpointSource, Port, Protocol};
use crate::resource::{Metadata, Spec};

/// An application, ready to be routed to.
pub(super) struct Compiled<'a> {
    pub(super) key: &'a ResourceKey,
    pub(super) metadata: &'a Metadata,
    pub(super) spec: &'a Application,
    /// The backend of each `api` entry, in order.
    pub(super) backends: Vec<Arc<Backend>>,
}

/// Applications by namespace, each list by name.
pub(super) type ByNamespace<'a> = BTreeMap<&'a Name, Vec<Compiled<'a>>>;

/// Compiles every application that is without fault.
pub(super) fn compile<'a>(resources: Resources<'a>, rejections: &mut Rejections) -> ByNamespace<'a> {
    let mut compiled = ByNamespace::new();
    for (key, resource) in resources.iter() {
        let Spec::Application(spec) = &resource.spec else { continue };
        let mut by_port = BTreeMap::new();
        let mut backends = Vec::with_capacity(spec.api.len());
        for (index, entry) in spec.api.iter().enumerate() {
            match port_of(spec, entry.port.as_ref()) {
                Ok(port) => {
                    let backend =
                        by_port.entry(port.port).or_insert_with(|| Arc::new(backend(key, spec, port)));
                    backends.push(Arc::clone(backend));
                }
                Err(reason) => rejections.add(key, format!("spec.api[{index}].port"), reason),
            }
        }
        if backends.len() == spec.api.len() {
            let application = Compiled { key, metadata: &resource.metadata, spec, backends };
            compiled.entry(&key.namespace).or_default().push(application);
        }
    }
    compiled
}

fn routable(port: &Port) -> bool {
    matches!(port.declared_protocol(), Some(Protocol::Http | Protocol::Http2 | Protocol::Grpc))
}

fn port_of<'a>(spec: &'a Application, name: Option<&Name>) -> Result<&'a Port, Reason> {
    if let Some(name) = name {
        return match spec.ports.iter().find(|port| port.name == *name) {
            Some(port) if routable(port) => Ok(port),
            Some(_) => Err(Reason::PortNotHttp(name.clone())),
            None => {
                let known = spec.ports.iter().map(|port| port.name.clone()).collect();
                Err(Reason::NoPort { name: name.clone(), known })
            }
        };
    }
    let mut candidates = spec.ports.iter().filter(|port| routable(port));
    match (candidates.next(), candidates.next()) {
        (Some(port), None) => Ok(port),
        (None, _) => Err(Reason::NoHttpPort),
        (Some(_), Some(_)) => Err(Reason::SeveralHttpPorts),
    }
}

fn backend(key: &ResourceKey, spec: &Application, port: &Port) -> Backend {
    let number = port.port.get();
    let mut endpoints: Vec<Endpoint> = spec
        .endpoints
        .iter()
        .map(|endpoint| match endpoint {
            EndpointSource::Address(at) => Endpoint::Address(SocketAddr::new(at.address, number)),
            EndpointSource::Dns(at) => Endpoint::Dns(at.dns.clone(), number),
        })
        .collect();
    endpoints.sort();
    endpoints.dedup();
    let name = format!("{}/{}:{number}", key.namespace, key.name);
    let protocol = port.declared_protocol().unwrap_or(Protocol::Http);
    let content = (protocol, &endpoints, spec.balance, &spec.health, spec.timeouts);
    Backend {
        id: Digest::of(&name, &content),
        protocol,
        balance: spec.balance,
        health: spec.health.clone(),
        timeouts: spec.timeouts,
        endpoints,
        name,
    }
}
