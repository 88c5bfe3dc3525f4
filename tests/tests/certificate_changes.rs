//! What happens to names when the certificate behind them is to be another one, on the real binary.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use serde_json::Value;
use tests::gateway::Gateway;
use tests::nginx::Nginx;
use tests::silent_server;

const A: &str = "a.example.com";
const B: &str = "b.example.com";

struct Bench {
    gateway: Gateway,
    root: String,
    root_pem: String,
    silent: String,
    _backend: Nginx,
}

fn ingress(domains: &str, certificate: &str) -> String {
    format!(
        "apiVersion: causeway.dev/v1
kind: SecureIngress
metadata: {{name: shop, namespace: platform}}
spec:
  domains: [{domains}]
  certificate: {{{certificate}}}
  dns: {{zone: example.com, ttl: 60s}}
  applications: {{namespaces: [shop]}}
"
    )
}

/// `a` is exposed with a certificate of the private CA; another issuer is a server that says nothing.
fn bench() -> Bench {
    let mut gateway = Gateway::prepare();
    gateway.start();
    let backend = Nginx::start("the page");
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
---
apiVersion: causeway.dev/v1
kind: Application
metadata: {{name: app, namespace: shop}}
spec:
  endpoints: [{{address: 127.0.0.1}}]
  ports: [{{name: http, port: {}}}]
  api: [{{path: {{prefix: /}}, authentication: none}}]
---
{}",
        backend.port,
        ingress(A, "issuer: ca")
    );
    gateway.apply("all.yaml", &text);
    gateway.must(&["wait", "--for=enforced", "secureingress", "shop", "-n", "platform"]);
    let root_pem = gateway.resource("issuer", "platform", "ca")["status"]["rootCertificate"].clone();
    let root_pem = root_pem.as_str().unwrap().to_owned();
    let root = gateway.write("root.pem", &root_pem);
    let bench = Bench { gateway, root, root_pem, silent: silent_server::start(), _backend: backend };
    assert_eq!(bench.page(A), "200");
    bench
}

impl Bench {
    fn page(&self, host: &str) -> String {
        self.gateway.curl(host, "/", &["--cacert", &self.root]).0
    }

    fn silent_issuer(&self) -> String {
        let root = self.root_pem.trim().replace('\n', "\n      ");
        format!(
            "apiVersion: causeway.dev/v1
kind: Issuer
metadata: {{name: silent, namespace: platform}}
spec:
  acme:
    email: ops@example.com
    server: https://{}/directory
    trust: |
      {root}
---
",
            self.silent
        )
    }

    fn is_ready_within(&self, timeout: &str) -> bool {
        let wait =
            ["wait", "--for=enforced", "secureingress", "shop", "-n", "platform", "--timeout", timeout];
        self.gateway.causeway(&wait).0 == 0
    }

    fn address(&self, host: &str) -> String {
        self.gateway.dig(&[host, "A", "+short"])
    }

    fn condition(&self, kind: &str) -> Value {
        let ingress = self.gateway.resource("secureingress", "platform", "shop");
        let conditions = ingress["status"]["conditions"].as_array().unwrap().clone();
        conditions.into_iter().find(|condition| condition["type"] == kind).unwrap_or_default()
    }
}

#[test]
fn a_domain_that_the_certificate_lacks_is_neither_named_nor_ready_and_the_others_go_on() {
    let mut bench = bench();
    let text = bench.silent_issuer() + &ingress(&format!("{A}, {B}"), "issuer: silent");
    bench.gateway.apply("both.yaml", &text);
    assert!(!bench.is_ready_within("2"));
    assert_eq!(bench.address(B), "");
    assert_eq!((bench.address(A), bench.page(A)), ("127.0.0.1".into(), "200".into()));
    // The certificate that is stored still is the one for `a` alone, and is still better than none.
    bench.gateway.kill();
    bench.gateway.start();
    assert_eq!(bench.page(A), "200");
    assert_eq!(bench.address(B), "");
    bench.gateway.apply("both.yaml", &ingress(&format!("{A}, {B}"), "issuer: ca"));
    assert!(bench.is_ready_within("10"), "{}", bench.condition("Ready"));
    assert_eq!((bench.address(B), bench.page(B)), ("127.0.0.1".into(), "200".into()));
}

#[test]
fn a_certificate_that_is_not_there_yet_takes_nothing_from_the_one_that_is() {
    let bench = bench();
    let own = |issuer: &str| {
        format!(
            "apiVersion: causeway.dev/v1
kind: Certificate
metadata: {{name: own, namespace: platform}}
spec: {{domains: [{A}], issuers: [{issuer}]}}
---
"
        )
    };
    let silent = bench.silent_issuer() + &own("silent");
    bench.gateway.apply("own.yaml", &(silent + &ingress(A, "certificate: own")));
    assert!(!bench.is_ready_within("2"));
    assert_eq!((bench.address(A), bench.page(A)), ("127.0.0.1".into(), "200".into()));
    assert_eq!(bench.condition("Ready")["reason"], "CertificateMissing");
    bench.gateway.apply("own.yaml", &own("ca"));
    assert!(bench.is_ready_within("10"), "{}", bench.condition("Ready"));
    assert_eq!(bench.page(A), "200");
}

/// It takes a time to live until the name is forgotten, and nobody who waits for the rest waits for that.
#[test]
fn a_domain_on_its_way_out_keeps_nobody_waiting() {
    let bench = bench();
    bench.gateway.apply("both.yaml", &ingress(&format!("{A}, {B}"), "issuer: ca"));
    assert!(bench.is_ready_within("10"), "{}", bench.condition("Ready"));
    bench.gateway.apply("both.yaml", &ingress(A, "issuer: ca"));
    assert!(bench.is_ready_within("10"), "{}", bench.condition("Ready"));
    assert_eq!((bench.address(B), bench.page(B)), (String::new(), "200".into()), "caches may hold it");
}

#[test]
fn a_name_that_caches_may_hold_is_served_after_a_restart_too() {
    let mut bench = bench();
    bench.gateway.must(&["delete", "secureingress", "shop", "-n", "platform"]);
    bench.gateway.kill();
    bench.gateway.start();
    assert_eq!((bench.address(A), bench.page(A)), (String::new(), "200".into()));
}
