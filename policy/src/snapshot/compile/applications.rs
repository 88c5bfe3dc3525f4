//! Applications: their backends, and what each entry of their API matches.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::super::rejected::Rejections;
use super::super::{Backend, Digest, Endpoint};
use super::Resources;
use crate::id::ResourceKey;
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

/// Compiles every application that is without fault.
pub(super) fn compile<'a>(resources: Resources<'a>, rejections: &mut Rejections) -> Vec<Compiled<'a>> {
    let mut compiled = Vec::new();
    for (key, resource) in resources.iter() {
        let Spec::Application(spec) = &resource.spec else { continue };
        let mut by_port = BTreeMap::new();
        let mut backends = Vec::with_capacity(spec.api.len());
        for (index, entry) in spec.api.iter().enumerate() {
            let field = format!("spec.api[{index}].port");
            if let Some(port) = port_of(key, spec, entry.port.as_ref(), &field, rejections) {
                let backend = by_port.entry(port.port).or_insert_with(|| Arc::new(backend(key, spec, port)));
                backends.push(Arc::clone(backend));
            }
        }
        if backends.len() == spec.api.len() {
            compiled.push(Compiled { key, metadata: &resource.metadata, spec, backends });
        }
    }
    compiled
}

fn routable(port: &Port) -> bool {
    matches!(port.declared_protocol(), Some(Protocol::Http | Protocol::Http2 | Protocol::Grpc))
}

fn port_of<'a>(
    key: &ResourceKey,
    spec: &'a Application,
    name: Option<&crate::id::Name>,
    field: &str,
    rejections: &mut Rejections,
) -> Option<&'a Port> {
    if let Some(name) = name {
        let Some(port) = spec.ports.iter().find(|port| port.name == *name) else {
            let known: Vec<_> = spec.ports.iter().map(|port| port.name.as_str()).collect();
            let fix = format!("name one of: {}", known.join(", "));
            rejections.add(key, field, format!("there is no port named {name}"), fix);
            return None;
        };
        if !routable(port) {
            let reason = format!("port {name} does not speak HTTP, so no path can be routed to it");
            rejections.add(key, field, reason, "name a port whose protocol is http, http2 or grpc");
            return None;
        }
        return Some(port);
    }
    let mut candidates = spec.ports.iter().filter(|port| routable(port));
    match (candidates.next(), candidates.next()) {
        (Some(port), None) => Some(port),
        (None, _) => {
            let reason = "the application has no port whose protocol is http, http2 or grpc";
            rejections.add(key, field, reason, "declare one, e.g. {name: http-web, port: 8080}");
            None
        }
        (Some(_), Some(_)) => {
            rejections.add(key, field, "the application has several HTTP ports", "say which: add port: NAME");
            None
        }
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
