//! A watched directory of resource files, for GitOps: what its files say is applied, and what disappears from
//! them is deleted. Objects it owns are refused elsewhere, with the owner named.
//!
//! The directory is read again every two seconds and compared by content. That sees every way in which files are
//! replaced (rename, symlink swap as in Kubernetes volumes, network file systems), which notifications do not.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use policy::document::{Fault, Parsed};
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
    /// What needs no second look: it is applied, or cannot be read whatever else changes.
    seen: Option<Vec<(PathBuf, String)>>,
    /// Said already, so that a refusal is not said again at each look.
    said: Option<String>,
}

impl ConfigSource {
    /// A source that has read nothing yet.
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        Self { directory, seen: None, said: None }
    }

    /// Reads the directory and applies it, if it changed since the last call or was refused because of something
    /// outside it. Faults are logged, and then nothing is applied: what runs goes on running.
    pub async fn sync(&mut self, control: &ControlPlane) {
        let files = match read(&self.directory, FILES_MAX) {
            Ok(files) => files,
            Err(error) => return self.warn(&crate::chain(&error)),
        };
        if self.seen.as_ref() == Some(&files) {
            return;
        }
        match parse(&files) {
            Ok(parsed) => {
                if self.apply(control, parsed).await {
                    self.seen = Some(files);
                }
            }
            Err(faults) => {
                for fault in faults {
                    warn!(%fault, "resource file refused; what ran before goes on running");
                }
                self.seen = Some(files);
            }
        }
    }

    async fn apply(&mut self, control: &ControlPlane, parsed: Vec<Parsed>) -> bool {
        let owner = format!("file:{}", self.directory.display());
        let resources: Vec<_> = parsed.into_iter().map(|parsed| parsed.resource).collect();
        let objects = resources.len();
        match control.own(&owner, resources).await {
            Ok(applied) => {
                info!(objects, revision = applied.revision, "resource directory applied");
                self.said = None;
                true
            }
            Err(error) => {
                self.warn(&crate::chain(&error));
                false
            }
        }
    }

    fn warn(&mut self, error: &str) {
        if self.said.as_deref() != Some(error) {
            let directory = self.directory.display();
            warn!(%directory, error, "resource directory refused; what ran before goes on running");
            self.said = Some(error.to_owned());
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

/// Why the files of a directory are not taken.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("it cannot be read")]
    Io(#[from] std::io::Error),
    /// To take some of them would be to delete what the others say.
    #[error("it holds more than {0} files; is it the right directory?")]
    TooMany(usize),
}

fn read(directory: &Path, files_max: usize) -> Result<Vec<(PathBuf, String)>, ReadError> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for (count, entry) in std::fs::read_dir(directory)?.enumerate() {
        if count == files_max {
            return Err(ReadError::TooMany(files_max));
        }
        let path = entry?.path();
        let wanted = path.extension().is_some_and(|kind| kind == "yaml" || kind == "yml" || kind == "json");
        // Editors and volume mounts keep their own files here, with a leading dot.
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if wanted && !hidden && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    let read = paths.into_iter().map(|path| std::fs::read_to_string(&path).map(|text| (path, text)));
    Ok(read.collect::<Result<_, _>>()?)
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

#[cfg(test)]
mod tests {
    use policy::clock::SystemClock;
    use policy::snapshot::Site;

    use super::*;
    use crate::control_plane::ApplyOptions;
    use crate::store::embedded::Embedded;
    use crate::store::seal::SealKey;

    const ROLE: &str =
        "{apiVersion: causeway.dev/v1, kind: Role, metadata: {name: r}, spec: {rules: [{verbs: [read]}]}}";
    const BINDING: &str = "{apiVersion: causeway.dev/v1, kind: RoleBinding, metadata: {name: b}, spec: {role: r, subjects: [{user: a}]}}";

    async fn control(store: &tempfile::TempDir) -> ControlPlane {
        let store = Embedded::open(store.path(), SealKey::from_bytes([1; 32])).unwrap();
        ControlPlane::load(Arc::new(store), Arc::new(SystemClock), Site::default()).await.unwrap()
    }

    fn there(control: &ControlPlane) -> usize {
        control.resources().borrow().resources.len()
    }

    #[tokio::test]
    async fn a_directory_that_waits_for_something_outside_it_is_applied_once_that_is_there() {
        let (store, directory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let control = control(&store).await;
        std::fs::write(directory.path().join("b.yaml"), BINDING).unwrap();
        let mut source = ConfigSource::new(directory.path().into());
        source.sync(&control).await;
        assert_eq!(there(&control), 0);
        let role = policy::document::parse("r", ROLE).unwrap().remove(0).resource;
        control.apply(vec![role], ApplyOptions::default()).await.unwrap();
        source.sync(&control).await;
        assert_eq!(there(&control), 2);
    }

    #[tokio::test]
    async fn a_directory_of_too_many_files_is_refused_whole() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["a.yaml", "b.yaml"] {
            std::fs::write(directory.path().join(name), ROLE).unwrap();
        }
        assert_eq!(read(directory.path(), 2).unwrap().len(), 2);
        assert!(matches!(read(directory.path(), 1), Err(ReadError::TooMany(1))));
    }
}
