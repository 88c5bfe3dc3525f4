//! What a CA lets one account do, by our own count, so that its limits are kept to rather than run into. Pure.
//!
//! The numbers are Let's Encrypt's, the strictest that are public. A CA that is stricter says so itself
//! (`Retry-After`), which counts too.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, SystemTime};

const HOUR: Duration = Duration::from_secs(3600);
const WEEK: Duration = Duration::from_secs(7 * 86_400);

/// So many in so long a time.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// How many.
    pub count: usize,
    /// In what time.
    pub period: Duration,
}

/// New orders of one account.
pub const ORDERS: Limit = Limit { count: 300, period: Duration::from_secs(3 * 3600) };
/// Validations of one name that failed.
pub const FAILED_VALIDATIONS: Limit = Limit { count: 5, period: HOUR };
/// Certificates for exactly the same names, beyond those that their life asks for.
pub const SAME_NAMES: Limit = Limit { count: 5, period: WEEK };

/// Why an order is not placed now.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Exhausted {
    /// See [`ORDERS`].
    #[error("{} orders in {} h are all that the CA takes", ORDERS.count, ORDERS.period.as_secs() / 3600)]
    Orders(SystemTime),
    /// See [`FAILED_VALIDATIONS`].
    #[error("{} failed validations of one name an hour are all that the CA takes", FAILED_VALIDATIONS.count)]
    FailedValidations(SystemTime),
    /// See [`SAME_NAMES`].
    #[error("the CA signs the same names only so often a week")]
    SameNames(SystemTime),
    /// The CA said so.
    #[error("the CA asked to wait")]
    Told(SystemTime),
}

impl Exhausted {
    /// When an order may be placed again.
    #[must_use]
    pub const fn until(self) -> SystemTime {
        match self {
            Self::Orders(until)
            | Self::FailedValidations(until)
            | Self::SameNames(until)
            | Self::Told(until) => until,
        }
    }
}

/// The count of one account.
#[derive(Clone, Debug, Default)]
pub struct CaBudget {
    orders: VecDeque<SystemTime>,
    failed: BTreeMap<String, VecDeque<SystemTime>>,
    /// By the names, joined.
    issued: BTreeMap<String, VecDeque<SystemTime>>,
    told: Option<SystemTime>,
}

impl CaBudget {
    /// Whether an order for these names may be placed now. `life` is that of the certificate it replaces: one that
    /// lives for a day is signed every day, and only more than that is too much.
    ///
    /// # Errors
    /// Which limit is used up, and until when.
    pub fn check(
        &mut self,
        names: &[String],
        life: Option<Duration>,
        now: SystemTime,
    ) -> Result<(), Exhausted> {
        self.forget(now);
        if let Some(until) = self.told {
            return Err(Exhausted::Told(until));
        }
        if let Some(until) = full(&self.orders, ORDERS.count, ORDERS.period) {
            return Err(Exhausted::Orders(until));
        }
        let failed = names.iter().filter_map(|name| self.failed.get(name));
        let failed = failed.filter_map(|at| full(at, FAILED_VALIDATIONS.count, FAILED_VALIDATIONS.period));
        if let Some(until) = failed.max() {
            return Err(Exhausted::FailedValidations(until));
        }
        let needed = life.map_or(0, |life| 2 * WEEK.as_secs() / life.as_secs().max(1));
        let count = SAME_NAMES.count + usize::try_from(needed).unwrap_or(usize::MAX / 2);
        let issued = self.issued.get(&joined(names));
        match issued.and_then(|issued| full(issued, count, SAME_NAMES.period)) {
            Some(until) => Err(Exhausted::SameNames(until)),
            None => Ok(()),
        }
    }

    /// An order is placed.
    pub fn handle_order(&mut self, now: SystemTime) {
        self.orders.push_back(now);
    }

    /// The CA could not verify a name.
    pub fn handle_failed_validation(&mut self, name: &str, now: SystemTime) {
        self.failed.entry(name.to_owned()).or_default().push_back(now);
    }

    /// The CA signed.
    pub fn handle_issued(&mut self, names: &[String], now: SystemTime) {
        self.issued.entry(joined(names)).or_default().push_back(now);
    }

    /// The CA asked to wait.
    pub fn handle_told(&mut self, wait: Duration, now: SystemTime) {
        self.told = self.told.max(Some(now + wait));
    }

