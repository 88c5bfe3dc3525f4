mod watching;

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use policy::clock::SystemClock;
use policy::snapshot::Site;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::*;
use crate::certificates::{CertificateMetrics, Wiring};
use crate::store::embedded::Embedded;
use crate::store::seal::SealKey;

const ROOT: Option<u32> = Some(0);
/// No user of any machine that runs tests has this number.
const STRANGER: Option<u32> = Some(3_999_999_999);

const ZONE: &str = "{apiVersion: causeway.dev/v1, kind: Zone, metadata: {name: example.com, namespace: shop}, spec: {nameservers: [{name: ns.example.com}]}}";
const SECRET: &str = "{apiVersion: causeway.dev/v1, kind: Secret, metadata: {name: s, namespace: shop}, spec: {stringData: {a: hidden-text}}}";
const DANGLING: &str = "{apiVersion: causeway.dev/v1, kind: RoleBinding, metadata: {name: b, namespace: shop}, spec: {role: nobody, subjects: [{user: a}]}}";
const SHOP_TOKEN: &str = "shop-token-0123456789";
/// Who holds the token `ci` may do everything in the namespace `shop`; who holds `boss`, everywhere.
const ROLES: &str = "
{apiVersion: causeway.dev/v1, kind: Role, metadata: {name: shop, namespace: ops}, spec: {rules: [{verbs: [read, write, delete], namespaces: [shop, ops]}]}}
---
{apiVersion: causeway.dev/v1, kind: RoleBinding, metadata: {name: shop, namespace: ops}, spec: {role: shop, subjects: [{token: ci}]}}
---
{apiVersion: causeway.dev/v1, kind: Secret, metadata: {name: ci, namespace: ops}, spec: {stringData: {token: shop-token-0123456789}}}
---
{apiVersion: causeway.dev/v1, kind: Role, metadata: {name: all, namespace: ops}, spec: {rules: [{verbs: [read, write, delete]}]}}
---
{apiVersion: causeway.dev/v1, kind: RoleBinding, metadata: {name: all, namespace: ops}, spec: {role: all, subjects: [{token: boss}]}}
---
{apiVersion: causeway.dev/v1, kind: Secret, metadata: {name: boss, namespace: ops}, spec: {stringData: {token: boss-token-0123456789}}}
";

pub(super) struct Bench {
    router: Router,
    state: Arc<ApiState>,
    _folder: tempfile::TempDir,
}

pub(super) async fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let store: crate::store::embedded::SharedStore =
        Arc::new(Embedded::open(folder.path(), SealKey::from_bytes([1; 32])).unwrap());
    let clock: Arc<dyn policy::clock::Clock> = Arc::new(SystemClock);
    let control = ControlPlane::load(Arc::clone(&store), Arc::clone(&clock), Site::default()).await.unwrap();
    let control = Arc::new(control);
    let status = Arc::new(StatusBoard::new(Arc::clone(&clock)));
    let wiring = Wiring {
        wanted: watch::channel(BTreeMap::new()).1,
        resources: control.resources(),
        store,
        presenter: Arc::new(crate::acme::Presenter {
            http01: Arc::default(),
            certificates: Arc::default(),
            zones: Arc::new(dns::Zones::with_serial(1)),
        }),
        status: Arc::clone(&status),
        metrics: CertificateMetrics::register(&prometheus::Registry::new()).unwrap(),
        clock,
        holder: "edge-1".into(),
        seed: 1,
    };
    let certificates = Arc::new(CertificateManager::start(wiring, CancellationToken::new()));
    let state = Arc::new(ApiState {
        control,
        status,
        certificates,
        listeners: OnceLock::new(),
        name: ("edge-1".into(), "here".into()),
        watchers: watchers(),
        stop: CancellationToken::new(),
        metrics: Box::new(Vec::new),
    });
    Bench { router: router(Arc::clone(&state)), state, _folder: folder }
}

