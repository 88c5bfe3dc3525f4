//! The time, asked of whoever knows it, so that logic can be run under any.

use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The time of day. It can jump.
    fn now(&self) -> SystemTime;
    /// A time that only goes forward, for intervals.
    fn monotonic(&self) -> Instant;
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[expect(clippy::disallowed_methods, reason = "this is the Clock that everything else asks")]
impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn monotonic(&self) -> Instant {
        Instant::now()
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock {
    start: (SystemTime, Instant),
    elapsed: Mutex<Duration>,
}

impl ManualClock {
    /// A clock that begins at `now`.
    #[must_use]
    pub fn starting_at(now: SystemTime) -> Self {
        Self { start: (now, SystemClock.monotonic()), elapsed: Mutex::new(Duration::ZERO) }
    }

    /// Moves it forward.
    pub fn advance(&self, by: Duration) {
        *self.elapsed.lock().unwrap_or_else(std::sync::PoisonError::into_inner) += by;
    }

    fn elapsed(&self) -> Duration {
        *self.elapsed.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        self.start.0 + self.elapsed()
    }

    fn monotonic(&self) -> Instant {
        self.start.1 + self.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_both_times_by_what_it_is_told_and_no_more() {
        let clock = ManualClock::starting_at(SystemTime::UNIX_EPOCH);
        let start = clock.monotonic();
        assert_eq!(clock.now(), SystemTime::UNIX_EPOCH);
        clock.advance(Duration::from_secs(90));
        assert_eq!(clock.now(), SystemTime::UNIX_EPOCH + Duration::from_secs(90));
        assert_eq!(clock.monotonic(), start + Duration::from_secs(90));
    }
}
