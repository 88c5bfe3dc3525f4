use proptest::prelude::*;

use super::*;

const SAMPLE: &str = r#"
apiVersion: causeway.dev/v1
kind: Application                     # kept beside the app's code, by its developers
metadata: {name: productpage, namespace: bookinfo}
spec:
  serviceAccount: productpage
  endpoints: [{address: 10.0.0.7}]
  ports:
    - {name: http-web, port: 9080}
  api:
    - {path: {exact: /productpage}, methods: [GET], authentication: {jwt: {issuer: corp}}}
    - {path: {prefix: /static/}, authentication: none}
  health: {path: /health, interval: 5s}
---
apiVersion: causeway.dev/v1
kind: SecureIngress
metadata: {name: shop, namespace: platform}
spec:
  domains: [shop.example.com]
  certificate: {issuer: letsencrypt}
  dns: {zone: example.com, ttl: 60s}
  jwt: [{name: corp, issuer: "https://id.example.com", audiences: [shop], jwks: {uri: "https://id.example.com/jwks"}}]
  applications: {namespaces: [bookinfo]}
"#;

#[test]
fn the_two_files_of_the_design_are_read() {
    let parsed = parse("app.yaml", SAMPLE).unwrap();
    assert_eq!(parsed.len(), 2);
    assert_eq!(parsed[0].places.locate("spec.ports[0].name").to_string(), "app.yaml:9:14");
}

#[test]
fn what_is_written_is_read_again_as_the_same() {
    for parsed in parse("app.yaml", SAMPLE).unwrap() {
        assert_eq!(from_json(&to_json(&parsed.resource)).unwrap(), parsed.resource);
    }
}

fn application(spec: &str) -> String {
    format!("apiVersion: causeway.dev/v1\nkind: Application\nmetadata: {{name: a}}\nspec:\n{spec}")
}

const GOOD_APPLICATION: &str = "  endpoints: [{address: 10.0.0.1}]\n  ports: [{name: http, port: 80}]\n";

fn ingress(changed: &str) -> String {
    let fields = [
        ("domains", "[a.example.com]"),
        ("certificate", "{issuer: ca}"),
        ("applications", "{namespaces: [shop]}"),
    ];
    let mut text =
        "apiVersion: causeway.dev/v1\nkind: SecureIngress\nmetadata: {name: a}\nspec:\n".to_owned();
    for (name, value) in fields {
        if !changed.trim_start().starts_with(&format!("{name}:")) {
            text.push_str(&format!("  {name}: {value}\n"));
        }
    }
    text + changed
}

fn of_kind(kind: &str, spec: &str) -> String {
    format!("apiVersion: causeway.dev/v1\nkind: {kind}\nmetadata: {{name: a}}\nspec: {spec}\n")
}

/// Each text has exactly one fault, and it says this.
fn check(text: &str, expected: &str) {
    let faults = parse("f", text).expect_err(text);
    let said: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 1, "{text}\n{said:#?}");
    assert!(said[0].contains(expected), "{text}\nexpected: {expected}\nsaid: {}", said[0]);
}

