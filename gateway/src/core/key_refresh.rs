//! When the keys of a token issuer are fetched again. Pure: the time is an argument.

use std::time::{Duration, Instant};

/// Between two fetches that succeed.
const REFRESH_INTERVAL: Duration = Duration::from_secs(300);
/// After one that failed.
const RETRY_INTERVAL: Duration = Duration::from_secs(10);
/// Between two fetches that unknown keys bring about: anybody can make up a key's name, and the issuer must not
/// feel it.
const UNKNOWN_KEY_INTERVAL: Duration = Duration::from_secs(60);
/// How long keys are believed that cannot be fetched again. After that nobody is let in.
const AGE_MAX: Duration = Duration::from_secs(86_400);

/// Whether the keys that are there are still believed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Belief {
    /// They are.
    Keep,
    /// They are too old.
    Drop,
}

/// The fetches of one issuer's keys.
#[derive(Clone, Debug)]
pub struct KeyRefresh {
    next: Instant,
    fetched_at: Option<Instant>,
    /// When an unknown key may bring a fetch about again.
    unknown_from: Instant,
}

impl KeyRefresh {
    /// The first fetch is due at once.
    #[must_use]
    pub const fn new(now: Instant) -> Self {
        Self { next: now, fetched_at: None, unknown_from: now }
    }

    /// When to fetch.
    #[must_use]
    pub const fn poll_timeout(&self) -> Instant {
        self.next
    }

    /// A token named a key that is not there: the issuer may have a new one, so it is asked at once, or as soon as
    /// a minute has passed since the last time.
    pub fn handle_unknown_key(&mut self, now: Instant) {
        let at = self.unknown_from.max(now);
        // Not `unknown_from` alone: a fetch that is due anyway answers the question too.
        if at < self.next {
            self.next = at;
            self.unknown_from = at + UNKNOWN_KEY_INTERVAL;
        }
    }

    /// A fetch that began at `now` brought keys.
    pub fn handle_fetched(&mut self, now: Instant) {
        self.fetched_at = Some(now);
        self.next = now + REFRESH_INTERVAL;
    }

    /// A fetch that began at `now` failed.
    pub fn handle_failed(&mut self, now: Instant) -> Belief {
        self.next = now + RETRY_INTERVAL;
        match self.fetched_at {
            Some(at) if now.saturating_duration_since(at) > AGE_MAX => {
                self.fetched_at = None;
                Belief::Drop
            }
            Some(_) | None => Belief::Keep,
        }
    }
}

#[cfg(test)]
mod tests {
    use policy::clock::{Clock as _, SystemClock};

    use super::*;

    struct Bench {
        refresh: KeyRefresh,
        start: Instant,
        fetches: Vec<u64>,
    }

    impl Bench {
        fn new() -> Self {
            let start = SystemClock.monotonic();
            Self { refresh: KeyRefresh::new(start), start, fetches: Vec::new() }
        }

        /// Lets each second go by up to `until`; `unknown` says in which of them an unknown key comes.
        fn run(&mut self, until: u64, answers: bool, unknown: impl Fn(u64) -> bool) {
            for second in 0..=until {
                let now = self.start + Duration::from_secs(second);
                if unknown(second) {
                    self.refresh.handle_unknown_key(now);
                }
                if now >= self.refresh.poll_timeout() {
                    self.fetches.push(second);
                    if answers {
                        self.refresh.handle_fetched(now);
                    } else {
                        self.refresh.handle_failed(now);
                    }
                }
            }
        }
    }

    #[test]
    fn keys_are_fetched_every_five_minutes() {
        let mut bench = Bench::new();
        bench.run(900, true, |_| false);
        assert_eq!(bench.fetches, [0, 300, 600, 900]);
    }

    #[test]
    fn an_unknown_key_is_asked_for_at_once() {
        let mut bench = Bench::new();
        bench.run(310, true, |second| second == 7);
        assert_eq!(bench.fetches, [0, 7, 307]);
    }

    #[test]
    fn a_second_one_within_the_minute_waits_for_its_end() {
        let mut bench = Bench::new();
        bench.run(100, true, |second| second == 7 || second == 9);
        assert_eq!(bench.fetches, [0, 7, 67]);
    }

    /// SECURITY case 52.
    #[test]
    fn a_flood_of_unknown_keys_makes_one_fetch_a_minute() {
        let mut bench = Bench::new();
        bench.run(3600, true, |_| true);
        assert!(bench.fetches.windows(2).skip(1).all(|pair| pair[1] - pair[0] >= 60), "{:?}", bench.fetches);
        assert!(bench.fetches.len() <= 62, "{}", bench.fetches.len());
    }

    #[test]
    fn a_flood_does_not_make_an_issuer_that_is_down_be_asked_more() {
        let (mut quiet, mut flood) = (Bench::new(), Bench::new());
        quiet.run(600, false, |_| false);
        flood.run(600, false, |_| true);
        assert!(flood.fetches.len() <= quiet.fetches.len() + 10, "{:?}", flood.fetches);
    }

    #[test]
    fn keys_outlive_an_outage_of_a_day_and_no_more() {
        let start = SystemClock.monotonic();
        let mut refresh = KeyRefresh::new(start);
        refresh.handle_fetched(start);
        assert_eq!(refresh.handle_failed(start + AGE_MAX), Belief::Keep);
        let after = start + AGE_MAX + Duration::from_secs(1);
        assert_eq!(refresh.handle_failed(after), Belief::Drop);
        assert_eq!(refresh.handle_failed(after + RETRY_INTERVAL), Belief::Keep, "they are dropped once");
    }
}
