//! Content digests of definitions.

use std::fmt;

use serde::Serialize;

/// Names a definition by its content: equal definitions have equal digests, in every generation.
///
/// FNV-1a over 128 bits of the canonical JSON. It is not collision-resistant against an attacker, and need not be:
/// the digested content begins with the namespace and name of its owner, so that at worst an owner collides with
/// itself.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Digest(pub u128);

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Digest {
    /// Digests `owner` and the canonical form of `content`.
    pub(super) fn of(owner: &str, content: &impl Serialize) -> Self {
        const OFFSET_BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
        const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
        let mut hasher = Hasher { state: OFFSET_BASIS, prime: PRIME };
        hasher.write(owner.as_bytes());
        hasher.write(&[0]);
        serde_json::to_writer(&mut hasher, content)
            .expect("definitions have string keys, and hashing does not fail");
        Self(hasher.state)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

struct Hasher {
    state: u128,
    prime: u128,
}

impl Hasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.state = (self.state ^ u128::from(*byte)).wrapping_mul(self.prime);
        }
    }
}

impl std::io::Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Self::write(self, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
