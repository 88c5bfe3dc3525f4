use policy::clock::SystemClock;
use policy::id::Kind;

use super::*;
use crate::store::embedded::Embedded;
use crate::store::seal::SealKey;
use crate::store::{Change, Expect, Key, Secrecy, Value};

struct Bench {
    control: ControlPlane,
    _folder: tempfile::TempDir,
}

async fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path(), SealKey::from_bytes([1; 32])).unwrap();
    let control = ControlPlane::load(Arc::new(store), Arc::new(SystemClock), Site::default()).await.unwrap();
    Bench { control, _folder: folder }
}

impl Bench {
    async fn another_gateway(&self) -> Arc<ControlPlane> {
        let store = Arc::clone(self.control.store());
        Arc::new(ControlPlane::load(store, Arc::new(SystemClock), Site::default()).await.unwrap())
    }
}

fn resources(text: &str) -> Vec<Resource> {
    policy::document::parse("f", text).unwrap().into_iter().map(|parsed| parsed.resource).collect()
}

const ZONE: &str = "{apiVersion: causeway.dev/v1, kind: Zone, metadata: {name: example.com}, spec: {nameservers: [{name: ns.example.com}]}}";
const SECRET: &str =
    "{apiVersion: causeway.dev/v1, kind: Secret, metadata: {name: s}, spec: {stringData: {a: hidden}}}";
const BINDING: &str = "{apiVersion: causeway.dev/v1, kind: RoleBinding, metadata: {name: b}, spec: {role: nobody, subjects: [{user: a}]}}";

#[tokio::test]
async fn one_bad_object_of_three_keeps_all_three_out() {
    let bench = bench().await;
    let all = resources(&format!("{ZONE}\n---\n{SECRET}\n---\n{BINDING}"));
    let refused = bench.control.apply(all, ApplyOptions::default()).await.unwrap_err();
    assert!(matches!(refused, ApplyError::Rejected(reasons) if reasons[0].field == "spec.role"));
    assert!(bench.control.resources().borrow().resources.is_empty());
    assert!(bench.control.store().list("").await.unwrap().0.is_empty());
}

#[tokio::test]
async fn a_dry_run_says_what_would_happen_and_changes_nothing() {
    let bench = bench().await;
    let options = ApplyOptions { dry_run: true, owner: None };
    let applied = bench.control.apply(resources(ZONE), options).await.unwrap();
    assert_eq!(applied.objects[0].1, Outcome::Created);
    assert!(bench.control.resources().borrow().resources.is_empty());
}

#[tokio::test]
async fn a_writer_that_read_an_older_object_is_told() {
    let bench = bench().await;
    bench.control.apply(resources(ZONE), ApplyOptions::default()).await.unwrap();
    let old = ZONE.replace("name: example.com", "name: example.com, resourceVersion: '999'");
    let refused = bench.control.apply(resources(&old), ApplyOptions::default()).await.unwrap_err();
    assert!(matches!(refused, ApplyError::Conflict { stored, .. } if stored == "1"));
}

#[tokio::test]
async fn applying_the_same_again_changes_nothing() {
    let bench = bench().await;
    bench.control.apply(resources(ZONE), ApplyOptions::default()).await.unwrap();
    let again = bench.control.apply(resources(ZONE), ApplyOptions::default()).await.unwrap();
    assert_eq!((again.revision, again.objects[0].1), (1, Outcome::Unchanged));
}

#[tokio::test]
async fn a_placeholder_keeps_the_secret_and_needs_one() {
    let bench = bench().await;
    let placeholder = SECRET.replace("hidden", PLACEHOLDER);
    let refused = bench.control.apply(resources(&placeholder), ApplyOptions::default()).await.unwrap_err();
    assert!(matches!(refused, ApplyError::NothingToKeep { name, .. } if name == "a"));
    bench.control.apply(resources(SECRET), ApplyOptions::default()).await.unwrap();
    let kept = bench.control.apply(resources(&placeholder), ApplyOptions::default()).await.unwrap();
    assert_eq!(kept.objects[0].1, Outcome::Unchanged);
}

