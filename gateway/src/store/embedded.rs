//! The embedded store, on sled.
//!
//! sled acknowledges from memory and has known ways not to open after a crash; both are dealt with here: a commit is
//! flushed before it is acknowledged, and opening removes half-written snapshots and sets damaged ones aside (the log
//! they were made from is whole).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use sled::transaction::{ConflictableTransactionError, TransactionError, TransactionalTree};
use tokio::sync::{Mutex, watch};

use super::seal::SealKey;
use super::{Change, CommitError, Entry, Expect, Key, Lease, Revision, Secrecy, Store, StoreError, Value};

/// The embedded store.
pub struct Embedded {
    db: sled::Db,
    key: SealKey,
    /// One commit at a time: the revision is a counter.
    writing: Mutex<()>,
    newest: watch::Sender<Revision>,
}

/// Why the store does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be made or read.
    #[error("the store's folder {}", path.display())]
    Folder {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Another process has it open, or the engine failed.
    #[error("opening the store in {}; is another causeway running on it?", path.display())]
    Engine {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: sled::Error,
    },
    /// It was sealed with another key.
    #[error("the store in {} was sealed with another key", path.display())]
    WrongKey {
        /// Where.
        path: PathBuf,
    },
}

/// Where the counter is kept. No entry's key begins so.
const REVISION: &[u8] = b"\0revision";
/// A sealed word by which a wrong key is known at once.
const KEY_CHECK: &[u8] = b"\0key-check";
const KEY_CHECK_WORD: &[u8] = b"causeway";
/// sled's own cache; control state is small.
const CACHE_BYTES: u64 = 16 << 20;

impl Embedded {
    /// Opens the store in a folder, or makes one.
    ///
    /// # Errors
    /// When the folder cannot be used, another process uses it, or the key is another.
    pub fn open(path: &Path, key: SealKey) -> Result<Self, OpenError> {
        let folder = |source| OpenError::Folder { path: path.into(), source };
        std::fs::create_dir_all(path).map_err(folder)?;
        remove_unfinished_snapshots(path).map_err(folder)?;
        let db = match open_engine(path) {
            Err(sled::Error::Corruption { .. }) => {
                tracing::warn!(path = %path.display(), "store snapshot is damaged; it is set aside and the log read");
                set_snapshots_aside(path).map_err(folder)?;
                open_engine(path)
            }
            opened => opened,
        };
        let engine = |source| OpenError::Engine { path: path.into(), source };
        let db = db.map_err(engine)?;
        match db.get(KEY_CHECK).map_err(engine)? {
            Some(sealed) => {
                let wrong = |_| OpenError::WrongKey { path: path.into() };
                key.open("key-check", &sealed).map_err(wrong)?;
            }
            None => {
                let wrong = |_| OpenError::WrongKey { path: path.into() };
                let sealed = key.seal("key-check", KEY_CHECK_WORD).map_err(wrong)?;
                db.insert(KEY_CHECK, sealed).map_err(engine)?;
                db.flush().map_err(engine)?;
            }
        }
        let revision = db.get(REVISION).map_err(engine)?.as_deref().map_or(0, counter);
        let (newest, _) = watch::channel(Revision(revision));
        Ok(Self { db, key, writing: Mutex::new(()), newest })
    }

    fn decode(&self, key: &str, stored: &[u8]) -> Result<Entry, StoreError> {
        let damaged = || StoreError::Damaged { key: key.to_owned() };
        let (revision, rest) = stored.split_at_checked(8).ok_or_else(damaged)?;
        let (secrecy, value) = rest.split_first().ok_or_else(damaged)?;
        let value = match secrecy {
            0 => value.to_vec(),
            1 => self.key.open(key, value)?,
            _ => return Err(damaged()),
        };
        Ok(Entry { value, revision: Revision(counter(revision)) })
    }

    fn encode(&self, key: &str, value: &Value, revision: u64) -> Result<Vec<u8>, StoreError> {
        let mut stored = revision.to_be_bytes().to_vec();
        match value.secrecy {
            Secrecy::Plain => {
                stored.push(0);
                stored.extend_from_slice(&value.bytes);
            }
            Secrecy::Sealed => {
                stored.push(1);
                stored.extend_from_slice(&self.key.seal(key, &value.bytes)?);
            }
        }
        Ok(stored)
    }

