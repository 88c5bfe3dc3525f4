//! The rotation in the store: a step is durable before anybody acts on it.

use crate::store::embedded::SharedStore;
use crate::store::{Change, CommitError, Expect, Key, Revision, Secrecy, StoreError, Value};

use super::core::rotation::{Refused, Rotation};

/// Where it is.
pub(crate) const KEY: &str = "authority/rotation";

/// Whether this is a rotation as it is kept.
pub(crate) fn check(bytes: &[u8]) -> Result<(), serde_json::Error> {
    serde_json::from_slice::<Rotation>(bytes).map(|_read| ())
}

/// A rotation that outlives the process. Gateways on one store share it.
pub struct KeptRotation {
    store: SharedStore,
    rotation: Rotation,
}

/// Why there is no rotation.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store failed.
    #[error("reading the rotation from the store")]
    Store(#[from] StoreError),
    /// What is kept is none.
    #[error("the stored rotation is not understood")]
    Malformed(#[from] serde_json::Error),
}

/// Why a step was not taken.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// By the rules.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// It could not be kept.
    #[error("the step is not stored")]
    Store(#[from] CommitError),
    /// What another gateway kept cannot be read.
    #[error("what is stored now cannot be read")]
    Read(#[from] ReadError),
}

/// How often a step is tried when another gateway takes one at the same time.
const TRIES_MAX: usize = 16;

impl KeptRotation {
    /// Reads what is kept; a new site has no authorities.
    ///
    /// # Errors
    /// When the store fails, or holds what is not understood.
    pub async fn load(store: SharedStore) -> Result<Self, ReadError> {
        let (rotation, _) = read(&store).await?;
        Ok(Self { store, rotation })
    }

    /// As it was last read or kept.
    #[must_use]
    pub const fn rotation(&self) -> &Rotation {
        &self.rotation
    }

    /// Takes a step. What it gives is given only once the step is durable.
    ///
    /// # Errors
    /// When the step is refused or cannot be kept; then it is not taken.
    pub async fn step<T>(
        &mut self,
        step: impl Fn(&mut Rotation) -> Result<T, Refused>,
    ) -> Result<T, StepError> {
        let mut tries = 1;
        loop {
            // By what is stored, whoever stored it; and after a write that was not confirmed, that is not known here.
            let (mut next, revision) = read(&self.store).await?;
            let given = step(&mut next)?;
            match self.store.commit(vec![change(&next, revision)]).await {
                Ok(_) => {
                    self.rotation = next;
                    return Ok(given);
                }
                Err(CommitError::Conflict { .. }) if tries < TRIES_MAX => tries += 1,
                Err(failed) => return Err(failed.into()),
            }
        }
    }
}

async fn read(store: &SharedStore) -> Result<(Rotation, Option<Revision>), ReadError> {
    match store.entry(&key()).await? {
        Some(entry) => Ok((serde_json::from_slice(&entry.value)?, Some(entry.revision))),
        None => Ok((Rotation::default(), None)),
    }
}

fn change(rotation: &Rotation, read: Option<Revision>) -> Change {
    let bytes = serde_json::to_vec(rotation).expect("a rotation has a JSON form");
    let value = Some(Value { bytes, secrecy: Secrecy::Sealed });
    Change { key: key(), expect: read.map_or(Expect::Absent, Expect::Revision), value }
}

fn key() -> Key {
    Key::new(KEY).expect("a literal that is a key")
}

#[cfg(test)]
mod tests;
