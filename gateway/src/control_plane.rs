//! Takes changes of resources: all of them or none, checked against everything else before they are stored.

mod departures;
mod error;
mod import;
mod merge;
mod state;

pub use departures::Departure;
pub use error::{ApplyError, ImportError, LoadError, UnreadableEntry};
pub(crate) use merge::PLACEHOLDER;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use policy::clock::Clock;
use policy::id::ResourceKey;
use policy::resource::Resource;
use policy::snapshot::{Generation, Input, Site, Snapshot, compile};
use policy::vet::Release;
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use self::state::{State, Stored};
use crate::core::history::{Event, Gone, History};
use crate::store::CommitError;
use crate::store::embedded::SharedStore;

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

/// What is to be changed.
struct Edit {
    puts: Vec<Resource>,
    deletes: Deletes,
}

/// What would come of it.
struct Judged {
    next: BTreeMap<ResourceKey, Resource>,
    objects: Vec<(ResourceKey, Outcome)>,
    snapshot: Snapshot,
}

enum Deletes {
    These(BTreeSet<ResourceKey>),
    /// All that an owner keeps and that is not put.
    OthersOf(String),
}

/// The resources, and the only way to change them.
///
/// Other gateways may change them too, on the same store. A change is judged by what is stored, and stored only if
/// that is still so; [`Self::follow`] takes in what the others changed.
pub struct ControlPlane {
    store: SharedStore,
    clock: Arc<dyn Clock>,
    site: Site,
    /// Held while a change is made, so that changes are judged against what they change.
    state: Mutex<State>,
    history: StdMutex<History>,
    published: watch::Sender<Arc<ResourceSet>>,
}

/// How often a change is tried when others write at the same time. Each time somebody else has got on.
const TRIES_MAX: usize = 16;
/// After a store that could not be read.
const FOLLOW_RETRY: Duration = Duration::from_secs(1);

impl ControlPlane {
    /// Loads what is stored.
    ///
    /// # Errors
    /// When the store fails or holds what is not understood.
    pub async fn load(store: SharedStore, clock: Arc<dyn Clock>, site: Site) -> Result<Self, LoadError> {
        let state = State::read(&store).await?;
        let (published, _) = watch::channel(Arc::new(state.set.clone()));
        let history = StdMutex::new(History::new(state.set.revision));
        Ok(Self { store, clock, site, state: Mutex::new(state), history, published })
    }

    /// The resources, and every change of them.
    #[must_use]
    pub fn resources(&self) -> watch::Receiver<Arc<ResourceSet>> {
        self.published.subscribe()
    }

