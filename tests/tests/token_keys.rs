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

/// `keys` is where they are: `uri: …` or `inline: …`.
fn ingress(keys: &str, audiences: &str) -> String {
    format!(
        "apiVersion: causeway.dev/v1
kind: SecureIngress
metadata: {{name: shop, namespace: platform}}
spec:
  domains: [{HOST}]
  certificate: {{issuer: ca}}
  jwt: [{{name: corp, issuer: \"https://id.example.com\", audiences: [{audiences}], jwks: {{{keys}}}}}]
  applications: {{namespaces: [shop]}}
"
    )
}

fn bench(tokens: &Issuer) -> Bench {
    bench_on(Gateway::prepare(), tokens, |keys| format!("uri: \"{}\"", keys.uri))
}

fn bench_on(mut gateway: Gateway, tokens: &Issuer, place: impl Fn(&KeyServer) -> String) -> Bench {
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
{ingress}",
        port = backend.port,
        ingress = ingress(&place(&keys), "shop"),
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

    fn change(&self, keys: &str, audiences: &str) {
        self.gateway.apply("ingress.yaml", &ingress(keys, audiences));
        self.gateway.must(&["wait", "--for=enforced", "secureingress", "shop", "-n", "platform"]);
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

#[test]
fn a_reload_that_leaves_the_keys_where_they_are_refuses_nobody_and_fetches_nothing() {
    let tokens = Issuer::with_key("1");
    let bench = bench(&tokens);
    bench.wait_until_accepted(&tokens, Duration::from_secs(10));
    let (before, keys) = (bench.keys.asked(), format!("uri: \"{}\"", bench.keys.uri));
    for other in ["a", "b", "c", "d", "e"] {
        bench.change(&keys, &format!("shop, {other}"));
        assert_eq!(bench.status(&tokens), "200", "{other}");
    }
    assert_eq!(bench.keys.asked(), before);
}

/// Nothing of the system is needed for keys that are written in the resource.
#[test]
fn keys_in_a_resource_are_in_force_with_it_even_where_the_system_has_no_roots() {
    let mut gateway = Gateway::prepare();
    gateway.environment = vec![("SSL_CERT_FILE", "/nowhere"), ("SSL_CERT_DIR", "/nowhere")];
    let (old, new) = (Issuer::with_key("1"), Issuer::with_key("2"));
    let inline = |tokens: &Issuer| format!("inline: '{}'", tokens.jwks());
    let bench = bench_on(gateway, &old, |_| inline(&old));
    for other in ["a", "b", "c"] {
        bench.change(&inline(&new), &format!("shop, {other}"));
        assert_eq!((bench.status(&new), bench.status(&old)), ("200".into(), "401".into()), "{other}");
        bench.change(&inline(&old), &format!("shop, {other}"));
        assert_eq!((bench.status(&old), bench.status(&new)), ("200".into(), "401".into()), "{other}");
    }
}
