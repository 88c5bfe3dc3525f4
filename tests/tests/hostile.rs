//! Bad input on the real binary: each gets its clear refusal, and what ran goes on running.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::time::Duration;

use serde_json::json;
use tests::gateway::Gateway;
use tests::nginx::Nginx;
use tests::process::wait_until;
use tests::token::{Issuer, good_claims};

const HOST: &str = "shop.example.com";

struct Bench {
    gateway: Gateway,
    tokens: Issuer,
    root: String,
    _backend: Nginx,
}

fn bench() -> Bench {
    bench_with(|_| {})
}

fn bench_with(prepare: impl FnOnce(&mut Gateway)) -> Bench {
    let mut gateway = Gateway::prepare();
    prepare(&mut gateway);
    gateway.start();
    let backend = Nginx::start("the page");
    let tokens = Issuer::default();
    let text = format!(
        "apiVersion: causeway.dev/v1
kind: Issuer
metadata: {{name: ca, namespace: platform}}
spec: {{privateCa: {{}}}}
---
apiVersion: causeway.dev/v1
kind: Zone
metadata: {{name: example.com, namespace: platform}}
spec:
  nameservers: [{{name: ns1.example.com}}]
  caa: [letsencrypt.org]
  records:
    - {{name: www, cname: shop.example.com}}
    - {{name: '*.wild', a: [192.0.2.7]}}
    - {{name: many, txt: ['{long}', '{long}2', '{long}3', '{long}4', '{long}5', '{long}6', '{long}7']}}
    - {{name: sub, ns: [ns.elsewhere.test]}}
---
apiVersion: causeway.dev/v1
kind: Application
metadata: {{name: app, namespace: shop}}
spec:
  endpoints: [{{address: 127.0.0.1}}]
  ports: [{{name: http, port: {port}}}]
  api:
    - {{path: {{exact: /admin}}, authentication: {{jwt: {{issuer: corp, claims: {{role: admin}}}}}}}}
    - {{path: {{exact: /token}}, authentication: {{jwt: {{issuer: corp}}}}}}
    - {{path: {{prefix: /open/}}, methods: [GET, POST], authentication: none}}
---
apiVersion: causeway.dev/v1
kind: SecureIngress
metadata: {{name: shop, namespace: platform}}
spec:
  domains: [shop.example.com, other.example.com]
  certificate: {{issuer: ca}}
  dns: {{zone: example.com}}
  limits: {{bodyBytesMax: 1000}}
  http: serve
  jwt: [{{name: corp, issuer: \"https://id.example.com\", audiences: [shop], jwks: {{inline: '{jwks}'}}}}]
  applications: {{namespaces: [shop]}}
",
        long = "x".repeat(240),
        port = backend.port,
        jwks = tokens.jwks(),
    );
    gateway.apply("all.yaml", &text);
    gateway.must(&["wait", "--for=enforced", "secureingress", "shop", "-n", "platform"]);
    let root = gateway.resource("issuer", "platform", "ca")["status"]["rootCertificate"]
        .as_str()
        .unwrap()
        .to_owned();
    let root = gateway.write("root.pem", &root);
    Bench { gateway, tokens, root, _backend: backend }
}

impl Bench {
    fn goes_on(&self) {
        let (status, body) = self.gateway.curl(HOST, "/open/", &["--cacert", &self.root]);
        assert_eq!((status.as_str(), body.as_str()), ("200", "the page"), "what ran goes on running");
    }

    /// Sends bytes on the plain port and returns the status of each answer until the gateway closes.
    fn raw(&self, bytes: &[u8]) -> Vec<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.gateway.http)).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(1500))).unwrap();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        let mut part = [0; 4096];
        while let Ok(read @ 1..) = stream.read(&mut part) {
            answer.extend_from_slice(&part[..read]);
        }
        let text = String::from_utf8_lossy(&answer).into_owned();
        text.split("HTTP/1.1 ").skip(1).map(|answer| answer[..3].to_owned()).collect()
    }
}

