//! The main job on real parts: two files, a real ACME server, a real backend.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::process::Command;
use std::time::Duration;

use policy::clock::{Clock as _, SystemClock};
use tests::gateway::Gateway;
use tests::nginx::Nginx;
use tests::pebble::{Pebble, Targets};
use tests::process::{run, wait_until};
use tests::token::Issuer;

/// From `apply` to the page.
const EXPOSED_WITHIN: Duration = Duration::from_secs(15);

fn application(port: u16) -> String {
    format!(
        "apiVersion: causeway.dev/v1
kind: Application
metadata: {{name: productpage, namespace: bookinfo}}
spec:
  serviceAccount: productpage
  endpoints: [{{address: 127.0.0.1}}]
  ports:
    - {{name: http-web, port: {port}}}
  api:
    - {{path: {{exact: /productpage}}, methods: [GET], authentication: {{jwt: {{issuer: corp}}}}}}
    - {{path: {{prefix: /static/}}, authentication: none}}
  health: {{path: /health, interval: 5s}}
"
    )
}

fn ingress(jwks: &str) -> String {
    format!(
        "apiVersion: causeway.dev/v1
kind: SecureIngress
metadata: {{name: shop, namespace: platform}}
spec:
  domains: [shop.example.com]
  certificate: {{issuer: letsencrypt}}
  dns: {{zone: example.com, ttl: 1s}}
  jwt: [{{name: corp, issuer: \"https://id.example.com\", audiences: [shop], jwks: {{inline: '{jwks}'}}}}]
  applications: {{namespaces: [bookinfo]}}
"
    )
}

/// What an operator has before the first app: an account at the CA, and a zone.
fn platform(pebble: &Pebble, challenge: &str, records: &str) -> String {
    let root = pebble.api_root.trim().replace('\n', "\n      ");
    format!(
        "apiVersion: causeway.dev/v1
kind: Issuer
metadata: {{name: letsencrypt, namespace: platform}}
spec:
  acme:
    email: ops@example.com
    server: {}
{challenge}    trust: |
      {root}
---
apiVersion: causeway.dev/v1
kind: Zone
metadata: {{name: example.com, namespace: platform}}
spec:
  nameservers: [{{name: ns1.example.com}}]
{records}",
        pebble.directory
    )
}

struct Bench {
    gateway: Gateway,
    pebble: Pebble,
    backend: Nginx,
    tokens: Issuer,
    root: String,
}

fn bench() -> Bench {
    let mut gateway = Gateway::prepare();
    let targets = Targets { http: gateway.http, https: gateway.https, dns: gateway.dns };
    let pebble = Pebble::start(targets, None);
    gateway.start();
    let root = gateway.write("root.pem", &pebble.root());
    Bench { gateway, pebble, backend: Nginx::start("the product page"), tokens: Issuer::default(), root }
}

impl Bench {
    fn page(&self) -> (String, String) {
        let token = format!("authorization: Bearer {}", self.tokens.good());
        self.gateway.curl("shop.example.com", "/productpage", &["--cacert", &self.root, "-H", &token])
    }

    fn wait_for_page(&self) {
        wait_until("the page is served under its name", EXPOSED_WITHIN, || {
            let (status, body) = self.page();
            (status == "200" && body == "the product page").then_some(())
        });
    }
}

#[test]
fn two_files_put_an_app_on_a_public_https_name_and_one_takes_it_back() {
    let bench = bench();
    let gateway = &bench.gateway;
    gateway.apply("platform.yaml", &platform(&bench.pebble, "", ""));
    let started = SystemClock.monotonic();
    gateway.apply("application.yaml", &application(bench.backend.port));
    gateway.apply("ingress.yaml", &ingress(&bench.tokens.jwks()));
    bench.wait_for_page();
    // Named by our DNS, with the chain verified against pebble's root, by both protocols.
    wait_until("the name is answered", EXPOSED_WITHIN, || {
        (gateway.dig(&["shop.example.com", "A", "+short"]) == "127.0.0.1").then_some(())
    });
    let taken = SystemClock.monotonic() - started;
    assert!(taken < EXPOSED_WITHIN, "{taken:?}");
    for version in ["--http1.1", "--http2"] {
        let (status, body) =
            gateway.curl("shop.example.com", "/static/x", &["--cacert", &bench.root, version]);
        assert_eq!((status.as_str(), body.as_str()), ("200", "the product page"), "{version}");
    }
    let (status, _) = gateway.curl("shop.example.com", "/productpage", &["--cacert", &bench.root]);
    assert_eq!(status, "401");
    let (status, _) = gateway.curl("shop.example.com", "/other", &["--cacert", &bench.root]);
    assert_eq!(status, "404");
    gateway.must(&["wait", "--for=enforced", "secureingress", "shop", "-n", "platform"]);

    // The way out: name, then listener, then route.
    gateway.must(&["delete", "-f", &gateway.write("ingress.yaml", &ingress(&bench.tokens.jwks()))]);
    let mut seen_without_name = false;
    wait_until("the listener is gone", EXPOSED_WITHIN, || {
        let named = !gateway.dig(&["shop.example.com", "A", "+short"]).is_empty();
        let (status, _) = bench.page();
        let served = status == "200";
        assert!(served || !named, "the listener went before the name");
        seen_without_name |= served && !named;
        (!served).then_some(())
    });
    assert!(seen_without_name, "the name went no earlier than the listener");
    wait_until("the routes are gone", EXPOSED_WITHIN, || {
        let application = gateway.resource("application", "bookinfo", "productpage");
        let mut conditions = application["status"]["conditions"].as_array()?.iter();
        let ready = conditions.find(|condition| condition["type"] == "Ready")?;
        (ready["status"] == "False").then_some(())
    });
}

#[test]
fn a_certificate_is_renewed_without_a_dropped_connection() {
    let bench = bench();
    let gateway = &bench.gateway;
    gateway.apply("platform.yaml", &platform(&bench.pebble, "", ""));
    gateway.apply("application.yaml", &application(bench.backend.port));
    gateway.apply("ingress.yaml", &ingress(&bench.tokens.jwks()));
    bench.wait_for_page();
    let serial = || {
        let script = format!(
            "echo | openssl s_client -connect 127.0.0.1:{} -servername shop.example.com 2>/dev/null | openssl x509 -noout -serial",
            gateway.https
        );
        run(Command::new("sh").args(["-c", &script])).1
    };
    let before = serial();
    let root = std::fs::read(&bench.root).unwrap();
    let mut kept = KeptConnection::open(gateway.https, &root);
    assert_eq!(kept.ask(), "200");
    gateway.must(&["renew"]);
    wait_until("another certificate is served", EXPOSED_WITHIN, || (serial() != before).then_some(()));
    assert_eq!(kept.ask(), "200", "the connection from before the renewal goes on");
}

#[test]
fn control_is_proven_by_http_and_by_tls_where_dns_is_somebody_elses() {
    for challenge in ["http01", "tlsAlpn01"] {
        let bench = bench();
        let gateway = &bench.gateway;
        let line = format!("    challenge: {challenge}\n");
        let records = "  records: [{name: shop, a: [127.0.0.1]}]\n";
        gateway.apply("platform.yaml", &platform(&bench.pebble, &line, records));
        gateway.apply("application.yaml", &application(bench.backend.port));
        let ingress = ingress(&bench.tokens.jwks()).replace("  dns: {zone: example.com, ttl: 1s}\n", "");
        gateway.apply("ingress.yaml", &ingress);
        wait_until(challenge, EXPOSED_WITHIN, || {
            let (status, _) = bench.page();
            (status == "200").then_some(())
        });
    }
}

#[test]
fn an_external_account_is_bound_where_the_ca_asks_for_it() {
    const KEY: &str = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
    let mut gateway = Gateway::prepare();
    let targets = Targets { http: gateway.http, https: gateway.https, dns: gateway.dns };
    let pebble = Pebble::start(targets, Some(("kid-1", KEY)));
    gateway.start();
    let account = "    externalAccount: {keyId: kid-1, secret: eab}\n";
    let secret = format!(
        "---\napiVersion: causeway.dev/v1\nkind: Secret\nmetadata: {{name: eab, namespace: platform}}\nspec: {{stringData: {{hmacKey: {KEY}}}}}\n"
    );
    let certificate = "---\napiVersion: causeway.dev/v1\nkind: Certificate\nmetadata: {name: own, namespace: platform}\nspec: {domains: [own.example.com, '*.own.example.com'], issuers: [letsencrypt]}\n";
    gateway.apply("platform.yaml", &(platform(&pebble, account, "") + &secret + certificate));
    gateway.must(&["wait", "--for=condition=CertificateReady", "certificate", "own", "-n", "platform"]);
    let shown = gateway.must(&["get", "secret", "eab", "-o", "yaml"]);
    assert!(!shown.contains(KEY), "{shown}");
}

#[test]
fn a_ca_that_refuses_is_quoted_in_the_status() {
    let bench = bench();
    let gateway = &bench.gateway;
    let line = "    challenge: http01\n";
    // Nothing listens where the CA is sent.
    let records = "  records: [{name: shop, a: [127.0.0.9]}]\n";
    gateway.apply("platform.yaml", &platform(&bench.pebble, line, records));
    gateway.apply("application.yaml", &application(bench.backend.port));
    let ingress = ingress(&bench.tokens.jwks()).replace("  dns: {zone: example.com, ttl: 1s}\n", "");
    gateway.apply("ingress.yaml", &ingress);
    let problem = wait_until("the CA's problem is shown", EXPOSED_WITHIN, || {
        let shown = gateway.resource("secureingress", "platform", "shop");
        let problem = shown["status"]["certificateOrder"]["problem"].clone();
        problem.is_object().then_some(problem)
    });
    assert_eq!(problem["type"], "urn:ietf:params:acme:error:connection", "{problem}");
}

#[test]
fn a_gateway_that_was_killed_serves_at_once_with_the_certificate_it_had() {
    let mut bench = bench();
    bench.gateway.apply("platform.yaml", &platform(&bench.pebble, "", ""));
    bench.gateway.apply("application.yaml", &application(bench.backend.port));
    bench.gateway.apply("ingress.yaml", &ingress(&bench.tokens.jwks()));
    bench.wait_for_page();
    let serial = bench.page();
    bench.gateway.kill();
    bench.gateway.start();
    assert_eq!(bench.page(), serial, "the first request after the start is answered");
    let metrics = bench.gateway.must(&["get", "secureingress", "shop", "-o", "json"]);
    assert!(!metrics.contains("\"steps\""), "nothing was ordered again: {metrics}");
}

/// One TLS connection, asked again and again.
struct KeptConnection {
    stream: rustls::StreamOwned<rustls::ClientConnection, std::net::TcpStream>,
}

impl KeptConnection {
    fn open(port: u16, root: &[u8]) -> Self {
        use rustls_pki_types::pem::PemObject as _;
        let _first = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(rustls_pki_types::CertificateDer::from_pem_slice(root).unwrap()).unwrap();
        let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let name = "shop.example.com".try_into().unwrap();
        let session = rustls::ClientConnection::new(std::sync::Arc::new(config), name).unwrap();
        let socket = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        Self { stream: rustls::StreamOwned::new(session, socket) }
    }

    fn ask(&mut self) -> String {
        use std::io::{Read as _, Write as _};
        self.stream.write_all(b"GET /static/x HTTP/1.1\r\nhost: shop.example.com\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        let mut part = [0; 4096];
        while !String::from_utf8_lossy(&answer).ends_with("the product page") {
            let read = self.stream.read(&mut part).unwrap();
            assert!(read > 0, "the connection was dropped");
            answer.extend_from_slice(&part[..read]);
        }
        String::from_utf8_lossy(&answer)[9..12].to_owned()
    }
}
