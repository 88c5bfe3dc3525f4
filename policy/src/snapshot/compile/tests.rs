//! What goes together, what does not and in which words, and that it is always the same.

mod determinism;
mod refusals;

use super::*;

/// All that the first app needs.
const GOOD: &str = "
apiVersion: causeway.dev/v1
kind: Application
metadata: {name: productpage, namespace: bookinfo}
spec:
  endpoints: [{address: 10.0.0.8}, {address: 10.0.0.7}, {dns: app.internal}]
  ports: [{name: http-web, port: 9080}]
  api:
    - {path: {exact: /productpage}, methods: [GET], authentication: {jwt: {issuer: corp}}}
    - {path: {prefix: /static/}, authentication: none}
---
apiVersion: causeway.dev/v1
kind: SecureIngress
metadata: {name: shop, namespace: platform}
spec:
  domains: [shop.example.com, '*.shop.example.com']
  certificate: {issuer: acme}
  dns: {zone: example.com}
  jwt: [{name: corp, issuer: 'https://id.example.com', audiences: [shop], jwks: {uri: 'https://id.example.com/jwks'}}]
  applications: {namespaces: [bookinfo]}
---
apiVersion: causeway.dev/v1
kind: Issuer
metadata: {name: acme, namespace: platform}
spec: {acme: {email: ops@example.com}}
---
apiVersion: causeway.dev/v1
kind: Zone
metadata: {name: example.com, namespace: platform}
spec: {nameservers: [{name: ns.example.com}]}
";

fn resources(text: &str) -> BTreeMap<ResourceKey, Resource> {
    let parsed = crate::document::parse("f", text).unwrap();
    parsed.into_iter().map(|parsed| (parsed.resource.key(), parsed.resource)).collect()
}

fn compiled_at(
    resources: &BTreeMap<ResourceKey, Resource>,
    stages: &BTreeMap<Domain, Stage>,
    departing: &[Arc<Host>],
) -> Result<Snapshot, Vec<Rejected>> {
    let site = Site { addresses: vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()] };
    let interim = &BTreeMap::new();
    compile(&Input { generation: Generation(7), resources, site: &site, stages, interim, departing })
}

fn compiled(text: &str) -> Result<Snapshot, Vec<Rejected>> {
    compiled_at(&resources(text), &BTreeMap::new(), &[])
}

fn domain(text: &str) -> Domain {
    text.parse().unwrap()
}

#[test]
fn two_objects_become_route_certificate_and_zone() {
    let snapshot = compiled(GOOD).unwrap();
    assert_eq!(snapshot.generation, Generation(7));
    let host = snapshot.ingress.host("shop.example.com").unwrap();
    let routes: Vec<_> = host.routes.routes.iter().map(|route| route.id.as_str()).collect();
    assert_eq!(routes, ["bookinfo/productpage/0", "bookinfo/productpage/1"]);
    let guarded = &host.routes.routes[0];
    assert_eq!(guarded.authentication.as_ref().unwrap().provider.issuer, "https://id.example.com");
    assert!(host.routes.routes[1].authentication.is_none());
    let endpoints: Vec<_> =
        guarded.backend.endpoints.iter().map(|endpoint| format!("{endpoint:?}")).collect();
    assert_eq!(
        endpoints,
        ["Address(10.0.0.7:9080)", "Address(10.0.0.8:9080)", "Dns(HostName(\"app.internal\"), 9080)"]
    );
    let (name, wanted) = snapshot.certificates.first_key_value().unwrap();
    assert_eq!((name.to_string().as_str(), wanted.domains.len()), ("SecureIngress platform/shop", 2));
    assert_eq!(snapshot.zones.len(), 1);
}

#[test]
fn who_may_get_a_path_may_ask_for_its_head_on_the_same_terms() {
    use super::super::RouteMatch;
    let snapshot = compiled(GOOD).unwrap();
    let routes = &snapshot.ingress.host("shop.example.com").unwrap().routes;
    let RouteMatch::Found(route) = routes.find("HEAD", "/productpage", |_, _| false) else { panic!("HEAD") };
    assert!(route.authentication.is_some());
    let RouteMatch::Method { allowed } = routes.find("PUT", "/productpage", |_, _| false) else {
        panic!("PUT")
    };
    assert_eq!(allowed.iter().map(|method| method.as_str()).collect::<Vec<_>>(), ["GET", "HEAD"]);
}

