//! When certificates are renewed, on the real binary and a real CA.

use std::time::Duration;

use serde_json::Value;
use tests::acme_front::AcmeFront;
use tests::gateway::Gateway;
use tests::pebble::{Pebble, Targets};
use tests::process::wait_until;

const WITHIN: Duration = Duration::from_secs(15);
const FUTURE: (&str, &str) = ("2099-01-01T00:00:00Z", "2099-01-02T00:00:00Z");
const SOON: (&str, &str) = ("2031-01-01T00:00:00Z", "2031-01-02T00:00:00Z");
const PAST: (&str, &str) = ("2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z");

fn start() -> (Gateway, Pebble) {
    let mut gateway = Gateway::prepare();
    let targets = Targets { http: gateway.http, https: gateway.https, dns: gateway.dns };
    let pebble = Pebble::start(targets, None);
    gateway.start();
    (gateway, pebble)
}

fn issuer(name: &str, directory: &str, root: &str) -> String {
    let root = root.trim().replace('\n', "\n      ");
    format!(
        "apiVersion: causeway.dev/v1
kind: Issuer
metadata: {{name: {name}, namespace: platform}}
spec:
  acme:
    email: ops@example.com
    server: {directory}
    trust: |
      {root}
---
"
    )
}

fn order(gateway: &Gateway, directory: &str, root: &str) {
    let issuer = issuer("ca", directory, root);
    let text = format!(
        "{issuer}apiVersion: causeway.dev/v1
kind: Zone
metadata: {{name: example.com, namespace: platform}}
spec:
  nameservers: [{{name: ns1.example.com}}]
---
apiVersion: causeway.dev/v1
kind: Certificate
metadata: {{name: own, namespace: platform}}
spec: {{domains: [own.example.com], issuers: [ca]}}
"
    );
    gateway.apply("all.yaml", &text);
}

fn status(gateway: &Gateway) -> Value {
    gateway.resource("certificate", "platform", "own")["status"].clone()
}

fn condition(gateway: &Gateway, kind: &str) -> Value {
    let status = status(gateway);
    let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
    conditions.into_iter().find(|condition| condition["type"] == kind).unwrap_or_default()
}

fn wait_for_certificate(gateway: &Gateway) {
    gateway.must(&["wait", "--for=condition=CertificateReady", "certificate", "own", "-n", "platform"]);
}

#[test]
fn a_ca_without_windows_leaves_it_to_a_third_of_the_life() {
    let (gateway, pebble) = start();
    order(&gateway, &pebble.directory, &pebble.api_root);
    wait_for_certificate(&gateway);
    let renewal = status(&gateway)["certificateRenewal"].clone();
    assert_eq!(renewal["reason"], "third", "{renewal}");
    assert!(renewal["at"].as_str().unwrap() > "2026", "{renewal}");
    assert_eq!(condition(&gateway, "Renewal")["status"], "True");
    let budget = gateway.resource("issuer", "platform", "ca")["status"]["budget"].clone();
    assert_eq!((&budget["orders"]["used"], &budget["orders"]["limit"]), (&1.into(), &300.into()), "{budget}");
}

#[test]
fn a_window_that_has_moved_into_the_past_renews_at_once_and_names_what_is_replaced() {
    let (mut gateway, pebble) = start();
    // Within the five years that pebble gives.
    let front = AcmeFront::start(&pebble, SOON);
    order(&gateway, &front.directory, &front.api_root);
    wait_for_certificate(&gateway);
    let renewal = wait_until("the CA's window is known", WITHIN, || {
        let renewal = status(&gateway)["certificateRenewal"].clone();
        (renewal["reason"] == "ari").then_some(renewal)
    });
    let at = renewal["at"].as_str().unwrap();
    assert!(at >= SOON.0 && at <= SOON.1, "{renewal}");
    assert_eq!(renewal["explanation"], "https://ca.example/why");
    let first = front.asked()[0].clone();
    assert_eq!((front.orders(), front.replaced().len()), (1, 0));
    front.move_window(&first, PAST);
    // A start asks at once; in between it is asked when it wants to be.
    gateway.kill();
    gateway.start();
    wait_until("it is replaced", WITHIN, || (front.replaced() == [first.clone()]).then_some(()));
    let renewal = wait_until("the new certificate's window is known", WITHIN, || {
        let asked = front.asked();
        let renewal = status(&gateway)["certificateRenewal"].clone();
        (asked.last() != Some(&first) && renewal["reason"] == "ari").then_some(renewal)
    });
    assert!(renewal["at"].as_str().unwrap() >= SOON.0, "{renewal}");
    assert_eq!(front.orders(), 2, "and then all is quiet");
}

#[test]
fn a_ca_whose_limits_are_used_up_is_left_alone_for_as_long_as_it_says() {
    let (gateway, pebble) = start();
    let front = AcmeFront::start(&pebble, FUTURE);
    front.limit_orders(7200);
    order(&gateway, &front.directory, &front.api_root);
    let said = wait_until("the CA's words are shown", WITHIN, || {
        let said = condition(&gateway, "CertificateReady");
        (said["reason"] == "Deferred").then_some(said)
    });
    assert!(said["message"].as_str().unwrap().contains("tried again in 7200 s"), "{said}");
    let order = status(&gateway)["certificateOrder"].clone();
    assert_eq!(order["problem"]["type"], "urn:ietf:params:acme:error:rateLimited", "{order}");
    assert_eq!(order["steps"][0], "account", "{order}");
    // Another certificate of the same account does not try either.
    let other = "apiVersion: causeway.dev/v1\nkind: Certificate\nmetadata: {name: other, namespace: platform}\nspec: {domains: [other.example.com], issuers: [ca]}\n";
    gateway.apply("other.yaml", other);
    wait_until("the other waits", WITHIN, || {
        let other = gateway.resource("certificate", "platform", "other");
        let message = other["status"]["conditions"][0]["message"].as_str()?.to_owned();
        message.contains("the CA asked to wait").then_some(())
    });
    assert_eq!(front.orders(), 1);
    let budget = gateway.resource("issuer", "platform", "ca")["status"]["budget"].clone();
    assert!(budget["pausedUntil"].is_string(), "{budget}");
}

#[test]
fn what_one_ca_asks_to_wait_is_not_asked_of_the_next() {
    let (gateway, pebble) = start();
    let front = AcmeFront::start(&pebble, FUTURE);
    front.limit_orders(7200);
    gateway.apply("next.yaml", &issuer("next", &pebble.directory, &pebble.api_root));
    order(&gateway, &front.directory, &front.api_root);
    let both = "apiVersion: causeway.dev/v1\nkind: Certificate\nmetadata: {name: own, namespace: platform}\nspec: {domains: [own.example.com], issuers: [ca, next]}\n";
    gateway.apply("own.yaml", both);
    wait_for_certificate(&gateway);
    let paused = |name: &str| {
        let issuer = gateway.resource("issuer", "platform", name);
        issuer["status"]["budget"]["pausedUntil"].clone()
    };
    assert!(paused("ca").is_string());
    assert_eq!(paused("next"), Value::Null);
}
