use super::check;

#[test]
fn bad_form_is_refused() {
    for (text, expected) in CASES {
        check(text, expected);
    }
}

const CASES: &[(&str, &[&str])] = &[
    (
        r"a: [1",
        &[
            "app.yaml:2:1: this is no YAML: while parsing a flow sequence, expected ',' or ']'; close every [ and {, and put quotes around a value that holds [ ] { } or ','",
        ],
    ),
    (
        r"a: b: c
",
        &[
            "app.yaml:1:5: this is no YAML: mapping values are not allowed in this context; indent every key of one map alike, and put quotes around a value that holds ': '",
        ],
    ),
    (
        r"a:
	- b
",
        &[
            "app.yaml:2:2: this is no YAML: tabs disallowed within this context (block indentation); indent with spaces, not with tabs",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: SecureIngress
metadata: {name: shop, namespace: platform}
spec:
  domains: [*.example.com]
  certificate: {issuer: le}
  applications: {namespaces: [shop]}
",
        &[
            r#"app.yaml:5:13: this is no YAML: while parsing node, found unknown anchor; put quotes around a value that begins with '*' or '&', as in "*.example.com""#,
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {template: /users/{id}}, authentication: none}]
",
        &[
            "app.yaml:7:34: this is no YAML: while parsing a flow mapping, did not find expected ',' or '}'; close every [ and {, and put quotes around a value that holds [ ] { } or ','",
        ],
    ),
    (
        "a: \"\u{7}\"\n",
        &["app.yaml:1:5: the control character '\\u{7}' cannot stand in a document; remove it"],
    ),
    (
        r"just words
",
        &[
            "app.yaml:1:1: expected a resource, found text; write a map with apiVersion, kind, metadata and spec",
        ],
    ),
    (
        r"- a
- b
",
        &[
            "app.yaml:1:1: expected a resource, found a list; write a map with apiVersion, kind, metadata and spec",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
",
        &[r#"app.yaml:3:1: kind: the key "kind" stands here a second time; keep one of the two"#],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080, port: 9090}]
  api: [{path: {exact: /}, authentication: none}]
",
        &[
            r#"app.yaml:6:40: spec.ports[0].port: the key "port" stands here a second time; keep one of the two"#,
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  <<: {health: {path: /h}}
  api: [{path: {exact: /}, authentication: none}]
",
        &[r#"app.yaml:7:3: spec["<<"]: merge keys are not read; write the fields out"#],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: !!str web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
",
        &[
            "app.yaml:3:18: metadata.name: tags are not read; remove the word that begins with '!', or put quotes around it",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {? [a, b]
  : c, name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
",
        &["app.yaml:3:14: metadata: a key must be a word; write it as text, as in `name: value`"],
    ),
    (
        r"apiVersion: v1
kind: List
items: {a: b}
",
        &["app.yaml:3:8: items: expected a list, found a map; write the resources as a list"],
    ),
];