    /// What happened to resources after a revision.
    ///
    /// # Errors
    /// When that is too long ago.
    pub fn events_since(&self, revision: u64) -> Result<Vec<Event>, Gone> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner).since(revision)
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

    /// Takes in what others change in the store, until `stop`.
    pub async fn follow(self: Arc<Self>, stop: CancellationToken) {
        let mut newest = self.store.watch();
        loop {
            let caught_up = async {
                loop {
                    let read = self.catch_up(&mut *self.state.lock().await).await;
                    let Err(error) = read else { break };
                    warn!(error = crate::chain(&error), "what is stored cannot be read; what runs goes on");
                    tokio::time::sleep(FOLLOW_RETRY).await;
                }
                newest.changed().await
            };
            tokio::select! {
                () = stop.cancelled() => return,
                changed = caught_up => if changed.is_err() { return },
            }
        }
    }

    /// Reads what others changed, if they did.
    async fn catch_up(&self, state: &mut State) -> Result<(), LoadError> {
        if !state.is_current(&self.store).await? {
            let read = State::read(&self.store).await?;
            let events = read.events_since(state);
            *state = read;
            self.publish(state, events);
        }
        Ok(())
    }

    fn publish(&self, state: &State, events: Vec<Event>) {
        self.history.lock().unwrap_or_else(PoisonError::into_inner).handle_events(events);
        self.published.send_replace(Arc::new(state.set.clone()));
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
        let deletes = Deletes::These(BTreeSet::new());
        self.change(&Edit { puts: resources, deletes }, &options).await
    }

    /// Makes `owner` the keeper of exactly these objects: what it kept before and is not among them is deleted.
    ///
    /// # Errors
    /// When any of it cannot be; then nothing is changed.
    pub async fn own(&self, owner: &str, resources: Vec<Resource>) -> Result<Applied, ApplyError> {
        let options = ApplyOptions { dry_run: false, owner: Some(owner.to_owned()) };
        let deletes = Deletes::OthersOf(owner.to_owned());
        self.change(&Edit { puts: resources, deletes }, &options).await
    }

    /// Deletes objects.
    ///
    /// # Errors
    /// When one is not there, or others need it; then none is.
    pub async fn delete(&self, keys: Vec<ResourceKey>, options: ApplyOptions) -> Result<Applied, ApplyError> {
        let deletes = Deletes::These(keys.into_iter().collect());
        self.change(&Edit { puts: Vec::new(), deletes }, &options).await
    }

    /// Tries until nobody wrote in between.
    async fn change(&self, edit: &Edit, options: &ApplyOptions) -> Result<Applied, ApplyError> {
        let mut given = BTreeSet::new();
        if let Some(put) = edit.puts.iter().find(|put| !given.insert(put.key())) {
            return Err(ApplyError::Twice(put.key()));
        }
        let mut state = self.state.lock().await;
        let mut tries = 1;
        loop {
            self.catch_up(&mut state).await?;
            match self.try_change(&mut state, edit, options).await {
                Err(ApplyError::Store(CommitError::Conflict { .. })) if tries < TRIES_MAX => tries += 1,
                done => return done,
            }
        }
    }

    async fn try_change(
        &self,
        state: &mut State,
        edit: &Edit,
        options: &ApplyOptions,
    ) -> Result<Applied, ApplyError> {
        let Judged { mut next, objects, snapshot } = self.judge(state, edit, options)?;
        let changed: Vec<_> = objects.iter().filter(|(_, outcome)| *outcome != Outcome::Unchanged).collect();
        if options.dry_run || changed.is_empty() {
            return Ok(Applied { revision: state.set.revision, objects });
        }
        let changes = changed.iter().map(|(key, _)| state.store_change(key, next.get(key), options));
        let mut changes: Vec<_> = changes.chain([state.head_change()]).collect();
        // What is only created takes no name away.
        if changed.iter().any(|(_, outcome)| *outcome != Outcome::Created) {
            let clock = &*self.clock;
            changes.extend(departures::changes(&self.store, clock, &self.site, state, &snapshot).await?);
        }
        let revision = self.store.commit(changes).await?;
        let mut events = Vec::new();
        for (key, outcome) in changed {
            state.set.writers.remove(key);
            match next.get_mut(key) {
                Some(resource) => {
                    resource.metadata.resource_version = Some(revision.0.to_string());
                    let owner = options.owner.clone();
                    state.stored.insert(key.clone(), Stored { revision, owner });
                    let is_new = *outcome == Outcome::Created;
                    events.push(Event::put(revision.0, resource.clone(), is_new));
                }
                None => {
                    state.stored.remove(key);
                    let was = state.set.resources.get(key).cloned();
                    events.extend(was.map(|was| Event::deleted(revision.0, was)));
                }
            }
        }
        state.head = Some(revision);
        state.set.revision = revision.0;
        state.set.resources = next;
        self.publish(state, events);
        Ok(Applied { revision: revision.0, objects })
    }

    /// What would be there, and what happens to each object.
    fn judge(&self, state: &State, edit: &Edit, options: &ApplyOptions) -> Result<Judged, ApplyError> {
        let mut next = state.set.resources.clone();
        let mut objects = Vec::new();
        let deletes = match &edit.deletes {
            Deletes::These(keys) => keys.clone(),
            Deletes::OthersOf(owner) => {
                let put: BTreeSet<_> = edit.puts.iter().map(Resource::key).collect();
                state.kept_by(owner).filter(|key| !put.contains(key)).cloned().collect()
            }
        };
        for key in deletes {
            state.check_owner(&key, options)?;
            if next.remove(&key).is_none() {
                return Err(ApplyError::NotFound(key));
            }
            objects.push((key, Outcome::Deleted));
        }
        for put in &edit.puts {
            let key = put.key();
            state.check_owner(&key, options)?;
            let before = state.set.resources.get(&key);
            let mut merged = merge::merge(put.clone(), before, self.clock.now())?;
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
            interim: &BTreeMap::new(),
            departing: &[],
        };
        let snapshot = compile(&input).map_err(ApplyError::Rejected)?;
        Ok(Judged { next, objects, snapshot })
    }
}

#[cfg(test)]
mod tests;
