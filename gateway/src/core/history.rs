//! The newest changes of resources, for those who follow them. Pure.

use std::collections::VecDeque;
use std::sync::Arc;

use policy::resource::Resource;

/// How many changes are kept. Who missed more lists anew.
const EVENTS_MAX: usize = 1024;

/// One change of one resource.
#[derive(Clone, Debug)]
pub struct Event {
    /// The commit that made it.
    pub revision: u64,
    /// What happened.
    pub change: Change,
    /// As it is since then, or as it was last.
    pub resource: Arc<Resource>,
}

/// What happened to a resource.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Change {
    /// It was not there.
    Added,
    /// It is another.
    Modified,
    /// It is gone.
    Deleted,
}

/// The changes that are asked for are not kept any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("changes since resourceVersion {asked} are not kept any more, only those since {oldest}: list again")]
pub struct Gone {
    /// What was asked for.
    pub asked: u64,
    /// Since when they are kept.
    pub oldest: u64,
}

/// Changes by rising revision.
#[derive(Debug)]
pub struct History {
    events: VecDeque<Event>,
    /// Every change after this one is here.
    complete_since: u64,
}

impl Event {
    /// A resource is new, or another.
    #[must_use]
    pub fn put(revision: u64, resource: Resource, is_new: bool) -> Self {
        let change = if is_new { Change::Added } else { Change::Modified };
        Self { revision, change, resource: Arc::new(resource) }
    }

    /// A resource is gone.
    #[must_use]
    pub fn deleted(revision: u64, resource: Resource) -> Self {
        Self { revision, change: Change::Deleted, resource: Arc::new(resource) }
    }
}

impl History {
    /// Nothing is known of what was before `revision`.
    #[must_use]
    pub const fn new(revision: u64) -> Self {
        Self { events: VecDeque::new(), complete_since: revision }
    }

    /// Takes in what happened after all that is here.
    pub fn handle_events(&mut self, events: impl IntoIterator<Item = Event>) {
        self.events.extend(events);
        while self.events.len() > EVENTS_MAX {
            let oldest = self.events.pop_front();
            // Of a commit that is cut through nothing is complete.
            self.complete_since = oldest.map_or(self.complete_since, |oldest| oldest.revision);
        }
    }

    /// What happened after `revision`.
    ///
    /// # Errors
    /// When some of it is not here any more.
    pub fn since(&self, revision: u64) -> Result<Vec<Event>, Gone> {
        if revision < self.complete_since {
            return Err(Gone { asked: revision, oldest: self.complete_since });
        }
        let from = self.events.partition_point(|event| event.revision <= revision);
        Ok(self.events.range(from..).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(revision: u64) -> Event {
        let text = "{apiVersion: causeway.dev/v1, kind: Role, metadata: {name: r}, spec: {rules: []}}";
        let text = text.replace("[]", "[{verbs: [read]}]");
        Event::put(revision, policy::document::parse("f", &text).unwrap().remove(0).resource, true)
    }

    fn revisions(history: &History, since: u64) -> Result<Vec<u64>, Gone> {
        Ok(history.since(since)?.iter().map(|event| event.revision).collect())
    }

    #[test]
    fn what_happened_after_a_revision_is_told_and_nothing_else() {
        let mut history = History::new(3);
        history.handle_events([event(5), event(5), event(8)]);
        assert_eq!(revisions(&history, 3), Ok(vec![5, 5, 8]));
        assert_eq!(revisions(&history, 5), Ok(vec![8]));
        assert_eq!(revisions(&history, 8), Ok(vec![]));
        assert_eq!(revisions(&history, 99), Ok(vec![]), "another gateway is ahead");
    }

    #[test]
    fn what_was_before_the_start_is_gone() {
        let history = History::new(3);
        assert_eq!(revisions(&history, 2), Err(Gone { asked: 2, oldest: 3 }));
    }

    #[test]
    fn the_oldest_changes_give_way_and_a_commit_is_told_whole_or_not_at_all() {
        let mut history = History::new(0);
        history.handle_events((0..EVENTS_MAX as u64 + 1).map(|index| event(index / 2 + 1)));
        assert_eq!(history.events.len(), EVENTS_MAX);
        assert_eq!(revisions(&history, 0), Err(Gone { asked: 0, oldest: 1 }));
        assert_eq!(revisions(&history, 1).unwrap()[..2], [2, 2]);
    }
}
