//! Where state is kept: resources, secrets, certificates, accounts.
//!
//! One trait, so that a fleet can share another engine than the embedded one. Every write is durable before it is
//! acknowledged; secrets are sealed before they reach the engine.

pub mod archive;
pub mod embedded;
pub mod seal;

use std::fmt;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use tokio::sync::watch;

/// Names an entry: parts joined by slashes, e.g. `resources/Zone/platform/example.com`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Key(String);

/// The text is no key.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no key: parts of letters, digits, '-', '.', '_', '*', joined by '/'")]
pub struct InvalidKey(String);

impl Key {
    /// The longest key: a kind, a namespace and a name fit.
    pub const BYTES_MAX: usize = 640;

    /// A key from its text.
    ///
    /// # Errors
    /// When the text is empty, too long, or holds other characters.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidKey> {
        let text = text.into();
        let allowed =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'*' | b'/');
        let parts_filled = text.split('/').all(|part| !part.is_empty());
        if parts_filled && text.len() <= Self::BYTES_MAX && text.bytes().all(allowed) {
            Ok(Self(text))
        } else {
            Err(InvalidKey(text))
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Makes a folder, and those above it, for its owner alone. One that is there stays as its operator made it.
pub(crate) fn make_private_folder(path: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Counts commits, from 1.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Revision(pub u64);

/// A value, and the commit that wrote it.
#[derive(Clone, Eq, PartialEq)]
pub struct Entry {
    /// The bytes, opened if they were sealed.
    pub value: Vec<u8>,
    /// The commit.
    pub revision: Revision,
    /// Whether it is sealed at rest.
    pub secrecy: Secrecy,
}

/// The value may be a secret.
impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({} bytes at {})", self.value.len(), self.revision.0)
    }
}

/// One write of a commit.
#[derive(Clone, Debug)]
pub struct Change {
    /// What is written.
    pub key: Key,
    /// What must be there for the commit to happen.
    pub expect: Expect,
    /// The new value; `None` deletes.
    pub value: Option<Value>,
}

/// Written with every change of a resource: whoever judged a change by the resources of an older one is refused, and
/// who follows them sees at one look whether there is something new.
pub const RESOURCES_HEAD: &str = "resources-head";

/// Below which is kept what changes took away while caches may still hold its names.
pub const DEPARTURES: &str = "departures/";

impl Change {
    /// Marks that resources change.
    #[must_use]
    pub fn resources_head() -> Self {
        let key = Key::new(RESOURCES_HEAD).expect("a literal that is a key");
        let value = Some(Value { bytes: Vec::new(), secrecy: Secrecy::Plain });
        Self { key, expect: Expect::Any, value }
    }
}

/// A value to be written.
#[derive(Clone)]
pub struct Value {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Whether they are sealed on their way to the engine.
    pub secrecy: Secrecy,
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({} bytes, {:?})", self.bytes.len(), self.secrecy)
    }
}

/// Whether a value is sealed at rest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Secrecy {
    /// Written as it is.
    Plain,
    /// Encrypted and bound to its key.
    Sealed,
}

/// What a writer believes is there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Expect {
    /// Anything.
    Any,
    /// Nothing.
    Absent,
    /// What this commit wrote.
    Revision(Revision),
}

/// Why a commit was not acknowledged. Nothing of it was written, unless said.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Somebody wrote in between.
    #[error("{key} was changed by somebody else")]
    Conflict {
        /// Which entry.
        key: Key,
        /// The commit that wrote what is there now.
        stored: Option<Revision>,
    },
    /// The disk takes no more. Reading goes on, and writing too once there is room.
    #[error("the disk of the store is full: {free_bytes} bytes are free, {needed_bytes} are needed")]
    Full {
        /// What is free.
        free_bytes: u64,
        /// What would be enough.
        needed_bytes: u64,
    },
    /// The disk did not confirm: the commit is there after a restart, or it is not.
    #[error("the disk did not confirm the write; the store takes no more until causeway is started again")]
    Unconfirmed(#[source] StoreError),
    /// It was not tried.
    #[error("the store cannot be written")]
    Write(#[source] StoreError),
}

/// The engine failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Of itself.
    #[error("the storage engine failed")]
    Engine(#[from] sled::Error),
    /// A sealed value does not open: another key, or damage.
    #[error("{key} cannot be unsealed: it was sealed with another key, or is damaged")]
    Unseal {
        /// Which entry.
        key: String,
    },
    /// A value is not in the form in which we write.
    #[error("{key} is damaged")]
    Damaged {
        /// Which entry.
        key: String,
    },
    /// The cryptographic library refused.
    #[error("sealing failed")]
    Seal,
    /// The disk cannot be asked.
    #[error("the disk of the store cannot be asked for its room")]
    Disk(#[source] std::io::Error),
    /// An earlier write was not confirmed.
    #[error("an earlier write was not confirmed by the disk; start causeway again")]
    Broken,
}

/// A lease that was asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Lease {
    /// It is the asker's, until then.
    Granted {
        /// When it ends by itself.
        until: SystemTime,
    },
    /// Somebody else has it.
    Held {
        /// Who.
        by: String,
        /// When it ends by itself.
        until: SystemTime,
    },
}

/// A store.
#[async_trait]
pub trait Store: Send + Sync {
    /// Reads one entry.
    ///
    /// # Errors
    /// When the engine fails, or a sealed value does not open.
    async fn entry(&self, key: &Key) -> Result<Option<Entry>, StoreError>;

    /// Reads every entry below a prefix, as of one revision.
    ///
    /// # Errors
    /// When the engine fails, or a sealed value does not open.
    async fn list(&self, prefix: &str) -> Result<(Vec<(Key, Entry)>, Revision), StoreError>;

    /// Writes all changes or none. Durable when it returns.
    ///
    /// # Errors
    /// When an expectation does not hold or the engine fails.
    async fn commit(&self, changes: Vec<Change>) -> Result<Revision, CommitError>;

    /// Follows the newest durable revision. Who sees it rise lists again what it cares for.
    fn watch(&self) -> watch::Receiver<Revision>;

    /// Asks for a lease, or renews it. Ends by itself after `ttl`.
    ///
    /// # Errors
    /// When the engine fails.
    async fn lease(
        &self,
        name: &str,
        holder: &str,
        ttl: Duration,
        now: SystemTime,
    ) -> Result<Lease, CommitError>;
}
