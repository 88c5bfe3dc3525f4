use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::*;
use crate::authority::core::rotation::{AuthorityId, Instance, Serial, Stage, SvidKind};
use crate::store::embedded::Embedded;
use crate::store::seal::SealKey;

const LIFE: Duration = Duration::from_secs(3600);

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn authority(name: &str) -> AuthorityId {
    AuthorityId::of_key(name.as_bytes())
}

fn holder() -> Instance {
    Instance { id: "spiffe://east/a".parse().unwrap(), name: "one".parse().unwrap() }
}

fn store(folder: &tempfile::TempDir) -> SharedStore {
    Arc::new(Embedded::open(folder.path(), SealKey::from_bytes([1; 32])).unwrap())
}

async fn signing(store: &SharedStore) -> KeptRotation {
    let mut kept = KeptRotation::load(Arc::clone(store)).await.unwrap();
    kept.step(|it| it.prepare(authority("a"), SvidKind::X509, now() + LIFE)).await.unwrap();
    kept.step(|it| it.activate(&authority("a"), now())).await.unwrap();
    kept
}

#[tokio::test]
async fn a_permit_that_was_given_is_remembered_by_whoever_reads_next() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let mut kept = signing(&store).await;
    let serial = Serial::from_random([7; 16]);
    kept.step(|it| it.permit(SvidKind::X509, holder(), serial, LIFE, now())).await.unwrap();
    let read = KeptRotation::load(store).await.unwrap();
    assert_eq!(read.rotation(), kept.rotation());
    assert_eq!(read.rotation().authorities()[&authority("a")].stage, Stage::Active);
}

#[tokio::test]
async fn a_refused_step_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let mut kept = signing(&store).await;
    let before = (kept.rotation().clone(), *store.watch().borrow());
    let refused = kept.step(|it| it.revoke(&authority("a"), None, now())).await.unwrap_err();
    assert!(matches!(refused, StepError::Refused(Refused::Stage { .. })), "{refused}");
    assert_eq!((kept.rotation().clone(), *store.watch().borrow()), before);
}

/// The other's permit makes someone depend, which this one learns before it revokes.
#[tokio::test]
async fn two_gateways_on_one_store_judge_by_what_both_did() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let mut one = signing(&store).await;
    let mut other = KeptRotation::load(Arc::clone(&store)).await.unwrap();
    let serial = Serial::from_random([7; 16]);
    other.step(|it| it.permit(SvidKind::X509, holder(), serial, LIFE, now())).await.unwrap();
    one.step(|it| it.prepare(authority("b"), SvidKind::X509, now() + LIFE)).await.unwrap();
    one.step(|it| it.activate(&authority("b"), now())).await.unwrap();
    let refused = one.step(|it| it.revoke(&authority("a"), None, now())).await.unwrap_err();
    assert!(matches!(refused, StepError::Refused(Refused::DependedOn { .. })), "{refused}");
}

#[tokio::test]
async fn a_step_starts_from_what_another_gateway_did() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let mut one = signing(&store).await;
    let mut other = KeptRotation::load(Arc::clone(&store)).await.unwrap();
    one.step(|it| it.prepare(authority("b"), SvidKind::X509, now() + LIFE)).await.unwrap();
    other.step(|it| it.activate(&authority("b"), now())).await.unwrap();
    assert_eq!(other.rotation().authorities()[&authority("a")].stage, Stage::Old);
}