    fn write(&self, changes: &[Change], revision: u64) -> Result<(), CommitError> {
        let mut encoded = Vec::with_capacity(changes.len());
        for change in changes {
            let value = change.value.as_ref();
            let value = value.map(|value| self.encode(change.key.as_str(), value, revision)).transpose();
            encoded.push(value.map_err(CommitError::Write)?);
        }
        let written = self.db.transaction(|tree: &TransactionalTree| {
            for (change, value) in changes.iter().zip(&encoded) {
                let key = change.key.as_str().as_bytes();
                let stored = tree.get(key)?.map(|stored| Revision(stored.get(..8).map_or(0, counter)));
                let holds = match change.expect {
                    Expect::Any => true,
                    Expect::Absent => stored.is_none(),
                    Expect::Revision(revision) => stored == Some(revision),
                };
                if !holds {
                    let conflict = CommitError::Conflict { key: change.key.clone(), stored };
                    return Err(ConflictableTransactionError::Abort(conflict));
                }
                match value {
                    Some(value) => tree.insert(key, value.as_slice())?,
                    None => tree.remove(key)?,
                };
            }
            tree.insert(REVISION, &revision.to_be_bytes())?;
            Ok(())
        });
        written.map_err(|error| match error {
            TransactionError::Abort(refused) => refused,
            TransactionError::Storage(error) => CommitError::Write(error.into()),
        })
    }
}

#[async_trait]
impl Store for Embedded {
    async fn entry(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        let stored = self.db.get(key.as_str())?;
        stored.map(|stored| self.decode(key.as_str(), &stored)).transpose()
    }

    async fn list(&self, prefix: &str) -> Result<(Vec<(Key, Entry)>, Revision), StoreError> {
        // No commit runs while this reads, so all of it is of one revision.
        let _reading = self.writing.lock().await;
        let revision = *self.newest.borrow();
        let mut entries = Vec::new();
        for stored in self.db.scan_prefix(prefix) {
            let (key, stored) = stored?;
            let Ok(text) = std::str::from_utf8(&key) else { continue };
            let Ok(key) = Key::new(text) else { continue };
            entries.push((key, self.decode(text, &stored)?));
        }
        Ok((entries, revision))
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<Revision, CommitError> {
        let _writing = self.writing.lock().await;
        let revision = Revision(self.newest.borrow().0 + 1);
        self.write(&changes, revision.0)?;
        // Before the flush the write is only in memory (and could be lost by a crash).
        let flushed = self.db.flush_async().await;
        flushed.map_err(|error| CommitError::Write(error.into()))?;
        self.newest.send_replace(revision);
        Ok(revision)
    }

    fn watch(&self) -> watch::Receiver<Revision> {
        self.newest.subscribe()
    }

    async fn lease(
        &self,
        name: &str,
        holder: &str,
        ttl: Duration,
        now: SystemTime,
    ) -> Result<Lease, CommitError> {
        let failed = |_invalid| CommitError::Write(StoreError::Damaged { key: name.to_owned() });
        let key = Key::new(format!("leases/{name}")).map_err(failed)?;
        let entry = self.entry(&key).await.map_err(CommitError::Write)?;
        if let Some(entry) = &entry
            && let Some((by, until)) = parse_lease(&entry.value)
            && by != holder
            && until > now
        {
            return Ok(Lease::Held { by, until });
        }
        let until = now + ttl;
        let seconds = until.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let change = Change {
            key,
            expect: entry.map_or(Expect::Absent, |entry| Expect::Revision(entry.revision)),
            value: Some(Value { bytes: format!("{seconds} {holder}").into_bytes(), secrecy: Secrecy::Plain }),
        };
        match self.commit(vec![change]).await {
            Ok(_) => Ok(Lease::Granted { until }),
            // Somebody was quicker.
            Err(CommitError::Conflict { .. }) => Ok(Lease::Held { by: "another gateway".into(), until }),
            Err(error) => Err(error),
        }
    }
}

fn parse_lease(value: &[u8]) -> Option<(String, SystemTime)> {
    let (seconds, holder) = std::str::from_utf8(value).ok()?.split_once(' ')?;
    Some((holder.to_owned(), UNIX_EPOCH + Duration::from_secs(seconds.parse().ok()?)))
}

fn counter(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_be_bytes)
}

fn open_engine(path: &Path) -> Result<sled::Db, sled::Error> {
    // Commits flush themselves; a timer would only flush nothing.
    sled::Config::new().path(path).cache_capacity(CACHE_BYTES).flush_every_ms(None).open()
}

fn snapshots(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let file = entry?.path();
        if file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"snap.")) {
            found.push(file);
        }
    }
    Ok(found)
}

fn remove_unfinished_snapshots(path: &Path) -> std::io::Result<()> {
    for file in snapshots(path)? {
        if file.to_string_lossy().ends_with(".generating") {
            std::fs::remove_file(file)?;
        }
    }
    Ok(())
}

fn set_snapshots_aside(path: &Path) -> std::io::Result<()> {
    for file in snapshots(path)? {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        std::fs::rename(&file, file.with_file_name(format!("damaged-{name}")))?;
    }
    Ok(())
}

/// Shared by everyone who reads or writes state.
pub type SharedStore = Arc<dyn Store>;

#[cfg(test)]
mod tests {
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
}
