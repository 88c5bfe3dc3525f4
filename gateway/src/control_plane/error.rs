//! Why a change of resources is refused, and why there are none.

use policy::id::ResourceKey;
use policy::snapshot::Rejected;
use policy::vet::Release;

use crate::private_ca::DamagedRoot;
use crate::store::archive::ArchiveError;
use crate::store::{CommitError, Key, StoreError};

/// Why a change was not made. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The resources do not go together.
    #[error("{} of the resulting resources do not go together", .0.len())]
    Rejected(Vec<Rejected>),
    /// Somebody changed an object since the writer read it.
    #[error("{key} has resourceVersion {stored}, not {sent}: read it again")]
    Conflict {
        /// Which object.
        key: ResourceKey,
        /// What the writer sent.
        sent: String,
        /// What is stored, or `none`.
        stored: String,
    },
    /// Somebody else keeps an object.
    #[error("{key} is kept by {owner}; change it there")]
    Owned {
        /// Which object.
        key: ResourceKey,
        /// By whom.
        owner: String,
    },
    /// An object is given twice, so nobody can say which is meant.
    #[error("{0} is given twice; keep one")]
    Twice(ResourceKey),
    /// There is no such object.
    #[error("there is no {0}")]
    NotFound(ResourceKey),
    /// A secret's value is the placeholder that the API shows, and there is nothing to keep.
    #[error("{key} has no stored value for {name} to keep")]
    NothingToKeep {
        /// Which secret.
        key: ResourceKey,
        /// Which of its values.
        name: String,
    },
    /// What another gateway changed cannot be read.
    #[error("what is stored now cannot be read")]
    Stale(#[from] LoadError),
    /// The store did not take it.
    #[error("the change was not stored")]
    Store(#[from] CommitError),
}

/// Why there is no control plane.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The store failed.
    #[error("reading resources from the store")]
    Store(#[from] StoreError),
    /// A later release wrote a resource in a form that this one does not read. It is not passed over: what it
    /// forbids would be allowed.
    #[error("causeway {writer} wrote {key} and this one is {}: {reason} (CW0105)", Release::own())]
    Later {
        /// Which entry.
        key: String,
        /// Who wrote it.
        writer: Release,
        /// Why it is not understood.
        reason: String,
    },
    /// A stored resource is not one that this version reads.
    #[error("{key} is not understood by this version: {reason}")]
    Unreadable {
        /// Which entry.
        key: String,
        /// Why.
        reason: String,
    },
}

/// What is wrong with an entry that is no resource.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableEntry {
    /// The root of a private CA.
    #[error("no root of a private CA")]
    Root(#[from] DamagedRoot),
    /// A certificate.
    #[error("no certificate: {0}")]
    Certificate(String),
    /// Plain JSON of ours.
    #[error("not in the form in which it is kept")]
    Form(#[from] serde_json::Error),
}

/// Why an export was not taken. Nothing of it was, unless said.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It is none.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// It holds a resource that this version does not read.
    #[error("nothing is imported: the archive holds a resource that cannot be read")]
    Resource(#[source] LoadError),
    /// It holds a resource under the key of another.
    #[error("nothing is imported: {entry} of the archive holds {found}")]
    Misplaced {
        /// The key.
        entry: Key,
        /// What is there.
        found: ResourceKey,
    },
    /// It holds what this version keeps nowhere.
    #[error("nothing is imported: {entry} of the archive is nothing that this version knows")]
    Unknown {
        /// The key.
        entry: Key,
    },
    /// It holds something else than a resource that this version does not read.
    #[error("nothing is imported: {entry} of the archive cannot be read")]
    Unreadable {
        /// The key.
        entry: Key,
        /// Why.
        #[source]
        source: UnreadableEntry,
    },
    /// Its resources do not go together, or not with those that are there.
    #[error("nothing is imported: {} of the resulting resources do not go together", .0.len())]
    Rejected(Vec<Rejected>),
    /// The store did not take it.
    #[error("nothing is imported")]
    Store(#[from] CommitError),
    /// What is stored, before or after, cannot be read.
    #[error("what is stored now cannot be read")]
    Load(#[from] LoadError),
}
