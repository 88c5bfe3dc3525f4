//! Why a change of resources is refused, and why there are none.

use policy::id::ResourceKey;
use policy::snapshot::Rejected;
use policy::vet::Release;

use crate::store::archive::ArchiveError;
use crate::store::{CommitError, StoreError};

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
    #[error("causeway {writer} wrote the stored {key} and this one is {}: {reason} (CW0105)", Release::own())]
    Later {
        /// Which entry.
        key: String,
        /// Who wrote it.
        writer: Release,
        /// Why it is not understood.
        reason: String,
    },
    /// A stored resource is not one that this version reads.
    #[error("the stored {key} is not understood by this version: {reason}")]
    Unreadable {
        /// Which entry.
        key: String,
        /// Why.
        reason: String,
    },
}

/// Why an export was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It is none, or the store does not take it.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// It was stored, and is not understood.
    #[error(transparent)]
    Load(#[from] LoadError),
}
