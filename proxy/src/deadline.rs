//! Time limits without a timer each: connections note when they are due, and the worker looks ten times a second.
//!
//! Every request moves several limits. A timer of the runtime would be registered and cancelled each time; a number
//! in a cell costs nothing.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Between two looks, and so the precision of every limit on the data path.
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// All limits of one worker.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    now: Cell<u64>,
    entries: RefCell<Vec<Weak<Entry>>>,
}

/// One task's limit.
#[derive(Debug)]
pub(crate) struct Deadline {
    all: Rc<Deadlines>,
    entry: Rc<Entry>,
}

#[derive(Debug, Default)]
struct Entry {
    /// The tick at which it is due; 0 is never.
    due: Cell<u64>,
    passed: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

/// The limit passed first.
#[derive(Debug)]
pub(crate) struct Elapsed;

impl Deadlines {
    /// A limit for one task, not set yet.
    pub(crate) fn register(self: &Rc<Self>) -> Deadline {
        let entry = Rc::new(Entry::default());
        self.entries.borrow_mut().push(Rc::downgrade(&entry));
        Deadline { all: Rc::clone(self), entry }
    }

    /// Takes in that [`TICK`] passed.
    pub(crate) fn handle_tick(&self) {
        let now = self.now.get() + 1;
        self.now.set(now);
        self.entries.borrow_mut().retain(|entry| {
            let Some(entry) = entry.upgrade() else { return false };
            if (1..=now).contains(&entry.due.get()) {
                entry.due.set(0);
                entry.passed.set(true);
                if let Some(waker) = entry.waker.borrow_mut().take() {
                    waker.wake();
                }
            }
            true
        });
    }

    /// Wakes every task that has a limit, so that it looks at the world again.
    pub(crate) fn wake_all(&self) {
        for entry in self.entries.borrow().iter().filter_map(Weak::upgrade) {
            if let Some(waker) = entry.waker.borrow_mut().take() {
                waker.wake();
            }
        }
    }
}

impl Deadline {
    /// Sets the limit to `after` from now.
    pub(crate) fn set(&self, after: Duration) {
        // One more: the current tick is partly over.
        let ticks = u64::try_from(after.as_millis().div_ceil(TICK.as_millis())).unwrap_or(u64::MAX >> 1) + 1;
        self.entry.due.set(self.all.now.get() + ticks);
        self.entry.passed.set(false);
    }

    /// Brings the limit nearer, to `after` from now, unless it is nearer already.
    pub(crate) fn at_most(&self, after: Duration) {
        let due = self.entry.due.get();
        if !self.entry.passed.get() {
            self.set(after);
            if due != 0 {
                self.entry.due.set(self.entry.due.get().min(due));
            }
        }
    }

    /// Takes the limit off.
    pub(crate) fn clear(&self) {
        self.entry.due.set(0);
        self.entry.passed.set(false);
    }

    /// Whether the limit has passed; if not, the task is woken when it does.
    pub(crate) fn poll_passed(&self, cx: &Context<'_>) -> bool {
        if self.entry.passed.get() {
            return true;
        }
        let mut waker = self.entry.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|held| held.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        false
    }

    /// Runs `work` under the limit `after`.
    pub(crate) async fn within<F: Future>(&self, after: Duration, work: F) -> Result<F::Output, Elapsed> {
        self.set(after);
        let mut work = pin!(work);
        let outcome = poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending if self.poll_passed(cx) => Poll::Ready(Err(Elapsed)),
            Poll::Pending => Poll::Pending,
        })
        .await;
        self.clear();
        outcome
    }
}
