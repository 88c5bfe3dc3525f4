//! The embedded store, on sled.
//!
//! sled acknowledges from memory and has known ways not to open after a crash; both are dealt with here: a commit is
//! flushed before it is acknowledged, and opening removes half-written snapshots and sets damaged ones aside (the log
//! they were made from is whole).
//!
//! All of it blocks, so all of it runs off the async threads. A commit runs to its end even when who asked for it is
//! gone: half-way, its revision would be given out twice.

mod guard;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use sled::transaction::{ConflictableTransactionError, TransactionError, TransactionalTree};
use tokio::sync::watch;

pub use self::guard::Holder;
use super::seal::SealKey;
use super::{Change, CommitError, Entry, Expect, Key, Lease, Revision, Secrecy, Store, StoreError, Value};

/// The embedded store.
pub struct Embedded {
    inner: Arc<Inner>,
}

struct Inner {
    db: sled::Db,
    key: SealKey,
    path: PathBuf,
    /// Held while a commit runs, so that nobody reads what is not durable yet.
    engine: Mutex<Engine>,
    newest: watch::Sender<Revision>,
    /// After the engine: the next process may come when it is closed.
    _lock: File,
}

/// Whether what the engine holds in memory is what is on disk.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Engine {
    Sound,
    /// A write was not confirmed, so nobody knows. An fsync that failed must not be tried again: the kernel has
    /// forgotten what it did not write. Opening again reads what is there.
    Broken,
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
    /// Another process has it open.
    #[error("the store in {} is in use by {holder}", path.display())]
    Busy {
        /// Where.
        path: PathBuf,
        /// By whom.
        holder: Holder,
    },
    /// The engine failed.
    #[error("opening the store in {}", path.display())]
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
    /// What every store of ours has is not there.
    #[error("the store in {} is damaged: its {part} is missing", path.display())]
    Damaged {
        /// Where.
        path: PathBuf,
        /// What is missing.
        part: &'static str,
    },
    /// The cryptographic library refused.
    #[error("sealing the first word of the store in {}", path.display())]
    Seal {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: StoreError,
    },
}

/// Where the counter is kept. No entry's key begins so.
const REVISION: &[u8] = b"\0revision";
/// A sealed word by which a wrong key is known at once.
const KEY_CHECK: &[u8] = b"\0key-check";
const KEY_CHECK_WORD: &[u8] = b"causeway";
/// Below this the disk counts as full: the engine, which does not recover from a write that fails half-way, always
/// finds room for the segments (512 KiB each) and the snapshot that a commit may bring about.
const FREE_BYTES_MIN: u64 = 4 << 20;
/// A commit is written to the log, and again when its page is moved.
const WRITE_AMPLIFICATION: u64 = 4;

impl Embedded {
    /// Opens the store in a folder, or makes one.
    ///
    /// # Errors
    /// When the folder cannot be used, another process uses it, or the key is another.
    pub fn open(path: &Path, key: SealKey) -> Result<Self, OpenError> {
        super::make_private_folder(path).map_err(|source| OpenError::Folder { path: path.into(), source })?;
        let lock = guard::lock(path)?;
        let db = guard::open_engine(path)?;
        check_key(&db, &key, path)?;
        let engine = |source| OpenError::Engine { path: path.into(), source };
        let damaged = || OpenError::Damaged { path: path.into(), part: "revision" };
        let revision = match db.get(REVISION).map_err(engine)? {
            Some(stored) => counter(&stored).ok_or_else(damaged)?,
            // The key check alone: nothing was committed yet.
            None if db.len() == 1 => 0,
            None => return Err(damaged()),
        };
        let (newest, _) = watch::channel(Revision(revision));
        let engine = Mutex::new(Engine::Sound);
        Ok(Self { inner: Arc::new(Inner { db, key, path: path.into(), engine, newest, _lock: lock }) })
    }

    async fn blocking<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Inner) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = Arc::clone(&self.inner);
        tokio::task::spawn_blocking(move || act(&inner)).await.map_err(|_panicked| StoreError::Broken)
    }
}

/// Refuses another key than the first; the first is noted.
fn check_key(db: &sled::Db, key: &SealKey, path: &Path) -> Result<(), OpenError> {
    let engine = |source| OpenError::Engine { path: path.into(), source };
    if let Some(sealed) = db.get(KEY_CHECK).map_err(engine)? {
        key.open("key-check", &sealed).map_err(|_unsealed| OpenError::WrongKey { path: path.into() })?;
        return Ok(());
    }
    if !db.is_empty() {
        return Err(OpenError::Damaged { path: path.into(), part: "key check" });
    }
    let seal = |source| OpenError::Seal { path: path.into(), source };
    let sealed = key.seal("key-check", KEY_CHECK_WORD).map_err(seal)?;
    db.insert(KEY_CHECK, sealed).map_err(engine)?;
    db.flush().map_err(engine)?;
    Ok(())
}

