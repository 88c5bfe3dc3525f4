//! What the store holds of resources, as it was when it was last read.

use std::collections::BTreeMap;

use policy::id::{Kind, ResourceKey};
use policy::resource::Resource;
use policy::vet::Release;
use serde::{Deserialize, Serialize};

use super::{ApplyError, ApplyOptions, LoadError, ResourceSet};
use crate::core::history::Event;
use crate::store::embedded::SharedStore;
use crate::store::{Change, Expect, Key, RESOURCES_HEAD, Revision, Secrecy, StoreError, Value};

/// Every resource, and what the store says of each.
#[derive(Default)]
pub(super) struct State {
    pub(super) set: ResourceSet,
    pub(super) stored: BTreeMap<ResourceKey, Stored>,
    /// The newest change of any resource. A change that was judged by other resources than these is not stored.
    pub(super) head: Option<Revision>,
}

#[derive(Clone)]
pub(super) struct Stored {
    pub(super) revision: Revision,
    pub(super) owner: Option<String>,
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

/// A resource, as an entry of the store says it.
pub(super) struct Written {
    pub(super) resource: Resource,
    pub(super) owner: Option<String>,
    /// Which release wrote it, where it is known and not this one.
    pub(super) writer: Option<Release>,
}

impl Written {
    pub(super) fn read(key: &Key, value: &[u8]) -> Result<Self, LoadError> {
        let unreadable = |reason: String| LoadError::Unreadable { key: key.to_string(), reason };
        let record: Record = serde_json::from_slice(value).map_err(|error| unreadable(error.to_string()))?;
        let writer = record.release.and_then(|release| release.parse::<Release>().ok());
        let writer = writer.filter(|writer| *writer != Release::own());
        let resource = policy::document::from_json(&record.resource).map_err(|faults| {
            let reason = faults.first().map(ToString::to_string).unwrap_or_default();
            match writer.filter(|writer| Release::own().is_before(*writer)) {
                Some(writer) => LoadError::Later { key: key.to_string(), writer, reason },
                None => unreadable(reason),
            }
        })?;
        Ok(Self { resource, owner: record.owner, writer })
    }
}

/// Below which the store keeps resources.
pub(super) const PREFIX: &str = "resources/";

impl State {
    /// Reads all of it.
    pub(super) async fn read(store: &SharedStore) -> Result<Self, LoadError> {
        // First the head: if somebody writes between the two, it is older than the resources, which is noticed.
        let head = head(store).await?;
        let (entries, revision) = store.list(PREFIX).await?;
        let mut state = Self { head, ..Self::default() };
        state.set.revision = revision.0;
        for (key, entry) in entries {
            let Written { mut resource, owner, writer } = Written::read(&key, &entry.value)?;
            resource.metadata.resource_version = Some(entry.revision.0.to_string());
            let stored = Stored { revision: entry.revision, owner };
            state.stored.insert(resource.key(), stored);
            state.set.writers.extend(writer.map(|writer| (resource.key(), writer)));
            state.set.resources.insert(resource.key(), resource);
        }
        Ok(state)
    }

    /// Whether nobody changed a resource since this was read.
    pub(super) async fn is_current(&self, store: &SharedStore) -> Result<bool, StoreError> {
        Ok(head(store).await? == self.head)
    }

    /// What became of `before`, oldest first.
    pub(super) fn events_since(&self, before: &Self) -> Vec<Event> {
        let revision = |state: &Self, key: &ResourceKey| state.stored.get(key).map(|stored| stored.revision);
        let mut events = Vec::new();
        for (key, resource) in &self.set.resources {
            let (was, is) = (revision(before, key), revision(self, key));
            if let Some(is) = is.filter(|_| was != is) {
                events.push(Event::put(is.0, resource.clone(), was.is_none()));
            }
        }
        let gone = before.set.resources.iter().filter(|(key, _)| !self.set.resources.contains_key(key));
        // Nobody kept when they went; by the newest revision they had.
        events.extend(gone.map(|(_, resource)| Event::deleted(self.set.revision, resource.clone())));
        events.sort_by_key(|event| event.revision);
        events
    }

    pub(super) fn check_owner(&self, key: &ResourceKey, options: &ApplyOptions) -> Result<(), ApplyError> {
        match self.stored.get(key).and_then(|stored| stored.owner.as_ref()) {
            Some(owner) if options.owner.as_ref() != Some(owner) => {
                Err(ApplyError::Owned { key: key.clone(), owner: owner.clone() })
            }
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn is_kept_by(&self, key: &ResourceKey, options: &ApplyOptions) -> bool {
        self.stored.get(key).is_some_and(|stored| stored.owner == options.owner)
    }

    /// What `owner` keeps.
    pub(super) fn kept_by(&self, owner: &str) -> impl Iterator<Item = &ResourceKey> {
        let kept = self.stored.iter().filter(move |(_, stored)| stored.owner.as_deref() == Some(owner));
        kept.map(|(key, _)| key)
    }

    pub(super) fn store_change(
        &self,
        key: &ResourceKey,
        resource: Option<&Resource>,
        options: &ApplyOptions,
    ) -> Change {
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

    /// Goes with every change, so that of two that were judged by the same resources only one is stored.
    pub(super) fn head_change(&self) -> Change {
        Change { expect: self.head.map_or(Expect::Absent, Expect::Revision), ..Change::resources_head() }
    }
}

async fn head(store: &SharedStore) -> Result<Option<Revision>, StoreError> {
    let head = Key::new(RESOURCES_HEAD).expect("a literal that is a key");
    Ok(store.entry(&head).await?.map(|entry| entry.revision))
}

pub(super) fn store_key(key: &ResourceKey) -> Key {
    let text = format!("{PREFIX}{}/{}/{}", key.kind, key.namespace, key.name);
    Key::new(text).expect("names hold only what keys may hold")
}
