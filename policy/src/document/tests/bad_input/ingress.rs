use super::check;

#[test]
fn a_bad_ingress_is_refused() {
    for (text, expected) in CASES {
        check(text, expected);
    }
}

const CASES: &[(&str, &[&str])] = &[
    (
        r"apiVersion: causeway.dev/v1
kind: SecureIngress
metadata: {name: shop, namespace: platform}
spec:
  domains: shop.example.com
  certificate: {issuer: le}
  applications: {namespaces: [shop]}
",
        &[
            r#"app.yaml:5:12: spec.domains: expected a list, found text; write it as a list: ["shop.example.com"]"#,
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: SecureIngress
metadata: {name: shop, namespace: platform}
spec:
  domains: []
  certificate: {issuer: le}
  applications: {namespaces: [shop]}
",
        &["app.yaml:5:12: spec.domains: the list is empty; write at least one name: [shop.example.com]"],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: SecureIngress
metadata: {name: shop, namespace: platform}
spec:
  domains: [shop.example.com, SHOP.example.com.]
  certificate: {issuer: le}
  applications: {namespaces: [shop]}
",
        &[
            "app.yaml:5:31: spec.domains[1]: shop.example.com stands here a second time; remove it, or write the one that was meant",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: SecureIngress
metadata: {name: shop, namespace: platform}
spec:
  domains: ['shop.*.com']
  certificate: {issuer: le}
  applications: {namespaces: [shop]}
",
        &[
            "app.yaml:5:13: spec.domains[0]: '*' stands only as the whole first part of a name; write it as in *.example.com",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: SecureIngress
metadata: {name: shop, namespace: platform}
spec:
  domains: [shöp.example.com]
  certificate: {issuer: le}
  applications: {namespaces: [shop]}
",
        &[
            "app.yaml:5:13: spec.domains[0]: 'ö' cannot stand in a host name; write international names in their xn-- form",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: SecureIngress
metadata: {name: shop, namespace: platform}
spec:
  domains: [shop.example.com]
  certificate: {issuers: []}
  applications: {namespaces: [shop]}
",
        &["app.yaml:6:26: spec.certificate.issuers: the list is empty; name at least one Issuer"],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: SecureIngress
metadata: {name: shop, namespace: platform}
spec:
  domains: [shop.example.com]
  certificate: {isuer: le}
  applications: {namespaces: [shop]}
",
        &[
            r#"app.yaml:6:17: spec.certificate.isuer: expected one of issuer, issuers, certificate or secret, found "isuer"; did you mean `issuer`?"#,
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: SecureIngress
metadata: {name: shop, namespace: platform}
spec:
  domains: [shop.example.com]
  certificate: {}
  applications: {namespaces: [shop]}
",
        &[
            "app.yaml:6:16: spec.certificate: expected one of issuer, issuers, certificate or secret, found an empty map; write one of them",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: SecureIngress
metadata: {name: shop, namespace: platform}
spec:
  domains: [shop.example.com]
  certificate: {issuer: le}
  applications: {namespaces: []}
",
        &[
            "app.yaml:7:30: spec.applications.namespaces: the list is empty; name the namespaces whose apps are exposed here",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: SecureIngress
metadata: {name: shop, namespace: platform}
spec:
  domains: [shop.example.com]
  certificate: {issuer: le}
  applications: {namespaces: [shop, shop]}
",
        &[
            "app.yaml:7:37: spec.applications.namespaces[1]: shop stands here a second time; remove it, or write the one that was meant",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: SecureIngress
metadata: {name: shop, namespace: platform}
spec:
  domains: [shop.example.com]
  certificate: {issuer: le}
  applications: {namespaces: [shop], matchLabels: {tier: 'front end'}}
",
        &[
            r#"app.yaml:7:58: spec.applications.matchLabels.tier: "front end" is no value of a label; write at most 63 letters, digits, '-', '_' or '.', with a letter or digit at both ends"#,
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: SecureIngress
metadata: {name: shop, namespace: platform}
spec:
  domains: [shop.example.com]
  certificate: {issuer: le}
  applications: {namespaces: [shop]}
  http: allow
",
        &[
            r#"app.yaml:8:9: spec.http: expected one of redirect, refuse or serve, found "allow"; write redirect, refuse or serve"#,
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: SecureIngress
metadata: {name: shop, namespace: platform}
spec:
  domains: [shop.example.com]
  certificate: {issuer: le}
  applications: {namespaces: [shop]}
  hsts: {enabled: yes}
",
        &[
            "app.yaml:8:19: spec.hsts.enabled: expected true or false, found text; write true or false, without quotes",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: SecureIngress
metadata: {name: shop, namespace: platform}
spec:
  domains: [shop.example.com]
  certificate: {issuer: le}
  applications: {namespaces: [shop]}
  limits: {bodyBytesMax: 1.5}
",
        &["app.yaml:8:26: spec.limits.bodyBytesMax: expected a whole number, found a number with a fraction"],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: SecureIngress
metadata: {name: shop, namespace: platform}
spec:
  domains: [shop.example.com]
  certificate: {issuer: le}
  applications: {namespaces: [shop]}
  limits: {bodyBytesMax: -1}
",
        &["app.yaml:8:26: spec.limits.bodyBytesMax: expected a whole number from 0, found -1"],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: SecureIngress
metadata: {name: shop, namespace: platform}
spec:
  domains: [shop.example.com]
  certificate: {issuer: le}
  applications: {namespaces: [shop]}
  jwt: [{name: a, issuer: x, audiences: [], jwks: {uri: 'https://id.example.com/jwks'}}]
",
        &[
            "app.yaml:8:41: spec.jwt[0].audiences: the list is empty; write the `aud` claim that tokens for this ingress have",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: SecureIngress
metadata: {name: shop, namespace: platform}
spec:
  domains: [shop.example.com]
  certificate: {issuer: le}
  applications: {namespaces: [shop]}
  jwt: [{name: a, issuer: '', audiences: [s], jwks: {uri: 'http://id.example.com/jwks'}}]
",
        &[
            "app.yaml:8:59: spec.jwt[0].jwks.uri: http is taken only to a loopback address, since others could change what it answers; use https://",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: SecureIngress
metadata: {name: shop, namespace: platform}
spec:
  domains: [shop.example.com]
  certificate: {issuer: le}
  applications: {namespaces: [shop]}
  jwt: [{name: a, issuer: x, audiences: [s], jwks: {inline: '{'}}]
",
        &[
            r#"app.yaml:8:61: spec.jwt[0].jwks.inline: this is no JSON (line 1, column 1 of the text); write a JSON Web Key Set: '{"keys": [{"kty": …}]}'"#,
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: SecureIngress
metadata: {name: shop, namespace: platform}
spec:
  domains: [shop.example.com]
  certificate: {issuer: le}
  applications: {namespaces: [shop]}
  jwt: [{name: a, issuer: x, audiences: [s], jwks: {inline: '{}'}}]
",
        &[
            r#"app.yaml:8:61: spec.jwt[0].jwks.inline: the JSON has no list `keys`; write a JSON Web Key Set: '{"keys": [{"kty": …}]}'"#,
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: SecureIngress
metadata: {name: shop, namespace: platform}
spec:
  domains: [shop.example.com]
  certificate: {issuer: le}
  applications: {namespaces: [shop]}
  jwt: [{name: a, issuer: x, audiences: [s], jwks: {uri: 'https://u:p@id.example.com/'}, algorithms: [HS256]}]
",
        &[
            "app.yaml:8:58: spec.jwt[0].jwks.uri: an address cannot hold a user name or password; leave out what stands before the '@'",
            r#"app.yaml:8:103: spec.jwt[0].algorithms[0]: expected one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 or EdDSA, found "HS256"; did you mean `RS256`?"#,
        ],
    ),
    (
        r#"apiVersion: causeway.dev/v1
kind: SecureIngress
metadata: {name: shop, namespace: platform}
spec:
  domains: [shop.example.com]
  certificate: {issuer: le}
  applications: {namespaces: [shop]}
  jwt: [{name: a, issuer: x, audiences: [s], jwks: {uri: 'ftp://a'}}, {name: a, issuer: y, audiences: [s], jwks: {inline: '{"keys":[{"kty":"EC"}]}'}}]
"#,
        &["app.yaml:8:58: spec.jwt[0].jwks.uri: this is no https address; begin it with https://"],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: SecureIngress
metadata: {name: shop, namespace: platform}
spec:
  domains: [shop.example.com]
  certificate: {issuer: le}
  applications: {namespaces: [shop]}
  dns: {zone: example.com, ttl: 1w}
",
        &[
            "app.yaml:8:33: spec.dns.ttl: this is no span of time; write a whole number and a unit, as in 250ms, 60s, 5m, 12h or 30d",
        ],
    ),
];
