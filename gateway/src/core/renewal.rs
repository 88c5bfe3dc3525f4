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
        {
            // A window that lies behind us means: now.
            return (window.start + fraction(width, seed)).min(self.not_after);
        }
        let life = self.not_after.duration_since(self.not_before).unwrap_or_default();
        let left = if life < SHORT_LIVED { life / 2 } else { life / 3 };
        // Gateways that were set up together do not come together: up to a tenth of what is left, earlier.
        self.not_after - left - fraction(left / 10, seed)
    }

    /// Whether it can be served. A clock that is a little off throws nothing away.
    #[must_use]
    pub fn is_valid(&self, now: SystemTime) -> bool {
        now < self.not_after
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
