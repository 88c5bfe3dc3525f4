//! Keys of token issuers, fetched by the real binary.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use tests::gateway::Gateway;
use tests::key_server::KeyServer;
use tests::nginx::Nginx;
use tests::process::wait_until;
use tests::token::Issuer;

const HOST: &str = "shop.example.com";

struct Bench {
    gateway: Gateway,
    keys: KeyServer,
    root: String,
    _backend: Nginx,
}

fn bench(tokens: &Issuer) -> Bench {
    let mut gateway = Gateway::prepare();
    gateway.start();
    let (backend, keys) = (Nginx::start("the page"), KeyServer::start(tokens.jwks()));
    let text = format!(
        "apiVersion: causeway.dev/v1
kind: Issuer
metadata: {{name: ca, namespace: platform}}
spec: {{privateCa: {{}}}}
---
apiVersion: causeway.dev/v1
kind: Application
metadata: {{name: app, namespace: shop}}
spec:
  endpoints: [{{address: 127.0.0.1}}]
  ports: [{{name: http, port: {port}}}]
  api: [{{path: {{prefix: /}}, authentication: {{jwt: {{issuer: corp}}}}}}]
---
apiVersion: causeway.dev/v1
kind: SecureIngress
metadata: {{name: shop, namespace: platform}}
spec:
  domains: [{HOST}]
  certificate: {{issuer: ca}}
  jwt: [{{name: corp, issuer: \"https://id.example.com\", audiences: [shop], jwks: {{uri: \"{uri}\"}}}}]
  applications: {{namespaces: [shop]}}
",
        port = backend.port,
        uri = keys.uri,
    );
    gateway.apply("all.yaml", &text);
    gateway.must(&["wait", "--for=enforced", "secureingress", "shop", "-n", "platform"]);
    let root = gateway.resource("issuer", "platform", "ca")["status"]["rootCertificate"].clone();
    let root = gateway.write("root.pem", root.as_str().unwrap());
    Bench { gateway, keys, root, _backend: backend }
}

impl Bench {
    fn status(&self, tokens: &Issuer) -> String {
        let token = format!("authorization: Bearer {}", tokens.good());
        self.gateway.curl(HOST, "/", &["--cacert", &self.root, "-H", &token]).0
    }

    fn wait_until_accepted(&self, tokens: &Issuer, limit: Duration) {
        wait_until("the token is accepted", limit, || (self.status(tokens) == "200").then_some(()));
    }
}

/// SECURITY case 52: not after the five minutes in which keys are fetched anyway, and no more than once a minute.
#[test]
fn a_key_that_the_issuer_rotated_is_accepted_at_once_and_a_made_up_one_asks_nobody() {
    let (old, new, forged) = (Issuer::with_key("1"), Issuer::with_key("2"), Issuer::with_key("3"));
    let bench = bench(&old);
    bench.wait_until_accepted(&old, Duration::from_secs(10));
    let before = bench.keys.asked();
    bench.keys.publish(new.jwks());
    bench.wait_until_accepted(&new, Duration::from_secs(2));
    assert_eq!(bench.keys.asked(), before + 1);
    assert_eq!(bench.status(&old), "401");
    for _ in 0..20 {
        assert_eq!(bench.status(&forged), "401");
    }
    assert_eq!(bench.keys.asked(), before + 1, "within the minute nobody is asked again");
    assert_eq!(bench.status(&new), "200");
}
