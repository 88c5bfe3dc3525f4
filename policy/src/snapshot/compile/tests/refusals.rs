use super::*;

fn lines(text: &str) -> Vec<String> {
    compiled(text).expect_err("these do not go together").iter().map(ToString::to_string).collect()
}

/// One edit of [`GOOD`], and all that is said of it.
fn check(from: &str, to: &str, expected: &[&str]) {
    assert!(GOOD.contains(from), "{from}");
    assert_eq!(lines(&GOOD.replace(from, to)), expected, "{from} -> {to}");
}

#[test]
fn a_name_that_nothing_has_is_refused() {
    check(
        "certificate: {issuer: acme}",
        "certificate: {issuers: [acme, other]}",
        &[
            "SecureIngress platform/shop: spec.certificate.issuers: there is no Issuer platform/other; create it, or name one of the same namespace that exists",
        ],
    );
    check(
        "certificate: {issuer: acme}",
        "certificate: {certificate: c}",
        &[
            "SecureIngress platform/shop: spec.certificate.certificate: there is no Certificate platform/c; create it, or name one of the same namespace that exists",
        ],
    );
    check(
        "certificate: {issuer: acme}",
        "certificate: {secret: s}",
        &[
            "SecureIngress platform/shop: spec.certificate.secret: there is no Secret platform/s; create it, or name one of the same namespace that exists",
        ],
    );
    check(
        "zone: example.com",
        "zone: example.org",
        &[
            "SecureIngress platform/shop: spec.dns.zone: there is no Zone example.org; create it, or leave spec.dns out if DNS is not ours",
        ],
    );
    check(
        "email: ops@example.com",
        "email: ops@example.com, externalAccount: {keyId: k, secret: eab}",
        &[
            "Issuer platform/acme: spec.acme.externalAccount.secret: there is no Secret platform/eab; create it with the key hmacKey",
        ],
    );
    check(
        "issuer: corp",
        "issuer: corps",
        &[
            "Application bookinfo/productpage: spec.api[0].authentication.jwt.issuer: SecureIngress platform/shop knows no token issuer corps; add it to spec.jwt of SecureIngress platform/shop, or name one that is there",
        ],
    );
    check(
        "apiVersion: causeway.dev/v1\nkind: Zone",
        "apiVersion: causeway.dev/v1\nkind: RoleBinding\nmetadata: {name: b}\nspec: {role: r, subjects: [{user: u}]}\n---\napiVersion: causeway.dev/v1\nkind: Zone",
        &[
            "RoleBinding default/b: spec.role: there is no Role default/r; create it, or name one of the same namespace that exists",
        ],
    );
}

#[test]
fn a_certificate_that_cannot_be_had_is_refused() {
    check(
        "email: ops@example.com",
        "email: ops@example.com, challenge: http01",
        &[
            "SecureIngress platform/shop: spec.domains[1]: Issuer platform/acme proves control by connection, which no CA accepts for *.shop.example.com; use an Issuer with challenge: dns01, or name the hosts one by one",
            "Issuer platform/acme: spec.acme.challenge: Issuer platform/acme proves control by connection, and our DNS names a host only after that; leave spec.acme.challenge out, or set it to dns01",
        ],
    );
    let foreign = "shop.example.org, '*.shop.example.com'";
    let text = GOOD
        .replace("shop.example.com, '*.shop.example.com'", foreign)
        .replace("  dns: {zone: example.com}\n", "")
        .replace("email: ops@example.com", "email: ops@example.com, challenge: dns01");
    assert_eq!(
        lines(&text),
        [
            "SecureIngress platform/shop: spec.domains[0]: Issuer platform/acme proves control by DNS, and shop.example.org lies in no Zone of ours; add a Zone for it, or use an Issuer with challenge: http01"
        ]
    );
    let secret = "apiVersion: causeway.dev/v1\nkind: Secret\nmetadata: {name: s, namespace: platform}\nspec: {stringData: {tls.crt: x}}\n---\n";
    let text = format!(
        "{secret}{}",
        GOOD.trim_start().replace("certificate: {issuer: acme}", "certificate: {secret: s}")
    );
    assert_eq!(
        lines(&text),
        [
            "SecureIngress platform/shop: spec.certificate.secret: Secret platform/s has no tls.key; add tls.key in PEM to its stringData"
        ]
    );
}