#[tokio::test]
async fn what_a_directory_keeps_is_refused_elsewhere_and_deleted_with_its_file() {
    let bench = bench().await;
    bench.control.own("file:/etc", resources(&format!("{ZONE}\n---\n{SECRET}"))).await.unwrap();
    let refused = bench.control.apply(resources(ZONE), ApplyOptions::default()).await.unwrap_err();
    assert!(matches!(refused, ApplyError::Owned { owner, .. } if owner == "file:/etc"));
    let applied = bench.control.own("file:/etc", resources(ZONE)).await.unwrap();
    assert!(
        applied.objects.iter().any(|(key, outcome)| key.kind == Kind::Secret && *outcome == Outcome::Deleted)
    );
    assert_eq!(bench.control.resources().borrow().resources.len(), 1);
}

#[tokio::test]
async fn stored_resources_are_there_after_a_restart() {
    let bench = bench().await;
    bench.control.apply(resources(&format!("{ZONE}\n---\n{SECRET}")), ApplyOptions::default()).await.unwrap();
    let before = bench.control.resources().borrow().resources.clone();
    let again = bench.another_gateway().await;
    assert_eq!(again.resources().borrow().resources, before);
}

#[tokio::test]
async fn a_directory_takes_over_what_is_there_already_and_unchanged() {
    let bench = bench().await;
    bench.control.apply(resources(ZONE), ApplyOptions::default()).await.unwrap();
    bench.control.own("file:/etc", resources(ZONE)).await.unwrap();
    let refused = bench.control.apply(resources(ZONE), ApplyOptions::default()).await.unwrap_err();
    assert!(matches!(refused, ApplyError::Owned { .. }));
    bench.control.own("file:/etc", Vec::new()).await.unwrap();
    assert!(bench.control.resources().borrow().resources.is_empty());
}

#[tokio::test]
async fn an_object_that_two_files_give_is_refused() {
    let bench = bench().await;
    let twice = [resources(ZONE), resources(ZONE)].concat();
    let refused = bench.control.own("file:/etc", twice).await.unwrap_err();
    assert!(matches!(refused, ApplyError::Twice(key) if key.kind == Kind::Zone));
    assert!(bench.control.resources().borrow().resources.is_empty());
}

#[tokio::test]
async fn a_generation_rises_with_the_spec_alone() {
    let bench = bench().await;
    bench.control.apply(resources(ZONE), ApplyOptions::default()).await.unwrap();
    let labelled = ZONE.replace("name: example.com}", "name: example.com, labels: {a: b}}");
    bench.control.apply(resources(&labelled), ApplyOptions::default()).await.unwrap();
    let generation = |bench: &Bench| {
        bench.control.resources().borrow().resources.values().next().unwrap().metadata.generation
    };
    assert_eq!(generation(&bench), Some(1));
    let changed = ZONE.replace("ns.example.com", "ns2.example.com");
    bench.control.apply(resources(&changed), ApplyOptions::default()).await.unwrap();
    assert_eq!(generation(&bench), Some(2));
}

#[tokio::test]
async fn what_others_need_is_not_deleted() {
    let bench = bench().await;
    let role = "{apiVersion: causeway.dev/v1, kind: Role, metadata: {name: nobody}, spec: {rules: []}}";
    let role = role.replace("[]", "[{verbs: [read]}]");
    let applied =
        bench.control.apply(resources(&format!("{role}\n---\n{BINDING}")), ApplyOptions::default()).await;
    let key = applied.unwrap().objects[0].0.clone();
    let refused = bench.control.delete(vec![key], ApplyOptions::default()).await.unwrap_err();
    assert!(matches!(refused, ApplyError::Rejected(_)));
    assert_eq!(bench.control.resources().borrow().resources.len(), 2);
}