#[test]
fn a_wildcard_answers_for_one_label_and_yields_to_the_exact_name() {
    let snapshot = compiled(GOOD).unwrap();
    let host = |name| snapshot.ingress.host(name).map(|host| host.domain.to_string());
    assert_eq!(host("shop.example.com").as_deref(), Some("shop.example.com"));
    assert_eq!(host("a.shop.example.com").as_deref(), Some("*.shop.example.com"));
    for other in ["a.b.shop.example.com", "example.com", ".shop.example.com", ""] {
        assert_eq!(host(other), None, "{other}");
    }
}

#[test]
fn a_host_is_named_only_at_its_last_stage() {
    let name = domain("shop.example.com");
    let resources = resources(GOOD);
    for (stage, records) in [(Stage::Routed, 0), (Stage::Listening, 0), (Stage::Named, 3)] {
        let stages = BTreeMap::from([(name.clone(), stage)]);
        let snapshot = compiled_at(&resources, &stages, &[]).unwrap();
        let zone = snapshot.zones.values().next().unwrap();
        assert_eq!(zone.records.keys().filter(|(owner, _)| *owner == name).count(), records, "{stage:?}");
        assert_eq!(snapshot.ingress.host("shop.example.com").unwrap().stage, stage);
    }
}

#[test]
fn a_departing_host_stays_as_it_was_unless_it_is_wanted_again() {
    let host = Arc::clone(compiled(GOOD).unwrap().ingress.host("shop.example.com").unwrap());
    let departing = Arc::new(Host { stage: Stage::Listening, ..(*host).clone() });
    let zone_alone = resources(GOOD.rsplit("---").next().unwrap());
    let kept = compiled_at(&zone_alone, &BTreeMap::new(), &[Arc::clone(&departing)]).unwrap();
    assert_eq!(kept.ingress.host("shop.example.com").unwrap().stage, Stage::Listening);
    assert!(kept.certificates.is_empty());
    let again = compiled_at(&resources(GOOD), &BTreeMap::new(), &[departing]).unwrap();
    assert_eq!(again.ingress.host("shop.example.com").unwrap().stage, Stage::Routed);
}

#[test]
fn an_ingress_that_exposes_nothing_is_neither_served_nor_certified() {
    let snapshot = compiled(&GOOD.replace("namespaces: [bookinfo]", "namespaces: [elsewhere]")).unwrap();
    assert!(snapshot.ingress.hosts.by_domain().is_empty());
    assert!(snapshot.certificates.is_empty());
}

#[test]
fn the_challenge_is_by_dns_where_every_name_is_ours_and_by_connection_elsewhere() {
    let one_name = GOOD.replace(", '*.shop.example.com'", "");
    let foreign = one_name
        .replace("shop.example.com]", "shop.example.org]")
        .replace("  dns: {zone: example.com}\n", "");
    let below = one_name
        .replace("name: example.com,", "name: ample.com,")
        .replace("zone: example.com", "zone: ample.com");
    for (text, expected) in [
        (one_name, Some(crate::resource::issuer::Challenge::Dns01)),
        (foreign, Some(crate::resource::issuer::Challenge::Http01)),
    ] {
        let snapshot = compiled(&text).unwrap();
        let super::super::CertificateOrigin::Issuers(plans) =
            &snapshot.certificates.values().next().unwrap().origin
        else {
            panic!("it is ordered")
        };
        assert_eq!(plans[0].challenge, expected);
    }
    // A zone holds whole labels: example.com does not lie in ample.com.
    assert!(compiled(&below).is_err());
}

#[test]
fn a_backend_keeps_its_id_until_it_changes() {
    let id = |text: &str| {
        compiled(text).unwrap().ingress.host("shop.example.com").unwrap().routes.routes[0].backend.id
    };
    let swapped =
        GOOD.replace("{address: 10.0.0.8}, {address: 10.0.0.7}", "{address: 10.0.0.7}, {address: 10.0.0.8}");
    assert_eq!(id(GOOD), id(&swapped));
    assert_eq!(id(GOOD), id(&GOOD.replace("/static/", "/files/")));
    assert_ne!(id(GOOD), id(&GOOD.replace("10.0.0.8", "10.0.0.9")));
    assert_ne!(id(GOOD), id(&GOOD.replace("name: productpage,", "name: frontpage,")));
}
