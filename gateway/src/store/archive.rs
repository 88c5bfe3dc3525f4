//! Everything in one text file: `causeway export` and `import`.
//!
//! One line of JSON an entry, after a header and before a checksum. Secrets are sealed under a key derived from a
//! passphrase, so that the file can be kept anywhere and read by another gateway.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{Context, SHA256};
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
    sha256: String,
}

/// What the file says it is.
const ARCHIVE: &str = "archive";
/// The form of the file.
const VERSION: u32 = 1;
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
    let sha256 = checksum(&out);
    push(&mut out, &Trailer { sha256 });
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
    let end = lines.len();
    let trailer: Trailer =
        serde_json::from_str(trailer).map_err(|_| malformed(end, "the archive is cut off"))?;
    let body = text.rfind("{\"sha256\"").map_or(text, |at| &text[..at]);
    if checksum(body) != trailer.sha256 {
        return Err(malformed(end, "the checksum does not fit: the archive is damaged"));
    }
    let salt = STANDARD.decode(&header.salt).map_err(|_| malformed(1, "the salt is malformed"))?;
    let key = derive(passphrase, &salt);
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
        // The mark is not under the passphrase: it may add to what is sealed, never take away.
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

fn checksum(text: &str) -> String {
    let mut context = Context::new(&SHA256);
    context.update(text.as_bytes());
    STANDARD.encode(context.finish())
}

fn derive(passphrase: &str, salt: &[u8]) -> SealKey {
    let mut key = [0; 32];
    pbkdf2::derive(PBKDF2_HMAC_SHA256, ITERATIONS, salt, passphrase.as_bytes(), &mut key);
    SealKey::from_bytes(key)
}

#[cfg(test)]
mod tests;
