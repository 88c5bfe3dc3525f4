//! Opens sled in spite of what a crash leaves beside its log.
//!
//! The folder is locked first: what looks left behind may be another process's work in progress.
//! A half-written snapshot, or a damaged one, keeps sled from opening although the log they were made from is whole.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::OpenError;

/// sled's own cache; control state is small.
const CACHE_BYTES: u64 = 16 << 20;
/// How long a store that is in use is waited for: a second, for the process before this one to be gone.
const LOCK_TRIES: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(20);
/// A process number has at most seven digits.
const HOLDER_BYTES_MAX: u64 = 16;

/// The process that has the store open, where it could be told.
#[derive(Debug)]
pub struct Holder(Option<u32>);

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(process) => write!(f, "process {process}"),
            None => f.write_str("another process"),
        }
    }
}

/// Locks the folder for as long as the returned file lives.
pub(super) fn lock(path: &Path) -> Result<File, OpenError> {
    let folder = |source| OpenError::Folder { path: path.into(), source };
    let options = File::options().read(true).write(true).create(true).truncate(false).open(path.join("lock"));
    let mut file = options.map_err(folder)?;
    match patiently(|| file.try_lock(), |error| matches!(error, TryLockError::WouldBlock)) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // The number is a courtesy: that it is locked is certain without it.
            let _unreadable = file.take(HOLDER_BYTES_MAX).read_to_string(&mut holder);
            let holder = holder.trim().parse().ok();
            return Err(OpenError::Busy { path: path.into(), holder: Holder(holder) });
        }
        Err(TryLockError::Error(source)) => return Err(folder(source)),
    }
    // On a full disk the store still opens; it is only not said by whom.
    let _unwritten = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
    Ok(file)
}

/// Opens the engine in a folder that is locked.
pub(super) fn open_engine(path: &Path) -> Result<sled::Db, OpenError> {
    let folder = |source| OpenError::Folder { path: path.into(), source };
    remove_unfinished_snapshots(path).map_err(folder)?;
    let engine = |source| OpenError::Engine { path: path.into(), source };
    match open_once(path) {
        Err(sled::Error::Corruption { .. }) => {
            tracing::warn!(path = %path.display(), "store snapshot is damaged; it is set aside and the log read");
            set_snapshots_aside(path).map_err(folder)?;
            open_once(path).map_err(engine)
        }
        opened => opened.map_err(engine),
    }
}

fn open_once(path: &Path) -> Result<sled::Db, sled::Error> {
    // Commits flush themselves; a timer would only flush nothing.
    let config = sled::Config::new().path(path).cache_capacity(CACHE_BYTES).flush_every_ms(None);
    // sled has no name for it. A store closed a moment ago may still be held by sled's own threads.
    let locked = |error: &sled::Error| error.to_string().contains("could not acquire lock");
    patiently(|| config.open(), locked)
}

/// Tries again, for a while, what fails only because somebody has not quite let go.
fn patiently<T, E>(mut act: impl FnMut() -> Result<T, E>, is_passing: impl Fn(&E) -> bool) -> Result<T, E> {
    for _ in 1..LOCK_TRIES {
        match act() {
            Err(error) if is_passing(&error) => std::thread::sleep(LOCK_PAUSE),
            done => return done,
        }
    }
    act()
}

pub(super) fn snapshots(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let file = entry?.path();
        if file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"snap.")) {
            found.push(file);
        }
    }
    Ok(found)
}

fn remove_unfinished_snapshots(path: &Path) -> std::io::Result<()> {
    for file in snapshots(path)? {
        if file.to_string_lossy().ends_with(".generating") {
            std::fs::remove_file(file)?;
        }
    }
    Ok(())
}

fn set_snapshots_aside(path: &Path) -> std::io::Result<()> {
    for file in snapshots(path)? {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        std::fs::rename(&file, file.with_file_name(format!("damaged-{name}")))?;
    }
    Ok(())
}
