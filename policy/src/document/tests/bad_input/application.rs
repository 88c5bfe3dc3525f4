use super::check;

#[test]
fn a_bad_application_is_refused() {
    for (text, expected) in CASES {
        check(text, expected);
    }
}

const CASES: &[(&str, &[&str])] = &[
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoint: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
",
        &["app.yaml:5:3: spec.endpoint: there is no field `endpoint`; did you mean `endpoints`?"],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: []
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
",
        &["app.yaml:5:14: spec.endpoints: the list is empty; name where the app runs: [{address: 10.0.0.7}]"],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: 
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
",
        &[
            "app.yaml:5:3: spec.endpoints: `endpoints` has no value; complete `endpoints:` (where it can be reached)",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: {address: 10.0.0.7}
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
",
        &[
            "app.yaml:5:14: spec.endpoints: expected a list, found a map; begin each of its elements with `- `",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.300}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
",
        &[
            "app.yaml:5:25: spec.endpoints[0].address: this is no IP address; write an IPv4 or IPv6 address, as in 10.0.0.7 or 2001:db8::7",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{adress: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
",
        &[
            r#"app.yaml:5:16: spec.endpoints[0].adress: expected one of address or dns, found "adress"; did you mean `address`?"#,
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{kubernetes: {service: web}}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
",
        &[
            r#"app.yaml:5:16: spec.endpoints[0].kubernetes: expected one of address or dns, found "kubernetes"; write address or dns"#,
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7, dns: a.b}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
",
        &[
            "app.yaml:5:35: spec.endpoints[0]: expected one of address or dns, found address and dns; keep one of address or dns",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{dns: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
",
        &["app.yaml:5:21: spec.endpoints[0].dns: 10.0.0.7 is an address, not a host name; write a name"],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [10.0.0.7]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
",
        &[
            r#"app.yaml:5:15: spec.endpoints[0]: expected one of address or dns, found "10.0.0.7"; say which it is, as in {address: 10.0.0.7}"#,
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
",
        &[
            "app.yaml:5:3: spec.ports: `ports` is missing; add `ports:` (the ports it listens on, each with its protocol)",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: web, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
",
        &[
            "app.yaml:6:18: spec.ports[0].name: port web has no protocol: protocols are declared, never guessed; name it http-web, or add `protocol: http`",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: https, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
",
        &[
            "app.yaml:6:18: spec.ports[0].name: port https has no protocol: protocols are declared, never guessed; name it http: apps are spoken to without TLS for now",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: web, protocol: htpp, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
",
        &[
            r#"app.yaml:6:33: spec.ports[0].protocol: expected one of http, http2, grpc, tcp, tls or udp, found "htpp"; did you mean `http`?"#,
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 70000}]
  api: [{path: {exact: /}, authentication: none}]
",
        &["app.yaml:6:34: spec.ports[0].port: expected a whole number from 1 to 65535, found 70000"],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 0}]
  api: [{path: {exact: /}, authentication: none}]
",
        &["app.yaml:6:34: spec.ports[0].port: expected a whole number from 1 to 65535, found 0"],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: '8080'}]
  api: [{path: {exact: /}, authentication: none}]
",
        &["app.yaml:6:34: spec.ports[0].port: expected a whole number, found text; leave out the quotes"],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: -1}]
  api: [{path: {exact: /}, authentication: none}]
",
        &["app.yaml:6:34: spec.ports[0].port: expected a whole number from 1 to 65535, found -1"],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}, {name: http-web, port: 8081}]
  api: [{path: {exact: /}, authentication: none}]
",
        &[
            "app.yaml:6:48: spec.ports[1].name: http-web stands here a second time; remove it, or write the one that was meant",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}, {name: http-admin, port: 8081}]
  api: [{path: {exact: /}, authentication: none}]
",
        &[
            "app.yaml:7:9: spec.api[0]: the application has several HTTP ports, and this entry names none; add `port:`, http-web or http-admin",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: tcp-web, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
",
        &[
            "app.yaml:7:9: spec.api[0]: the application has no HTTP port for this path; declare one: {name: http-web, port: 8080}",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{port: http-wbe, path: {exact: /}, authentication: none}]
",
        &["app.yaml:7:16: spec.api[0].port: there is no port named http-wbe; did you mean `http-web`?"],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: static}, authentication: none}]
",
        &["app.yaml:7:24: spec.api[0].path.exact: a path begins with '/'; put one in front"],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /a/../b}, authentication: none}]
",
        &[
            r#"app.yaml:7:24: spec.api[0].path.exact: the segment ".." cannot be matched, since requests with it are refused before routing; remove it"#,
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: '/a;b'}, authentication: none}]
",
        &[
            "app.yaml:7:24: spec.api[0].path.exact: ';' cannot stand in a path, since requests with it are refused before routing; remove it",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: '/users/{id}'}, authentication: none}]
