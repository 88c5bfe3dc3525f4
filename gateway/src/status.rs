//! What is known of each resource's progress, in memory: it is found again after a restart.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use policy::clock::Clock;
use policy::id::ResourceKey;
use policy::resource::{Condition, ConditionStatus};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::watch;

use crate::core::ca_budget::{self, CaBudget, Limit};

/// Conditions and notes by resource, and which revision is in force.
pub struct StatusBoard {
    board: Mutex<Board>,
    changes: watch::Sender<u64>,
    enforced: watch::Sender<u64>,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct Board {
    entries: BTreeMap<ResourceKey, Status>,
    /// How many changes there were.
    changes: u64,
}

#[derive(Default)]
struct Status {
    conditions: BTreeMap<&'static str, Condition>,
    notes: Map<String, Value>,
    /// The newest generation of the spec that was compiled.
    observed_generation: u64,
    /// Which change was the last of this one.
    changed: u64,
}

/// What is spoken of: a resource as it was at one generation of its spec.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'k> {
    /// The resource.
    pub key: &'k ResourceKey,
    /// Its generation. Who speaks of an older one than the others has not heard the news, and is not heard.
    pub generation: u64,
}

impl StatusBoard {
    /// An empty board.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let (changes, enforced) = (watch::channel(0).0, watch::channel(0).0);
        Self { board: Mutex::default(), changes, enforced, clock }
    }

    /// Sets a condition. The time of its last change moves only when its status does.
    pub fn set(
        &self,
        subject: Subject<'_>,
        kind: &'static str,
        status: ConditionStatus,
        reason: &str,
        message: &str,
    ) {
        self.change(subject.key, |entry| {
            let before = entry.conditions.get(kind);
            let known = before.map_or(0, |before| before.observed_generation);
            // One that is above what was compiled is left over from a resource of the same name that is gone.
            if subject.generation < known && known <= entry.observed_generation {
                return false;
            }
            let since = match before {
                Some(before) if before.status == status => before.last_transition_time.clone(),
                Some(_) | None => rfc3339(self.clock.now()),
            };
            let condition = Condition {
                r#type: kind.into(),
                status,
                reason: reason.into(),
                message: message.into(),
                observed_generation: subject.generation,
                last_transition_time: since,
            };
            let changed = before != Some(&condition);
            entry.conditions.insert(kind, condition);
            changed
        });
    }

    /// Says of conditions that they hold for a newer generation as well.
    pub fn confirm(&self, subject: Subject<'_>, kinds: &[&'static str]) {
        self.change(subject.key, |entry| {
            let mut changed = false;
            for kind in kinds {
                if let Some(condition) = entry.conditions.get_mut(kind) {
                    changed |= condition.observed_generation != subject.generation;
                    condition.observed_generation = subject.generation;
                }
            }
            changed
        });
    }

    /// Notes which generation of a resource was compiled.
    pub fn observe(&self, subject: Subject<'_>) {
        self.change(subject.key, |entry| {
            if subject.generation < entry.observed_generation {
                // It went and came again, and begins anew.
                *entry = Status::default();
            }
            let changed = entry.observed_generation != subject.generation;
            entry.observed_generation = subject.generation;
            changed
        });
    }

    /// The conditions of a resource.
    #[must_use]
    pub fn conditions(&self, key: &ResourceKey) -> Vec<Condition> {
        let board = self.lock();
        board.entries.get(key).map(|status| status.conditions.values().cloned().collect()).unwrap_or_default()
    }

    /// Sets one field of its own in a resource's status.
    pub fn note(&self, key: &ResourceKey, field: &str, note: Value) {
        self.change(key, |entry| {
            let changed = entry.notes.get(field) != Some(&note);
            entry.notes.insert(field.to_owned(), note);
            changed
        });
    }

    /// `status` as the API shows it.
    #[must_use]
    pub fn json(&self, key: &ResourceKey) -> Value {
        let board = self.lock();
        let Some(entry) = board.entries.get(key) else { return json!({"conditions": []}) };
        let mut status = entry.notes.clone();
        status.insert("conditions".into(), json!(entry.conditions.values().collect::<Vec<_>>()));
        if entry.observed_generation > 0 {
            status.insert("observedGeneration".into(), json!(entry.observed_generation));
        }
        Value::Object(status)
    }

    /// Keeps only what belongs to resources that are there.
    pub fn retain(&self, exists: impl Fn(&ResourceKey) -> bool) {
        self.lock().entries.retain(|key, _| exists(key));
    }

    /// Counts the changes of any status.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Whose status changed after so many changes.
    #[must_use]
    pub fn changed_since(&self, changes: u64) -> Vec<ResourceKey> {
        let board = self.lock();
        let changed = board.entries.iter().filter(|(_, status)| status.changed > changes);
        changed.map(|(key, _)| key.clone()).collect()
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

    fn change(&self, key: &ResourceKey, change: impl FnOnce(&mut Status) -> bool) {
        let mut board = self.lock();
        let next = board.changes + 1;
        let entry = board.entries.entry(key.clone()).or_default();
        if change(entry) {
            entry.changed = next;
            board.changes = next;
            // Under the lock, so that the count never goes back.
            self.changes.send_replace(next);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a CA lets an account do, as the status of its issuer shows it.
#[must_use]
pub fn budget(budget: &mut CaBudget, now: std::time::SystemTime) -> Value {
    let limit = |limit: Limit, used: usize| {
        let period = format!("{}h", limit.period.as_secs() / 3600);
        json!({"used": used, "limit": limit.count, "period": period})
    };
    json!({
        "orders": limit(ca_budget::ORDERS, budget.orders(now)),
        "failedValidations": limit(ca_budget::FAILED_VALIDATIONS, budget.failed_validations(now)),
        "pausedUntil": budget.told(now).map(rfc3339),
    })
}

/// A time as the API writes it.
#[must_use]
pub fn rfc3339(at: std::time::SystemTime) -> String {
    let at = OffsetDateTime::from(at).replace_nanosecond(0).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    at.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use policy::clock::ManualClock;
    use policy::id::Kind;

    use super::*;

    fn board() -> (StatusBoard, ResourceKey) {
        let board = StatusBoard::new(Arc::new(ManualClock::starting_at(std::time::UNIX_EPOCH)));
        let name = || "a".parse().unwrap();
        (board, ResourceKey { kind: Kind::Certificate, namespace: name(), name: name() })
    }

    fn ready(board: &StatusBoard, key: &ResourceKey, generation: u64, status: ConditionStatus) {
        board.set(Subject { key, generation }, "Ready", status, "Reason", "message");
    }

    fn seen(board: &StatusBoard, key: &ResourceKey) -> (u64, ConditionStatus) {
        let condition = board.conditions(key).remove(0);
        (condition.observed_generation, condition.status)
    }

    #[test]
    fn who_speaks_of_an_older_generation_is_not_heard() {
        let (board, key) = board();
        board.observe(Subject { key: &key, generation: 2 });
        ready(&board, &key, 2, ConditionStatus::False);
        ready(&board, &key, 1, ConditionStatus::True);
        assert_eq!(seen(&board, &key), (2, ConditionStatus::False));
    }

    #[test]
    fn a_resource_that_went_and_came_again_begins_anew() {
        let (board, key) = board();
        board.observe(Subject { key: &key, generation: 5 });
        ready(&board, &key, 5, ConditionStatus::True);
        board.observe(Subject { key: &key, generation: 1 });
        assert!(board.conditions(&key).is_empty());
        // A straggler speaks of the one that is gone.
        ready(&board, &key, 5, ConditionStatus::True);
        ready(&board, &key, 1, ConditionStatus::False);
        assert_eq!(seen(&board, &key), (1, ConditionStatus::False));
    }

    #[test]
    fn only_what_changes_is_told() {
        let (board, key) = board();
        ready(&board, &key, 1, ConditionStatus::True);
        let count = *board.changes().borrow();
        ready(&board, &key, 1, ConditionStatus::True);
        assert_eq!((*board.changes().borrow(), board.changed_since(count)), (count, vec![]));
        board.note(&key, "certificateOrder", json!({"steps": []}));
        assert_eq!(board.changed_since(count), std::slice::from_ref(&key));
        assert_eq!(board.json(&key)["conditions"][0]["observedGeneration"], 1);
    }

    #[test]
    fn a_note_leaves_the_others_as_they_are() {
        let (board, key) = board();
        board.note(&key, "a", json!(1));
        board.note(&key, "b", json!(2));
        assert_eq!(board.json(&key), json!({"a": 1, "b": 2, "conditions": []}));
    }
}