/// SECURITY cases 1 to 13, 55 to 63: one connection each, closed after its refusal.
#[test]
fn heads_that_two_readers_could_read_in_two_ways_are_refused() {
    let bench = bench();
    let get = |line: &str, fields: &str| format!("{line}\r\nHost: {HOST}\r\n{fields}\r\n");
    let cases: Vec<(String, &str)> = vec![
        (get("GET /open/ HTTP/1.1", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), "400"),
        (get("GET /open/ HTTP/1.1", "Content-Length: 1\r\nContent-Length: 1\r\n"), "400"),
        (get("GET /open/ HTTP/1.1", "Content-Length: 1, 1\r\n"), "400"),
        (get("GET /open/ HTTP/1.1", "Content-Length: +1\r\n"), "400"),
        (get("GET /open/ HTTP/1.1", "Content-Length: 0x1\r\n"), "400"),
        (get("GET /open/ HTTP/1.1", "Content-Length:\r\n"), "400"),
        (get("GET /open/ HTTP/1.1", "Content-Length: 99999999999999999999\r\n"), "400"),
        (get("GET /open/ HTTP/1.1", "Transfer-Encoding: gzip, chunked\r\n"), "400"),
        (get("GET /open/ HTTP/1.1", "Transfer-Encoding: chunked, chunked\r\n"), "400"),
        (get("GET /open/ HTTP/1.1", "Transfer-Encoding: \"chunked\"\r\n"), "400"),
        (get("GET /open/ HTTP/1.1", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), "400"),
        (get("GET /open/ HTTP/1.0", "Transfer-Encoding: chunked\r\n"), "400"),
        (get("GET /open/ HTTP/1.1", "A : b\r\n"), "400"),
        (get("GET /open/ HTTP/1.1", ": b\r\n"), "400"),
        (get("GET /open/ HTTP/1.1", "A: b\r\n c\r\n"), "400"),
        (get("GET /open/ HTTP/1.1", "A: b\0c\r\n"), "400"),
        (get("GET /open/ HTTP/1.1", "A: b\rc\r\n"), "400"),
        (get("GET /open/ HTTP/1.1", "A: b\n"), "400"),
        (get("GET /open/ HTTP/1.1", "no colon\r\n"), "400"),
        (get("GET  /open/ HTTP/1.1", ""), "400"),
        (get("GET /open/  HTTP/1.1", ""), "400"),
        (get("GET\t/open/ HTTP/1.1", ""), "400"),
        (get("GET /open/ x HTTP/1.1", ""), "400"),
        (get("GET /open/ HTTP/2.0", ""), "505"),
        (get("GET open HTTP/1.1", ""), "400"),
        (get("GET http://other.example.com/open/ HTTP/1.1", ""), "400"),
        (get("GET /open/ HTTP/1.1", "Host: other.example.com\r\n"), "400"),
        ("GET /open/ HTTP/1.1\r\n\r\n".into(), "400"),
        ("GET /open/ HTTP/1.1\r\nHost: user@shop.example.com\r\n\r\n".into(), "400"),
        ("GET /open/ HTTP/1.1\r\nHost: shop.example.com/x\r\n\r\n".into(), "400"),
        ("GET /open/ HTTP/1.1\r\nHost: a, b\r\n\r\n".into(), "400"),
        ("GET /open/ HTTP/1.1\r\nHost: nobody.example.com\r\n\r\n".into(), "404"),
        (get("CONNECT /open/ HTTP/1.1", ""), "501"),
        (get("TRACE /open/ HTTP/1.1", ""), "501"),
        (get("GET /open/ HTTP/1.1", "Expect: 200-ok\r\n"), "417"),
        (get("DELETE /open/ HTTP/1.1", ""), "405"),
        (get(&format!("GET /open/{} HTTP/1.1", "x".repeat(20_000)), ""), "414"),
        (get("GET /open/ HTTP/1.1", &format!("A: {}\r\n", "x".repeat(70_000))), "431"),
        (get("GET /open/ HTTP/1.1", &"A: b\r\n".repeat(120)), "431"),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\x7c\x03\x03".into(), "400"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(), "505"),
        (get("POST /open/ HTTP/1.1", "Content-Length: 2000\r\n"), "413"),
    ];
    assert!(cases.len() >= 40);
    for (head, status) in cases {
        assert_eq!(bench.raw(head.as_bytes()).first().map(String::as_str), Some(status), "{head:?}");
    }
    // After a refusal nothing on the connection is believed.
    let smuggled = format!(
        "GET /open/ HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /open/ HTTP/1.1\r\nHost: {HOST}\r\n\r\n"
    );
    assert_eq!(bench.raw(smuggled.as_bytes()), ["400"]);
    bench.goes_on();
}