#[test]
fn faults_of_an_envelope_name_place_reason_and_fix() {
    let spec = format!("spec:\n{GOOD_APPLICATION}");
    for (text, expected) in [
        ("a: [".to_owned(), "not YAML"),
        ("just a text".to_owned(), "a resource is a map, this is the text \"just a text\""),
        (
            format!("kind: Application\nmetadata: {{name: a}}\n{spec}"),
            "apiVersion: the field is missing; add apiVersion: causeway.dev/v1",
        ),
        (
            format!("apiVersion: v2\nkind: Application\nmetadata: {{name: a}}\n{spec}"),
            "f:1:13: apiVersion: this API version is not known",
        ),
        (format!("apiVersion: causeway.dev/v1\nmetadata: {{name: a}}\n{spec}"), "kind: the field is missing"),
        (
            format!("apiVersion: causeway.dev/v1\nkind: Aplication\nmetadata: {{name: a}}\n{spec}"),
            "did you mean Application?",
        ),
        (format!("apiVersion: causeway.dev/v1\nkind: Application\n{spec}"), "metadata: the field is missing"),
        (
            "apiVersion: causeway.dev/v1\nkind: Application\nmetadata: {name: a}\n".to_owned(),
            "spec: the field is missing",
        ),
        (
            format!("apiVersion: causeway.dev/v1\nkind: Application\nmetadata: {{name: A}}\n{spec}"),
            "f:3:18: metadata.name: 'A' cannot stand in a name",
        ),
        (
            format!("apiVersion: causeway.dev/v1\nkind: Application\nmetadata: {{nam: a, name: b}}\n{spec}"),
            "metadata.nam: there is no field \"nam\" here; did you mean name?",
        ),
        (
            format!(
                "apiVersion: causeway.dev/v1\nkind: Application\nmetadata: {{name: a}}\nspecs: 1\n{spec}"
            ),
            "did you mean spec?",
        ),
        (
            format!(
                "apiVersion: causeway.dev/v1\nkind: Application\nkind: Zone\nmetadata: {{name: a}}\n{spec}"
            ),
            "kind stands in this map already, at line 2",
        ),
        ("a: !!binary x".to_owned(), "tags are not read here"),
        ("a: &x {b: 1}\nc: {<<: *x}".to_owned(), "merge keys are not read here"),
        ("[".repeat(100), "more than 64 levels"),
    ] {
        check(&text, expected);
    }
}

