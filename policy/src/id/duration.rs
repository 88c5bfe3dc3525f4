//! Spans of time as people write them: `250ms`, `60s`, `5m`, `12h`, `30d`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::checked_text;

/// A span of time between 1 ms and 10 years.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Span(Duration);

/// Why a text is no [`Span`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidSpan {
    /// No number with a known unit.
    #[error("this is no span of time; write a whole number and a unit, as in 250ms, 60s, 5m, 12h or 30d")]
    Form,
    /// Zero, or more than ten years.
    #[error("a span lies between 1ms and 3650d")]
    Range,
}

impl Span {
    const MILLIS_MAX: u64 = 3650 * 86_400_000;

    /// A span of whole seconds, at least one.
    #[must_use]
    pub const fn from_secs(seconds: u32) -> Self {
        Self(Duration::from_secs(if seconds == 0 { 1 } else { seconds as u64 }))
    }

    /// As the standard library's type.
    #[must_use]
    pub const fn duration(self) -> Duration {
        self.0
    }

    /// Whole seconds, rounded up: what a DNS time to live or an HTTP max-age is written in.
    #[must_use]
    pub fn seconds_ceil(self) -> u32 {
        u32::try_from(self.0.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
    }
}

impl FromStr for Span {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let unit_ms: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(InvalidSpan::Form),
        };
        if number.is_empty() {
            return Err(InvalidSpan::Form);
        }
        let ms = number.parse::<u64>().ok().and_then(|n| n.checked_mul(unit_ms)).ok_or(InvalidSpan::Range)?;
        if ms == 0 || ms > Self::MILLIS_MAX {
            return Err(InvalidSpan::Range);
        }
        Ok(Self(Duration::from_millis(ms)))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_millis();
        for (unit, unit_ms) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)] {
            // 60s stays 60s and 24h stays 24h: people compare what they wrote.
            if ms.is_multiple_of(unit_ms) && ms / unit_ms > 1 {
                return write!(f, "{}{unit}", ms / unit_ms);
            }
        }
        if ms == 1_000 { f.write_str("1s") } else { write!(f, "{ms}ms") }
    }
}

checked_text!(Span, "^[0-9]+(ms|s|m|h|d)$", "A span of time, e.g. 250ms, 60s, 5m, 12h, 30d.");
