//! Takes changes of resources: all of them or none, checked against everything else before they are stored.

mod merge;

pub(crate) use merge::PLACEHOLDER;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use policy::clock::Clock;
use policy::id::{Kind, ResourceKey};
use policy::resource::Resource;
use policy::snapshot::{Generation, Input, Rejected, Site, compile};
use policy::vet::Release;
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, watch};

use crate::store::embedded::SharedStore;
use crate::store::{Change, CommitError, Expect, Key, Revision, Secrecy, StoreError, Value};

/// Every resource, as of one revision.
#[derive(Clone, Debug, Default)]
pub struct ResourceSet {
    /// Of the store.
    pub revision: u64,
    /// By key.
    pub resources: BTreeMap<ResourceKey, Resource>,
    /// Which release wrote each, where it is known and not this one.
    pub writers: BTreeMap<ResourceKey, Release>,
}

/// How a change is made.
#[derive(Clone, Debug, Default)]
pub struct ApplyOptions {
    /// Check and say what would happen, and change nothing.
    pub dry_run: bool,
    /// Who keeps the objects, if not whoever comes: a watched directory.
    pub owner: Option<String>,
}

/// What a change did.
#[derive(Clone, Debug, Serialize)]
pub struct Applied {
    /// The revision after it.
    pub revision: u64,
    /// What happened to each object.
    pub objects: Vec<(ResourceKey, Outcome)>,
}

/// What happened to an object.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It was not there.
    Created,
    /// Its spec or metadata changed.
    Updated,
    /// Nothing changed.
    Unchanged,
    /// It is gone.
    Deleted,
}

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

/// The resources, and the only way to change them.
pub struct ControlPlane {
    store: SharedStore,
    clock: Arc<dyn Clock>,
    site: Site,
    /// Held while a change is made, so that changes are judged against what they change.
    state: Mutex<State>,
    published: watch::Sender<Arc<ResourceSet>>,
}

#[derive(Default)]
struct State {
    set: ResourceSet,
    stored: BTreeMap<ResourceKey, Stored>,
}

#[derive(Clone)]
struct Stored {
    revision: Revision,
    owner: Option<String>,
}

/// What an entry of the store holds.
#[derive(Deserialize, Serialize)]
struct Record {
    resource: serde_json::Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    /// The release that wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    release: Option<String>,
}

/// Below which the store keeps resources.
const PREFIX: &str = "resources/";

impl ControlPlane {
    /// Loads what is stored.
    ///
    /// # Errors
    /// When the store fails or holds what is not understood.
    pub async fn load(store: SharedStore, clock: Arc<dyn Clock>, site: Site) -> Result<Self, LoadError> {
        let state = read(&store).await?;
        let (published, _) = watch::channel(Arc::new(state.set.clone()));
        Ok(Self { store, clock, site, state: Mutex::new(state), published })
    }

    /// The resources, and every change of them.
    #[must_use]
    pub fn resources(&self) -> watch::Receiver<Arc<ResourceSet>> {
        self.published.subscribe()
    }

    /// The store, for exports.
    #[must_use]
    pub const fn store(&self) -> &SharedStore {
        &self.store
    }

    /// What the site is.
    #[must_use]
    pub const fn site(&self) -> &Site {
        &self.site
    }

    /// Reads the store again: after an import.
    ///
    /// # Errors
    /// When the store fails or holds what is not understood.
    pub async fn reload(&self) -> Result<u64, LoadError> {
        let mut state = self.state.lock().await;
        *state = read(&self.store).await?;
        self.published.send_replace(Arc::new(state.set.clone()));
        Ok(state.set.revision)
    }

    /// Creates or changes objects.
    ///
    /// # Errors
    /// When any of them cannot be; then none is.
    pub async fn apply(
        &self,
        resources: Vec<Resource>,
        options: ApplyOptions,
    ) -> Result<Applied, ApplyError> {
        self.change(resources, BTreeSet::new(), &options).await
    }

    /// Makes `owner` the keeper of exactly these objects: what it kept before and is not among them is deleted.
    ///
    /// # Errors
    /// When any of it cannot be; then nothing is changed.
    pub async fn own(&self, owner: &str, resources: Vec<Resource>) -> Result<Applied, ApplyError> {
        let kept: BTreeSet<_> = resources.iter().map(Resource::key).collect();
        let gone = {
            let state = self.state.lock().await;
            let owned = state.stored.iter().filter(|(_, stored)| stored.owner.as_deref() == Some(owner));
            owned.map(|(key, _)| key.clone()).filter(|key| !kept.contains(key)).collect()
        };
        let options = ApplyOptions { dry_run: false, owner: Some(owner.to_owned()) };
        self.change(resources, gone, &options).await
    }

    /// Deletes objects.
    ///
    /// # Errors
    /// When one is not there, or others need it; then none is.
    pub async fn delete(&self, keys: Vec<ResourceKey>, options: ApplyOptions) -> Result<Applied, ApplyError> {
        self.change(Vec::new(), keys.into_iter().collect(), &options).await
    }

