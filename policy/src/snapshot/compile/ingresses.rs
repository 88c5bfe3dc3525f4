//! Ingresses: hosts, and the routes under them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::rejected::{Reason, Rejections};
use super::super::{CertificateName, Digest, Host, HostDns, JwtProvider, JwtRule, Route, RouteTable, Stage};
use super::applications::{ByNamespace, Compiled};
use super::zones::Zones;
use super::{Input, Resources, certificates};
use crate::id::{Domain, HeaderName, MethodName, ResourceKey};
use crate::resource::Spec;
use crate::resource::application::{ApiPath, Authentication, PathMatch};
use crate::resource::secure_ingress::SecureIngress;

/// The hosts that are wanted: each domain of an ingress under which at least one route lies.
pub(super) fn hosts(
    resources: Resources<'_>,
    applications: &ByNamespace<'_>,
    zones: &Zones<'_>,
    input: &Input<'_>,
    rejections: &mut Rejections,
) -> BTreeMap<Domain, Arc<Host>> {
    let mut hosts: BTreeMap<Domain, Arc<Host>> = BTreeMap::new();
    let mut owners: BTreeMap<&Domain, (&ResourceKey, usize)> = BTreeMap::new();
    for (key, resource) in resources.iter() {
        let Spec::SecureIngress(spec) = &resource.spec else { continue };
        let routes = Arc::new(RouteTable::new(routes(resources, key, spec, applications, rejections)));
        let Some(certificate) = certificates::name_for(resources, key, spec, rejections) else { continue };
        for (index, domain) in spec.domains.iter().enumerate() {
            let claim = (key, index);
            if let Some(other) = owners.insert(domain, claim) {
                let [owner, (later, index)] = resources.by_age([other, claim], |claim| claim.0);
                let reason = Reason::HostTaken { domain: domain.clone(), owner: owner.0.clone() };
                rejections.add(later, format!("spec.domains[{index}]"), reason);
                owners.insert(domain, owner);
                continue;
            }
            let dns = match &spec.dns {
                Some(dns) => match zones.origin_for(key, &dns.zone, domain, index, rejections) {
                    Some(origin) => Some(HostDns { origin, ttl: dns.ttl }),
                    None => continue,
                },
                None => None,
            };
            if routes.routes.is_empty() {
                continue;
            }
            let stage = input.stages.get(domain).copied().unwrap_or(Stage::Routed);
            let certificate = input.interim.get(domain).unwrap_or(&certificate).clone();
            let host = host(key, spec, domain, stage, certificate, dns, Arc::clone(&routes));
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
    resources: Resources<'_>,
    key: &ResourceKey,
    spec: &SecureIngress,
    applications: &ByNamespace<'_>,
    rejections: &mut Rejections,
) -> Vec<Arc<Route>> {
    let providers = providers(key, spec);
    let mut taken = Taken { resources, ingress: key, by_match: BTreeMap::new() };
    let mut routes = Vec::new();
    for application in selected(spec, applications) {
        for (index, entry) in application.spec.api.iter().enumerate() {
            let methods = methods(entry);
            taken.claim(application.key, index, entry, methods.clone(), rejections);
            let authentication = match &entry.authentication {
                Authentication::None => None,
                Authentication::Jwt(jwt) => match providers.get(&jwt.issuer) {
                    Some(provider) => {
                        Some(Arc::new(JwtRule { provider: Arc::clone(provider), claims: jwt.claims.clone() }))
                    }
                    None => {
                        let field = format!("spec.api[{index}].authentication.jwt.issuer");
                        let (ingress, issuer) = (key.clone(), jwt.issuer.clone());
                        rejections.add(
                            application.key,
                            field,
                            Reason::UnknownTokenIssuer { ingress, issuer },
                        );
                        continue;
                    }
                },
            };
            routes.push(Arc::new(Route {
                id: format!("{}/{}/{index}", application.key.namespace, application.key.name),
                source: application.key.clone(),
                api_index: index,
                path: entry.path.clone(),
                methods,
                headers: entry.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
                authentication,
                backend: Arc::clone(&application.backends[index]),
            }));
        }
    }
    routes
}

/// The methods that an entry answers. Who may GET may ask for the head alone (RFC 9110 §9.3.2).
fn methods(entry: &ApiPath) -> Vec<MethodName> {
    let has = |name| entry.methods.iter().any(|method| method.as_str() == name);
    let implied = (has("GET") && !has("HEAD")).then(|| "HEAD".parse().expect("a literal that is a method"));
    entry.methods.iter().cloned().chain(implied).collect()
}

/// The applications that an ingress exposes, by namespace and name however it lists them.
fn selected<'a>(
    spec: &'a SecureIngress,
    applications: &'a ByNamespace<'a>,
) -> impl Iterator<Item = &'a Compiled<'a>> {
    let namespaces: BTreeSet<_> = spec.applications.namespaces.iter().collect();
    let all = namespaces.into_iter().filter_map(|namespace| applications.get(namespace)).flatten();
    all.filter(|application| {
        let labels = &application.metadata.labels;
        spec.applications.match_labels.iter().all(|(label, value)| labels.get(label) == Some(value))
    })
}

fn providers<'a>(
    key: &ResourceKey,
    spec: &'a SecureIngress,
) -> BTreeMap<&'a crate::id::Name, Arc<JwtProvider>> {
    let owner = key.to_string();
    let compiled = spec.jwt.iter().map(|issuer| {
        let provider = JwtProvider {
            key_set: Digest::of(&owner, &issuer.jwks),
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
struct Taken<'a> {
    resources: Resources<'a>,
    ingress: &'a ResourceKey,
    by_match: BTreeMap<Match<'a>, Vec<Claim<'a>>>,
}

/// Which paths, and the header fields that go with them.
type Match<'a> = (Paths<'a>, Vec<(&'a HeaderName, &'a str)>);

/// A [`PathMatch`] in a form that is equal for all that match the same paths.
#[derive(Eq, Ord, PartialEq, PartialOrd)]
enum Paths<'a> {
    Exact(&'a str),
    /// Without the last slash, which makes no difference.
    Prefix(&'a str),
    /// Segment by segment; `None` is any, whatever its name.
    Template(Vec<Option<&'a str>>),
}

impl<'a> Paths<'a> {
    fn of(path: &'a PathMatch) -> Self {
        match path {
            PathMatch::Exact(path) => Self::Exact(path.as_str()),
            PathMatch::Prefix(path) => Self::Prefix(path.as_str().trim_end_matches('/')),
            PathMatch::Template(path) => {
                let segments = path.as_str().split('/');
                Self::Template(
                    segments.map(|segment| (!segment.starts_with('{')).then_some(segment)).collect(),
                )
            }
        }
    }
}

#[derive(Clone)]
struct Claim<'a> {
    owner: &'a ResourceKey,
    index: usize,
    methods: Vec<MethodName>,
}

impl<'a> Taken<'a> {
    fn claim(
        &mut self,
        owner: &'a ResourceKey,
        index: usize,
        entry: &'a ApiPath,
        methods: Vec<MethodName>,
        rejections: &mut Rejections,
    ) {
        let headers = entry.headers.iter().map(|(name, value)| (name, value.as_str())).collect();
        let claims = self.by_match.entry((Paths::of(&entry.path), headers)).or_default();
        let claim = Claim { owner, index, methods };
        if let Some(other) = claims.iter().find(|other| overlap(&other.methods, &claim.methods)) {
            let [first, later] = self.resources.by_age([other, &claim], |claim| claim.owner);
            let reason = Reason::RequestsTaken {
                owner: first.owner.clone(),
                index: first.index,
                ingress: self.ingress.clone(),
            };
            rejections.add(later.owner, format!("spec.api[{}].path", later.index), reason);
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