impl Inner {
    /// Waits for the commit under way. A thread that panicked in the engine leaves it broken.
    fn sound(&self) -> Result<MutexGuard<'_, Engine>, StoreError> {
        let engine = self.engine.lock().map_err(|_poisoned| StoreError::Broken)?;
        if *engine == Engine::Broken { Err(StoreError::Broken) } else { Ok(engine) }
    }

    fn entry(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        let _sound = self.sound()?;
        let stored = self.db.get(key.as_str())?;
        stored.map(|stored| self.decode(key.as_str(), &stored)).transpose()
    }

    fn list(&self, prefix: &str) -> Result<(Vec<(Key, Entry)>, Revision), StoreError> {
        // No commit runs while this reads, so all of it is of one revision.
        let _sound = self.sound()?;
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

    fn commit(&self, changes: &[Change]) -> Result<Revision, CommitError> {
        let mut engine = self.sound().map_err(CommitError::Write)?;
        self.check_room(changes)?;
        let revision = Revision(self.newest.borrow().0 + 1);
        let unconfirmed = |error: sled::Error| CommitError::Unconfirmed(error.into());
        match self.write(changes, revision.0) {
            // Before the flush the write is only in memory (and could be lost by a crash).
            Ok(()) => self.db.flush().map_err(unconfirmed),
            Err(refused) => Err(refused),
        }
        .inspect_err(|error| {
            if matches!(error, CommitError::Unconfirmed(_)) {
                *engine = Engine::Broken;
            }
        })?;
        self.newest.send_replace(revision);
        Ok(revision)
    }

    /// Refuses while the engine is whole, rather than letting it fail half-way.
    fn check_room(&self, changes: &[Change]) -> Result<(), CommitError> {
        // Deleting writes too, but little: it is how an operator makes room.
        if changes.iter().all(|change| change.value.is_none()) {
            return Ok(());
        }
        let disk = rustix::fs::statvfs(&self.path);
        let disk = disk.map_err(|error| CommitError::Write(StoreError::Disk(error.into())))?;
        let free_bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
        let size = |change: &Change| change.value.as_ref().map_or(0, |value| value.bytes.len() as u64);
        let written_bytes: u64 = changes.iter().map(size).sum();
        let needed_bytes = written_bytes.saturating_mul(WRITE_AMPLIFICATION).saturating_add(FREE_BYTES_MIN);
        if free_bytes < needed_bytes {
            return Err(CommitError::Full { free_bytes, needed_bytes });
        }
        Ok(())
    }

    fn decode(&self, key: &str, stored: &[u8]) -> Result<Entry, StoreError> {
        let damaged = || StoreError::Damaged { key: key.to_owned() };
        let (revision, rest) = stored.split_at_checked(8).ok_or_else(damaged)?;
        let (secrecy, value) = rest.split_first().ok_or_else(damaged)?;
        let (value, secrecy) = match secrecy {
            0 => (value.to_vec(), Secrecy::Plain),
            1 => (self.key.open(key, value)?, Secrecy::Sealed),
            _ => return Err(damaged()),
        };
        let revision = Revision(counter(revision).ok_or_else(damaged)?);
        Ok(Entry { value, revision, secrecy })
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
                let revision_of = |stored: sled::IVec| stored.get(..8).and_then(counter).unwrap_or_default();
                let stored = tree.get(key)?.map(|stored| Revision(revision_of(stored)));
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
            TransactionError::Storage(error) => CommitError::Unconfirmed(error.into()),
        })
    }
}

#[async_trait]
impl Store for Embedded {
    async fn entry(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        let key = key.clone();
        self.blocking(move |inner| inner.entry(&key)).await?
    }

    async fn list(&self, prefix: &str) -> Result<(Vec<(Key, Entry)>, Revision), StoreError> {
        let prefix = prefix.to_owned();
        self.blocking(move |inner| inner.list(&prefix)).await?
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<Revision, CommitError> {
        self.blocking(move |inner| inner.commit(&changes)).await.map_err(CommitError::Write)?
    }

    fn watch(&self) -> watch::Receiver<Revision> {
        self.inner.newest.subscribe()
    }

    async fn lease(
        &self,
        name: &str,
        holder: &str,
        ttl: Duration,
        now: SystemTime,
    ) -> Result<Lease, CommitError> {
        let key = lease_key(name)?;
        let entry = self.entry(&key).await.map_err(CommitError::Write)?;
        if let Some(entry) = &entry
            && let Some((by, until)) = parse_lease(&entry.value)
            && by != holder
            && until > now
        {
            return Ok(Lease::Held { by, until });
        }
        // Whole milliseconds, for the holder as for the others: it must not believe in it longer than they do.
        let millis = (now + ttl).duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let until = UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX));
        let change = Change {
            key,
            expect: entry.map_or(Expect::Absent, |entry| Expect::Revision(entry.revision)),
            value: Some(Value { bytes: format!("{millis} {holder}").into_bytes(), secrecy: Secrecy::Plain }),
        };
        match self.commit(vec![change]).await {
            Ok(_) => Ok(Lease::Granted { until }),
            // Somebody was quicker.
            Err(CommitError::Conflict { .. }) => Ok(Lease::Held { by: "another gateway".into(), until }),
            Err(error) => Err(error),
        }
    }
}

fn lease_key(name: &str) -> Result<Key, CommitError> {
    Key::new(format!("leases/{name}"))
        .map_err(|_invalid| CommitError::Write(StoreError::Damaged { key: name.to_owned() }))
}

fn parse_lease(value: &[u8]) -> Option<(String, SystemTime)> {
    let (millis, holder) = std::str::from_utf8(value).ok()?.split_once(' ')?;
    Some((holder.to_owned(), UNIX_EPOCH + Duration::from_millis(millis.parse().ok()?)))
}

fn counter(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}

/// Shared by everyone who reads or writes state.
pub type SharedStore = Arc<dyn Store>;
