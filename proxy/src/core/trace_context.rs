//! Request ids, and the W3C Trace Context (level 1) that goes with a request.

/// 128 bits as lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RequestId([u8; 32]);

impl RequestId {
    /// An id from random bits.
    #[must_use]
    pub fn new(random: [u64; 2]) -> Self {
        let mut digits = [0; 32];
        write_hex(&mut digits[..16], random[0]);
        write_hex(&mut digits[16..], random[1]);
        Self(digits)
    }

    /// The digits, as bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("")
    }
}

/// What is sent on in `traceparent`: the trace of the client, or a new one, with a span of our own.
#[derive(Clone, Copy, Debug)]
pub struct TraceParent([u8; 55]);

impl TraceParent {
    /// Continues the client's trace. A malformed `traceparent` is as none (§4.3 of the recommendation): then the
    /// trace begins here, under the request's id.
    #[must_use]
    pub fn continue_from(client: Option<&[u8]>, request: &RequestId, random: u64) -> Self {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        match client.filter(|client| is_well_formed(client)) {
            Some(client) => {
                text[3..35].copy_from_slice(&client[3..35]);
                text[53..55].copy_from_slice(&client[53..55]);
            }
            None => text[3..35].copy_from_slice(&request.0),
        }
        // All zeros is no span.
        write_hex(&mut text[36..52], random.max(1));
        Self(text)
    }

    /// The field's value.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The trace id in it.
    #[must_use]
    pub fn trace_id(&self) -> &[u8] {
        &self.0[3..35]
    }
}

fn is_well_formed(text: &[u8]) -> bool {
    let hex = |part: &[u8]| part.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let some = |part: &[u8]| part.iter().any(|byte| *byte != b'0');
    // A later version may go on after the flags (§3.2.4).
    (text.len() == 55 || (text.len() > 55 && text[55] == b'-' && !text.starts_with(b"00")))
        && hex(&text[0..2])
        && !text.starts_with(b"ff")
        && (text[2], text[35], text[52]) == (b'-', b'-', b'-')
        && hex(&text[3..35])
        && some(&text[3..35])
        && hex(&text[36..52])
        && some(&text[36..52])
        && hex(&text[53..55])
}

fn write_hex(out: &mut [u8], value: u64) {
    for (at, digit) in out.iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[(value >> (60 - 4 * at)) as usize & 0xf];
    }
}

/// A fast source of bits that need not be secret (splitmix64), for ids and for choosing among endpoints.
#[derive(Clone, Debug)]
pub struct Bits(u64);

impl Bits {
    /// Starts from a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    #[expect(clippy::should_implement_trait, reason = "it never ends, so it has no `Option` to return")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: &[u8] = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_clients_trace_goes_on_under_a_new_span() {
        let id = RequestId::new([1, 2]);
        let parent = TraceParent::continue_from(Some(CLIENT), &id, 0xabc);
        assert_eq!(parent.trace_id(), b"0af7651916cd43dd8448eb211c80319c");
        assert_eq!(parent.as_bytes(), b"00-0af7651916cd43dd8448eb211c80319c-0000000000000abc-01");
    }

    #[test]
    fn a_malformed_trace_is_as_none() {
        let id = RequestId::new([1, 2]);
        for bad in [
            &b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0"[..],
            b"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            b"00-00000000000000000000000000000000-b7ad6b7169203331-01",
            b"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            b"",
        ] {
            assert_eq!(TraceParent::continue_from(Some(bad), &id, 1).trace_id(), id.as_bytes());
        }
    }
}