#[expect(clippy::too_many_lines, reason = "a table of cases")]
#[test]
fn faults_of_an_application_name_place_reason_and_fix() {
    let with = |line: &str| application(&format!("{GOOD_APPLICATION}{line}"));
    for (text, expected) in [
        (
            application("  ports: [{name: http, port: 80}]\n"),
            "spec.endpoints: the field is missing; add endpoints:",
        ),
        (
            application("  endpoints: []\n  ports: [{name: http, port: 80}]\n"),
            "spec.endpoints: the list is empty",
        ),
        (
            application("  endpoints: [{address: 10.0.0.300}]\n  ports: [{name: http, port: 80}]\n"),
            "spec.endpoints[0]",
        ),
        (application("  endpoints: [{host: a}]\n  ports: [{name: http, port: 80}]\n"), "spec.endpoints[0]"),
        (
            application("  endpoints: [{address: 10.0.0.1}]\n  ports: [{name: web, port: 80}]\n"),
            "the port web declares no protocol, and none is guessed; name it http-web, or add protocol: http",
        ),
        (
            application("  endpoints: [{address: 10.0.0.1}]\n  ports: [{name: http, port: 0}]\n"),
            "spec.ports[0].port",
        ),
        (
            application("  endpoints: [{address: 10.0.0.1}]\n  ports: [{name: http, port: 70000}]\n"),
            "spec.ports[0].port",
        ),
        (
            application("  endpoints: [{address: 10.0.0.1}]\n  ports: [{name: http, port: eighty}]\n"),
            "spec.ports[0].port: this is string \"eighty\"",
        ),
        (
            application(
                "  endpoints: [{address: 10.0.0.1}]\n  ports: [{name: http, port: 80, protocol: htp}]\n",
            ),
            "did you mean http?",
        ),
        (
            application(
                "  endpoints: [{address: 10.0.0.1}]\n  ports: [{name: http, port: 80}, {name: http, port: 81}]\n",
            ),
            "spec.ports[1].name: there are two ports named http",
        ),
        (
            with("  endpoint: 1\n"),
            "spec.endpoint: there is no field \"endpoint\" here; did you mean endpoints?",
        ),
        (with("  api: [{path: {exact: /a}}]\n"), "spec.api[0].authentication: the field is missing"),
        (
            with("  api: [{path: {exact: a}, authentication: none}]\n"),
            "spec.api[0].path.exact: a path begins with '/'",
        ),
        (
            with("  api: [{path: {exact: /a//b}, authentication: none}]\n"),
            "empty and dot segments are refused",
        ),
        (
            with("  api: [{path: {exact: /a/../b}, authentication: none}]\n"),
            "empty and dot segments are refused",
        ),
        (with("  api: [{path: {exact: /a;b}, authentication: none}]\n"), "';' cannot stand in a path here"),
        (with("  api: [{path: {exact: /a%2fb}, authentication: none}]\n"), "'%' cannot stand in a path here"),
        (with("  api: [{path: {exact: '/a?b'}, authentication: none}]\n"), "'?' cannot stand in a path here"),
        (with("  api: [{path: {prefx: /a}, authentication: none}]\n"), "did you mean prefix?"),
        (
            with("  api: [{path: {exact: /a, prefix: /b}, authentication: none}]\n"),
            "write exactly one of: exact, prefix, template",
        ),
        (with("  api: [{path: {exact: '/a/{id}'}, authentication: none}]\n"), "write template: instead"),
        (with("  api: [{path: {template: /a}, authentication: none}]\n"), "write exact: instead"),
        (
            with("  api: [{path: {template: '/a/x{id}'}, authentication: none}]\n"),
            "write variables as /{name}/",
        ),
        (
            with("  api: [{path: {template: '/{a}/{a}'}, authentication: none}]\n"),
            "two variables are named a",
        ),
        (
            with("  api: [{path: {exact: /a}, methods: [get], authentication: none}]\n"),
            "methods are case-sensitive: write GET",
        ),
        (
            with("  api: [{path: {exact: /a}, methods: [CONNECT], authentication: none}]\n"),
            "CONNECT is never forwarded",
        ),
        (
            with("  api: [{path: {exact: /a}, methods: [GET, GET], authentication: none}]\n"),
            "GET stands here twice",
        ),
        (
            with("  api: [{path: {exact: /a}, headers: {'a b': c}, authentication: none}]\n"),
            "' ' cannot stand in an HTTP method or field name",
        ),
        (with("  api: [{path: {exact: /a}, authentication: open}]\n"), "\"open\" is not known here"),
        (with("  api: [{path: {exact: /a}, authentication: jwt}]\n"), "jwt stands alone"),
        (with("  api: [{path: {exact: /a}, authentication: {none: {x: 1}}}]\n"), "none takes no settings"),
        (with("  health: {path: health}\n"), "spec.health.path: a path begins with '/'"),
        (with("  health: {path: /h, interval: 5}\n"), "write a whole number and a unit"),
        (with("  health: {path: /h, interval: 0s}\n"), "a span lies between 1ms and 3650d"),
        (with("  balance: random\n"), "spec.balance"),
        (with("  timeouts: {conect: 1s}\n"), "did you mean connect?"),
    ] {
        check(&text, expected);
    }
}

