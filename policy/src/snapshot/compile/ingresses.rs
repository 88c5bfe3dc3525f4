//! Ingresses: hosts, and the routes under them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::rejected::Rejections;
use super::super::{CertificateName, Digest, Host, HostDns, JwtProvider, JwtRule, Route, RouteTable, Stage};
use super::applications::Compiled;
use super::zones::Zones;
use super::{Resources, certificates};
use crate::id::{Domain, HeaderName, MethodName, ResourceKey};
use crate::resource::Spec;
use crate::resource::application::{ApiPath, Authentication, PathMatch};
use crate::resource::secure_ingress::SecureIngress;

/// The hosts that are wanted: each domain of an ingress under which at least one route lies.
pub(super) fn hosts(
    resources: Resources<'_>,
    applications: &[Compiled<'_>],
    zones: &Zones<'_>,
    stages: &BTreeMap<Domain, Stage>,
    rejections: &mut Rejections,
) -> BTreeMap<Domain, Arc<Host>> {
    let mut hosts: BTreeMap<Domain, Arc<Host>> = BTreeMap::new();
    let mut owners: BTreeMap<&Domain, &ResourceKey> = BTreeMap::new();
    for (key, resource) in resources.iter() {
        let Spec::SecureIngress(spec) = &resource.spec else { continue };
        let routes = Arc::new(RouteTable::new(routes(key, spec, applications, rejections)));
        let Some(certificate) = certificates::name_for(resources, key, spec, rejections) else { continue };
        for (index, domain) in spec.domains.iter().enumerate() {
            let field = format!("spec.domains[{index}]");
            if let Some(owner) = owners.insert(domain, key) {
                let reason = format!("{domain} belongs to {owner} already");
                rejections.add_with(key, field, reason, "remove it from one of the two", &[owner]);
                owners.insert(domain, owner);
                continue;
            }
            let dns = match &spec.dns {
                Some(dns) => match zones.origin_for(key, &dns.zone, domain, &field, rejections) {
                    Some(origin) => Some(HostDns { origin, ttl: dns.ttl }),
                    None => continue,
                },
                None => None,
            };
            if routes.routes.is_empty() {
                continue;
            }
            let stage = stages.get(domain).copied().unwrap_or(Stage::Routed);
            let host = host(key, spec, domain, stage, certificate.clone(), dns, Arc::clone(&routes));
            hosts.insert(domain.clone(), Arc::new(host));
        }
    }
    hosts
}

fn host(
    key: &ResourceKey,
    spec: &SecureIngress,
    domain: &Domain,
    stage: Stage,
    certificate: CertificateName,
    dns: Option<HostDns>,
    routes: Arc<RouteTable>,
) -> Host {
    let hsts = spec.hsts.enabled.then(|| {
        let below = if spec.hsts.include_subdomains { "; includeSubDomains" } else { "" };
        format!("max-age={}{below}", spec.hsts.max_age.seconds_ceil())
    });
    Host {
        domain: domain.clone(),
        source: key.clone(),
        stage,
        certificate,
        plain_http: spec.http,
        hsts,
        limits: spec.limits,
        dns,
        routes,
    }
}

fn routes(
    key: &ResourceKey,
    spec: &SecureIngress,
    applications: &[Compiled<'_>],
    rejections: &mut Rejections,
) -> Vec<Arc<Route>> {
    let providers = providers(key, spec);
    let mut taken = Taken::default();
    let mut routes = Vec::new();
    for application in applications.iter().filter(|application| selects(spec, application)) {
        for (index, entry) in application.spec.api.iter().enumerate() {
            taken.claim(application.key, index, entry, key, rejections);
            let field = format!("spec.api[{index}].authentication.jwt.issuer");
            let authentication = match &entry.authentication {
                Authentication::None => None,
                Authentication::Jwt(jwt) => match providers.get(&jwt.issuer) {
                    Some(provider) => {
                        Some(Arc::new(JwtRule { provider: Arc::clone(provider), claims: jwt.claims.clone() }))
                    }
                    None => {
                        let reason = format!("{key} knows no token issuer {}", jwt.issuer);
                        let fix = format!("add it to spec.jwt of {key}, or name one that is there");
                        rejections.add_with(application.key, field, reason, fix, &[key]);
                        continue;
                    }
                },
            };
            routes.push(Arc::new(Route {
                id: format!("{}/{}/{index}", application.key.namespace, application.key.name),
                source: application.key.clone(),
                api_index: index,
                path: entry.path.clone(),
                methods: entry.methods.clone(),
                headers: entry.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
                authentication,
                backend: Arc::clone(&application.backends[index]),
            }));
        }
    }
    routes
}

fn selects(spec: &SecureIngress, application: &Compiled<'_>) -> bool {
    let labels = &application.metadata.labels;
    spec.applications.namespaces.contains(&application.key.namespace)
        && spec.applications.match_labels.iter().all(|(label, value)| labels.get(label) == Some(value))
}

fn providers<'a>(
    key: &ResourceKey,
    spec: &'a SecureIngress,
) -> BTreeMap<&'a crate::id::Name, Arc<JwtProvider>> {
    let owner = key.to_string();
    let compiled = spec.jwt.iter().map(|issuer| {
        let content = (&issuer.issuer, &issuer.audiences, &issuer.jwks, &issuer.algorithms);
        let provider = JwtProvider {
            id: Digest::of(&owner, &content),
            name: issuer.name.clone(),
            issuer: issuer.issuer.clone(),
            audiences: issuer.audiences.clone(),
            jwks: issuer.jwks.clone(),
            algorithms: issuer.algorithms.clone(),
        };
        (&issuer.name, Arc::new(provider))
    });
    compiled.collect()
}

/// Which requests are spoken for under one ingress, so that two owners of one request are told of each other.
#[derive(Default)]
struct Taken<'a> {
    by_match: BTreeMap<Match<'a>, Vec<Claim<'a>>>,
}

/// A path and the header fields that go with it.
type Match<'a> = (&'a PathMatch, Vec<(&'a HeaderName, &'a str)>);

#[derive(Clone, Copy)]
struct Claim<'a> {
    owner: &'a ResourceKey,
    index: usize,
    methods: &'a [MethodName],
}

impl<'a> Taken<'a> {
    fn claim(
        &mut self,
        owner: &'a ResourceKey,
        index: usize,
        entry: &'a ApiPath,
        ingress: &ResourceKey,
        rejections: &mut Rejections,
    ) {
        let headers = entry.headers.iter().map(|(name, value)| (name, value.as_str())).collect();
        let claims = self.by_match.entry((&entry.path, headers)).or_default();
        let claim = Claim { owner, index, methods: &entry.methods };
        if let Some(earlier) = claims.iter().find(|earlier| overlap(earlier.methods, claim.methods)) {
            let reason = format!(
                "the same requests are routed by {} spec.api[{}] under {ingress}",
                earlier.owner, earlier.index
            );
            let field = format!("spec.api[{index}].path");
            rejections.add_with(
                owner,
                field,
                reason,
                "change path, methods or headers of one",
                &[earlier.owner, ingress],
            );
        }
        claims.push(claim);
    }
}

/// Method lists that are both written out may share a method; one that is left out yields to one that is written.
fn overlap(one: &[MethodName], other: &[MethodName]) -> bool {
    if one.is_empty() || other.is_empty() {
        return one.is_empty() == other.is_empty();
    }
    let one: BTreeSet<_> = one.iter().collect();
    other.iter().any(|method| one.contains(method))
}
