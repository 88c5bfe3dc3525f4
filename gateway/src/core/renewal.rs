//! When a certificate is renewed, and when a failed order is tried again. Pure: the time and a seed are arguments.

use std::time::{Duration, SystemTime};

/// From when until when a certificate is valid.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Lifetime {
    /// From then.
    pub not_before: SystemTime,
    /// Until then.
    pub not_after: SystemTime,
}

/// The window in which the CA would see it renewed (RFC 9773 §4.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Window {
    /// From then.
    pub start: SystemTime,
    /// Until then.
    pub end: SystemTime,
}

/// Below this, a third of the life is too short to try again in; half of it is kept.
const SHORT_LIVED: Duration = Duration::from_secs(10 * 86_400);

impl Lifetime {
    /// When to renew: at a time of the CA's window that the seed chooses (RFC 9773 §4.2), or with a third of the life
    /// left.
    #[must_use]
    pub fn renew_at(&self, window: Option<Window>, seed: u64) -> SystemTime {
        if let Some(window) = window
            && let Ok(width) = window.end.duration_since(window.start)
            // RFC 9773 §4.2: a window ends after it begins, or is none.
            && !width.is_zero()
        {
            // A window that lies behind us means: now.
            return (window.start + fraction(width, seed)).min(self.not_after);
        }
        let life = self.not_after.duration_since(self.not_before).unwrap_or_default();
        let left = if life < SHORT_LIVED { life / 2 } else { life / 3 };
        // Gateways that were set up together do not come together: up to a tenth of what is left, earlier.
        self.not_after - left - fraction(left / 10, seed)
    }

    /// How long it is.
    #[must_use]
    pub fn length(&self) -> Duration {
        self.not_after.duration_since(self.not_before).unwrap_or_default()
    }

    /// Whether it can be served. A clock that is a little off throws nothing away.
    #[must_use]
    pub fn is_valid(&self, now: SystemTime) -> bool {
        now < self.not_after
    }
}

/// Who says when a certificate is renewed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reason {
    /// The CA, by its window (ARI, RFC 9773).
    Ari,
    /// Nobody: a third of the life is left.
    Third,
}

impl Reason {
    /// For the status.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ari => "ari",
            Self::Third => "third",
        }
    }
}

/// What the keeper of a certificate does next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// Ask the CA for its window.
    AskCa,
    /// Renew.
    Renew,
}

/// The CA is asked no more often than this, and no less often than that, whatever it says (RFC 9773 §4.3.2).
const ASK_MIN: Duration = Duration::from_secs(60);
const ASK_MAX: Duration = Duration::from_secs(86_400);
/// A CA that gave no window is asked again after a minute, then ever later, up to six hours (RFC 9773 §4.3.3).
const ASK_AGAIN_MAX: Duration = Duration::from_secs(6 * 3600);

/// The renewal of one certificate.
#[derive(Clone, Debug)]
pub struct Schedule {
    lifetime: Lifetime,
    seed: u64,
    window: Option<Window>,
    /// When the CA is asked; never, if there is none to ask.
    ask_at: Option<SystemTime>,
    failures: u32,
}

impl Schedule {
    /// One whose CA is asked at once.
    #[must_use]
    pub const fn asking(lifetime: Lifetime, seed: u64, now: SystemTime) -> Self {
        Self { lifetime, seed, window: None, ask_at: Some(now), failures: 0 }
    }

    /// One whose CA has no windows.
    #[must_use]
    pub const fn by_life(lifetime: Lifetime, seed: u64) -> Self {
        Self { lifetime, seed, window: None, ask_at: None, failures: 0 }
    }

    /// The CA named a window, and when it wants to be asked again.
    pub fn handle_window(&mut self, window: Window, ask_after: Duration, now: SystemTime) {
        self.window = Some(window);
        self.failures = 0;
        self.ask_at = Some(now + ask_after.clamp(ASK_MIN, ASK_MAX));
    }

    /// The CA named none. The last one that it named stands.
    pub fn handle_no_window(&mut self, now: SystemTime) {
        let wait = ASK_MIN.saturating_mul(1 << self.failures.min(16)).min(ASK_AGAIN_MAX);
        self.failures += 1;
        self.ask_at = Some(now + wait);
    }

    /// The life of the certificate.
    #[must_use]
    pub const fn lifetime(&self) -> Lifetime {
        self.lifetime
    }

