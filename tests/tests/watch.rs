//! `causeway get -w` on the real binary.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;
use tests::gateway::{Gateway, binary};

const ZONE: &str = "apiVersion: causeway.dev/v1
kind: Zone
metadata: {name: example.com, namespace: shop}
spec: {nameservers: [{name: ns1.example.com}]}
";

#[test]
fn what_changes_is_printed_as_it_changes_and_enforced_means_the_newest_generation() {
    let mut gateway = Gateway::prepare();
    gateway.start();
    let mut watch = Command::new(binary())
        .env("CAUSEWAY_SOCKET", gateway.folder.path().join("socket"))
        .args(["get", "zones", "-w", "-o", "json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut expect = |kind: &str, generation: u64| loop {
        let event: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        // Progress is told too.
        if event["type"] == kind && event["object"]["metadata"]["generation"] == generation {
            return;
        }
        assert_ne!(event["type"], "ERROR", "{event}");
    };
    gateway.apply("zone.yaml", ZONE);
    expect("ADDED", 1);
    gateway.apply("zone.yaml", &ZONE.replace("ns1", "ns2"));
    expect("MODIFIED", 2);
    gateway.must(&["wait", "--for=enforced", "zone", "example.com", "-n", "shop"]);
    let zone = gateway.resource("zone", "shop", "example.com");
    assert_eq!(zone["status"]["observedGeneration"], zone["metadata"]["generation"]);
    gateway.must(&["delete", "zone", "example.com", "-n", "shop"]);
    expect("DELETED", 2);
    // The gateway's end is the watch's end.
    gateway.kill();
    assert!(lines.next().is_none());
    watch.wait().unwrap();
}
