//! Takes an export: all of it, or nothing.

use std::collections::BTreeMap;

use policy::id::{Kind, Name};
use policy::snapshot::{Generation, Input, Snapshot, compile};

use super::error::UnreadableEntry;
use super::state::{self, State, Written};
use super::{ControlPlane, ImportError, TRIES_MAX, departures};
use crate::acme::account;
use crate::certificates::keep;
use crate::store::archive;
use crate::store::{Change, CommitError, Key};
use crate::{authority, private_ca};

impl ControlPlane {
    /// Takes an export. What is there under the same keys is replaced, the rest stays.
    ///
    /// # Errors
    /// When it is none, holds what is not understood or does not go together with what stays, or the store does not
    /// take it; then nothing is stored.
    pub async fn import(&self, passphrase: &str, text: &str) -> Result<u64, ImportError> {
        let changes = archive::read(passphrase, text)?;
        let mut state = self.state.lock().await;
        let mut tries = 1;
        loop {
            self.catch_up(&mut state).await?;
            match self.try_import(&state, &changes).await {
                Err(ImportError::Store(CommitError::Conflict { .. })) if tries < TRIES_MAX => tries += 1,
                Err(refused) => return Err(refused),
                Ok(()) => break,
            }
        }
        self.catch_up(&mut state).await?;
        Ok(state.set.revision)
    }

    async fn try_import(&self, state: &State, changes: &[Change]) -> Result<(), ImportError> {
        let snapshot = self.judge_import(state, changes)?;
        let gone = departures::changes(&self.store, &*self.clock, &self.site, state, &snapshot).await?;
        // With the head as it was read, so that what was judged is what is stored.
        let changes = changes.iter().cloned().chain([state.head_change()]).chain(gone).collect();
        self.store.commit(changes).await?;
        Ok(())
    }

    /// What comes of it, if everything can be read, each by its own type, and the resources go together.
    fn judge_import(&self, state: &State, changes: &[Change]) -> Result<Snapshot, ImportError> {
        let mut next = state.set.resources.clone();
        for change in changes {
            let Some(value) = &change.value else { continue };
            if !change.key.as_str().starts_with(state::PREFIX) {
                judge_other(&change.key, &value.bytes)?;
                continue;
            }
            let written = Written::read(&change.key, &value.bytes).map_err(ImportError::Resource)?;
            let key = written.resource.key();
            if state::store_key(&key) != change.key {
                return Err(ImportError::Misplaced { entry: change.key.clone(), found: key });
            }
            let mut resource = written.resource;
            // It gets its revision when it is stored; until then it is later than all that is.
            resource.metadata.resource_version = None;
            next.insert(key, resource);
        }
        let input = Input {
            generation: Generation::default(),
            resources: &next,
            site: &self.site,
            stages: &BTreeMap::new(),
            interim: &BTreeMap::new(),
            departing: &[],
        };
        compile(&input).map_err(ImportError::Rejected)
    }
}

/// Whether an entry that is no resource is one of ours and can be read. What is not listed here is not stored: nobody
/// would read it until a start that fails.
fn judge_other(key: &Key, bytes: &[u8]) -> Result<(), ImportError> {
    let unknown = || ImportError::Unknown { entry: key.clone() };
    let names = |below: &str, expected: usize| {
        let names: Vec<&str> = below.split('/').collect();
        names.len() == expected && names.iter().all(|name| name.parse::<Name>().is_ok())
    };
    let text = key.as_str();
    let read: Result<(), UnreadableEntry> = if let Some(below) = text.strip_prefix(private_ca::PREFIX) {
        if !names(below, 2) {
            return Err(unknown());
        }
        private_ca::Root::read(bytes).map(|_root| ()).map_err(Into::into)
    } else if let Some(below) = text.strip_prefix(keep::PREFIX) {
        let (kind, below) = below.split_once('/').ok_or_else(unknown)?;
        if !Kind::ALL.iter().any(|known| known.as_str() == kind) || !names(below, 2) {
            return Err(unknown());
        }
        keep::check(bytes).map_err(|why| UnreadableEntry::Certificate(crate::chain(&why)))
    } else if text.starts_with(account::PREFIX) {
        account::check(bytes).map_err(Into::into)
    } else if text == authority::keep::KEY {
        authority::keep::check(bytes).map_err(Into::into)
    } else {
        return Err(unknown());
    };
    read.map_err(|source| ImportError::Unreadable { entry: key.clone(), source })
}

#[cfg(test)]
mod tests;