#[tokio::test]
async fn whoever_claims_a_taken_host_is_refused_and_both_are_named() {
    let bench = bench().await;
    let ingress = |name: &str, domain: &str| {
        let issuer =
            "{apiVersion: causeway.dev/v1, kind: Issuer, metadata: {name: ca}, spec: {privateCa: {}}}";
        resources(&format!(
            "{issuer}\n---\n{{apiVersion: causeway.dev/v1, kind: SecureIngress, metadata: {{name: {name}}}, \
             spec: {{domains: [{domain}], certificate: {{issuer: ca}}, applications: {{namespaces: [n]}}}}}}"
        ))
    };
    let apply =
        async |name, domain| bench.control.apply(ingress(name, domain), ApplyOptions::default()).await;
    apply("beta", "shop.example.com").await.unwrap();
    apply("gamma", "other.example.com").await.unwrap();
    // New, and before the owner by name; older than the owner's last change, and after it by name.
    apply("beta", "shop.example.com").await.unwrap();
    for late in ["alpha", "gamma"] {
        let refused = apply(late, "shop.example.com").await.unwrap_err();
        let ApplyError::Rejected(reasons) = refused else { panic!("{refused:?}") };
        assert_eq!((reasons.len(), reasons[0].key.name.as_str()), (1, late));
        assert!(reasons[0].reason.to_string().contains("SecureIngress default/beta"), "{}", reasons[0]);
    }
    apply("gamma", "third.example.com").await.unwrap();
}

/// Writes into the store what a gateway of this release would have.
async fn written_by(bench: &Bench, release: &str, resource: serde_json::Value) -> Result<(), LoadError> {
    let key = Key::new("resources/Zone/default/example.com").unwrap();
    let record = serde_json::json!({"resource": resource, "release": release});
    let value = Value { bytes: record.to_string().into_bytes(), secrecy: Secrecy::Plain };
    let record = Change { key, expect: Expect::Any, value: Some(value) };
    bench.control.store().commit(vec![record, Change::resources_head()]).await.unwrap();
    bench.control.catch_up(&mut *bench.control.state.lock().await).await
}

#[tokio::test]
async fn what_a_later_release_wrote_is_known_until_it_is_written_again() {
    let bench = bench().await;
    let zone = policy::document::to_json(&resources(ZONE)[0]);
    for (release, known) in [("99.0.0", true), (env!("CARGO_PKG_VERSION"), false)] {
        written_by(&bench, release, zone.clone()).await.unwrap();
        let writers = bench.control.resources().borrow().writers.clone();
        assert_eq!(!writers.is_empty(), known, "{release}");
        assert_eq!(!policy::vet::vet_writers(&writers, Release::own()).is_empty(), known, "{release}");
    }
    written_by(&bench, "99.0.0", zone).await.unwrap();
    bench.control.apply(resources(&ZONE.replace("ns.", "ns2.")), ApplyOptions::default()).await.unwrap();
    assert!(bench.control.resources().borrow().writers.is_empty());
    assert!(bench.another_gateway().await.resources().borrow().writers.is_empty());
}

#[tokio::test]
async fn a_form_that_only_a_later_release_reads_is_told_from_one_that_nobody_reads() {
    let bench = bench().await;
    let mut zone = policy::document::to_json(&resources(ZONE)[0]);
    zone["spec"]["signedBy"] = serde_json::json!("somebody");
    let refused = written_by(&bench, "99.0.0", zone.clone()).await.unwrap_err();
    assert!(matches!(refused, LoadError::Later { .. }), "{refused}");
    let text = refused.to_string();
    for part in ["99.0.0", "resources/Zone/default/example.com", "signedBy", "CW0105"] {
        assert!(text.contains(part), "{text}");
    }
    let refused = written_by(&bench, env!("CARGO_PKG_VERSION"), zone).await.unwrap_err();
    assert!(matches!(refused, LoadError::Unreadable { .. }), "{refused}");
}

#[tokio::test]
async fn what_another_gateway_stored_is_followed() {
    let bench = bench().await;
    let other = bench.another_gateway().await;
    let stop = CancellationToken::new();
    tokio::spawn(Arc::clone(&other).follow(stop.clone()));
    let mut seen = other.resources();
    bench.control.apply(resources(ZONE), ApplyOptions::default()).await.unwrap();
    let set = seen.wait_for(|set| set.resources.len() == 1).await.unwrap().clone();
    assert_eq!((set.revision, set.resources.values().next().unwrap().metadata.generation), (1, Some(1)));
    bench.control.apply(resources(SECRET), ApplyOptions::default()).await.unwrap();
    let zone = resources(ZONE)[0].key();
    bench.control.delete(vec![zone], ApplyOptions::default()).await.unwrap();
    seen.wait_for(|set| set.revision == 3).await.unwrap();
    let events = other.events_since(1).unwrap();
    assert_eq!(events.last().unwrap().revision, 3);
    stop.cancel();
}

