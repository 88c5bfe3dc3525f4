//! A watched directory of resource files, for GitOps: what its files say is applied, and what disappears from
//! them is deleted. Objects it owns are refused elsewhere, with the owner named.
//!
//! The directory is read again every two seconds and compared by content. That sees every way in which files are
//! replaced (rename, symlink swap as in Kubernetes volumes, network file systems), which notifications do not.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use policy::document::{Fault, Parsed};
use policy::id::ResourceKey;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::control_plane::ControlPlane;

/// Between two looks at the directory.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// A directory of more would be a mistake (the root of a file system, say).
const FILES_MAX: usize = 10_000;

/// A watched directory.
pub struct ConfigSource {
    directory: PathBuf,
    seen: Option<Vec<(PathBuf, String)>>,
    owned: BTreeSet<ResourceKey>,
}

impl ConfigSource {
    /// A source that has read nothing yet.
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        Self { directory, seen: None, owned: BTreeSet::new() }
    }

    /// Reads the directory and applies it, if it changed since the last call. Faults are logged, and then
    /// nothing is applied: what runs goes on running.
    pub async fn sync(&mut self, control: &ControlPlane) {
        let files = match read(&self.directory) {
            Ok(files) => files,
            Err(error) => {
                warn!(directory = %self.directory.display(), %error, "resource directory cannot be read");
                return;
            }
        };
        if self.seen.as_ref() == Some(&files) {
            return;
        }
        match parse(&files) {
            Ok(parsed) => self.apply(control, parsed).await,
            Err(faults) => {
                for fault in faults {
                    warn!(%fault, "resource file refused; what ran before goes on running");
                }
            }
        }
        self.seen = Some(files);
    }

    async fn apply(&mut self, control: &ControlPlane, parsed: Vec<Parsed>) {
        let owner = format!("file:{}", self.directory.display());
        let resources: Vec<_> = parsed.into_iter().map(|parsed| parsed.resource).collect();
        let keys: BTreeSet<_> = resources.iter().map(policy::resource::Resource::key).collect();
        match control.own(&owner, resources).await {
            Ok(applied) => {
                info!(objects = keys.len(), revision = applied.revision, "resource directory applied");
                self.owned = keys;
            }
            Err(error) => {
                let error = crate::chain(&error);
                warn!(%error, "resource directory refused; what ran before goes on running");
            }
        }
    }

    /// Keeps the directory applied until `stop`.
    pub async fn run(mut self, control: Arc<ControlPlane>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(POLL_INTERVAL) => self.sync(&control).await,
            }
        }
    }
}

fn read(directory: &Path) -> std::io::Result<Vec<(PathBuf, String)>> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(directory)?.take(FILES_MAX) {
        let path = entry?.path();
        let wanted = path.extension().is_some_and(|kind| kind == "yaml" || kind == "yml" || kind == "json");
        // Editors and volume mounts keep their own files here, with a leading dot.
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if wanted && !hidden && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    paths.into_iter().map(|path| std::fs::read_to_string(&path).map(|text| (path, text))).collect()
}

fn parse(files: &[(PathBuf, String)]) -> Result<Vec<Parsed>, Vec<Fault>> {
    let mut parsed = Vec::new();
    let mut faults = Vec::new();
    for (path, text) in files {
        match policy::document::parse(&path.display().to_string(), text) {
            Ok(more) => parsed.extend(more),
            Err(more) => faults.extend(more),
        }
    }
    if faults.is_empty() { Ok(parsed) } else { Err(faults) }
}