#[test]
fn bodies_with_broken_chunks_never_reach_an_answer_of_another() {
    let bench = bench();
    for chunk in [
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhelloXX\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "fffffffffffffffff\r\n",
    ] {
        let request = format!(
            "POST /open/ HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}GET /open/ HTTP/1.1\r\nHost: {HOST}\r\n\r\n"
        );
        let answers = bench.raw(request.as_bytes());
        assert!(answers.len() <= 1, "{chunk:?}: {answers:?}");
    }
    bench.goes_on();
}

/// SECURITY cases 55 to 59: no spelling of a guarded path comes in without a token.
#[test]
fn no_spelling_of_a_path_gets_around_its_rule() {
    let bench = bench();
    for path in [
        "/admin",
        "/admin?x",
        "/admin?",
        "/%61dmin",
        "/admin%3F",
        "/admin%23",
        "/admin;x",
        "/admin/..;/admin",
        "//admin",
        "/./admin",
        "/open/../admin",
        "/open/%2e%2e/admin",
        "/open/..%2fadmin",
        "/open%2f..%2fadmin",
        "/admin%00",
        "/admin/",
        "/%2561dmin",
        "/open/%252e%252e/admin",
        "/ADMIN",
        "/admin%20",
        "/open/..\\admin",
        "/open/%c0%ae%c0%ae/admin",
        "/admin%u002f",
    ] {
        let (status, body) = bench.gateway.curl(HOST, path, &["--cacert", &bench.root]);
        assert!(["400", "401", "404"].contains(&status.as_str()), "{path}: {status} {body}");
        assert!(!body.contains("the page"), "{path} reached the app");
    }
    bench.goes_on();
}

/// SECURITY cases 47 to 54.
#[test]
fn tokens_that_are_not_in_order_are_refused() {
    let bench = bench();
    let header = || json!({"alg": "ES256", "kid": "k"});
    let with = |name: &str, value: serde_json::Value| {
        let mut claims = good_claims();
        claims[name] = value;
        bench.tokens.sign(&header(), &claims)
    };
    let good = bench.tokens.good();
    let unsigned = good.rsplit_once('.').unwrap().0;
    let mut refused = vec![
        "x".into(),
        "a.b.c".into(),
        "a.b.c.d.e".into(),
        format!("{unsigned}."),
        format!("{unsigned}.AAAA"),
        Issuer::default().good(),
        with("exp", json!(1)),
        with("exp", json!("4000000000")),
        with("exp", json!(true)),
        with("exp", serde_json::Value::Null),
        with("exp", json!(-1)),
        with("nbf", json!(3_999_999_999u64)),
        with("iss", json!("https://id.example.com/")),
        with("iss", json!(["https://id.example.com"])),
        with("aud", json!("other")),
        with("aud", json!([])),
        "x".repeat(17_000),
    ];
    for algorithm in ["none", "None", "HS256", "RS256", "PS256", "es256", ""] {
        refused.push(bench.tokens.sign(&json!({"alg": algorithm, "kid": "k"}), &good_claims()));
    }
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("kid", json!("../../k")),
        ("kid", json!({"a": 1})),
        ("typ", json!("dpop+jwt")),
    ] {
        let mut header = header();
        header[name] = value;
        refused.push(bench.tokens.sign(&header, &good_claims()));
    }
    assert!(refused.len() >= 28);
    for token in refused {
        let field = format!("authorization: Bearer {token}");
        let (status, body) = bench.gateway.curl(HOST, "/token", &["--cacert", &bench.root, "-H", &field]);
        assert_eq!(status, "401", "{token:.60}: {body}");
    }
    // Without a token the value ends in a space, which HTTP/2 does not allow at all (RFC 9113 §8.2.1).
    for (version, expected) in [("--http1.1", "401"), ("--http2", "400")] {
        let empty = ["--cacert", bench.root.as_str(), version, "-H", "authorization: Bearer "];
        assert_eq!(bench.gateway.curl(HOST, "/token", &empty).0, expected, "{version}");
    }
    let good = format!("authorization: Bearer {good}");
    let twice = ["--cacert", &bench.root, "-H", &good, "-H", "authorization: Bearer x"];
    assert_eq!(bench.gateway.curl(HOST, "/token", &twice).0, "401");
    let once = ["--cacert", bench.root.as_str(), "-H", &good];
    assert_eq!(bench.gateway.curl(HOST, "/token", &once).0, "200");
    let (status, body) = bench.gateway.curl(HOST, "/admin", &once);
    assert_eq!(status, "403", "the claim is missing: {body}");
    let admin = format!("authorization: Bearer {}", with("role", json!(["user", "admin"])));
    assert_eq!(bench.gateway.curl(HOST, "/admin", &["--cacert", &bench.root, "-H", &admin]).0, "200");
    bench.goes_on();
}

