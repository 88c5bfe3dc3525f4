//! Holds the snapshot in force.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::Snapshot;

/// The snapshot in force. Readers never block; a request loads once and keeps what it loaded to its end.
#[derive(Debug, Default)]
pub struct Current(ArcSwap<Snapshot>);

impl Current {
    /// Replaces the snapshot; requests under way keep theirs.
    pub fn publish(&self, next: impl Into<Arc<Snapshot>>) {
        self.0.store(next.into());
    }

    /// Returns the newest snapshot.
    #[must_use]
    pub fn load(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    /// Replaces `held` if there is a newer one. Cheaper than [`Self::load`] when there is not: no count is shared.
    pub fn refresh(&self, held: &mut Arc<Snapshot>) -> bool {
        let newest = self.0.load();
        if Arc::ptr_eq(&newest, held) {
            return false;
        }
        *held = Arc::clone(&newest);
        true
    }
}
