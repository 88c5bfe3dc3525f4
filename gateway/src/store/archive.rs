//! Everything in one text file: `causeway export` and `import`.
//!
//! One line of JSON an entry, after a header and before a seal. Values are sealed under a key derived from a
//! passphrase, so that the file can be kept anywhere and read by another gateway; so is the digest of all that comes
//! before, so that without the passphrase nothing can be taken away, added or moved.

use std::collections::BTreeSet;

use aws_lc_rs::digest::SHA256;
use aws_lc_rs::pbkdf2::{self, PBKDF2_HMAC_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::seal::SealKey;
use super::{Change, DEPARTURES, Expect, Key, RESOURCES_HEAD, Secrecy, Store, StoreError, Value};

/// The first line.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Header {
    causeway: String,
    version: u32,
    salt: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Line {
    key: String,
    sealed: bool,
    value: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Trailer {
    /// Of the SHA-256 of every byte before this line.
    seal: String,
}

/// What the file says it is.
const ARCHIVE: &str = "archive";
/// The form of the file. The first had a checksum without a key and is not read: whoever wanted to take an entry away
/// would call the file one of the first form.
const VERSION: u32 = 2;
/// The name under which the digest is sealed. It is no key of an entry, so no entry's value passes for the digest.
const SEAL: &str = "archive digest";
/// OWASP's figure for PBKDF2-HMAC-SHA256.
const ITERATIONS: std::num::NonZeroU32 = std::num::NonZeroU32::new(600_000).expect("not zero");
/// Larger archives are not of a gateway.
pub const ARCHIVE_BYTES_MAX: usize = 256 << 20;
/// What belongs to a process, and what one gateway's DNS said a moment ago.
const OF_THE_MOMENT: [&str; 2] = ["leases/", DEPARTURES];

/// Why an archive cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The store failed.
    #[error("the store cannot be read")]
    Store(#[from] StoreError),
    /// No archive of ours.
    #[error("line {line}: {reason}")]
    Malformed {
        /// Which line, from 1.
        line: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// The passphrase is another, or the file was altered.
    #[error("line {line}: the passphrase is another")]
    Passphrase {
        /// Which line, from 1.
        line: usize,
    },
    /// The seal over everything is of another passphrase, or altered.
    #[error("line {line}: the passphrase is another, or the archive was altered")]
    Seal {
        /// Which line, from 1.
        line: usize,
    },
    /// The same key is there twice.
    #[error("line {line}: {key} is in the archive already")]
    Twice {
        /// Which line, from 1.
        line: usize,
        /// Which key.
        key: Key,
    },
    /// It was made by a later version.
    #[error("the archive has version {0}, and this program reads up to {VERSION}; use a newer causeway")]
    Newer(u32),
    /// It was made by an earlier version, before archives were sealed as a whole.
    #[error(
        "the archive has version {0}, which does not show whether something was taken away; export it anew with this causeway"
    )]
    Older(u32),
}

/// Writes everything. `salt` is random.
///
/// # Errors
/// When the store cannot be read.
pub async fn export(store: &dyn Store, passphrase: &str, salt: [u8; 16]) -> Result<String, ArchiveError> {
    let key = derive(passphrase, &salt);
    let mut out = String::new();
    let header = Header { causeway: ARCHIVE.into(), version: VERSION, salt: STANDARD.encode(salt) };
    push(&mut out, &header);
    let (entries, _) = store.list("").await?;
    for (name, entry) in entries.into_iter().filter(|(name, _)| !is_of_the_moment(name)) {
        let sealed = key.seal(name.as_str(), &entry.value)?;
        push(
            &mut out,
            &Line {
                key: name.to_string(),
                sealed: entry.secrecy == Secrecy::Sealed,
                value: STANDARD.encode(sealed),
            },
        );
    }
    let seal = STANDARD.encode(key.seal(SEAL, &digest(&out))?);
    push(&mut out, &Trailer { seal });
    Ok(out)
}

/// Reads everything: the changes that put it into a store, where it replaces what is there under the same keys.
///
/// Whether resources changed is not among them: whoever stores these says so.
///
/// # Errors
/// When anything of it is not as `export` wrote it.
pub fn read(passphrase: &str, text: &str) -> Result<Vec<Change>, ArchiveError> {
    let malformed = |line, reason| ArchiveError::Malformed { line, reason };
    if text.len() > ARCHIVE_BYTES_MAX {
        return Err(malformed(1, "the archive is too large"));
    }
    let lines: Vec<&str> = text.lines().collect();
    let [header, entries @ .., trailer] = lines.as_slice() else {
        return Err(malformed(1, "the archive is empty, or cut off after its first line"));
    };
    let header: Header =
        serde_json::from_str(header).map_err(|_| malformed(1, "this is no archive of causeway"))?;
    if header.causeway != ARCHIVE {
        return Err(malformed(1, "this is no archive of causeway"));
    }
    if header.version > VERSION {
        return Err(ArchiveError::Newer(header.version));
    }
    if header.version < VERSION {
        return Err(ArchiveError::Older(header.version));
    }
    let end = lines.len();
    let trailer: Trailer =
        serde_json::from_str(trailer).map_err(|_| malformed(end, "the archive is cut off"))?;
    let salt = STANDARD.decode(&header.salt).map_err(|_| malformed(1, "the salt is malformed"))?;
    let key = derive(passphrase, &salt);
    let seal = STANDARD.decode(&trailer.seal).map_err(|_| malformed(end, "the seal is malformed"))?;
    let sealed = key.open(SEAL, &seal).map_err(|_| ArchiveError::Seal { line: end })?;
    if sealed != digest(before_last_line(text)) {
        return Err(malformed(end, "the digest does not fit: the archive is damaged or was altered"));
    }
    let mut changes = Vec::with_capacity(end);
    let mut seen = BTreeSet::new();
    for (index, line) in entries.iter().enumerate() {
        let number = index + 2;
        let line: Line =
            serde_json::from_str(line).map_err(|_| malformed(number, "the line is malformed"))?;
        let name = Key::new(line.key).map_err(|_| malformed(number, "the key is malformed"))?;
        if is_of_the_moment(&name) {
            return Err(malformed(number, "such an entry belongs to a running gateway, not to an archive"));
        }
        if !seen.insert(name.clone()) {
            return Err(ArchiveError::Twice { line: number, key: name });
        }
        let sealed = STANDARD.decode(&line.value).map_err(|_| malformed(number, "the value is malformed"))?;
        let bytes =
            key.open(name.as_str(), &sealed).map_err(|_| ArchiveError::Passphrase { line: number })?;
        // Whoever wrote the file: its mark may add to what is sealed, never take away.
        let secrecy = if line.sealed || is_secret(&name) { Secrecy::Sealed } else { Secrecy::Plain };
        if name.as_str() != RESOURCES_HEAD {
            changes.push(Change { key: name, expect: Expect::Any, value: Some(Value { bytes, secrecy }) });
        }
    }
    Ok(changes)
}

fn is_of_the_moment(key: &Key) -> bool {
    OF_THE_MOMENT.iter().any(|prefix| key.as_str().starts_with(prefix))
}

/// Which entries are sealed at rest, whatever a file says.
fn is_secret(key: &Key) -> bool {
    ["resources/Secret/", "acme/", "authority/"].iter().any(|prefix| key.as_str().starts_with(prefix))
}

fn push(out: &mut String, line: &impl Serialize) {
    out.push_str(&serde_json::to_string(line).expect("texts and numbers have a JSON form"));
    out.push('\n');
}

fn before_last_line(text: &str) -> &str {
    let lines = text.strip_suffix('\n').unwrap_or(text);
    &text[..lines.rfind('\n').map_or(0, |at| at + 1)]
}

fn digest(text: &str) -> Vec<u8> {
    aws_lc_rs::digest::digest(&SHA256, text.as_bytes()).as_ref().to_vec()
}

fn derive(passphrase: &str, salt: &[u8]) -> SealKey {
    let mut key = [0; 32];
    pbkdf2::derive(PBKDF2_HMAC_SHA256, ITERATIONS, salt, passphrase.as_bytes(), &mut key);
    SealKey::from_bytes(key)
}

#[cfg(test)]
mod tests;