    /// When it is renewed.
    #[must_use]
    pub fn renew_at(&self) -> SystemTime {
        self.lifetime.renew_at(self.window, self.seed)
    }

    /// Who says so.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self.window {
            Some(window) if window.end > window.start => Reason::Ari,
            Some(_) | None => Reason::Third,
        }
    }

    /// What is due at `now`.
    #[must_use]
    pub fn poll_action(&self, now: SystemTime) -> Option<Action> {
        if now >= self.renew_at() {
            return Some(Action::Renew);
        }
        // A clock that went back must not silence the CA for long.
        self.ask_at.is_some_and(|at| now >= at || at > now + ASK_MAX).then_some(Action::AskCa)
    }

    /// When to poll next.
    #[must_use]
    pub fn poll_timeout(&self) -> SystemTime {
        self.ask_at.map_or_else(|| self.renew_at(), |at| at.min(self.renew_at()))
    }
}

/// How long to wait after so many failures in a row. The steps keep within the CA's five failed validations an hour
/// (the local budget); what the CA said itself (`Retry-After`) is never undercut.
#[must_use]
pub fn retry_after(failures: u32, told: Option<Duration>, seed: u64) -> Duration {
    const STEPS_SECS: [u64; 5] = [5, 60, 600, 1800, 3600];
    let at = usize::try_from(failures.saturating_sub(1)).unwrap_or(usize::MAX).min(STEPS_SECS.len() - 1);
    let step = Duration::from_secs(STEPS_SECS[at]);
    let wait = step + fraction(step / 10, seed);
    told.map_or(wait, |told| wait.max(told))
}