#[test]
fn a_connection_speaks_for_one_host_alone() {
    let bench = bench();
    for version in ["--http1.1", "--http2"] {
        let (status, _) = bench.gateway.curl(
            HOST,
            "/open/",
            &["--cacert", &bench.root, version, "-H", "host: other.example.com"],
        );
        assert_eq!(status, "421", "{version}");
    }
    bench.goes_on();
}

#[test]
fn resources_that_do_not_go_together_change_nothing() {
    let bench = bench();
    let bad = "apiVersion: causeway.dev/v1\nkind: SecureIngress\nmetadata: {name: thief, namespace: platform}\nspec:\n  domains: [shop.example.com]\n  certificate: {issuer: ca}\n  applications: {namespaces: [shop]}\n";
    let file = bench.gateway.write("bad.yaml", bad);
    let (code, _, error) = bench.gateway.causeway(&["apply", "-f", &file]);
    assert_eq!(code, 2);
    assert!(
        error.contains("bad.yaml:5:") && error.contains("belongs to") && error.contains("fix:"),
        "{error}"
    );
    bench.goes_on();
}

#[test]
fn dns_answers_what_is_ours_and_refuses_the_rest() {
    let bench = bench();
    let dig = |arguments: &[&str]| bench.gateway.dig(arguments);
    wait_until("the name is answered", Duration::from_secs(10), || {
        (!dig(&[HOST, "+short"]).is_empty()).then_some(())
    });
    assert_eq!(dig(&[HOST, "A", "+short"]), "127.0.0.1");
    assert_eq!(dig(&["SHOP.example.COM", "A", "+short"]), "127.0.0.1");
    assert_eq!(dig(&[HOST, "A", "+short", "+tcp"]), "127.0.0.1");
    assert!(dig(&[HOST, "HTTPS", "+short"]).contains("alpn=\"h2,http/1.1\""));
    assert!(dig(&["www.example.com", "A", "+short"]).contains("127.0.0.1"));
    assert_eq!(dig(&["a.wild.example.com", "A", "+short"]), "192.0.2.7");
    assert_eq!(dig(&["example.com", "CAA", "+short"]), "0 issue \"letsencrypt.org\"");
    assert_eq!(dig(&["example.com", "NS", "+short"]), "ns1.example.com.");
    assert!(dig(&["example.com", "SOA", "+short"]).starts_with("ns1.example.com. hostmaster.example.com. "));
    for (arguments, said) in [
        (vec!["nx.example.com", "A"], "status: NXDOMAIN"),
        (vec![HOST, "MX"], "status: NOERROR"),
        (vec!["example.org", "A"], "status: REFUSED"),
        (vec!["example.com", "AXFR"], "Transfer failed"),
        (vec!["example.com", "A", "+opcode=NOTIFY"], "status: NOTIMP"),
        (vec!["example.com", "A", "+opcode=UPDATE"], "status: NOTIMP"),
        (vec!["example.com", "A", "-c", "CH"], "status: REFUSED"),
        (vec!["example.com", "A", "+edns=1", "+noednsneg"], "status: BADVERS"),
        (vec!["many.example.com", "TXT", "+ignore", "+bufsize=4096"], "flags: qr aa tc"),
        (vec!["x.sub.example.com", "A", "+norec"], "AUTHORITY: 1"),
    ] {
        let out = dig(&arguments);
        assert!(out.contains(said), "{arguments:?}\n{out}");
    }
    assert!(dig(&["many.example.com", "TXT", "+tcp", "+short"]).lines().count() >= 7);
    bench.goes_on();
}

