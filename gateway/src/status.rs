//! What is known of each resource's progress, in memory: it is found again after a restart.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use policy::clock::Clock;
use policy::id::ResourceKey;
use policy::resource::{Condition, ConditionStatus};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::watch;

/// Conditions and notes by resource, and which revision is in force.
pub struct StatusBoard {
    entries: Mutex<BTreeMap<ResourceKey, Status>>,
    enforced: watch::Sender<u64>,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct Status {
    conditions: BTreeMap<&'static str, Condition>,
    note: Option<Value>,
}

impl StatusBoard {
    /// An empty board.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { entries: Mutex::default(), enforced: watch::channel(0).0, clock }
    }

    /// Sets a condition. The time of its last change moves only when its status does.
    pub fn set(
        &self,
        key: &ResourceKey,
        kind: &'static str,
        status: ConditionStatus,
        reason: &str,
        message: &str,
    ) {
        let mut entries = self.lock();
        let conditions = &mut entries.entry(key.clone()).or_default().conditions;
        let since = match conditions.get(kind) {
            Some(before) if before.status == status => before.last_transition_time.clone(),
            Some(_) | None => rfc3339(self.clock.now()),
        };
        conditions.insert(
            kind,
            Condition {
                r#type: kind.into(),
                status,
                reason: reason.into(),
                message: message.into(),
                observed_generation: 0,
                last_transition_time: since,
            },
        );
    }

    /// The conditions of a resource.
    #[must_use]
    pub fn conditions(&self, key: &ResourceKey) -> Vec<Condition> {
        self.lock().get(key).map(|status| status.conditions.values().cloned().collect()).unwrap_or_default()
    }

    /// Adds fields of its own to a resource's status.
    pub fn note(&self, key: &ResourceKey, note: Value) {
        self.lock().entry(key.clone()).or_default().note = Some(note);
    }

    /// Those fields.
    #[must_use]
    pub fn note_of(&self, key: &ResourceKey) -> Option<Value> {
        self.lock().get(key)?.note.clone()
    }

    /// `status` as the API shows it.
    #[must_use]
    pub fn json(&self, key: &ResourceKey) -> Value {
        let mut status = self.note_of(key).unwrap_or_else(|| json!({}));
        status["conditions"] = json!(self.conditions(key));
        status
    }

    /// Keeps only what belongs to resources that are there.
    pub fn retain(&self, exists: impl Fn(&ResourceKey) -> bool) {
        self.lock().retain(|key, _| exists(key));
    }

    /// The revision that every enforcer has in force.
    #[must_use]
    pub fn enforced(&self) -> watch::Receiver<u64> {
        self.enforced.subscribe()
    }

    /// Notes that a revision is in force everywhere.
    pub fn set_enforced(&self, revision: u64) {
        self.enforced.send_if_modified(|held| {
            let changed = *held != revision;
            *held = revision;
            changed
        });
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ResourceKey, Status>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A time as the API writes it.
#[must_use]
pub fn rfc3339(at: std::time::SystemTime) -> String {
    let at = OffsetDateTime::from(at).replace_nanosecond(0).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    at.format(&Rfc3339).unwrap_or_default()
}