/// A part of `whole`, chosen by the seed.
fn fraction(whole: Duration, seed: u64) -> Duration {
    whole.mul_f64(f64::from(u32::try_from(seed >> 32).unwrap_or(0)) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    const DAY: u64 = 86_400;

    fn day(day: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(day * DAY)
    }

    fn lifetime(days: u64) -> Lifetime {
        Lifetime { not_before: day(1000), not_after: day(1000 + days) }
    }

    #[test]
    fn without_a_window_a_third_of_the_life_is_left() {
        assert_eq!(lifetime(90).renew_at(None, 0), day(1060));
        assert_eq!(lifetime(90).renew_at(None, u64::MAX), day(1057));
    }

    #[test]
    fn short_lived_certificates_keep_half() {
        assert_eq!(lifetime(6).renew_at(None, 0), day(1003));
    }

    #[test]
    fn the_cas_window_goes_before_our_own_plan() {
        let window = Window { start: day(1010), end: day(1012) };
        assert_eq!(lifetime(90).renew_at(Some(window), 0), day(1010));
        assert_eq!(lifetime(90).renew_at(Some(window), u64::MAX), day(1012));
    }

    #[test]
    fn a_window_past_expiry_does_not_outlive_the_certificate() {
        let window = Window { start: day(2000), end: day(2001) };
        assert_eq!(lifetime(90).renew_at(Some(window), 0), day(1090));
    }

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_ca_is_asked_at_once_and_then_when_it_wants_to_be() {
        let mut schedule = Schedule::asking(lifetime(90), 0, day(1000));
        assert_eq!((schedule.reason(), schedule.renew_at()), (Reason::Third, day(1060)));
        assert_eq!(schedule.poll_action(day(1000)), Some(Action::AskCa));
        schedule.handle_window(Window { start: day(1050), end: day(1052) }, 6 * HOUR, day(1000));
        assert_eq!((schedule.reason(), schedule.renew_at()), (Reason::Ari, day(1050)));
        assert_eq!(schedule.poll_timeout(), day(1000) + 6 * HOUR);
        assert_eq!(schedule.poll_action(day(1000) + 5 * HOUR), None);
        assert_eq!(schedule.poll_action(day(1000) + 6 * HOUR), Some(Action::AskCa));
        assert_eq!(schedule.poll_action(day(1050)), Some(Action::Renew));
    }

    /// As after a mass revocation.
    #[test]
    fn a_window_that_moves_into_the_past_means_now() {
        let mut schedule = Schedule::asking(lifetime(90), u64::MAX, day(1000));
        schedule.handle_window(Window { start: day(1050), end: day(1052) }, HOUR, day(1000));
        assert_eq!(schedule.poll_action(day(1001)), Some(Action::AskCa));
        schedule.handle_window(Window { start: day(999), end: day(1000) }, HOUR, day(1001));
        assert_eq!((schedule.poll_action(day(1001)), schedule.reason()), (Some(Action::Renew), Reason::Ari));
    }

    #[test]
    fn the_moment_within_the_window_stays_the_same_while_the_window_does() {
        let window = Window { start: day(1050), end: day(1052) };
        let mut schedule = Schedule::asking(lifetime(90), u64::MAX / 3, day(1000));
        schedule.handle_window(window, HOUR, day(1000));
        let chosen = schedule.renew_at();
        assert!(chosen > window.start && chosen < window.end);
        schedule.handle_window(window, HOUR, day(1001));
        assert_eq!(schedule.renew_at(), chosen);
    }

    #[test]
    fn a_ca_without_windows_is_asked_ever_more_rarely_and_a_third_of_the_life_counts() {
        let mut schedule = Schedule::asking(lifetime(90), 0, day(1000));
        let mut waits = Vec::new();
        for _ in 0..12 {
            schedule.handle_no_window(day(1000));
            waits.push(schedule.poll_timeout().duration_since(day(1000)).unwrap().as_secs());
        }
        assert_eq!(waits[..3], [60, 120, 240]);
        assert_eq!(waits[11], 6 * 3600);
        assert_eq!((schedule.reason(), schedule.renew_at()), (Reason::Third, day(1060)));
    }

    #[test]
    fn a_ca_that_errs_after_it_named_a_window_is_held_to_it() {
        let mut schedule = Schedule::asking(lifetime(90), 0, day(1000));
        schedule.handle_window(Window { start: day(1050), end: day(1052) }, HOUR, day(1000));
        schedule.handle_no_window(day(1001));
        assert_eq!((schedule.reason(), schedule.renew_at()), (Reason::Ari, day(1050)));
    }

    #[test]
    fn what_a_ca_asks_for_is_kept_within_a_minute_and_a_day() {
        let mut schedule = Schedule::asking(lifetime(90), 0, day(1000));
        let window = Window { start: day(1050), end: day(1052) };
        schedule.handle_window(window, Duration::ZERO, day(1000));
        assert_eq!(schedule.poll_timeout(), day(1000) + ASK_MIN);
        schedule.handle_window(window, 100 * ASK_MAX, day(1000));
        assert_eq!(schedule.poll_timeout(), day(1001));
    }

    #[test]
    fn a_window_that_ends_before_it_begins_is_none() {
        let mut schedule = Schedule::asking(lifetime(90), 0, day(1000));
        schedule.handle_window(Window { start: day(1010), end: day(1010) }, HOUR, day(1000));
        assert_eq!((schedule.reason(), schedule.renew_at()), (Reason::Third, day(1060)));
    }

    #[test]
    fn a_private_ca_is_never_asked() {
        let schedule = Schedule::by_life(lifetime(90), 0);
        assert_eq!((schedule.poll_action(day(1059)), schedule.poll_timeout()), (None, day(1060)));
    }

    #[test]
    fn waits_grow_and_never_undercut_the_ca() {
        let waits: Vec<u64> = (1..8).map(|failures| retry_after(failures, None, 0).as_secs()).collect();
        assert_eq!(waits, [5, 60, 600, 1800, 3600, 3600, 3600]);
        assert_eq!(retry_after(1, Some(Duration::from_secs(7200)), 0).as_secs(), 7200);
    }

    #[test]
    fn five_failures_take_most_of_an_hour() {
        let hour: u64 = (1..=4).map(|failures| retry_after(failures, None, 0).as_secs()).sum();
        assert!(hour > 40 * 60, "{hour}");
    }

    /// A year of renewals under every kind of luck: never a moment without a valid certificate.
    #[test]
    fn a_year_of_renewals_leaves_no_gap() {
        for seed in 0..1000u64 {
            let bits = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mut held = lifetime(90);
            while held.not_after < day(1365) {
                let renewed = held.renew_at(None, bits);
                assert!(renewed < held.not_after && renewed > held.not_before, "seed {seed}");
                held = Lifetime { not_before: renewed, not_after: renewed + Duration::from_secs(90 * DAY) };
            }
        }
    }
}