/// SECURITY cases 74 and 75: packets that lie are answered or dropped, and the server answers the next one.
#[test]
fn dns_packets_that_lie_do_no_harm() {
    let bench = bench();
    let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    socket.connect(("127.0.0.1", bench.gateway.dns)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let mut query = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00".to_vec();
    query.extend_from_slice(b"\x07example\x03com\x00\x00\x06\x00\x01");
    let mut bits = 42u64;
    let mut draw = |below: usize| {
        bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(bits >> 33).unwrap() % below
    };
    for round in 0..2000 {
        let mut packet = query.clone();
        for _ in 0..=round % 6 {
            let at = draw(packet.len());
            packet[at] = u8::try_from(draw(256)).unwrap();
        }
        packet.truncate(1 + draw(packet.len()));
        socket.send(&packet).unwrap();
        if round % 100 == 0 {
            assert!(
                bench.gateway.dig(&["example.com", "SOA", "+short"]).contains("hostmaster"),
                "round {round}"
            );
        }
    }
    // An answer is never answered. From a socket of its own: what came back to the other one fills its buffer.
    let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    socket.connect(("127.0.0.1", bench.gateway.dns)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let mut answer = query.clone();
    answer[2] |= 0x80;
    answer[0] = 0x77;
    socket.send(&answer).unwrap();
    let mut part = [0; 4096];
    // UDP may lose a packet that comes behind so many.
    let answered = (0..5).any(|_| {
        socket.send(&query).unwrap();
        socket.recv(&mut part).is_ok()
    });
    assert!(answered);
    assert_eq!((&part[..2], part[3] & 0xf, part[7]), (&query[..2], 0, 1), "an answer was answered");
    bench.goes_on();
}

/// SECURITY case 110. New connections are shed before those that are served run out of files.
#[test]
fn more_clients_than_there_are_files_for_cost_those_that_are_served_nothing() {
    let bench = bench_with(|gateway| gateway.limit_files(400));
    let request = format!("GET /open/ HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    let mut served = TcpStream::connect(("127.0.0.1", bench.gateway.http)).unwrap();
    let mut answer = [0; 12];
    served.write_all(request.as_bytes()).unwrap();
    served.read_exact(&mut answer).unwrap();
    let idle: Vec<_> =
        (0..600).map(|_| TcpStream::connect(("127.0.0.1", bench.gateway.http)).unwrap()).collect();
    // The last one is told at once; so all before it were looked at.
    let mut last = idle.last().unwrap();
    last.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let waits = last.read(&mut [0; 1]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
    assert!(!waits, "a client that there is no room for is left waiting");
    // A fresh request on the connection that was there before.
    let mut rest = [0; 4096];
    let _first_answer = served.read(&mut rest).unwrap();
    served.write_all(request.as_bytes()).unwrap();
    served.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    drop(idle);
    wait_until("new clients are served", Duration::from_secs(10), || {
        let (status, _) = bench.gateway.curl(HOST, "/open/", &["--cacert", &bench.root]);
        (status == "200").then_some(())
    });
}
