//! `?watch=true` on a list: what changes, as it changes, one JSON object a line, as Kubernetes does it.
//!
//! `resourceVersion` counts changes of resources. Progress moves nothing in the store, so a change of status alone is
//! a `MODIFIED` of the same `resourceVersion`; who begins without one is told everything that is there first, and
//! misses none.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use policy::id::{Kind, Name, ResourceKey};
use policy::resource::Resource;
use policy::resource::role::Verb;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant;

use super::error::ApiError;
use super::shown::shown;
use super::{ApiState, Caller};
use crate::control_plane::ResourceSet;
use crate::core::history::{Change, Event};

/// How a list is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct ListQuery {
    /// Go on telling what changes.
    pub(super) watch: bool,
    /// After which change to begin; without it, with all that is there.
    resource_version: Option<u64>,
    /// When to end.
    timeout_seconds: Option<u64>,
}

/// Watches at one time. Each costs a task, and a look at each change.
pub(super) const WATCHERS_MAX: usize = 256;
/// Nobody needs to hold on for longer; who does comes again.
const WATCH_MAX: Duration = Duration::from_secs(3600);

/// Begins to watch.
pub(super) fn watch(
    state: Arc<ApiState>,
    caller: Caller,
    kind: Kind,
    namespace: Option<Name>,
    query: &ListQuery,
) -> Result<Response, ApiError> {
    let place = Arc::clone(&state.watchers).try_acquire_owned().map_err(|_full| ApiError::Watchers)?;
    let (mut resources, statuses) = (state.control.resources(), state.status.changes());
    let limit = query.timeout_seconds.map_or(WATCH_MAX, Duration::from_secs).min(WATCH_MAX);
    // Before the resources are looked at: what changes in between is told twice rather than not at all.
    let seen_status = *statuses.borrow();
    let mut first = Vec::new();
    let seen = match query.resource_version {
        Some(version @ 1..) => {
            state.control.events_since(version)?;
            version
        }
        Some(0) | None => {
            let set = resources.borrow_and_update().clone();
            let there = set.resources.iter().filter(|(key, _)| is_meant(key, kind, namespace.as_ref()));
            first.extend(there.map(|(_, resource)| line("ADDED", shown(resource, &state.status))));
            set.revision
        }
    };
    let end = Instant::now() + limit;
    let watcher = Watcher {
        state,
        caller,
        kind,
        namespace,
        resources,
        statuses,
        seen,
        seen_status,
        first: first.concat(),
        end,
        ended: false,
        _place: place,
    };
    let lines = futures_util::stream::unfold(watcher, |mut watcher| async move {
        let text = watcher.next().await?;
        Some((Ok::<Bytes, Infallible>(text.into()), watcher))
    });
    let head = [(http::header::CONTENT_TYPE, "application/json;stream=watch")];
    Ok((head, Body::from_stream(lines)).into_response())
}

struct Watcher {
    state: Arc<ApiState>,
    caller: Caller,
    kind: Kind,
    namespace: Option<Name>,
    resources: watch::Receiver<Arc<ResourceSet>>,
    statuses: watch::Receiver<u64>,
    /// Changes of resources up to this revision are told.
    seen: u64,
    /// Changes of statuses up to this one are told.
    seen_status: u64,
    first: String,
    end: Instant,
    ended: bool,
    _place: OwnedSemaphorePermit,
}

impl Watcher {
    /// The next lines; `None` at the end.
    async fn next(&mut self) -> Option<String> {
        if !self.first.is_empty() {
            return Some(std::mem::take(&mut self.first));
        }
        while !self.ended {
            let news = self.news().unwrap_or_else(|error| {
                self.ended = true;
                line("ERROR", error.json())
            });
            if !news.is_empty() {
                return Some(news);
            }
            let state = Arc::clone(&self.state);
            tokio::select! {
                changed = self.resources.changed() => self.ended = changed.is_err(),
                changed = self.statuses.changed() => self.ended = changed.is_err(),
                () = tokio::time::sleep_until(self.end) => self.ended = true,
                () = state.stop.cancelled() => self.ended = true,
            }
        }
        None
    }

    /// What happened since the last look.
    fn news(&mut self) -> Result<String, ApiError> {
        let set = self.resources.borrow_and_update().clone();
        let events = self.state.control.events_since(self.seen)?;
        // What is newer than this set is told with the next.
        let events: Vec<Event> = events.into_iter().filter(|event| event.revision <= set.revision).collect();
        self.seen = self.seen.max(set.revision);
        if !events.is_empty() {
            self.check_rights(&events)?;
        }
        let mut text = String::new();
        let mut told = BTreeSet::new();
        for event in events {
            let key = event.resource.key();
            if is_meant(&key, self.kind, self.namespace.as_ref()) {
                text.push_str(&line(word(event.change), self.shown(&event.resource)));
                told.insert(key);
            }
        }
        let status = *self.statuses.borrow_and_update();
        for key in self.state.status.changed_since(self.seen_status) {
            if is_meant(&key, self.kind, self.namespace.as_ref())
                && !told.contains(&key)
                && let Some(resource) = set.resources.get(&key)
            {
                text.push_str(&line("MODIFIED", self.shown(resource)));
            }
        }
        self.seen_status = status;
        Ok(text)
    }

    /// A right that is taken away reaches the streams that are open.
    fn check_rights(&self, events: &[Event]) -> Result<(), ApiError> {
        if events.iter().any(|event| self.caller.rests_on(&event.resource.key())) {
            return Err(ApiError::Unauthenticated);
        }
        self.caller.check(&self.state, Verb::Read, self.kind, self.namespace.as_ref())
    }

    fn shown(&self, resource: &Resource) -> Value {
        shown(resource, &self.state.status)
    }
}

fn is_meant(key: &ResourceKey, kind: Kind, namespace: Option<&Name>) -> bool {
    key.kind == kind && namespace.is_none_or(|namespace| key.namespace == *namespace)
}

const fn word(change: Change) -> &'static str {
    match change {
        Change::Added => "ADDED",
        Change::Modified => "MODIFIED",
        Change::Deleted => "DELETED",
    }
}

fn line(word: &str, object: Value) -> String {
    let mut line = json!({"type": word, "object": object}).to_string();
    line.push('\n');
    line
}
