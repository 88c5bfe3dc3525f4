//! When checks make an endpoint sick or well.

use std::num::NonZeroU8;

/// Counts the checks of one endpoint in a row. An endpoint begins well, so that a start is not an outage.
#[derive(Clone, Debug)]
pub struct Health {
    well: bool,
    against: u8,
    unhealthy_after: NonZeroU8,
    healthy_after: NonZeroU8,
}

impl Health {
    /// A well endpoint.
    #[must_use]
    pub const fn new(unhealthy_after: NonZeroU8, healthy_after: NonZeroU8) -> Self {
        Self { well: true, against: 0, unhealthy_after, healthy_after }
    }

    /// Takes in one check. Returns the new state if this check changed it.
    pub fn handle_check(&mut self, passed: bool) -> Option<bool> {
        if passed == self.well {
            self.against = 0;
            return None;
        }
        self.against = self.against.saturating_add(1);
        let needed = if self.well { self.unhealthy_after } else { self.healthy_after };
        if self.against < needed.get() {
            return None;
        }
        self.well = passed;
        self.against = 0;
        Some(passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(unhealthy_after: u8, healthy_after: u8) -> Health {
        Health::new(unhealthy_after.try_into().unwrap(), healthy_after.try_into().unwrap())
    }

    #[test]
    fn failures_in_a_row_make_an_endpoint_sick_once() {
        let mut health = health(3, 1);
        assert_eq!(
            [false, false, false, false].map(|c| health.handle_check(c)),
            [None, None, Some(false), None]
        );
    }

    #[test]
    fn a_success_between_failures_starts_the_count_again() {
        let mut health = health(2, 1);
        assert_eq!([false, true, false, true].map(|c| health.handle_check(c)), [None; 4]);
    }

    #[test]
    fn successes_in_a_row_make_it_well_again() {
        let mut health = health(1, 2);
        assert_eq!([false, true, true].map(|c| health.handle_check(c)), [Some(false), None, Some(true)]);
    }
}
