//! What the streams of one connection share: whether any moves, how much they have queued, how they end.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Waker};

/// Answers that are queued on a connection and not yet written, of all its streams. A client that reads nothing of a
/// hundred answers costs this much and no more (SECURITY case 22).
const QUEUED_BYTES_MAX: usize = 1 << 20;
/// Requests that a client may give up before they are answered, if it gives up most of them. Browsers give up whole
/// pages; who gives up more than it takes makes work for nothing (CVE-2023-44487, at any pace).
const GIVEN_UP_MAX: u64 = 100;

/// The requests of one connection.
#[derive(Default)]
pub(super) struct Streams {
    under_way: Cell<usize>,
    /// Those that wait for a backend, which has limits of its own.
    waiting: Cell<usize>,
    /// Whether any of them moved since that was last asked.
    moved: Cell<bool>,
    queued_bytes: Cell<usize>,
    /// Those that wait for what is queued to be written.
    blocked: RefCell<Vec<Waker>>,
    opened: Cell<u64>,
    given_up: Cell<u64>,
}

impl Streams {
    pub(super) const fn are_under_way(&self) -> bool {
        self.under_way.get() > 0
    }

    /// Whether all that is left to do since this was last asked is for the client to read (SECURITY case 109).
    pub(super) fn take_stalled(&self) -> bool {
        !self.moved.take() && self.waiting.get() == 0
    }

    /// Takes in that all that was queued is written.
    pub(super) fn handle_written(&self) {
        self.queued_bytes.set(0);
        self.blocked.borrow_mut().drain(..).for_each(Waker::wake);
    }

    /// Whether the client asks in order to give up.
    pub(super) const fn are_given_up_too_often(&self) -> bool {
        let given_up = self.given_up.get();
        given_up > GIVEN_UP_MAX && given_up > self.opened.get() / 2
    }
}

/// Counts a request until its answer is over.
pub(super) struct Running {
    streams: Rc<Streams>,
    waits: bool,
}

impl Running {
    pub(super) fn new(streams: Rc<Streams>) -> Self {
        streams.under_way.set(streams.under_way.get() + 1);
        streams.waiting.set(streams.waiting.get() + 1);
        streams.opened.set(streams.opened.get() + 1);
        Self { streams, waits: true }
    }

    /// Takes in that it moved, and whether it waits for a backend now.
    pub(super) fn handle_step(&mut self, waits: bool) {
        self.streams.moved.set(true);
        self.handle_wait(waits);
    }

    /// Takes in whether it waits for a backend now.
    pub(super) fn handle_wait(&mut self, waits: bool) {
        let others = self.streams.waiting.get() - usize::from(self.waits);
        self.streams.waiting.set(others + usize::from(waits));
        self.waits = waits;
    }

    /// Takes in that the client gave it up before it was answered.
    pub(super) fn handle_given_up(&self) {
        self.streams.given_up.set(self.streams.given_up.get() + 1);
    }

    /// Takes in that so much of its answer was queued.
    pub(super) fn handle_queued(&self, bytes: usize) {
        self.streams.queued_bytes.set(self.streams.queued_bytes.get() + bytes);
    }

    /// How much more may be queued. If nothing, the task is woken when it may.
    pub(super) fn poll_room(&self, cx: &Context<'_>) -> usize {
        let room = QUEUED_BYTES_MAX.saturating_sub(self.streams.queued_bytes.get());
        if room == 0 {
            self.streams.blocked.borrow_mut().push(cx.waker().clone());
        }
        room
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.handle_step(false);
        self.streams.under_way.set(self.streams.under_way.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_queued_on_a_connection_is_bounded_until_it_is_written() {
        let streams = Rc::<Streams>::default();
        let (one, other) = (Running::new(Rc::clone(&streams)), Running::new(Rc::clone(&streams)));
        let cx = Context::from_waker(Waker::noop());
        one.handle_queued(QUEUED_BYTES_MAX - 1);
        assert_eq!(other.poll_room(&cx), 1);
        other.handle_queued(1);
        assert_eq!((one.poll_room(&cx), other.poll_room(&cx)), (0, 0));
        streams.handle_written();
        assert_eq!(one.poll_room(&cx), QUEUED_BYTES_MAX);
    }

    #[test]
    fn who_gives_up_most_requests_is_told_from_who_gives_up_a_page() {
        let streams = Rc::<Streams>::default();
        let open = |count| (0..count).map(|_| Running::new(Rc::clone(&streams))).collect::<Vec<_>>();
        drop(open(150));
        open(100).iter().for_each(Running::handle_given_up);
        assert!(!streams.are_given_up_too_often());
        open(50).iter().for_each(Running::handle_given_up);
        assert!(!streams.are_given_up_too_often(), "half of them were wanted");
        open(1).iter().for_each(Running::handle_given_up);
        assert!(streams.are_given_up_too_often());
    }
}
