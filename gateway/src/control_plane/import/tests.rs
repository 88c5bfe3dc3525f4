use std::sync::Arc;

use policy::clock::SystemClock;
use policy::resource::Resource;
use policy::snapshot::Site;

use super::*;
use crate::control_plane::ApplyOptions;
use crate::store::embedded::Embedded;
use crate::store::seal::SealKey;
use crate::store::{Expect, Key, Secrecy, Value};

const PASSPHRASE: &str = "correct horse";
const ZONE: &str = "{apiVersion: causeway.dev/v1, kind: Zone, metadata: {name: example.com}, spec: {nameservers: [{name: ns.example.com}]}}";
const ROLE: &str =
    "{apiVersion: causeway.dev/v1, kind: Role, metadata: {name: nobody}, spec: {rules: [{verbs: [read]}]}}";
const BINDING: &str = "{apiVersion: causeway.dev/v1, kind: RoleBinding, metadata: {name: b}, spec: {role: nobody, subjects: [{user: a}]}}";

struct Gateway {
    control: ControlPlane,
    _folder: tempfile::TempDir,
}

async fn gateway() -> Gateway {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path(), SealKey::from_bytes([1; 32])).unwrap();
    let control = ControlPlane::load(Arc::new(store), Arc::new(SystemClock), Site::default()).await.unwrap();
    Gateway { control, _folder: folder }
}

fn resources(text: &str) -> Vec<Resource> {
    policy::document::parse("f", text).unwrap().into_iter().map(|parsed| parsed.resource).collect()
}

impl Gateway {
    async fn with(self, text: &str) -> Self {
        self.control.apply(resources(text), ApplyOptions::default()).await.unwrap();
        self
    }

    /// As a later version, or a damaged one, might have left it.
    async fn with_entry(self, key: &str, value: Vec<u8>) -> Self {
        let value = Some(Value { bytes: value, secrecy: Secrecy::Plain });
        let change = Change { key: Key::new(key).unwrap(), expect: Expect::Any, value };
        self.control.store().commit(vec![change]).await.unwrap();
        self
    }

    async fn export(&self) -> String {
        archive::export(&**self.control.store(), PASSPHRASE, [3; 16]).await.unwrap()
    }

    async fn stored(&self) -> Vec<(Key, crate::store::Entry)> {
        self.control.store().list("").await.unwrap().0
    }

    /// Refuses the archive, and stores nothing of it.
    async fn refuses(&self, archive: &str) -> ImportError {
        let (before, published) = (self.stored().await, self.control.resources().borrow().revision);
        let refused = self.control.import(PASSPHRASE, archive).await.unwrap_err();
        assert_eq!(self.stored().await, before, "something was stored");
        assert_eq!(self.control.resources().borrow().revision, published, "something was published");
        refused
    }
}

#[tokio::test]
async fn an_import_is_published_here_and_seen_by_other_gateways_on_the_store() {
    let text = gateway().await.with(ZONE).await.export().await;
    let to = gateway().await;
    let store = Arc::clone(to.control.store());
    let other = ControlPlane::load(store, Arc::new(SystemClock), Site::default()).await.unwrap();
    let revision = to.control.import(PASSPHRASE, &text).await.unwrap();
    assert_eq!(to.control.resources().borrow().revision, revision);
    assert_eq!(to.control.resources().borrow().resources.len(), 1);
    // A change is judged by what is there: applying the same is none.
    let again = other.apply(resources(ZONE), ApplyOptions::default()).await.unwrap();
    assert_eq!((again.revision, other.resources().borrow().resources.len()), (revision, 1));
}

#[tokio::test]
async fn an_archive_with_a_resource_that_is_not_understood_is_refused_whole() {
    let record = br#"{"resource": {"kind": "Tomorrow"}, "release": "99.0.0"}"#.to_vec();
    let from = gateway().await.with(ZONE).await.with_entry("resources/Zone/default/later", record).await;
    let refused = gateway().await.refuses(&from.export().await).await;
    assert!(matches!(refused, ImportError::Resource(_)), "{refused}");
    assert!(crate::chain(&refused).contains("resources/Zone/default/later"), "{}", crate::chain(&refused));
}

