use std::collections::BTreeMap;

use proptest::prelude::*;

use super::guard::snapshots;
use super::*;

fn store(path: &Path) -> Embedded {
    Embedded::open(path, SealKey::from_bytes([1; 32])).unwrap()
}

fn change(key: &str, expect: Expect, value: Option<&str>) -> Change {
    let value = value.map(|text| Value { bytes: text.into(), secrecy: Secrecy::Sealed });
    Change { key: Key::new(key).unwrap(), expect, value }
}

#[tokio::test]
async fn a_commit_with_a_broken_expectation_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let first = store.commit(vec![change("a", Expect::Absent, Some("1"))]).await.unwrap();
    let both = vec![change("b", Expect::Absent, Some("2")), change("a", Expect::Absent, Some("3"))];
    let refused = store.commit(both).await.unwrap_err();
    assert!(matches!(refused, CommitError::Conflict { stored: Some(stored), .. } if stored == first));
    assert!(store.entry(&Key::new("b").unwrap()).await.unwrap().is_none());
    assert_eq!(*store.watch().borrow(), first);
}

#[tokio::test]
async fn what_was_committed_is_there_after_opening_again() {
    let folder = tempfile::tempdir().unwrap();
    let revision = {
        let store = store(folder.path());
        store.commit(vec![change("a/b", Expect::Any, Some("1"))]).await.unwrap();
        store.commit(vec![change("a/c", Expect::Any, Some("2"))]).await.unwrap()
    };
    let store = store(folder.path());
    let (entries, at) = store.list("a/").await.unwrap();
    assert_eq!(at, revision);
    assert_eq!(entries.iter().map(|(_, entry)| entry.value.as_slice()).collect::<Vec<_>>(), [b"1", b"2"]);
}

#[tokio::test]
async fn sealed_values_are_nowhere_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    {
        let store = store(folder.path());
        store.commit(vec![change("a", Expect::Any, Some("needle-in-a-haystack"))]).await.unwrap();
    }
    let log = std::fs::read(folder.path().join("db")).unwrap();
    assert!(!log.windows(20).any(|part| part == b"needle-in-a-haystack"));
}

#[test]
fn another_key_is_refused_at_opening() {
    let folder = tempfile::tempdir().unwrap();
    drop(store(folder.path()));
    let refused = Embedded::open(folder.path(), SealKey::from_bytes([2; 32])).err().unwrap();
    assert!(matches!(refused, OpenError::WrongKey { .. }));
}

#[test]
fn half_written_and_damaged_snapshots_do_not_keep_it_from_opening() {
    let folder = tempfile::tempdir().unwrap();
    drop(store(folder.path()));
    std::fs::write(folder.path().join("snap.0000000000000ABC.generating"), b"half").unwrap();
    drop(store(folder.path()));
    for file in snapshots(folder.path()).unwrap() {
        std::fs::write(file, b"damaged").unwrap();
    }
    drop(store(folder.path()));
}

#[tokio::test]
async fn a_lease_has_one_holder_until_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let (now, ttl) = (UNIX_EPOCH + Duration::from_secs(1000), Duration::from_secs(10));
    assert!(matches!(store.lease("x", "one", ttl, now).await.unwrap(), Lease::Granted { .. }));
    assert!(
        matches!(store.lease("x", "two", ttl, now).await.unwrap(), Lease::Held { by, .. } if by == "one")
    );
    assert!(matches!(store.lease("x", "one", ttl, now).await.unwrap(), Lease::Granted { .. }));
    let later = now + ttl;
    assert!(matches!(store.lease("x", "two", ttl, later).await.unwrap(), Lease::Granted { .. }));
}

#[tokio::test]
async fn a_commit_whose_caller_is_gone_still_has_a_revision_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    // Polled once, so that it has begun, and dropped.
    let mut given_up = store.commit(vec![change("a", Expect::Any, Some("1"))]);
    std::future::poll_fn(|context| {
        let _begun = given_up.as_mut().poll(context);
        std::task::Poll::Ready(())
    })
    .await;
    drop(given_up);
    let second = store.commit(vec![change("b", Expect::Any, Some("2"))]).await.unwrap();
    let mut newest = store.watch();
    newest.wait_for(|newest| newest.0 == 2).await.unwrap();
    let (entries, _) = store.list("").await.unwrap();
    assert_eq!(entries.len(), 2);
    assert_ne!(entries[0].1.revision, entries[1].1.revision);
    assert!(second.0 <= 2);
}