",
        &[
            "app.yaml:7:24: spec.api[0].path.exact: no request has '{' or '}' in its path; write `template:` for segments in braces",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {template: '/users/x{id}'}, authentication: none}]
",
        &[
            r#"app.yaml:7:27: spec.api[0].path.template: the segment "x{id}" is no name in braces; put braces around a whole segment, as in /users/{id}/orders"#,
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {template: '/{id}/{id}'}, authentication: none}]
",
        &["app.yaml:7:27: spec.api[0].path.template: {id} stands here twice; give each segment its own name"],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {template: /users}, authentication: none}]
",
        &[
            "app.yaml:7:27: spec.api[0].path.template: a template without braces matches one path; write `exact:`",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {regex: /a}, authentication: none}]
",
        &[
            r#"app.yaml:7:17: spec.api[0].path.regex: expected one of exact, prefix or template, found "regex"; write exact, prefix or template"#,
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: /, authentication: none}]
",
        &[
            r#"app.yaml:7:16: spec.api[0].path: expected one of exact, prefix or template, found "/"; say which it is, as in {exact: /}"#,
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /, prefix: /a}, authentication: none}]
",
        &[
            "app.yaml:7:27: spec.api[0].path: expected one of exact, prefix or template, found exact and prefix; keep one of exact or prefix",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{methods: [get], path: {exact: /}, authentication: none}]
",
        &["app.yaml:7:20: spec.api[0].methods[0]: methods are case-sensitive; write GET"],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{methods: GET, path: {exact: /}, authentication: none}]
",
        &[r#"app.yaml:7:19: spec.api[0].methods: expected a list, found text; write it as a list: ["GET"]"#],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{methods: [GET, GET], path: {exact: /}, authentication: none}]
",
        &[
            "app.yaml:7:25: spec.api[0].methods[1]: GET stands here a second time; remove it, or write the one that was meant",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{methods: [TRACE], path: {exact: /}, authentication: none}]
",
        &["app.yaml:7:20: spec.api[0].methods[0]: TRACE is never forwarded; remove it"],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: None}]
",
        &[
            r#"app.yaml:7:44: spec.api[0].authentication: expected one of none or jwt, found "None"; did you mean `none`?"#,
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: jwt}]
",
        &["app.yaml:7:44: spec.api[0].authentication: `jwt` needs a value; write `jwt: …` with its value"],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication:}]
",
        &[
            "app.yaml:7:28: spec.api[0].authentication: `authentication` has no value; complete `authentication:` (what a caller must show)",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}}]
",
        &[
            "app.yaml:7:9: spec.api[0].authentication: `authentication` is missing; add `authentication:` (what a caller must show)",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: {jwt: {}}}]
",
        &[
            "app.yaml:7:50: spec.api[0].authentication.jwt.issuer: `issuer` is missing; add `issuer:` (the name of an entry of the ingress's `jwt` list)",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: {none: true}}]
",
        &["app.yaml:7:51: spec.api[0].authentication.none: `none` takes no value; write just `none`"],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{headers: {'x y': a}, path: {exact: /}, authentication: none}]
",
        &[
            r#"app.yaml:7:20: spec.api[0].headers["x y"]: ' ' cannot stand in an HTTP method or field name; remove it"#,
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{headers: {x-a: ' a'}, path: {exact: /}, authentication: none}]
",
        &[
            "app.yaml:7:25: spec.api[0].headers.x-a: no header field can have this value; remove control characters and outer spaces",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
  health: {path: /h, interval: 5}
",
        &[
            "app.yaml:8:32: spec.health.interval: this is no span of time; write a whole number and a unit, as in 250ms, 60s, 5m, 12h or 30d",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
  health: {path: /h, interval: 5 s}
",
        &[
            "app.yaml:8:32: spec.health.interval: this is no span of time; write a whole number and a unit, as in 250ms, 60s, 5m, 12h or 30d",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
  health: {path: /h, interval: 0s}
",
        &["app.yaml:8:32: spec.health.interval: a span lies between 1ms and 3650d"],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
  health: {path: /h, unhealthyAfter: 300}
",
        &["app.yaml:8:38: spec.health.unhealthyAfter: expected a whole number from 1 to 255, found 300"],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
  api: [{path: {exact: /}, authentication: none}]
  balance: random
",
        &[
            r#"app.yaml:8:12: spec.balance: expected one of roundRobin or leastRequest, found "random"; write roundRobin or leastRequest"#,
        ],
    ),
];