    async fn change(
        &self,
        puts: Vec<Resource>,
        deletes: BTreeSet<ResourceKey>,
        options: &ApplyOptions,
    ) -> Result<Applied, ApplyError> {
        let mut state = self.state.lock().await;
        let mut next = state.set.resources.clone();
        let mut objects = Vec::new();
        let mut given = BTreeSet::new();
        if let Some(put) = puts.iter().find(|put| !given.insert(put.key())) {
            return Err(ApplyError::Twice(put.key()));
        }
        for key in deletes {
            state.check_owner(&key, options)?;
            if next.remove(&key).is_none() {
                return Err(ApplyError::NotFound(key));
            }
            objects.push((key, Outcome::Deleted));
        }
        for put in puts {
            let key = put.key();
            state.check_owner(&key, options)?;
            let before = state.set.resources.get(&key);
            let mut merged = merge::merge(put, before, self.clock.now())?;
            let outcome = match before {
                None => Outcome::Created,
                // An owner that finds its object already there still takes it, or it would never let it go.
                Some(before) if merge::same(before, &merged) && state.is_kept_by(&key, options) => {
                    Outcome::Unchanged
                }
                Some(_) => Outcome::Updated,
            };
            if outcome != Outcome::Unchanged {
                // It gets its revision when it is stored; until then it is later than all that is.
                merged.metadata.resource_version = None;
            }
            next.insert(key.clone(), merged);
            objects.push((key, outcome));
        }
        let input = Input {
            generation: Generation::default(),
            resources: &next,
            site: &self.site,
            stages: &BTreeMap::new(),
            departing: &[],
        };
        compile(&input).map_err(ApplyError::Rejected)?;
        let changed: Vec<_> = objects.iter().filter(|(_, outcome)| *outcome != Outcome::Unchanged).collect();
        if options.dry_run || changed.is_empty() {
            return Ok(Applied { revision: state.set.revision, objects });
        }
        let changes =
            changed.iter().map(|(key, _)| state.store_change(key, next.get(key), options)).collect();
        let revision = self.store.commit(changes).await?;
        for (key, _) in changed {
            state.set.writers.remove(key);
            match next.get_mut(key) {
                Some(resource) => {
                    resource.metadata.resource_version = Some(revision.0.to_string());
                    let owner = options.owner.clone();
                    state.stored.insert(key.clone(), Stored { revision, owner });
                }
                None => drop(state.stored.remove(key)),
            }
        }
        state.set.revision = revision.0;
        state.set.resources = next;
        self.published.send_replace(Arc::new(state.set.clone()));
        Ok(Applied { revision: revision.0, objects })
    }
}

impl State {
    fn check_owner(&self, key: &ResourceKey, options: &ApplyOptions) -> Result<(), ApplyError> {
        match self.stored.get(key).and_then(|stored| stored.owner.as_ref()) {
            Some(owner) if options.owner.as_ref() != Some(owner) => {
                Err(ApplyError::Owned { key: key.clone(), owner: owner.clone() })
            }
            Some(_) | None => Ok(()),
        }
    }

    fn is_kept_by(&self, key: &ResourceKey, options: &ApplyOptions) -> bool {
        self.stored.get(key).is_some_and(|stored| stored.owner == options.owner)
    }

    fn store_change(&self, key: &ResourceKey, resource: Option<&Resource>, options: &ApplyOptions) -> Change {
        let value = resource.map(|resource| {
            let record = Record {
                resource: policy::document::to_json(resource),
                owner: options.owner.clone(),
                release: Some(Release::own().to_string()),
            };
            let bytes = serde_json::to_vec(&record).expect("resources have a JSON form");
            let secrecy = if key.kind == Kind::Secret { Secrecy::Sealed } else { Secrecy::Plain };
            Value { bytes, secrecy }
        });
        let expect = self.stored.get(key).map_or(Expect::Absent, |stored| Expect::Revision(stored.revision));
        Change { key: store_key(key), expect, value }
    }
}

fn store_key(key: &ResourceKey) -> Key {
    let text = format!("{PREFIX}{}/{}/{}", key.kind, key.namespace, key.name);
    Key::new(text).expect("names hold only what keys may hold")
}

async fn read(store: &SharedStore) -> Result<State, LoadError> {
    let (entries, revision) = store.list(PREFIX).await?;
    let mut state = State::default();
    state.set.revision = revision.0;
    for (key, entry) in entries {
        let unreadable = |reason: String| LoadError::Unreadable { key: key.to_string(), reason };
        let record: Record =
            serde_json::from_slice(&entry.value).map_err(|error| unreadable(error.to_string()))?;
        let writer = record.release.and_then(|release| release.parse::<Release>().ok());
        let writer = writer.filter(|writer| *writer != Release::own());
        let mut resource = policy::document::from_json(&record.resource).map_err(|faults| {
            let reason = faults.first().map(ToString::to_string).unwrap_or_default();
            match writer.filter(|writer| Release::own().is_before(*writer)) {
                Some(writer) => LoadError::Later { key: key.to_string(), writer, reason },
                None => unreadable(reason),
            }
        })?;
        resource.metadata.resource_version = Some(entry.revision.0.to_string());
        let stored = Stored { revision: entry.revision, owner: record.owner };
        state.stored.insert(resource.key(), stored);
        state.set.writers.extend(writer.map(|writer| (resource.key(), writer)));
        state.set.resources.insert(resource.key(), resource);
    }
    Ok(state)
}

#[cfg(test)]
mod tests;
