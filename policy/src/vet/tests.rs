use super::*;

/// Of which nothing can be said.
const CLEAN: &str = "
apiVersion: causeway.dev/v1
kind: Application
metadata: {name: productpage, namespace: bookinfo, labels: {app: productpage}}
spec:
  serviceAccount: productpage
  endpoints: [{address: 10.0.0.7}, {address: 'fd00::7'}, {dns: app.internal}]
  ports: [{name: http-web, port: 9080}]
  api:
    - {path: {exact: /productpage}, methods: [GET], authentication: {jwt: {issuer: corp}}}
    - {path: {prefix: /static/}, authentication: none}
---
apiVersion: causeway.dev/v1
kind: SecureIngress
metadata: {name: shop, namespace: platform}
spec:
  domains: [shop.example.com]
  certificate: {issuer: acme}
  dns: {zone: example.com}
  jwt: [{name: corp, issuer: 'https://id.example.com', audiences: [shop], jwks: {uri: 'https://id.example.com/jwks'}}]
  applications: {namespaces: [bookinfo]}
---
apiVersion: causeway.dev/v1
kind: Issuer
metadata: {name: acme, namespace: platform}
spec: {acme: {email: ops@example.com, externalAccount: {keyId: k, secret: eab}}}
---
apiVersion: causeway.dev/v1
kind: Secret
metadata: {name: eab, namespace: platform}
spec: {stringData: {hmacKey: c2VjcmV0}}
---
apiVersion: causeway.dev/v1
kind: Zone
metadata: {name: example.com, namespace: platform}
spec: {nameservers: [{name: ns.example.com}]}
";

fn found(text: &str) -> Vec<Finding> {
    let parsed = crate::document::parse("f", text).unwrap();
    vet(&parsed.into_iter().map(|parsed| (parsed.resource.key(), parsed.resource)).collect())
}

/// `CODE severity field`, in the order of the findings.
fn shown(findings: &[Finding]) -> Vec<String> {
    let line = |finding: &Finding| format!("{} {:?} {}", finding.code, finding.severity, finding.field);
    findings.iter().map(line).collect()
}

/// An edit of [`CLEAN`], and all that is found after it.
type Case = (&'static str, &'static str, &'static [&'static str]);

const CASES: [Case; 19] = [
    (
        "issuer: acme}",
        "issuer: other}",
        &["CW0001 Error spec.certificate.issuer", "CW0401 Info metadata.name"],
    ),
    (
        "---\napiVersion: causeway.dev/v1\nkind: Issuer",
        "---\napiVersion: causeway.dev/v1\nkind: SecureIngress\nmetadata: {name: two, namespace: platform}\nspec: {domains: [shop.example.com], dns: {zone: example.com}, certificate: {issuer: acme}, jwt: [{name: corp, issuer: i, audiences: [a], jwks: {uri: 'https://id.example.com/'}}], applications: {namespaces: [bookinfo]}}\n---\napiVersion: causeway.dev/v1\nkind: Issuer",
        &["CW0101 Error spec.domains[0]"],
    ),
    (
        "namespaces: [bookinfo]",
        "namespaces: [elsewhere]",
        &["CW0102 Warning spec.applications", "CW0104 Warning spec.api"],
    ),
    ("namespaces: [bookinfo]", "namespaces: [bookinfo], matchLabels: {app: productpage}", &[]),
    (
        "namespaces: [bookinfo]",
        "namespaces: [bookinfo], matchLabels: {app: details}",
        &["CW0102 Warning spec.applications", "CW0104 Warning spec.api"],
    ),
    ("port: 9080}", "port: 9080, protocol: grpc}", &["CW0103 Warning spec.ports[0]"]),
    ("port: 9080}", "port: 9080, protocol: http}", &[]),
    (", labels: {app: productpage}", "", &["CW0106 Info metadata.labels"]),
    ("labels: {app: productpage}", "labels: {app.kubernetes.io/name: p}", &[]),
    ("  serviceAccount: productpage\n", "", &["CW0107 Info spec.serviceAccount"]),
    ("{address: 10.0.0.7}", "{address: 8.8.8.8}", &["CW0107 Warning spec.endpoints[0].address"]),
    (
        "    - {path: {prefix: /static/}",
        "    - {path: {exact: /productpage}, methods: [GET, PUT], authentication: none}\n    - {path: {prefix: /static/}",
        &["CW0201 Error spec.api[1].path"],
    ),
    ("issuer: corp}", "issuer: corps}", &["CW0202 Error spec.api[0].authentication.jwt.issuer"]),
    (
        "domains: [shop.example.com]",
        "domains: [shop.example.com, shop.example.org]",
        &["CW0203 Error spec.domains[1]"],
    ),
    ("  dns: {zone: example.com}\n", "", &["CW0203 Info spec.domains[0]", "CW0401 Info metadata.name"]),
    (
        "email: ops@example.com,",
        "email: ops@example.com, challenge: http01,",
        &["CW0204 Error spec.acme.challenge"],
    ),
    ("  certificate:", "  http: serve\n  certificate:", &["CW0301 Warning spec.http"]),
    ("{prefix: /static/}", "{prefix: /}", &["CW0302 Warning spec.api[1]"]),
    ("  certificate:", "  hsts: {enabled: false}\n  certificate:", &["CW0303 Info spec.hsts.enabled"]),
];

