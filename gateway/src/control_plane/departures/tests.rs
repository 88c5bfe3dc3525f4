use std::sync::Arc;

use policy::clock::ManualClock;

use super::super::ApplyOptions;
use super::*;
use crate::store::archive;
use crate::store::embedded::Embedded;
use crate::store::seal::SealKey;

const TTL: Duration = Duration::from_secs(60);
const INGRESS: &str = "apiVersion: causeway.dev/v1
kind: SecureIngress
metadata: {name: shop}
spec:
  domains: [a.example.com, b.example.com]
  certificate: {issuer: ca}
  dns: {zone: example.com, ttl: 60s}
  applications: {namespaces: [default]}
";
const REST: &str = "apiVersion: causeway.dev/v1
kind: Issuer
metadata: {name: ca}
spec: {privateCa: {}}
---
apiVersion: causeway.dev/v1
kind: Zone
metadata: {name: example.com}
spec: {nameservers: [{name: ns.example.com}]}
---
apiVersion: causeway.dev/v1
kind: Application
metadata: {name: app}
spec:
  endpoints: [{address: 127.0.0.1}]
  ports: [{name: http, port: 80}]
  api: [{path: {prefix: /}, authentication: none}]
";

struct Bench {
    control: ControlPlane,
    clock: Arc<ManualClock>,
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Embedded::open(folder.path(), SealKey::from_bytes([1; 32])).unwrap();
        let clock = Arc::new(ManualClock::starting_at(UNIX_EPOCH + Duration::from_secs(1_000_000)));
        let control = ControlPlane::load(Arc::new(store), Arc::<ManualClock>::clone(&clock), Site::default());
        let bench = Self { control: control.await.unwrap(), clock, _folder: folder };
        bench.apply(REST).await;
        bench
    }

    async fn apply(&self, text: &str) {
        let parsed = policy::document::parse("f", text).unwrap();
        let resources = parsed.into_iter().map(|parsed| parsed.resource).collect();
        self.control.apply(resources, ApplyOptions::default()).await.unwrap();
    }

    /// Deletes the ingress and all it was made of.
    async fn delete_all(&self) {
        let keys = self.control.resources().borrow().resources.keys().cloned().collect();
        self.control.delete(keys, ApplyOptions::default()).await.unwrap();
    }

    async fn departed(&self) -> Vec<String> {
        let departures = self.control.departures().await.unwrap();
        departures.iter().flat_map(|departure| &departure.domains).map(ToString::to_string).collect()
    }
}

#[tokio::test]
async fn what_a_change_takes_away_is_stored_with_it_and_stands_alone() {
    let bench = Bench::new().await;
    bench.apply(INGRESS).await;
    assert!(bench.departed().await.is_empty());
    bench.apply(&INGRESS.replace(", b.example.com", "")).await;
    assert_eq!(bench.departed().await, ["b.example.com"]);
    bench.delete_all().await;
    let departures = bench.control.departures().await.unwrap();
    let domain: Domain = "a.example.com".parse().unwrap();
    let last = departures.iter().find(|departure| departure.domains.contains(&domain)).unwrap();
    let host = &last.snapshot.ingress.hosts.by_domain()[&domain];
    assert_eq!(host.routes.routes.len(), 1);
    assert!(last.snapshot.certificates.contains_key(&host.certificate));
}

#[tokio::test]
async fn what_caches_have_forgotten_is_forgotten_here() {
    let bench = Bench::new().await;
    bench.apply(INGRESS).await;
    bench.delete_all().await;
    bench.clock.advance(TTL - Duration::from_secs(1));
    assert_eq!(bench.departed().await.len(), 2);
    bench.clock.advance(Duration::from_secs(3));
    assert!(bench.departed().await.is_empty());
    bench.apply(REST).await;
    bench.apply(INGRESS).await;
    bench.delete_all().await;
    let (kept, _) = bench.control.store().list(DEPARTURES).await.unwrap();
    assert_eq!(kept.len(), 1, "the older one is gone from the store");
}

#[tokio::test]
async fn an_import_that_takes_a_name_away_notes_it_too_and_no_archive_holds_such_notes() {
    let bench = Bench::new().await;
    bench.apply(&INGRESS.replace(", b.example.com", "")).await;
    bench.delete_all().await;
    bench.apply(REST).await;
    bench.apply(&INGRESS.replace("a.example.com, ", "")).await;
    let text = archive::export(&**bench.control.store(), "correct horse", [3; 16]).await.unwrap();
    bench.apply(INGRESS).await;
    assert_eq!(bench.departed().await, ["a.example.com"]);
    bench.clock.advance(2 * TTL);
    bench.control.import("correct horse", &text).await.unwrap();
    assert_eq!(bench.departed().await, ["a.example.com"]);
    let other = Bench::new().await;
    other.control.import("correct horse", &text).await.unwrap();
    assert!(other.departed().await.is_empty());
}