impl Bench {
    pub(super) async fn send(&self, request: Request<Body>) -> (StatusCode, Value) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Over the Unix socket, as a user.
    async fn local(&self, uid: Option<u32>, method: &str, path: &str, body: &str) -> (StatusCode, Value) {
        let request = Request::builder().method(method).uri(format!("{BASE}{path}"));
        let request = request.header("content-type", "application/json").extension(ConnectInfo(Peer { uid }));
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// Over TLS, with a token.
    async fn remote(&self, token: &str, method: &str, path: &str, body: &str) -> (StatusCode, Value) {
        self.with(
            &[("host", "edge-1:8443"), ("authorization", &format!("Bearer {token}"))],
            method,
            path,
            body,
        )
        .await
    }

    async fn with(
        &self,
        fields: &[(&str, &str)],
        method: &str,
        path: &str,
        body: &str,
    ) -> (StatusCode, Value) {
        let mut request = Request::builder().method(method).uri(format!("{BASE}{path}"));
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let request = request.header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    fn stored(&self) -> usize {
        self.state.control.resources().borrow().resources.len()
    }

    async fn applied(self, text: &str) -> Self {
        let (status, answer) = self.local(ROOT, "POST", "/apply", text).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        self
    }
}

#[tokio::test]
async fn a_dry_run_answers_as_the_change_would_and_stores_nothing() {
    let bench = bench().await;
    let (status, answer) = bench.local(ROOT, "POST", "/apply?dryRun=true", ZONE).await;
    assert_eq!((status, &answer["objects"][0]["outcome"]), (StatusCode::OK, &json!("created")));
    assert_eq!(bench.stored(), 0);
}

#[tokio::test]
async fn one_bad_object_of_three_is_named_and_none_is_stored() {
    let bench = bench().await;
    let text = format!("{ZONE}\n---\n{SECRET}\n---\n{DANGLING}");
    let (status, answer) = bench.local(ROOT, "POST", "/apply", &text).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let cause = &answer["details"]["causes"][0];
    assert_eq!((&cause["key"]["name"], &cause["field"]), (&json!("b"), &json!("spec.role")));
    assert!(cause["fix"].is_string());
    assert_eq!(bench.stored(), 0);
}

#[tokio::test]
async fn a_fault_is_located_in_the_file_that_the_caller_names() {
    let bench = bench().await;
    let text = ZONE.replace("nameservers", "nameserver");
    let (status, answer) = bench.local(ROOT, "POST", "/apply?file=zone.yaml", &text).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let place = &answer["details"]["causes"][0]["place"];
    assert_eq!((&place["file"], &place["line"]), (&json!("zone.yaml"), &json!(1)));
}

#[tokio::test]
async fn a_writer_that_read_an_older_object_gets_both_versions() {
    let bench = bench().await.applied(ZONE).await;
    let old = ZONE.replace("name: example.com,", "name: example.com, resourceVersion: '999',");
    let (status, answer) = bench.local(ROOT, "POST", "/apply", &old).await;
    assert_eq!(status, StatusCode::CONFLICT);
    let message = answer["message"].as_str().unwrap();
    assert!(message.contains("999") && message.contains("resourceVersion 1"), "{message}");
}

#[tokio::test]
async fn what_was_read_can_be_put_back() {
    let bench = bench().await.applied(&format!("{ZONE}\n---\n{SECRET}")).await;
    for path in ["/namespaces/shop/zones/example.com", "/namespaces/shop/secrets/s"] {
        let (_, read) = bench.local(ROOT, "GET", path, "").await;
        let (status, answer) = bench.local(ROOT, "PUT", path, &read.to_string()).await;
        assert_eq!(
            (status, &answer["objects"][0]["outcome"]),
            (StatusCode::OK, &json!("unchanged")),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn no_call_shows_a_secret() {
    let bench = bench().await.applied(SECRET).await;
    for path in ["/secrets", "/namespaces/shop/secrets", "/namespaces/shop/secrets/s", "/status", "/vet"] {
        let (status, answer) = bench.local(ROOT, "GET", path, "").await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert!(!answer.to_string().contains("hidden-text"), "{path}: {answer}");
    }
    let (_, refused) =
        bench.local(ROOT, "POST", "/apply", &SECRET.replace("a:", "b: [hidden-text], a:")).await;
    assert!(!refused.to_string().contains("hidden-text"), "{refused}");
}

#[tokio::test]
async fn what_is_deleted_is_gone_and_cannot_be_deleted_again() {
    let bench = bench().await.applied(ZONE).await;
    let path = "/namespaces/shop/zones/example.com";
    assert_eq!(bench.local(ROOT, "DELETE", path, "").await.0, StatusCode::OK);
    assert_eq!(bench.local(ROOT, "GET", path, "").await.0, StatusCode::NOT_FOUND);
    assert_eq!(bench.local(ROOT, "DELETE", path, "").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn deleting_several_deletes_none_if_one_is_missing() {
    let bench = bench().await.applied(ZONE).await;
    let keys = json!([
        {"kind": "Zone", "namespace": "shop", "name": "example.com"},
        {"kind": "Zone", "namespace": "shop", "name": "missing"},
    ]);
    assert_eq!(bench.local(ROOT, "POST", "/delete", &keys.to_string()).await.0, StatusCode::NOT_FOUND);
    assert_eq!(bench.stored(), 1);
}

#[tokio::test]
async fn an_unknown_kind_call_or_method_is_refused_as_json() {
    let bench = bench().await;
    for (method, path, expected) in [
        ("GET", "/gadgets", StatusCode::NOT_FOUND),
        ("GET", "/a/b/c/d/e", StatusCode::NOT_FOUND),
        ("DELETE", "/apply", StatusCode::METHOD_NOT_ALLOWED),
    ] {
        let (status, answer) = bench.local(ROOT, method, path, "").await;
        assert_eq!((status, &answer["kind"]), (expected, &json!("Status")), "{method} {path}");
    }
}

#[tokio::test]
async fn a_resource_cannot_be_put_under_another_name() {
    let bench = bench().await;
    let body =
        policy::document::to_json(&policy::document::parse("f", ZONE).unwrap()[0].resource).to_string();
    let (status, _) = bench.local(ROOT, "PUT", "/namespaces/shop/zones/other.com", &body).await;
    assert_eq!((status, bench.stored()), (StatusCode::BAD_REQUEST, 0));
}

#[tokio::test]
async fn a_user_whom_no_binding_names_is_refused() {
    let bench = bench().await.applied(SECRET).await;
    assert_eq!(bench.local(STRANGER, "GET", "/zones", "").await.0, StatusCode::FORBIDDEN);
    assert_eq!(bench.local(STRANGER, "POST", "/apply", ZONE).await.0, StatusCode::FORBIDDEN);
    assert_eq!(bench.local(None, "GET", "/zones", "").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(bench.stored(), 1);
}

#[tokio::test]
async fn a_token_opens_what_its_role_names_and_nothing_else() {
    let bench = bench().await.applied(ROLES).await;
    assert_eq!(bench.remote(SHOP_TOKEN, "POST", "/apply", ZONE).await.0, StatusCode::OK);
    let elsewhere = ZONE.replace("namespace: shop", "namespace: bank");
    assert_eq!(bench.remote(SHOP_TOKEN, "POST", "/apply", &elsewhere).await.0, StatusCode::FORBIDDEN);
    assert_eq!(bench.remote(SHOP_TOKEN, "GET", "/zones", "").await.0, StatusCode::FORBIDDEN);
    assert_eq!(bench.remote(SHOP_TOKEN, "POST", "/export", "").await.0, StatusCode::FORBIDDEN);
    for wrong in ["", "shop-token", "shop-token-0123456788", "(sealed)"] {
        assert_eq!(
            bench.remote(wrong, "GET", "/namespaces/shop/zones", "").await.0,
            StatusCode::UNAUTHORIZED
        );
    }
}

#[tokio::test]
async fn a_caller_cannot_give_itself_rights_that_it_does_not_have() {
    let bench = bench().await.applied(ROLES).await;
    let role = "{apiVersion: causeway.dev/v1, kind: Role, metadata: {name: more, namespace: shop}, spec: {rules: [{verbs: [read]}]}}";
    let binding = "{apiVersion: causeway.dev/v1, kind: RoleBinding, metadata: {name: more, namespace: ops}, spec: {role: all, subjects: [{token: ci}]}}";
    let token = "{apiVersion: causeway.dev/v1, kind: Secret, metadata: {name: boss, namespace: ops}, spec: {stringData: {token: mine-mine-mine-mine}}}";
    let before = bench.stored();
    for escalation in [role, binding, token] {
        let (status, answer) = bench.remote(SHOP_TOKEN, "POST", "/apply", escalation).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{answer}");
    }
    assert_eq!(bench.stored(), before);
    let within = role.replace("verbs: [read]", "verbs: [read], namespaces: [shop]");
    assert_eq!(bench.remote(SHOP_TOKEN, "POST", "/apply", &within).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_foreign_page_or_a_rebound_name_is_refused_before_the_token_is_looked_at() {
    let bench = bench().await.applied(ROLES).await;
    let bearer = format!("Bearer {SHOP_TOKEN}");
    let own = [("host", "edge-1:8443"), ("authorization", bearer.as_str())];
    let path = "/namespaces/shop/zones";
    let check = async |more: (&str, &str), expected: StatusCode| {
        let fields: Vec<_> = own.into_iter().chain([more]).collect();
        assert_eq!(bench.with(&fields, "GET", path, "").await.0, expected, "{more:?}");
    };
    check(("accept", "*/*"), StatusCode::OK).await;
    check(("origin", "https://edge-1:8443"), StatusCode::OK).await;
    check(("origin", "https://evil.example"), StatusCode::FORBIDDEN).await;
    check(("origin", "null"), StatusCode::FORBIDDEN).await;
    check(("sec-fetch-site", "cross-site"), StatusCode::FORBIDDEN).await;
    for (host, expected) in [
        ("evil.example", StatusCode::MISDIRECTED_REQUEST),
        ("edge-1.evil.example", StatusCode::MISDIRECTED_REQUEST),
        ("127.0.0.1:8443", StatusCode::OK),
        ("[::1]:8443", StatusCode::OK),
        ("localhost", StatusCode::OK),
    ] {
        let fields = [("host", host), ("authorization", bearer.as_str())];
        assert_eq!(bench.with(&fields, "GET", path, "").await.0, expected, "{host}");
    }
}
