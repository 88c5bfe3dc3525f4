use super::check;

#[test]
fn other_bad_kinds_are_refused() {
    for (text, expected) in CASES {
        check(text, expected);
    }
}

const CASES: &[(&str, &[&str])] = &[
    (
        r"apiVersion: causeway.dev/v1
kind: Issuer
metadata: {name: x}
spec: {acme: {email: ops}}
",
        &[
            "app.yaml:4:22: spec.acme.email: an e-mail address is a name, one '@' and a domain; write it as in ops@example.com",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Issuer
metadata: {name: x}
spec: {acme: {email: ops@example}}
",
        &[
            r#"app.yaml:4:22: spec.acme.email: the domain "example" has no dot; write it whole, as in ops@example.com"#,
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Issuer
metadata: {name: x}
spec: {acme: {email: a@b.example, server: 'http://acme.example.com/dir'}}
",
        &[
            "app.yaml:4:43: spec.acme.server: http is taken only to a loopback address, since others could change what it answers; use https://",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Issuer
metadata: {name: x}
spec: {acme: {email: a@b.example, server: 'https://acme.example.com:99999/dir'}}
",
        &[r#"app.yaml:4:43: spec.acme.server: its port is "99999"; write a number from 1 to 65535"#],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Issuer
metadata: {name: x}
spec: {acme: {email: a@b.example, challenge: dns-01}}
",
        &[
            r#"app.yaml:4:46: spec.acme.challenge: expected one of http01, tlsAlpn01 or dns01, found "dns-01"; did you mean `dns01`?"#,
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Issuer
metadata: {name: x}
spec: {acme: {email: a@b.example, trust: nothing}}
",
        &[
            "app.yaml:4:42: spec.acme.trust: there is no certificate in PEM here; begin it with -----BEGIN CERTIFICATE-----",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Issuer
metadata: {name: x}
spec: {acme: {email: a@b.example}, privateCa: {}}
",
        &[
            "app.yaml:4:36: spec: expected one of acme or privateCa, found acme and privateCa; keep one of acme or privateCa",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Issuer
metadata: {name: x}
spec: privateCa
",
        &["app.yaml:4:7: spec: `privateCa` needs a value; write `privateCa: …` with its value"],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Issuer
metadata: {name: x}
spec: []
",
        &["app.yaml:4:7: spec: expected one of acme or privateCa, found a list; write one of them"],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Certificate
metadata: {name: x}
spec: {domains: [a.example.com], issuers: []}
",
        &["app.yaml:4:43: spec.issuers: the list is empty; name at least one Issuer"],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Zone
metadata: {name: x}
spec: {nameservers: []}
",
        &["app.yaml:4:21: spec.nameservers: the list is empty; name at least one: [{name: ns1.example.com}]"],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Zone
metadata: {name: x}
spec: {nameservers: [{name: ns.example.com}], records: [{name: www}]}
",
        &[
            "app.yaml:4:57: spec.records[0]: a record set has a type; add one of a, aaaa, cname, txt, mx, ns with its values",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Zone
metadata: {name: x}
spec: {nameservers: [{name: ns.example.com}], records: [{name: www, a: [192.0.2.1], txt: [x]}]}
",
        &[
            "app.yaml:4:57: spec.records[0]: a record set has one type, this one has a and txt; write one entry for each",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Zone
metadata: {name: x}
spec: {nameservers: [{name: ns.example.com}], records: [{name: www.example.com., a: [::1]}]}
",
        &[
            "app.yaml:4:64: spec.records[0].name: names of records are relative to the zone; leave out the origin and the last dot, or write @",
            "app.yaml:4:86: spec.records[0].a[0]: this is no IPv4 address; write it as in 192.0.2.7",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Zone
metadata: {name: x}
spec: {nameservers: [{name: ns.example.com}], records: [{name: '@', cname: a.example.com}, {name: b, txt: []}]}
",
        &[
            "app.yaml:4:76: spec.records[0].cname: the apex holds SOA and NS records, beside which no CNAME may stand (RFC 1034 §3.6.2); write its addresses with `a:` and `aaaa:`",
            "app.yaml:4:107: spec.records[1].txt: the list is empty; write at least one value, or remove the record set",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Zone
metadata: {name: x}
spec: {nameservers: [{name: ns.example.com}], records: [{name: www, mx: [{preference: 10}]}, {name: b, srv: []}]}
",
        &[
            "app.yaml:4:74: spec.records[0].mx[0].exchange: `exchange` is missing; add `exchange:` (its name)",
            "app.yaml:4:94: spec.records[1]: a record set has a type; add one of a, aaaa, cname, txt, mx, ns with its values",
            "app.yaml:4:104: spec.records[1].srv: there is no field `srv`; remove it; the fields here are name, ttl, a, aaaa, cname, txt, mx, ns",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Zone
metadata: {name: x}
spec: {nameservers: [{name: ns.example.com}], caa: ['not a name']}
",
        &[
            r#"app.yaml:4:53: spec.caa[0]: "not a name" is no domain name of a certificate authority; write it as in letsencrypt.org"#,
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Secret
metadata: {name: x}
spec: {stringData: {}}
",
        &["app.yaml:4:20: spec.stringData: the secret holds nothing; write at least one value: {token: …}"],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Secret
metadata: {name: x}
spec: {stringData: {token: 4711, 'a b': hunter2}}
",
        &[
            "app.yaml:4:28: spec.stringData.token: expected text, found a number; put quotes around it",
            r#"app.yaml:4:41: spec.stringData["a b"]: this is no key of a secret; write letters, digits, '-', '_' and '.', as in tls.key"#,
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Secret
metadata: {name: x}
spec: {data: {token: x}}
",
        &[
            "app.yaml:4:7: spec.stringData: `stringData` is missing; add `stringData:` (the values, as text)",
            "app.yaml:4:8: spec.data: there is no field `data`; remove it; the fields here are stringData",
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: Role
metadata: {name: x}
spec: {rules: [{verbs: []}, {verbs: [reed], kinds: [Applications]}]}
",
        &[
            "app.yaml:4:24: spec.rules[0].verbs: the list is empty; write some of read, write, delete",
            r#"app.yaml:4:38: spec.rules[1].verbs[0]: expected one of read, write or delete, found "reed"; did you mean `read`?"#,
            r#"app.yaml:4:53: spec.rules[1].kinds[0]: expected one of Application, SecureIngress, Issuer, Certificate, Zone, Secret, Role or RoleBinding, found "Applications"; did you mean `Application`?"#,
        ],
    ),
    (
        r"apiVersion: causeway.dev/v1
kind: RoleBinding
metadata: {name: x}
spec: {role: r, subjects: [{group: a}, {user: Ada}]}
",
        &[
            r#"app.yaml:4:29: spec.subjects[0].group: expected one of user or token, found "group"; write user or token"#,
            "app.yaml:4:47: spec.subjects[1].user: 'A' cannot stand in a name; use lower-case letters, digits, '-' and '.'",
        ],
    ),
];
