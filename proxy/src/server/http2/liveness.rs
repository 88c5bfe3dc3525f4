//! Whether a client that says nothing is still there (RFC 9113 §6.7).

use std::task::Context;
use std::time::Duration;

use h2::{Ping, PingPong};

use crate::deadline::Deadline;

/// A client is asked this often.
const PING_INTERVAL: Duration = Duration::from_secs(30);
/// And has so long to answer.
const PONG_TIMEOUT: Duration = Duration::from_secs(20);

/// Asks, and waits for the answer.
pub(super) struct Liveness {
    pings: Option<PingPong>,
    is_asked: bool,
    deadline: Deadline,
}

impl Liveness {
    pub(super) fn new(pings: Option<PingPong>, deadline: Deadline) -> Self {
        deadline.set(PING_INTERVAL);
        Self { pings, is_asked: false, deadline }
    }

    /// Whether the client did not answer in time. Asks it when that is due.
    pub(super) fn poll_dead(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(pings) = &mut self.pings else { return false };
        if self.is_asked && pings.poll_pong(cx).is_ready() {
            self.is_asked = false;
            self.deadline.set(PING_INTERVAL);
        }
        if !self.deadline.poll_passed(cx) {
            return false;
        }
        if self.is_asked {
            return true;
        }
        self.is_asked = pings.send_ping(Ping::opaque()).is_ok();
        self.deadline.set(PONG_TIMEOUT);
        let _woken_when_either_comes = (pings.poll_pong(cx), self.deadline.poll_passed(cx));
        false
    }
}
