use super::check;

#[test]
fn a_bad_envelope_is_refused() {
    for (text, expected) in CASES {
        check(text, expected);
    }
}

const CASES: &[(&str, &[&str])] = &[
    (
        r"kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
",
        &["app.yaml:1:1: apiVersion: `apiVersion` is missing; add `apiVersion: causeway.dev/v1`"],
    ),
    (
        r"apiVersion: causeway.dev/v2
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
",
        &[
            "app.yaml:1:13: apiVersion: causeway.dev/v2 is of a later causeway; this one reads causeway.dev/v1; use the later one, or write `apiVersion: causeway.dev/v1`",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1beta1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
",
        &[
            r#"app.yaml:1:13: apiVersion: expected causeway.dev/v1, found "causeway.dev/v1beta1"; write `apiVersion: causeway.dev/v1`"#,
        ],
    ),
    (
        r"apiVersion: 1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
",
        &[
            "app.yaml:1:13: apiVersion: expected causeway.dev/v1, found a number; write `apiVersion: causeway.dev/v1`",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Aplication
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
",
        &[r#"app.yaml:2:7: kind: there is no kind "Aplication"; did you mean `Application`?"#],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
",
        &[
            r#"app.yaml:2:7: kind: there is no kind "Deployment"; write one of Application, SecureIngress, Issuer, Certificate, Zone, Secret, Role, RoleBinding"#,
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
",
        &[
            "app.yaml:1:1: kind: `kind` is missing; add `kind:`, one of Application, SecureIngress, Issuer, Certificate, Zone, Secret, Role, RoleBinding",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
",
        &["app.yaml:1:1: metadata: `metadata` is missing; add `metadata:` (its name and namespace)"],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Issuer
metadata: {name: x}
",
        &["app.yaml:1:1: spec: `spec` is missing; add `spec:` (what is wanted)"],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
sepc:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
",
        &["app.yaml:4:1: sepc: there is no field `sepc`; did you mean `spec`?"],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: Web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
",
        &[
            "app.yaml:3:18: metadata.name: 'W' cannot stand in a name; use lower-case letters, digits, '-' and '.'",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
",
        &["app.yaml:3:11: metadata.name: `name` is missing; add `name:` (unique within kind and namespace)"],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: 7, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
",
        &["app.yaml:3:18: metadata.name: expected text, found a number; put quotes around it"],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, lables: {a: b}, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
",
        &["app.yaml:3:23: metadata.lables: there is no field `lables`; did you mean `labels`?"],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, labels: {a: 'b c'}, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
",
        &[
            r#"app.yaml:3:35: metadata.labels.a: "b c" is no value of a label; write at most 63 letters, digits, '-', '_' or '.', with a letter or digit at both ends"#,
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, labels: {-a: b}, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
",
        &[
            r#"app.yaml:3:36: metadata.labels.-a: "-a" is no key of a label; write a word, or a domain, '/' and a word: team, example.com/team"#,
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, labels: {version: 1}, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
",
        &["app.yaml:3:41: metadata.labels.version: expected text, found a number; put quotes around it"],
    ),
];
