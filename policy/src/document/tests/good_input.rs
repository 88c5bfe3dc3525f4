use super::{EXPOSE, parse};
use crate::id::Kind;
use crate::resource::Spec;
use crate::resource::application::{Authentication, EndpointSource, PathMatch, Protocol};

fn keys(text: &str) -> Vec<String> {
    let parsed = parse("app.yaml", text).unwrap_or_else(|faults| panic!("{faults:#?}"));
    parsed.iter().map(|parsed| parsed.resource.key().to_string()).collect()
}

#[test]
fn the_two_files_of_the_first_app_are_read() {
    let parsed = parse("app.yaml", EXPOSE).unwrap();
    let Spec::Application(app) = &parsed[0].resource.spec else { panic!("not an application") };
    assert!(matches!(&app.endpoints[0], EndpointSource::Address(at) if at.address.to_string() == "10.0.0.7"));
    assert_eq!(app.ports[0].declared_protocol(), Some(Protocol::Http));
    assert!(matches!(&app.api[0].authentication, Authentication::Jwt(jwt) if jwt.issuer.as_str() == "corp"));
    assert!(matches!(&app.api[1].path, PathMatch::Prefix(path) if path.as_str() == "/static/"));
    assert_eq!(app.api[1].authentication, Authentication::None);
    let Spec::SecureIngress(ingress) = &parsed[1].resource.spec else { panic!("not an ingress") };
    assert_eq!(ingress.domains[0].to_string(), "shop.example.com");
    assert_eq!(parsed.len(), 2);
}

#[test]
fn places_lead_to_the_field_or_to_what_is_nearest() {
    let parsed = parse("app.yaml", EXPOSE).unwrap();
    for (document, field, expected) in [
        (0, "spec.ports[0].name", "app.yaml:8:14"),
        (0, "spec.ports[0].protocol", "app.yaml:8:7"),
        (0, "spec.ports[7].name", "app.yaml:8:5"),
        (0, "spec.api[1].path.prefix", "app.yaml:11:23"),
        (0, "nothing", "app.yaml:1:1"),
        (1, "spec.domains[0]", "app.yaml:18:13"),
        (1, "spec.hsts.maxAge", "app.yaml:18:3"),
    ] {
        assert_eq!(parsed[document].places.locate(field).to_string(), expected, "{field}");
    }
}

#[test]
fn json_is_read_as_well_as_yaml() {
    let text = r#"{
	"apiVersion": "causeway.dev/v1", "kind": "Issuer",
	"metadata": {"name": "inside", "annotations": {"note": "tea \ud83c\udf75 \u00e9 \\ud83c \/"}},
	"spec": {"privateCa": {}}
}"#;
    let parsed = parse("issuer.json", text).unwrap_or_else(|faults| panic!("{faults:#?}"));
    let resource = &parsed[0].resource;
    assert_eq!(resource.metadata.annotations["note"], "tea \u{1f375} é \\ud83c /");
    assert_eq!(resource.spec.kind(), Kind::Issuer);
}

#[test]
fn empty_documents_comments_and_directives_are_passed_over() {
    let issuer = "apiVersion: causeway.dev/v1\nkind: Issuer\nmetadata: {name: a}\nspec: {privateCa: {}}\n";
    for text in ["", "\n", "# nothing\n", "---\n", "---\n---\n...\n", "\u{feff}# mark\n", "null\n"] {
        assert_eq!(keys(text), Vec::<String>::new(), "{text:?}");
    }
    for text in [
        format!("---\n# first\n---\n{issuer}---\n"),
        format!("%YAML 1.2\n---\n{issuer}"),
        format!("--- # comment\n{issuer}...\n%YAML 1.2\n# comment\n---\n"),
        issuer.replace('\n', "\r\n"),
        format!("{issuer}...\n"),
    ] {
        assert_eq!(keys(&text), ["Issuer default/a"], "{text:?}");
    }
}

#[test]
fn a_list_counts_as_its_items() {
    let text = "
apiVersion: v1
kind: List
metadata: {resourceVersion: ''}
items:
  - {apiVersion: causeway.dev/v1, kind: Issuer, metadata: {name: a}, spec: {privateCa: {}}}
  - {apiVersion: causeway.dev/v1, kind: Issuer, metadata: {name: b, namespace: n}, spec: {privateCa: {}}}
";
    assert_eq!(keys(text), ["Issuer default/a", "Issuer n/b"]);
}

#[test]
fn what_a_server_adds_is_no_fault() {
    let text = "
apiVersion: causeway.dev/v1
kind: Issuer
metadata:
  name: a
  uid: 7c3a
  managedFields: [{manager: kubectl}]
  resourceVersion: '7'
  generation: 2
  creationTimestamp: null
spec: {privateCa: }
status: {conditions: []}
";
    assert_eq!(keys(text), ["Issuer default/a"]);
}

#[test]
fn anchors_and_aliases_are_written_out() {
    let text = "
apiVersion: causeway.dev/v1
kind: Zone
metadata: {name: example.com}
spec:
  nameservers:
    - {name: ns1.example.com, addresses: &ours [192.0.2.1, '2001:db8::1']}
    - {name: ns2.example.com, addresses: *ours}
  records:
    - {name: www, a: [192.0.2.7]}
    - {name: '@', ttl: 5m, mx: [{preference: 10, exchange: mail.example.com}]}
    - {name: '*.shop', cname: www.example.com}
";
    let parsed = parse("zone.yaml", text).unwrap_or_else(|faults| panic!("{faults:#?}"));
    let Spec::Zone(zone) = &parsed[0].resource.spec else { panic!("not a zone") };
    assert_eq!(zone.nameservers[0].addresses, zone.nameservers[1].addresses);
    assert_eq!(zone.records.len(), 3);
}