#[tokio::test]
async fn an_archive_whose_resources_do_not_go_together_is_refused_whole() {
    let from = gateway().await.with(&format!("{ZONE}\n---\n{ROLE}\n---\n{BINDING}")).await;
    let gone = Key::new("resources/Role/default/nobody").unwrap();
    let change = Change { key: gone.clone(), expect: Expect::Any, value: None };
    assert!(from.control.store().entry(&gone).await.unwrap().is_some());
    from.control.store().commit(vec![change]).await.unwrap();
    let refused = gateway().await.refuses(&from.export().await).await;
    assert!(matches!(&refused, ImportError::Rejected(why) if why[0].field == "spec.role"), "{refused}");
}

#[tokio::test]
async fn an_archive_is_judged_together_with_what_stays() {
    let from = gateway().await.with(&format!("{ROLE}\n---\n{BINDING}")).await;
    let change =
        Change { key: Key::new("resources/Role/default/nobody").unwrap(), expect: Expect::Any, value: None };
    from.control.store().commit(vec![change]).await.unwrap();
    let to = gateway().await.with(ROLE).await;
    to.control.import(PASSPHRASE, &from.export().await).await.unwrap();
    assert_eq!(to.control.resources().borrow().resources.len(), 2);
}

#[tokio::test]
async fn a_resource_under_the_key_of_another_is_refused() {
    let from = gateway().await.with(ZONE).await;
    let zone = Key::new("resources/Zone/default/example.com").unwrap();
    let bytes = from.control.store().entry(&zone).await.unwrap().unwrap().value;
    let from = from.with_entry("resources/Zone/default/other.example", bytes).await;
    let refused = gateway().await.refuses(&from.export().await).await;
    assert!(matches!(refused, ImportError::Misplaced { .. }), "{refused}");
}

#[tokio::test]
async fn a_damaged_archive_stores_nothing() {
    let text = gateway().await.with(ZONE).await.export().await;
    let cut: String = text.lines().take(2).collect::<Vec<_>>().join("\n");
    let refused = gateway().await.refuses(&cut).await;
    assert!(matches!(refused, ImportError::Archive(_)), "{refused}");
}

#[tokio::test]
async fn what_is_no_resource_is_judged_by_its_own_type_too() {
    let damaged = [
        "acme/private-ca/shop/inner",
        "acme/certificates/SecureIngress/shop/web",
        "acme/accounts/abc",
        "authority/rotation",
    ];
    for key in damaged {
        let from = gateway().await.with(ZONE).await.with_entry(key, b"rubbish".to_vec()).await;
        let refused = gateway().await.refuses(&from.export().await).await;
        assert!(
            matches!(&refused, ImportError::Unreadable { entry, .. } if entry.as_str() == key),
            "{refused}"
        );
    }
    let unknown =
        ["other", "acme/other", "acme/private-ca/shop", "acme/certificates/Other/shop/web", "authority/x"];
    for key in unknown {
        let from = gateway().await.with(ZONE).await.with_entry(key, b"rubbish".to_vec()).await;
        let refused = gateway().await.refuses(&from.export().await).await;
        assert!(matches!(&refused, ImportError::Unknown { entry } if entry.as_str() == key), "{refused}");
    }
}

#[tokio::test]
async fn what_a_gateway_keeps_beside_its_resources_is_imported() {
    let from = gateway().await;
    let cas = private_ca::PrivateCas::new(Arc::clone(from.control.store()));
    let name = |text: &str| text.parse().unwrap();
    let issuer = policy::id::ResourceKey { kind: Kind::Issuer, namespace: name("shop"), name: name("inner") };
    let at = policy::clock::Clock::now(&SystemClock);
    let (issued, _) = cas.sign(&issuer, &["web.example".parse().unwrap()], at).await.unwrap();
    let certificate = serde_json::to_vec(&issued).unwrap();
    let rotation = serde_json::to_vec(&authority::core::rotation::Rotation::default()).unwrap();
    let from = from.with_entry("acme/certificates/SecureIngress/shop/web", certificate).await;
    let from = from.with_entry("authority/rotation", rotation).await;
    let to = gateway().await;
    to.control.import(PASSPHRASE, &from.export().await).await.unwrap();
    assert_eq!(to.stored().await.iter().filter(|(key, _)| key.as_str().starts_with("a")).count(), 3);
}