#[test]
fn each_check_finds_what_it_is_for_and_nothing_else() {
    assert_eq!(shown(&found(CLEAN)), [""; 0]);
    for (from, to, expected) in CASES {
        assert!(CLEAN.contains(from), "{from}");
        assert_eq!(shown(&found(&CLEAN.replace(from, to))), expected, "{from} -> {to}");
    }
}

#[test]
fn every_code_is_shown_by_a_test() {
    let cases = CASES.iter().flat_map(|(_, _, expected)| *expected).map(|line| &line[..6]);
    // Releases have tests of their own, below.
    let shown: std::collections::BTreeSet<&str> = cases.chain(["CW0105"]).collect();
    assert_eq!(shown.into_iter().collect::<Vec<_>>(), CODES.map(|(code, _)| code));
}

#[test]
fn a_certificate_that_no_challenge_can_bring_is_found_at_the_name_that_wants_it() {
    let wildcard = CLEAN
        .replace("domains: [shop.example.com]", "domains: ['*.example.net']")
        .replace("  dns: {zone: example.com}\n", "");
    let errors = |text: &str| {
        let findings = found(text).into_iter().filter(|finding| finding.severity == Severity::Error);
        shown(&findings.collect::<Vec<_>>())
    };
    assert_eq!(errors(&wildcard), ["CW0204 Error spec.domains[0]"]);
    let by_dns = wildcard.replace("com, externalAccount", "com, challenge: dns01, externalAccount");
    assert_eq!(errors(&by_dns), ["CW0204 Error spec.domains[0]"]);
    assert_eq!(errors(&by_dns.replace("example.net", "example.com")), [""; 0]);
}

#[test]
fn an_open_prefix_is_told_of_paths_below_it_and_not_beside_it() {
    let count = |prefix: &str, path: &str| {
        let text = CLEAN.replace("/static/", prefix).replace("{exact: /productpage}", path);
        found(&text).iter().filter(|finding| finding.code == "CW0302").count()
    };
    assert_eq!(count("/admin", "{exact: /admin/keys}"), 1);
    assert_eq!(count("/admin/", "{template: '/admin/{id}'}"), 1);
    assert_eq!(count("/admin", "{exact: /administration}"), 0);
    assert_eq!(count("/admin/", "{prefix: /}"), 0);
}

#[test]
fn a_finding_says_place_reason_and_fix_in_words() {
    let found = found(&CLEAN.replace("issuer: corp}", "issuer: corps}"));
    let finding = &found[0];
    assert_eq!(finding.message, "SecureIngress platform/shop knows no token issuer corps");
    assert_eq!(finding.fix, "add it to spec.jwt of SecureIngress platform/shop, or name one that is there");
    let json = serde_json::to_value(finding).unwrap();
    let key = serde_json::json!({"kind": "Application", "namespace": "bookinfo", "name": "productpage"});
    assert_eq!((&json["key"], &json["severity"]), (&key, &serde_json::json!("error")));
}

fn release(text: &str) -> Release {
    text.parse().unwrap()
}

#[test]
fn a_command_of_another_minor_release_than_the_gateway_is_told_which_to_change() {
    for (gateway, command, fix) in [
        ("0.1.0", "0.1.9", None),
        ("0.1.9", "0.1.0", None),
        ("1.2.3-rc.1", "1.2.0+build", None),
        ("0.1.0", "0.2.0", Some("upgrade the gateway, or use the causeway command of its release")),
        ("0.10.0", "0.9.0", Some("use the causeway command of the gateway's release")),
        ("1.0.0", "0.9.0", Some("use the causeway command of the gateway's release")),
    ] {
        let finding = vet_gateway("edge-1", release(gateway), release(command));
        assert_eq!(finding.as_ref().map(|finding| finding.fix.as_str()), fix, "{gateway} {command}");
        let Some(finding) = finding else { continue };
        assert_eq!((finding.code, finding.severity), ("CW0105", Severity::Warning));
        let about = serde_json::to_value(&finding.about).unwrap();
        assert_eq!(about, serde_json::json!({"kind": "Gateway", "name": "edge-1"}));
    }
}

#[test]
fn a_resource_that_a_later_gateway_wrote_is_found_and_an_earlier_one_is_not() {
    let writers = |text: &str| {
        let parsed = crate::document::parse("f", CLEAN).unwrap();
        parsed.iter().map(|parsed| (parsed.resource.key(), release(text))).take(1).collect()
    };
    let findings = vet_writers(&writers("0.3.0"), release("0.2.5"));
    assert_eq!(shown(&findings), ["CW0105 Warning metadata.resourceVersion"]);
    assert_eq!(findings[0].message, "a gateway of 0.3.0 wrote it, and this one is of 0.2.5");
    for silent in ["0.2.9", "0.2.0", "0.1.0"] {
        assert!(vet_writers(&writers(silent), release("0.2.5")).is_empty(), "{silent}");
    }
}

#[test]
fn a_release_is_three_numbers() {
    for text in ["", "1", "1.2", "1.2.3.4", "v1.2.3", "1.2.x", "1.2.-3", "99999999999.0.0"] {
        assert_eq!(
            text.parse::<Release>().unwrap_err().to_string(),
            format!("{text:?} is no release such as 1.2.3")
        );
    }
    assert_eq!(release("1.2.3-rc.1").to_string(), "1.2.3");
    assert_eq!(Release::own().to_string(), env!("CARGO_PKG_VERSION"));
}
