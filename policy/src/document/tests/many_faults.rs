use super::{faults, lines};

#[test]
fn every_fault_of_a_document_is_told_at_once_in_the_order_of_the_text() {
    let text = "\
apiVersion: causeway.dev/v2
kind: Application
metadata: {name: Web, lables: {}}
spec:
  endpoints: [{address: 10.0.0.300}, {dns: app.internal}]
  ports:
    - {name: web, port: 80}
    - {name: http-a, port: 70000}
    - {name: tcp-b, port: 81}
  api:
    - {path: {exact: x}, authentication: none}
    - {path: {exact: /x}}
    - {path: {template: '/{a}b'}, port: tcp-b, authentication: none}
  health: {path: /h, intervall: 5s}
";
    assert_eq!(
        lines(text),
        [
            r#"app.yaml:1:13: apiVersion: causeway.dev/v2 is of a later causeway; this one reads causeway.dev/v1; use the later one, or write `apiVersion: causeway.dev/v1`"#,
            "app.yaml:3:18: metadata.name: 'W' cannot stand in a name; use lower-case letters, digits, '-' and '.'",
            "app.yaml:3:23: metadata.lables: there is no field `lables`; did you mean `labels`?",
            "app.yaml:5:25: spec.endpoints[0].address: this is no IP address; write an IPv4 or IPv6 address, as in 10.0.0.7 or 2001:db8::7",
            "app.yaml:7:14: spec.ports[0].name: port web has no protocol: protocols are declared, never guessed; name it http-web, or add `protocol: http`",
            "app.yaml:8:28: spec.ports[1].port: expected a whole number from 1 to 65535, found 70000",
            "app.yaml:11:22: spec.api[0].path.exact: a path begins with '/'; put one in front",
            "app.yaml:12:7: spec.api[1].authentication: `authentication` is missing; add `authentication:` (what a caller must show)",
            r#"app.yaml:13:25: spec.api[2].path.template: the segment "{a}b" is no name in braces; put braces around a whole segment, as in /users/{id}/orders"#,
            "app.yaml:13:41: spec.api[2].port: port tcp-b does not speak HTTP, so no path leads to it; name a port whose protocol is http, http2 or grpc",
            "app.yaml:14:22: spec.health.intervall: there is no field `intervall`; did you mean `interval`?",
        ]
    );
}

#[test]
fn what_follows_from_a_fault_is_not_told() {
    // The only port is faulty: that the API then has no port is no news, nor that the list would be empty.
    let text = "\
apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web}
spec:
  endpoints: [{address: x}]
  ports: [{name: http-web, port: x}]
  api: [{path: {exact: /}, port: http-web, authentication: none}]
";
    let fields: Vec<String> = faults(text).into_iter().map(|fault| fault.field).collect();
    assert_eq!(fields, ["spec.endpoints[0].address", "spec.ports[0].port"]);
}

#[test]
fn all_missing_fields_of_one_struct_are_told() {
    let text = "apiVersion: causeway.dev/v1\nkind: SecureIngress\nmetadata: {name: a}\nspec: {http: serve}\n";
    let fields: Vec<String> = faults(text).into_iter().map(|fault| fault.field).collect();
    assert_eq!(fields, ["spec.domains", "spec.certificate", "spec.applications"]);
}

#[test]
fn a_fault_in_one_document_does_not_hide_those_of_others() {
    let text = "\
apiVersion: causeway.dev/v1
kind: Issuer
metadata: {name: a}
spec: {acme: {email: nobody}}
---
kind: [
---
apiVersion: causeway.dev/v1
kind: Issuer
metadata: {name: b}
spec: {privateCa: {}}
---
kind: Issuer
metadata: {namespace: n, name: c}
spec: {privateCa: {}}
";
    let faults = faults(text);
    let found: Vec<(Option<&str>, u32)> =
        faults.iter().map(|fault| (fault.resource.as_deref(), fault.place.line)).collect();
    assert_eq!(found, [(Some("Issuer default/a"), 4), (None, 7), (Some("Issuer n/c"), 13)]);
}

#[test]
fn every_item_of_a_list_is_judged() {
    let text = "\
apiVersion: v1
kind: List
items:
  - {apiVersion: causeway.dev/v1, kind: Issuer, metadata: {name: a}, spec: {}}
  - 7
  - {apiVersion: v1, kind: List, items: []}
";
    let lines = lines(text);
    assert_eq!(lines.len(), 6, "{lines:#?}");
    assert!(lines[1].starts_with("app.yaml:5:5: expected a resource, found a number"), "{lines:#?}");
    assert!(lines[4].contains(r#"there is no kind "List""#), "{lines:#?}");
}

#[test]
fn faults_from_json_name_fields_without_places() {
    let value = serde_json::json!({
        "apiVersion": "causeway.dev/v1", "kind": "Zone", "metadata": {"name": "z"},
        "spec": {"nameservers": [{"name": "ns.example.com", "address": []}], "ttl": 60},
    });
    let lines: Vec<String> =
        super::super::from_json(&value).unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "spec.nameservers[0].address: there is no field `address`; did you mean `addresses`?",
            "spec.ttl: this is no span of time; write a whole number and a unit, as in 250ms, 60s, 5m, 12h or 30d",
        ]
    );
}

#[test]
fn a_secret_is_not_shown_when_it_is_refused() {
    for value in ["4711", "[hunter2]", "{a: hunter2}", "!!str hunter2", "*hunter2"] {
        let text = format!(
            "apiVersion: causeway.dev/v1\nkind: Secret\nmetadata: {{name: a}}\nspec: {{stringData: {{token: {value}}}}}\n"
        );
        for line in lines(&text) {
            assert!(!line.contains("hunter2") && !line.contains("4711"), "{line}");
        }
    }
}

#[test]
fn a_resource_that_stands_in_a_text_twice_is_refused() {
    let issuer =
        "apiVersion: causeway.dev/v1\nkind: Issuer\nmetadata: {name: a}\nspec: {privateCa: {}}\n---\n";
    assert_eq!(
        lines(&issuer.repeat(2)),
        [
            "app.yaml:8:18: metadata.name: Issuer default/a stands at line 3 already; remove one, or give it another name"
        ]
    );
}
