use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{FAULTS_MAX, from_json, parse, to_json};
use super::EXPOSE;

fn name() -> impl Strategy<Value = String> {
    "[a-z]([a-z0-9-]{0,8}[a-z0-9])?"
}

fn host() -> impl Strategy<Value = String> {
    "[a-z]{1,8}(\\.[a-z]{1,8}){1,3}"
}

fn names(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<String>> {
    proptest::collection::btree_set(name(), count).prop_map(|names| names.into_iter().collect())
}

fn application() -> impl Strategy<Value = Value> {
    let endpoint = prop_oneof![
        any::<std::net::IpAddr>().prop_map(|address| json!({"address": address})),
        host().prop_map(|host| json!({"dns": host})),
    ];
    let path = prop_oneof![
        name().prop_map(|name| json!({"exact": format!("/{name}")})),
        name().prop_map(|name| json!({"prefix": format!("/{name}/")})),
        name().prop_map(|name| json!({"template": format!("/{name}/{{id}}")})),
    ];
    let authentication = prop_oneof![
        Just(json!("none")),
        (name(), name())
            .prop_map(|(issuer, claim)| json!({"jwt": {"issuer": issuer, "claims": {claim: "x"}}})),
    ];
    let api = (path, authentication, any::<bool>()).prop_map(|(path, authentication, narrow)| {
        let mut entry = json!({"path": path, "authentication": authentication});
        if narrow {
            entry["methods"] = json!(["GET", "POST"]);
            entry["headers"] = json!({"X-Tenant": "a b"});
            entry["port"] = json!("http-web");
        }
        entry
    });
    let health = proptest::option::of(
        (1..5000u32).prop_map(|ms| json!({"path": "/h", "interval": format!("{ms}ms")})),
    );
    (
        proptest::collection::vec(endpoint, 1..4),
        proptest::collection::vec(api, 0..6),
        health,
        proptest::option::of(prop_oneof![Just("roundRobin"), Just("leastRequest")]),
        1..=u16::MAX,
    )
        .prop_map(|(endpoints, api, health, balance, port)| {
            let mut spec = json!({
                "endpoints": endpoints, "api": api, "health": health,
                "ports": [{"name": "http-web", "port": port}, {"name": "other", "port": 1, "protocol": "tcp"}],
            });
            if let Some(balance) = balance {
                spec["balance"] = json!(balance);
            }
            spec
        })
}

fn ingress() -> impl Strategy<Value = Value> {
    let certificate = prop_oneof![
        name().prop_map(|name| json!({"issuer": name})),
        names(1..3).prop_map(|names| json!({"issuers": names})),
        name().prop_map(|name| json!({"secret": name})),
        name().prop_map(|name| json!({"certificate": name})),
    ];
    let jwks = prop_oneof![
        host().prop_map(|host| json!({"uri": format!("https://{host}/jwks?a=b")})),
        Just(json!({"inline": r#"{"keys": [{"kty": "OKP"}]}"#})),
    ];
    let jwt = (name(), jwks).prop_map(|(name, jwks)| {
        json!({"name": name, "issuer": "https://id", "audiences": ["a", "b"], "jwks": jwks, "algorithms": ["EdDSA"]})
    });
    (
        proptest::collection::btree_set(host(), 1..4),
        certificate,
        proptest::option::of(jwt),
        names(1..4),
        proptest::option::of((host(), 1..100u32)),
        any::<u64>(),
    )
        .prop_map(|(domains, certificate, jwt, namespaces, dns, body)| {
            let mut domains: Vec<String> = domains.into_iter().collect();
            domains.push("*.wild.example".into());
            json!({
                "domains": domains, "certificate": certificate, "jwt": Vec::from_iter(jwt),
                "applications": {"namespaces": namespaces, "matchLabels": {"example.com/tier": "front"}},
                "dns": dns.map(|(zone, ttl)| json!({"zone": zone, "ttl": format!("{ttl}m")})),
                "http": "serve", "hsts": {"enabled": false}, "limits": {"bodyBytesMax": body},
            })
        })
}

fn zone() -> impl Strategy<Value = Value> {
    let values = prop_oneof![
        any::<std::net::Ipv4Addr>().prop_map(|address| json!({"a": [address]})),
        any::<std::net::Ipv6Addr>().prop_map(|address| json!({"aaaa": [address]})),
        host().prop_map(|host| json!({"cname": host})),
        "[ -~]{1,40}".prop_map(|text| json!({"txt": [text]})),
        (any::<u16>(), host()).prop_map(|(p, host)| json!({"mx": [{"preference": p, "exchange": host}]})),
        host().prop_map(|host| json!({"ns": [host]})),
    ];
    let record = (name(), values).prop_map(|(name, mut values)| {
        values["name"] = json!(name);
        values["ttl"] = json!("90s");
        values
    });
    (proptest::collection::vec(record, 0..5), proptest::option::of(host()), any::<bool>()).prop_map(
        |(records, origin, more)| {
            let mut spec =
                json!({"nameservers": [{"name": "ns.example.com"}], "records": records, "origin": origin});
            if more {
                spec["contact"] = json!("ops@example.com");
                spec["caa"] = json!(["letsencrypt.org"]);
                spec["addresses"] = json!(["192.0.2.1", "2001:db8::1"]);
            }
            spec
        },
    )
}

fn resource() -> impl Strategy<Value = Value> {
    let others = prop_oneof![
        Just(("Issuer", json!({"privateCa": {}}))),
        Just((
            "Issuer",
            json!({"acme": {"email": "a@b.example", "challenge": "dns01", "server": "http://localhost:14000/dir",
                "externalAccount": {"keyId": "k", "secret": "s"}, "trust": "-----BEGIN CERTIFICATE-----"}})
        )),
        names(1..3)
            .prop_map(|names| ("Certificate", json!({"domains": ["a.example.com"], "issuers": names}))),
        "\\PC{0,20}".prop_map(|text| ("Secret", json!({"stringData": {"tls.key": text}}))),
        names(0..3).prop_map(|names| (
            "Role",
            json!({"rules": [{"kinds": ["Zone"], "verbs": ["read", "delete"], "namespaces": names}]})
        )),
        name().prop_map(|name| (
            "RoleBinding",
            json!({"role": name, "subjects": [{"user": name}, {"token": "t"}]})
        )),
    ];
    let spec = prop_oneof![
        application().prop_map(|spec| ("Application", spec)),
        ingress().prop_map(|spec| ("SecureIngress", spec)),
        zone().prop_map(|spec| ("Zone", spec)),
        others,
    ];
    (spec, name(), name(), proptest::option::of(name())).prop_map(|((kind, spec), name, label, version)| {
        json!({
            "apiVersion": "causeway.dev/v1", "kind": kind, "spec": spec,
            "metadata": {"name": name, "labels": {label: "x"}, "annotations": {"note": "any ✓ text"}, "resourceVersion": version},
        })
    })
}

/// Pieces that documents are made of, so that chance finds more than syntax errors.
fn scraps() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        proptest::sample::select(vec![
            "apiVersion: causeway.dev/v1\n",
            "kind: Application\n",
            "kind: List\nitems:\n",
            "metadata: {name: a}\n",
            "spec:\n",
            "  endpoints:\n",
            "  - ",
            "- ",
            "{",
            "}",
            "[",
            "]",
            ", ",
            ": ",
            "? ",
            "&a ",
            "*a",
            "<<: ",
            "!!str ",
            "!t ",
            "| \n",
            ">-\n",
            "'",
            "\"",
            "\\u",
            "\\ud83d\\ude00",
            "\n---\n",
            "\n...\n",
            "%YAML 1.2\n",
            "#",
            "\t",
            " ",
            "\r\n",
            "\0",
            "\u{feff}",
            "\u{85}",
            "port: 1",
            "address: 10.0.0.1",
            "none",
            "null",
            "~",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,6}",
        any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn what_is_written_as_json_is_read_back_the_same(value in resource()) {
        let resource = from_json(&value).unwrap_or_else(|faults| panic!("{faults:#?}"));
        let written = to_json(&resource);
        prop_assert_eq!(&from_json(&written).unwrap(), &resource);
        // JSON is read as YAML too, in both of its layouts.
        for text in [written.to_string(), serde_json::to_string_pretty(&written).unwrap()] {
            let parsed = parse("a.json", &text).unwrap_or_else(|faults| panic!("{faults:#?}\n{text}"));
            prop_assert_eq!(&parsed[0].resource, &resource);
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic_or_complain_without_end(text in "\\PC{0,200}|(?s:.{0,200})") {
        if let Err(faults) = parse("a.yaml", &text) {
            prop_assert!((1..=FAULTS_MAX).contains(&faults.len()));
        }
    }

    #[test]
    fn no_heap_of_scraps_makes_the_parser_panic_or_complain_without_end(text in scraps()) {
        if let Err(faults) = parse("a.yaml", &text) {
            prop_assert!((1..=FAULTS_MAX).contains(&faults.len()));
        }
    }

    #[test]
    fn no_damage_to_a_good_text_makes_the_parser_panic(at in 0..EXPOSE.len(), cut in 0..40usize, scrap in scraps()) {
        let end = (at + cut).min(EXPOSE.len());
        if let (Some(before), Some(after)) = (EXPOSE.get(..at), EXPOSE.get(end..))
            && let Err(faults) = parse("a.yaml", &format!("{before}{scrap}{after}"))
        {
            prop_assert!((1..=FAULTS_MAX).contains(&faults.len()));
        }
    }
}