#[test]
fn what_dns_cannot_say_is_refused() {
    check(
        "'*.shop.example.com'",
        "shop.example.org",
        &[
            "SecureIngress platform/shop: spec.domains[1]: shop.example.org lies outside the zone example.com; remove it, or name the zone that holds it in spec.dns.zone",
        ],
    );
    let zone = |more: &str| format!("nameservers: [{{name: ns.example.com}}], {more}");
    let plain = "nameservers: [{name: ns.example.com}]";
    let long = [63, 63, 63, 50].map(|bytes| "a".repeat(bytes)).join(".");
    check(
        plain,
        &zone(&format!("records: [{{name: {long}, a: [192.0.2.1]}}]")),
        &[&format!(
            "Zone platform/example.com: spec.records[0].name: {long}.example.com is no host name of 253 bytes; shorten it"
        )],
    );
    check(
        plain,
        &zone(
            "records: [{name: w, cname: a.b}, {name: w, a: [192.0.2.1]}, {name: v, cname: a.b}, {name: v, cname: c.d}]",
        ),
        &[
            "Zone platform/example.com: spec.records: w.example.com is an alias and has other records too; remove the cname, or everything else at that name",
            "Zone platform/example.com: spec.records: v.example.com is an alias of several names; keep one",
        ],
    );
    check(
        plain,
        &zone("records: [{name: shop, aaaa: ['2001:db8::1']}]"),
        &[
            "SecureIngress platform/shop: spec.dns: shop.example.com has AAAA records from Zone platform/example.com already; remove the record from the Zone; exposed names get theirs by themselves",
        ],
    );
    let user = "a".repeat(64);
    check(
        plain,
        &zone(&format!("contact: {user}@example.com")),
        &[&format!(
            "Zone platform/example.com: spec.contact: {user}@example.com cannot be written as an SOA contact; write an address such as hostmaster@example.com"
        )],
    );
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let text = GOOD
        .replace("issuer: corp}", "issuer: nobody}")
        .replace("certificate: {issuer: acme}", "certificate: {issuer: none}")
        .replace("'*.shop.example.com'", "shop.example.org")
        .replace("ns.example.com}]}", "ns.example.com}], records: [{name: shop, a: [192.0.2.1]}]}");
    let binding = "---\napiVersion: causeway.dev/v1\nkind: RoleBinding\nmetadata: {name: b}\nspec: {role: r, subjects: [{user: u}]}\n";
    let rejected = compiled(&format!("{text}{binding}")).unwrap_err();
    let found: Vec<_> =
        rejected.iter().map(|rejected| (rejected.key.to_string(), rejected.field.as_str())).collect();
    assert_eq!(
        found,
        [
            ("Application bookinfo/productpage".to_owned(), "spec.api[0].authentication.jwt.issuer"),
            ("SecureIngress platform/shop".to_owned(), "spec.certificate.issuer"),
            ("SecureIngress platform/shop".to_owned(), "spec.dns"),
            ("SecureIngress platform/shop".to_owned(), "spec.domains[1]"),
            ("RoleBinding default/b".to_owned(), "spec.role"),
        ]
    );
}

/// Another application of the namespace with this `api` list.
fn second_application(name: &str, api: &str) -> String {
    format!(
        "{GOOD}---
apiVersion: causeway.dev/v1
kind: Application
metadata: {{name: {name}, namespace: bookinfo}}
spec: {{endpoints: [{{address: 10.0.0.9}}], ports: [{{name: http-web, port: 80}}], api: [{api}]}}
"
    )
}

#[test]
fn two_owners_of_one_host_and_path_are_both_named_and_the_later_is_refused() {
    let same = "{path: {exact: /productpage}, methods: [POST, GET], authentication: none}";
    for (name, stored) in [("zeta", "productpage"), ("alpha", "productpage"), ("alpha", "alpha")] {
        let mut resources = resources(&second_application(name, same));
        let stored =
            resources.values_mut().find(|resource| resource.metadata.name.as_str() == stored).unwrap();
        stored.metadata.resource_version = Some("3".into());
        let first = stored.key();
        let rejected = compiled_at(&resources, &BTreeMap::new(), &[]).unwrap_err();
        let [Rejected { key, field, reason }] = rejected.as_slice() else { panic!("{rejected:?}") };
        assert_ne!(*key, first);
        assert_eq!(field, "spec.api[0].path");
        let expected =
            format!("the same requests are routed by {first} spec.api[0] under SecureIngress platform/shop");
        assert_eq!(reason.to_string(), expected);
        assert!(reason.others().contains(&&first));
    }
}

