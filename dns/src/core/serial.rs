//! Serial numbers of zones (RFC 1912 §2.2, RFC 1982).

/// The serial that follows. Arithmetic wraps, and zero is passed over because some servers take it for "none".
#[must_use]
pub const fn next(serial: u32) -> u32 {
    match serial.wrapping_add(1) {
        0 => 1,
        next => next,
    }
}

/// Whether `one` comes after `other` (RFC 1982 §3.2).
#[must_use]
pub const fn is_after(one: u32, other: u32) -> bool {
    let ahead = one.wrapping_sub(other);
    ahead != 0 && ahead < 1 << 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_serial_comes_after_also_where_numbers_wrap() {
        for serial in [0, 1, 2_026_112_400, u32::MAX - 1, u32::MAX] {
            assert!(is_after(next(serial), serial), "{serial}");
            assert_ne!(next(serial), 0);
        }
    }
}