/// Nobody follows here: each writer finds out by itself.
#[tokio::test]
async fn two_gateways_take_turns_on_one_object_and_neither_is_stuck() {
    let bench = bench().await;
    let other = bench.another_gateway().await;
    for round in 0..4 {
        for (writer, control) in [("a", &bench.control), ("b", &*other)] {
            let text = ZONE.replace("ns.example.com", &format!("{writer}{round}.example.com"));
            control.apply(resources(&text), ApplyOptions::default()).await.unwrap();
        }
    }
    let generation = other.resources().borrow().resources.values().next().unwrap().metadata.generation;
    assert_eq!(generation, Some(8), "every change was made on top of the one before");
}

#[tokio::test]
async fn writers_at_the_same_time_all_get_through() {
    let bench = bench().await;
    let other = bench.another_gateway().await;
    let write = |control: Arc<ControlPlane>, name: String| async move {
        let text = SECRET.replace("name: s}", &format!("name: {name}}}"));
        control.apply(resources(&text), ApplyOptions::default()).await.unwrap();
    };
    let control = Arc::new(bench.control);
    let writes = (0..8).flat_map(|index| {
        [write(Arc::clone(&control), format!("a{index}")), write(Arc::clone(&other), format!("b{index}"))]
    });
    futures_util::future::join_all(writes).await;
    let stored = control.store().list("resources/").await.unwrap().0.len();
    assert_eq!(stored, 16);
}

#[tokio::test]
async fn a_writer_of_an_older_object_is_told_the_version_that_the_other_gateway_made() {
    let bench = bench().await;
    let other = bench.another_gateway().await;
    bench.control.apply(resources(ZONE), ApplyOptions::default()).await.unwrap();
    bench.control.apply(resources(&ZONE.replace("ns.", "ns2.")), ApplyOptions::default()).await.unwrap();
    let old = ZONE.replace("name: example.com}", "name: example.com, resourceVersion: '1'}");
    let refused = other.apply(resources(&old), ApplyOptions::default()).await.unwrap_err();
    assert!(matches!(refused, ApplyError::Conflict { stored, .. } if stored == "2"));
    // And what it reads next is that version.
    assert_eq!(other.resources().borrow().revision, 2);
}

/// Each of the two changes is fine by what its gateway knew; together they would not compile.
#[tokio::test]
async fn what_another_gateway_deleted_is_not_built_upon() {
    let bench = bench().await;
    let other = bench.another_gateway().await;
    let role = "{apiVersion: causeway.dev/v1, kind: Role, metadata: {name: nobody}, spec: {rules: [{verbs: [read]}]}}";
    bench.control.apply(resources(role), ApplyOptions::default()).await.unwrap();
    let dry = ApplyOptions { dry_run: true, owner: None };
    other.apply(resources(BINDING), dry).await.unwrap();
    bench.control.delete(vec![resources(role)[0].key()], ApplyOptions::default()).await.unwrap();
    let refused = other.apply(resources(BINDING), ApplyOptions::default()).await.unwrap_err();
    assert!(matches!(refused, ApplyError::Rejected(_)), "{refused}");
}

#[tokio::test]
async fn certificates_and_leases_are_no_news() {
    let bench = bench().await;
    bench.control.apply(resources(ZONE), ApplyOptions::default()).await.unwrap();
    let other = bench.another_gateway().await;
    let mut seen = other.resources();
    seen.mark_unchanged();
    let key = Key::new("acme/certificates/x").unwrap();
    let value = Value { bytes: vec![1], secrecy: Secrecy::Sealed };
    let change = Change { key, expect: Expect::Any, value: Some(value) };
    bench.control.store().commit(vec![change]).await.unwrap();
    other.apply(resources(ZONE), ApplyOptions::default()).await.unwrap();
    assert!(!seen.has_changed().unwrap());
}