#[test]
fn two_owners_of_one_host_are_both_named_and_the_one_stored_last_is_refused() {
    let second = "---
apiVersion: causeway.dev/v1
kind: SecureIngress
metadata: {name: another, namespace: platform}
spec: {domains: [a.example.com, shop.example.com], certificate: {issuer: acme}, applications: {namespaces: [bookinfo], matchLabels: {a: b}}}
";
    for (versions, refused, owner) in [
        ((Some("9"), Some("10")), "SecureIngress platform/shop: spec.domains[0]", "platform/another"),
        ((Some("10"), Some("9")), "SecureIngress platform/another: spec.domains[1]", "platform/shop"),
        ((None, Some("9")), "SecureIngress platform/another: spec.domains[1]", "platform/shop"),
        ((Some("9"), None), "SecureIngress platform/shop: spec.domains[0]", "platform/another"),
    ] {
        let mut resources = resources(&format!("{GOOD}{second}"));
        for (name, version) in [("another", versions.0), ("shop", versions.1)] {
            let resource = resources.values_mut().find(|resource| resource.metadata.name.as_str() == name);
            resource.unwrap().metadata.resource_version = version.map(str::to_owned);
        }
        let rejected = compiled_at(&resources, &BTreeMap::new(), &[]).unwrap_err();
        let expected = format!(
            "{refused}: shop.example.com belongs to SecureIngress {owner} already; remove it from one of the two"
        );
        assert_eq!(rejected.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
    }
}

#[test]
fn two_zones_of_one_origin_are_both_named() {
    let second = "---\napiVersion: causeway.dev/v1\nkind: Zone\nmetadata: {name: z}\nspec: {origin: example.com, nameservers: [{name: ns.example.com}]}\n";
    assert_eq!(
        lines(&format!("{GOOD}{second}")),
        [
            "Zone platform/example.com: spec.origin: Zone default/z has the origin example.com already; delete one of the two"
        ]
    );
}

#[test]
fn requests_are_the_same_whatever_their_path_is_written_like() {
    let prefix = |path: &str| format!("{{path: {{prefix: {path}}}, authentication: none}}");
    let template = |path: &str| format!("{{path: {{template: '{path}'}}, authentication: none}}");
    for (one, other, collide) in [
        (template("/u/{id}"), template("/u/{name}"), true),
        (template("/u/{id}"), template("/v/{id}"), false),
        (template("/u/{id}"), template("/u/{id}/"), false),
        (prefix("/files"), prefix("/files/"), true),
        (prefix("/files"), prefix("/file"), false),
        (prefix("/"), template("/{id}"), false),
        (
            "{path: {exact: /a}, methods: [GET], authentication: none}".into(),
            "{path: {exact: /a}, methods: [PUT], authentication: none}".into(),
            false,
        ),
        (
            "{path: {exact: /a}, methods: [GET], authentication: none}".into(),
            "{path: {exact: /a}, methods: [HEAD], authentication: none}".into(),
            true,
        ),
        (
            "{path: {exact: /a}, methods: [GET], authentication: none}".into(),
            "{path: {exact: /a}, authentication: none}".into(),
            false,
        ),
        (
            "{path: {exact: /a}, headers: {x-a: '1'}, authentication: none}".into(),
            "{path: {exact: /a}, headers: {X-A: '1'}, authentication: none}".into(),
            true,
        ),
        (
            "{path: {exact: /a}, headers: {x-a: '1'}, authentication: none}".into(),
            "{path: {exact: /a}, headers: {x-a: '2'}, authentication: none}".into(),
            false,
        ),
    ] {
        let outcome = compiled(&second_application("zeta", &format!("{one}, {other}")));
        assert_eq!(outcome.is_err(), collide, "{one} {other}");
    }
}

#[test]
fn a_refusal_in_json_has_its_reason_in_words_with_fix_and_others() {
    let rejected = compiled(&GOOD.replace("issuer: corp}", "issuer: nobody}")).unwrap_err();
    let shown = serde_json::to_value(&rejected[0]).unwrap();
    let ingress = serde_json::json!({"kind": "SecureIngress", "namespace": "platform", "name": "shop"});
    assert_eq!(shown["key"]["name"], "productpage");
    assert_eq!(shown["reason"], "SecureIngress platform/shop knows no token issuer nobody");
    assert_eq!(shown["fix"], rejected[0].reason.fix());
    assert_eq!(shown["others"], serde_json::json!([ingress]));
    let missing = compiled(&GOOD.replace("zone: example.com", "zone: other")).unwrap_err();
    assert_eq!(serde_json::to_value(&missing[0]).unwrap().get("others"), None);
}