    /// How many orders count at `now`.
    #[must_use]
    pub fn orders(&mut self, now: SystemTime) -> usize {
        self.forget(now);
        self.orders.len()
    }

    /// How many failed validations count at `now`.
    #[must_use]
    pub fn failed_validations(&mut self, now: SystemTime) -> usize {
        self.forget(now);
        self.failed.values().map(VecDeque::len).sum()
    }

    /// Until when the CA asked to wait.
    #[must_use]
    pub fn told(&mut self, now: SystemTime) -> Option<SystemTime> {
        self.forget(now);
        self.told
    }

    fn forget(&mut self, now: SystemTime) {
        let forget = |events: &mut VecDeque<SystemTime>, limit: Limit| {
            // What lies ahead was written before the clock went back.
            events.retain(|at| now.duration_since(*at).is_ok_and(|since| since < limit.period));
        };
        forget(&mut self.orders, ORDERS);
        for (events, limit) in [(&mut self.failed, FAILED_VALIDATIONS), (&mut self.issued, SAME_NAMES)] {
            events.values_mut().for_each(|at| forget(at, limit));
            events.retain(|_, at| !at.is_empty());
        }
        self.told = self.told.filter(|until| *until > now);
    }
}

/// When there is room again, if there is none.
fn full(events: &VecDeque<SystemTime>, count: usize, period: Duration) -> Option<SystemTime> {
    let oldest_that_counts = events.len().checked_sub(count)?;
    events.get(oldest_that_counts).map(|at| *at + period)
}

fn joined(names: &[String]) -> String {
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.sort_unstable();
    names.join(",")
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn at(secs: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(secs)
    }

    #[test]
    fn a_fresh_account_may_order() {
        assert_eq!(CaBudget::default().check(&names(&["a"]), None, at(0)), Ok(()));
    }

    #[test]
    fn five_failed_validations_of_a_name_close_it_for_the_hour_and_no_other() {
        let mut budget = CaBudget::default();
        for minute in 0..5 {
            assert_eq!(budget.check(&names(&["a"]), None, at(minute * 60)), Ok(()));
            budget.handle_failed_validation("a", at(minute * 60));
        }
        let refused = budget.check(&names(&["b", "a"]), None, at(300));
        assert_eq!(refused, Err(Exhausted::FailedValidations(at(3600))));
        assert_eq!(budget.check(&names(&["b"]), None, at(300)), Ok(()));
        assert_eq!(budget.check(&names(&["a"]), None, at(3600)), Ok(()));
    }

    #[test]
    fn three_hundred_orders_fill_three_hours() {
        let mut budget = CaBudget::default();
        for second in 0..300 {
            budget.handle_order(at(second));
        }
        assert_eq!(budget.check(&names(&["a"]), None, at(300)), Err(Exhausted::Orders(at(10_800))));
        assert_eq!(budget.orders(at(10_800)), 299);
    }

    /// A CA whose window always lies in the past would otherwise be asked for ever.
    #[test]
    fn the_same_names_are_signed_five_times_a_week_and_as_often_as_they_must() {
        let mut budget = CaBudget::default();
        let day = Duration::from_secs(86_400);
        for second in 0..5 {
            budget.handle_issued(&names(&["a", "b"]), at(second));
        }
        let refused = budget.check(&names(&["b", "a"]), None, at(10));
        assert_eq!(refused, Err(Exhausted::SameNames(at(604_800))));
        assert_eq!(budget.check(&names(&["a"]), None, at(10)), Ok(()));
        assert_eq!(budget.check(&names(&["b", "a"]), Some(day), at(10)), Ok(()), "it lives for a day");
        assert!(budget.check(&names(&["b", "a"]), Some(90 * day), at(10)).is_err());
    }

    #[test]
    fn what_a_ca_asks_for_is_kept_to_by_all() {
        let mut budget = CaBudget::default();
        budget.handle_told(Duration::from_secs(100), at(0));
        budget.handle_told(Duration::from_secs(10), at(0));
        assert_eq!(budget.check(&names(&["a"]), None, at(99)), Err(Exhausted::Told(at(100))));
        assert_eq!(budget.check(&names(&["a"]), None, at(100)), Ok(()));
    }
}