#[test]
fn a_second_opener_is_told_who_the_first_is_and_spoils_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let _first = store(folder.path());
    let unfinished = folder.path().join("snap.0000000000000ABC.generating");
    std::fs::write(&unfinished, b"half").unwrap();
    let refused = Embedded::open(folder.path(), SealKey::from_bytes([1; 32])).err().unwrap().to_string();
    assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
    assert!(unfinished.exists(), "the snapshot that the first may be writing is gone");
}

#[tokio::test]
async fn a_lease_ends_for_its_holder_when_it_ends_for_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let (now, ttl) = (UNIX_EPOCH + Duration::from_nanos(1_999_999_999), Duration::from_secs(10));
    let Lease::Granted { until } = store.lease("x", "one", ttl, now).await.unwrap() else { panic!("held") };
    let nearly = until - Duration::from_nanos(1);
    let second = store.lease("x", "two", ttl, nearly).await.unwrap();
    assert_eq!(second, Lease::Held { by: "one".into(), until });
}

#[tokio::test]
async fn a_broken_engine_refuses_reading_and_writing() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    *store.inner.engine.lock().unwrap() = Engine::Broken;
    let refused = store.commit(vec![change("a", Expect::Any, Some("1"))]).await.unwrap_err();
    assert!(matches!(refused, CommitError::Write(StoreError::Broken)));
    assert!(matches!(store.list("").await, Err(StoreError::Broken)));
}

/// What a step of the model does: which key, what it expects, what it writes.
type Step = Vec<(u8, u8, Option<u8>)>;

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn it_behaves_as_a_map_that_counts_commits(
        steps in prop::collection::vec(prop::collection::vec((0..4u8, 0..4u8, any::<Option<u8>>()), 1..4), 1..16),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(check_against_a_map(steps));
    }
}

async fn check_against_a_map(steps: Vec<Step>) {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let (mut model, mut newest) = (BTreeMap::<u8, (u8, u64)>::new(), 0);
    for step in steps {
        let mut next = model.clone();
        let (mut changes, mut holds) = (Vec::new(), true);
        for (key, expectation, written) in step {
            let stored = next.get(&key).map(|(_, revision)| *revision);
            let (expect, met) = match expectation {
                0 => (Expect::Absent, stored.is_none()),
                1 => (Expect::Revision(Revision(stored.unwrap_or(999))), stored.is_some()),
                2 => (Expect::Revision(Revision(999)), false),
                _ => (Expect::Any, true),
            };
            holds &= met;
            let text = written.map(|written| written.to_string());
            changes.push(change(&format!("k/{key}"), expect, text.as_deref()));
            match written {
                Some(written) => next.insert(key, (written, newest + 1)),
                None => next.remove(&key),
            };
        }
        let committed = store.commit(changes).await;
        assert_eq!(committed.is_ok(), holds, "{committed:?}");
        if holds {
            (model, newest) = (next, newest + 1);
        }
        let (entries, revision) = store.list("k/").await.unwrap();
        let found: Vec<_> = entries
            .into_iter()
            .map(|(key, entry)| (key.to_string(), entry.value, entry.revision.0))
            .collect();
        let expected: Vec<_> = model
            .iter()
            .map(|(key, (value, revision))| (format!("k/{key}"), value.to_string().into_bytes(), *revision))
            .collect();
        assert_eq!((found, revision.0), (expected, newest));
        assert_eq!(store.watch().borrow().0, newest);
    }
}

#[test]
fn the_folder_of_a_store_is_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state/store");
    drop(Embedded::open(&path, SealKey::from_bytes([1; 32])).unwrap());
    for made in [path.as_path(), path.parent().unwrap()] {
        let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(made).unwrap());
        assert_eq!(mode & 0o777, 0o700, "{}", made.display());
    }
}