#[test]
fn faults_of_other_kinds_name_place_reason_and_fix() {
    let jwt = |rest: &str| ingress(&format!("  jwt: [{{name: corp, issuer: x, audiences: [a], {rest}}}]\n"));
    for (text, expected) in [
        (ingress("  domains: []\n"), "spec.domains: the list is empty"),
        (ingress("  domains: ['a b']\n"), "spec.domains[0]: ' ' cannot stand in a host name"),
        (ingress("  domains: ['10.0.0.1']\n"), "10.0.0.1 is an address, not a host name"),
        (ingress("  domains: ['a.*.com']\n"), "'*' may stand only as the whole first part"),
        (ingress("  domains: [a.com, A.com]\n"), "spec.domains[1]: a.com stands here twice"),
        (ingress("  domains: [h\u{e4}.com]\n"), "write international names in their xn-- form"),
        (ingress("  certificate: {}\n"), "there are 0 fields here; write exactly one of"),
        (ingress("  certificate: {issuers: []}\n"), "spec.certificate.issuers: the list is empty"),
        (ingress("  dns: {zone: example.com, ttl: 1}\n"), "spec.dns.ttl: write a whole number and a unit"),
        (ingress("  http: yes\n"), "spec.http"),
        (
            jwt("jwks: {uri: 'http://id.example.com/jwks'}"),
            "spec.jwt[0].jwks.uri: keys and accounts are not fetched in plain text",
        ),
        (jwt("jwks: {uri: 'ftp://x'}"), "is no https address"),
        (jwt("jwks: {inline: nonsense}"), "this is no JSON Web Key Set"),
        (jwt("jwks: {uri: 'https://x'}, algorithms: [none]"), "\"none\" is not known here"),
        (jwt("jwks: {uri: 'https://x'}, algorithms: [HS256]"), "\"HS256\" is not known here"),
        (of_kind("Issuer", "{acme: {email: nobody}}"), "\"nobody\" is no e-mail address"),
        (
            of_kind("Issuer", "{acme: {email: a@example.com, server: 'http://ca.example.com'}}"),
            "write https:// instead of http://",
        ),
        (of_kind("Issuer", "{acme: {email: a@example.com, challenge: http-01}}"), "did you mean http01?"),
        (of_kind("Issuer", "{acme: {email: a@example.com, trust: x}}"), "write roots in PEM"),
        (of_kind("Zone", "{nameservers: []}"), "spec.nameservers: the list is empty"),
        (
            of_kind("Zone", "{nameservers: [{name: ns.a}], records: [{name: www., a: [10.0.0.1]}]}"),
            "names of records are relative to the zone",
        ),
        (of_kind("Secret", "{stringData: {}}"), "the secret holds nothing"),
        (of_kind("Role", "{rules: [{verbs: [erase]}]}"), "\"erase\" is not known here"),
        (of_kind("RoleBinding", "{role: a, subjects: []}"), "spec.subjects: the list is empty"),
    ] {
        check(&text, expected);
    }
}

#[test]
fn several_faults_are_found_in_one_reading() {
    let text = application(
        "  endpoints: [{address: x}, {address: 10.0.0.1}]\n  ports: [{name: web, port: 80}]\n  api:\n    \
         - {path: {exact: a}, authentication: none}\n    - {path: {exact: /b}, authentication: none}\n    \
         - {path: {exact: c}, authentication: none}\n  nonsense: 1\n",
    );
    let faults = parse("f", &text).unwrap_err();
    let fields: Vec<&str> = faults.iter().map(|fault| fault.field.as_str()).collect();
    assert_eq!(
        fields,
        ["spec.endpoints[0]", "spec.api[0].path.exact", "spec.api[2].path.exact", "spec.nonsense",]
    );
}

#[test]
fn a_fault_in_one_document_does_not_hide_those_of_another() {
    let text =
        format!("{}\n---\n{}", of_kind("Secret", "{stringData: {}}"), of_kind("Zone", "{nameservers: []}"));
    assert_eq!(parse("f", &text).unwrap_err().len(), 2);
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    assert!(parse("f", &text).unwrap_err()[0].reason.contains("stands for too much"));
}

#[test]
fn a_list_stands_for_its_items() {
    let item = r#"{"apiVersion":"causeway.dev/v1","kind":"Zone","metadata":{"name":"example.com"},"spec":{"nameservers":[{"name":"ns1.example.com"}]}}"#;
    let text = format!(r#"{{"apiVersion":"v1","kind":"List","items":[{item}]}}"#);
    assert_eq!(parse("f", &text).unwrap().len(), 1);
}

#[test]
fn every_kind_has_a_schema_without_references_for_kubernetes() {
    for kind in Kind::ALL {
        assert!(schema(kind)["properties"]["spec"].is_object());
        let crd = crd(kind).to_string();
        assert!(!crd.contains("$ref") && !crd.contains("oneOf"), "{kind}: {crd}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}") {
        if let Err(faults) = parse("f", &text) {
            prop_assert!(faults.len() <= FAULTS_MAX);
        }
    }

    #[test]
    fn no_damage_to_a_good_text_makes_it_panic(at in 0usize..900, byte in 0u8..128) {
        let mut bytes = SAMPLE.as_bytes().to_vec();
        if let Some(place) = bytes.get_mut(at) { *place = byte }
        let _any = parse("f", std::str::from_utf8(&bytes).unwrap());
    }
}
