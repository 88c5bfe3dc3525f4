//! What people write on their first day, and what they are told.

use super::check;

/// An application in which `from` was written as `to`.
fn application(from: &str, to: &str) -> String {
    let good = "apiVersion: causeway.dev/v1
kind: Application
metadata: {name: web, namespace: shop}
spec:
  endpoints: [{address: 10.0.0.7}]
  ports: [{name: http-web, port: 8080}]
";
    good.replace(from, to)
}

#[test]
fn a_port_named_after_another_protocol_is_given_the_name_that_works() {
    for (name, fix) in [
        ("https-web", "name it http-web: apps are spoken to without TLS for now"),
        ("https", "name it http: apps are spoken to without TLS for now"),
        ("h2c-web", "name it http2-web"),
        ("web", "name it http-web, or add `protocol: http`"),
    ] {
        let expected = format!(
            "app.yaml:6:18: spec.ports[0].name: port {name} has no protocol: protocols are declared, never guessed; {fix}"
        );
        check(&application("http-web", name), &[&expected]);
    }
}

#[test]
fn an_address_with_more_or_other_than_an_address_is_told_where_that_belongs() {
    for (address, reason) in [
        ("127.0.0.1:9080", "an address has no port here: it stands in `ports`; write 127.0.0.1"),
        ("app.internal", "this is a name, not an IP address; write {dns: app.internal}"),
        ("app.internal:9080", "this is a name, not an IP address; write {dns: app.internal}"),
        ("10.0.0.0.7", "this is no IP address; write an IPv4 or IPv6 address, as in 10.0.0.7 or 2001:db8::7"),
    ] {
        let expected = format!("app.yaml:5:25: spec.endpoints[0].address: {reason}");
        check(&application("10.0.0.7", &format!("'{address}'")), &[&expected]);
    }
}

/// An ingress with this line in place of its own.
fn ingress(line: &str) -> String {
    let (key, _) = line.split_once(':').unwrap();
    let lines = [
        "domains: [shop.example.com]",
        "certificate: {issuer: le}",
        "dns: {zone: example.com}",
        "applications: {namespaces: [a]}",
    ];
    let lines = lines.map(|own| if own.starts_with(key) { line } else { own });
    format!(
        "apiVersion: causeway.dev/v1\nkind: SecureIngress\nmetadata: {{name: shop, namespace: p}}\nspec:\n  {}\n",
        lines.join("\n  ")
    )
}

#[test]
fn a_domain_with_scheme_or_port_is_told_to_leave_it_out() {
    let domain = |domain: &str, reason: &str| {
        let expected = format!("app.yaml:5:13: spec.domains[0]: {reason}");
        check(&ingress(&format!("domains: ['{domain}']")), &[&expected]);
    };
    domain("https://x.example/", "a host name has no scheme and no path; write x.example");
    domain("https://x.example:8443/a", "a host name has no scheme and no path; write x.example");
    domain("x.example:8443", "a host name has no port; leave out :8443");
    domain("x.example/a", "'/' cannot stand in a host name; remove it");
}

#[test]
fn a_missing_space_after_a_colon_is_named_and_nothing_else() {
    check(
        &ingress("certificate: {issuer:demo-ca}"),
        &[
            r#"app.yaml:6:17: spec.certificate["issuer:demo-ca"]: expected one of issuer, issuers, certificate or secret, found "issuer:demo-ca"; put a space after ':'"#,
        ],
    );
    check(
        &ingress("dns:{zone: example.com}"),
        &[r#"app.yaml:7:3: spec["dns:{zone"]: there is no field `dns:{zone`; put a space after ':'"#],
    );
    check(
        &ingress("dns:{zone: example.com, ttl: 60s}"),
        &[
            "app.yaml:7:30: this is no YAML: mapping values are not allowed in this context; put a space after ':'",
        ],
    );
}

#[test]
fn a_name_alone_is_told_to_be_a_map_with_a_name() {
    let zone = "apiVersion: causeway.dev/v1\nkind: Zone\nmetadata: {name: example.com}\nspec: {nameservers: [ns1.example.com]}\n";
    check(
        zone,
        &[
            "app.yaml:4:22: spec.nameservers[0]: expected a map of fields, found text; write {name: ns1.example.com}",
        ],
    );
}
