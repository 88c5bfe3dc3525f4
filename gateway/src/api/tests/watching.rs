//! Watching a list.

use http_body_util::BodyExt as _;
use policy::id::{Kind, ResourceKey};
use policy::resource::ConditionStatus;

use super::*;
use crate::status::Subject;

/// A watch that is open.
struct Watch {
    body: Body,
    lines: std::collections::VecDeque<Value>,
}

impl Watch {
    async fn open(bench: &Bench, path: &str) -> Self {
        let request =
            Request::builder().uri(format!("{BASE}{path}")).extension(ConnectInfo(Peer { uid: ROOT }));
        Self::of(bench, request.body(Body::empty()).unwrap()).await
    }

    async fn of(bench: &Bench, request: Request<Body>) -> Self {
        let response = bench.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        Self { body: response.into_body(), lines: std::collections::VecDeque::new() }
    }

    /// The type and name of the next event; `None` at the end.
    async fn next(&mut self) -> Option<(String, Value)> {
        while self.lines.is_empty() {
            let data = self.body.frame().await?.unwrap().into_data().unwrap();
            let text = String::from_utf8(data.to_vec()).unwrap();
            self.lines.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
        }
        let event = self.lines.pop_front().unwrap();
        Some((event["type"].as_str().unwrap().to_owned(), event["object"].clone()))
    }

    async fn expect(&mut self, kind: &str) -> Value {
        let (found, object) = self.next().await.unwrap();
        assert_eq!(found, kind, "{object}");
        object
    }
}

#[tokio::test]
async fn what_happens_after_a_resource_version_is_told_in_order() {
    let bench = bench().await.applied(SECRET).await;
    let (_, list) = bench.local(ROOT, "GET", "/zones", "").await;
    let version = list["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    let bench = bench.applied(ZONE).await;
    let mut watch = Watch::open(&bench, &format!("/zones?watch=true&resourceVersion={version}")).await;
    assert_eq!(watch.expect("ADDED").await["metadata"]["generation"], 1);
    let bench = bench.applied(&ZONE.replace("ns.example", "ns2.example")).await;
    assert_eq!(watch.expect("MODIFIED").await["metadata"]["generation"], 2);
    // Another kind is no news here.
    let bench = bench.applied(&SECRET.replace("name: s,", "name: t,")).await;
    bench.local(ROOT, "DELETE", "/namespaces/shop/zones/example.com", "").await;
    let last = watch.expect("DELETED").await;
    assert_eq!(last["spec"]["nameservers"][0]["name"], "ns2.example.com");
}

#[tokio::test]
async fn a_watch_without_a_version_begins_with_what_is_there_and_shows_no_secret() {
    let bench = bench().await.applied(SECRET).await;
    let mut watch = Watch::open(&bench, "/namespaces/shop/secrets?watch=true").await;
    assert_eq!(watch.expect("ADDED").await["spec"]["stringData"]["a"], "(sealed)");
    let bench = bench.applied(&SECRET.replace("namespace: shop", "namespace: bank")).await;
    let bench = bench.applied(&SECRET.replace("name: s,", "name: t,")).await;
    assert_eq!(watch.expect("ADDED").await["metadata"]["name"], "t", "the other namespace is not meant");
    drop(bench);
}

#[tokio::test]
async fn a_version_that_is_too_old_is_gone() {
    let bench = bench().await.applied(ZONE).await;
    let path = "/zones?watch=true&resourceVersion=1&timeoutSeconds=0";
    assert_eq!(bench.local(ROOT, "GET", path, "").await.0, StatusCode::OK);
    // More than is kept.
    let many: Vec<String> =
        (0..1025).map(|index| SECRET.replace("name: s,", &format!("name: s{index},"))).collect();
    let bench = bench.applied(&many.join("\n---\n")).await;
    let (status, answer) = bench.local(ROOT, "GET", path, "").await;
    assert_eq!((status, &answer["code"]), (StatusCode::GONE, &json!(410)));
}

#[tokio::test]
async fn progress_is_a_modification() {
    let bench = bench().await.applied(ZONE).await;
    let mut watch = Watch::open(&bench, "/zones?watch=true").await;
    watch.expect("ADDED").await;
    let key = ResourceKey {
        kind: Kind::Zone,
        namespace: "shop".parse().unwrap(),
        name: "example.com".parse().unwrap(),
    };
    let subject = Subject { key: &key, generation: 1 };
    bench.state.status.set(subject, "Ready", ConditionStatus::True, "Served", "served");
    let modified = watch.expect("MODIFIED").await;
    assert_eq!(modified["status"]["conditions"][0]["observedGeneration"], 1);
}

#[tokio::test]
async fn a_right_that_is_taken_away_ends_the_watch() {
    for taken in ["/namespaces/ops/rolebindings/shop", "/namespaces/ops/secrets/ci"] {
        let bench = bench().await.applied(ROLES).await;
        let request = Request::builder()
            .uri(format!("{BASE}/namespaces/shop/zones?watch=true"))
            .header("host", "edge-1:8443")
            .header("authorization", format!("Bearer {SHOP_TOKEN}"));
        let mut watch = Watch::of(&bench, request.body(Body::empty()).unwrap()).await;
        bench.local(ROOT, "DELETE", taken, "").await;
        assert_eq!(watch.expect("ERROR").await["kind"], "Status", "{taken}");
        assert!(watch.next().await.is_none());
    }
}

#[tokio::test]
async fn a_watch_ends_in_time_and_with_the_gateway() {
    let bench = bench().await;
    let mut watch = Watch::open(&bench, "/zones?watch=true&timeoutSeconds=0").await;
    assert!(watch.next().await.is_none());
    let mut watch = Watch::open(&bench, "/zones?watch=true").await;
    bench.state.stop.cancel();
    assert!(watch.next().await.is_none());
}

#[tokio::test]
async fn no_more_watch_than_there_are_places() {
    let bench = bench().await;
    let places = Arc::clone(&bench.state.watchers);
    let _taken = places.try_acquire_many(u32::try_from(places.available_permits()).unwrap()).unwrap();
    let (status, _) = bench.local(ROOT, "GET", "/zones?watch=true", "").await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
}
