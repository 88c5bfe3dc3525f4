//! Sealing: AES-256-GCM under a key of each record's own, derived by HKDF-SHA256 from the store's key and a random
//! salt, with the entry's name as associated data. A sealed value moved to another entry does not open.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};

use super::StoreError;

/// The store's key. It never leaves the process.
#[derive(Clone)]
pub struct SealKey([u8; 32]);

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(…)")
    }
}

impl Drop for SealKey {
    fn drop(&mut self) {
        self.0.fill(0);
        // Kept from being optimised away.
        std::hint::black_box(&self.0);
    }
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It cannot be read or made.
    #[error("the store's key {}", path.display())]
    File {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Others can read it.
    #[error("{} can be read by others; run: chmod 600 {}", path.display(), path.display())]
    Open {
        /// Where.
        path: PathBuf,
    },
    /// It is not 32 bytes.
    #[error("{} holds {len_bytes} bytes, and a key has 32", path.display())]
    Length {
        /// Where.
        path: PathBuf,
        /// How long it is.
        len_bytes: usize,
    },
    /// systemd passes no credentials.
    #[error("there is no credential {0:?}; add LoadCredential= to the unit")]
    NoCredential(String),
    /// The system has no randomness.
    #[error("no random bytes for a key")]
    Random,
}

const SALT_BYTES: usize = 32;
const NONCE: [u8; 12] = [0; 12];
/// The form of what follows, so that another can come one day.
const VERSION: u8 = 1;

impl SealKey {
    /// A key from bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads a systemd credential (`LoadCredential=`, `LoadCredentialEncrypted=`).
    ///
    /// # Errors
    /// When there is none, or it is not 32 bytes.
    pub fn from_credential(name: &str) -> Result<Self, KeyError> {
        let folder = std::env::var_os("CREDENTIALS_DIRECTORY");
        let folder = folder.ok_or_else(|| KeyError::NoCredential(name.to_owned()))?;
        Self::read(&Path::new(&folder).join(name))
    }

    /// Reads a file of mode 0600, or makes one of random bytes.
    ///
    /// # Errors
    /// When others can read it, or it is not 32 bytes.
    pub fn from_file(path: &Path) -> Result<Self, KeyError> {
        let failed = |source| KeyError::File { path: path.into(), source };
        let file = match std::fs::File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Self::make(path),
            Err(source) => return Err(failed(source)),
        };
        // Asked of the file that is read, not of whatever has its name by then.
        if file.metadata().map_err(failed)?.mode() & 0o077 != 0 {
            return Err(KeyError::Open { path: path.into() });
        }
        Self::read_from(path, file)
    }

    /// Makes a key whose file is there whole and for good, or not at all: a crash may not leave half a key, and what
    /// is sealed with a key may not outlive it.
    fn make(path: &Path) -> Result<Self, KeyError> {
        let failed = |source| KeyError::File { path: path.into(), source };
        let mut bytes = [0; 32];
        SystemRandom::new().fill(&mut bytes).map_err(|_unspecified| KeyError::Random)?;
        let key = Self(bytes);
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{}.new", std::process::id()));
        let unfinished = PathBuf::from(name);
        let mut options = std::fs::OpenOptions::new();
        let mut file =
            options.write(true).create(true).truncate(true).mode(0o600).open(&unfinished).map_err(failed)?;
        file.write_all(&key.0).and_then(|()| file.sync_all()).map_err(failed)?;
        // Unlike a rename, a link never replaces a key that somebody made in the meantime.
        std::fs::hard_link(&unfinished, path).map_err(failed)?;
        std::fs::remove_file(&unfinished).map_err(failed)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = std::fs::File::open(folder.unwrap_or_else(|| Path::new(".")));
        folder.and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(key)
    }

    fn read(path: &Path) -> Result<Self, KeyError> {
        let failed = |source| KeyError::File { path: path.into(), source };
        Self::read_from(path, std::fs::File::open(path).map_err(failed)?)
    }

    fn read_from(path: &Path, file: std::fs::File) -> Result<Self, KeyError> {
        let failed = |source| KeyError::File { path: path.into(), source };
        let mut bytes = Vec::new();
        file.take(64).read_to_end(&mut bytes).map_err(failed)?;
        let len_bytes = bytes.len();
        let key = bytes.try_into().map_err(|_other| KeyError::Length { path: path.into(), len_bytes })?;
        Ok(Self(key))
    }

    /// Seals `value` for the entry `name`.
    ///
    /// # Errors
    /// When the cryptographic library refuses.
    pub fn seal(&self, name: &str, value: &[u8]) -> Result<Vec<u8>, StoreError> {
        let mut salt = [0; SALT_BYTES];
        SystemRandom::new().fill(&mut salt).map_err(|_unspecified| StoreError::Seal)?;
        let mut sealed = value.to_vec();
        // Each record has a key of its own, so that one nonce does for all.
        self.record_key(&salt)?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(NONCE),
                Aad::from(name.as_bytes()),
                &mut sealed,
            )
            .map_err(|_unspecified| StoreError::Seal)?;
        Ok([&[VERSION], salt.as_slice(), &sealed].concat())
    }

    /// Opens what [`Self::seal`] made for the same entry.
    ///
    /// # Errors
    /// When it was sealed by another key, for another entry, or was altered.
    pub fn open(&self, name: &str, sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        let refused = || StoreError::Unseal { key: name.to_owned() };
        let sealed = sealed.strip_prefix(&[VERSION]).ok_or_else(refused)?;
        let (salt, sealed) = sealed.split_at_checked(SALT_BYTES).ok_or_else(refused)?;
        let mut value = sealed.to_vec();
        let opened = self
            .record_key(salt)?
            .open_in_place(Nonce::assume_unique_for_key(NONCE), Aad::from(name.as_bytes()), &mut value)
            .map_err(|_unspecified| refused())?;
        Ok(opened.to_vec())
    }

    fn record_key(&self, salt: &[u8]) -> Result<LessSafeKey, StoreError> {
        let derived = Salt::new(HKDF_SHA256, salt).extract(&self.0);
        let info: [&[u8]; 1] = [b"causeway store record"];
        let expanded = derived.expand(&info, &AES_256_GCM).map_err(|_unspecified| StoreError::Seal)?;
        Ok(LessSafeKey::new(UnboundKey::from(expanded)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: SealKey = SealKey::from_bytes([7; 32]);

    #[test]
    fn what_is_sealed_opens_again_and_shows_nothing() {
        let sealed = KEY.seal("a", b"secret").unwrap();
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
        assert_eq!(KEY.open("a", &sealed).unwrap(), b"secret");
        assert_ne!(sealed, KEY.seal("a", b"secret").unwrap());
    }

    #[test]
    fn another_key_another_entry_or_a_changed_byte_does_not_open() {
        let sealed = KEY.seal("a", b"secret").unwrap();
        assert!(SealKey::from_bytes([8; 32]).open("a", &sealed).is_err());
        assert!(KEY.open("b", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(KEY.open("a", &changed).is_err(), "byte {at}");
        }
        assert!(KEY.open("a", &sealed[..20]).is_err());
    }

    #[test]
    fn a_key_that_others_can_read_is_refused_with_the_cure() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        SealKey::from_file(&path).unwrap();
        SealKey::from_file(&path).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
        let refused = SealKey::from_file(&path).unwrap_err().to_string();
        assert!(refused.contains("chmod 600"), "{refused}");
    }

    #[test]
    fn a_made_key_is_for_its_owner_alone_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let made = SealKey::from_file(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read(&path).unwrap(), made.0);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{KEY:?}"), "SealKey(…)");
    }
}
