//! export and import: everything, in one file.

use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use http::Method;
use serde_json::Value;

use super::{BASE, CommandError};
use crate::client::Client;

/// Its owner's alone: a passphrase can be guessed by whoever has the file.
const MODE: u32 = 0o600;

pub(super) async fn export(
    client: &Client,
    output: Option<PathBuf>,
    passphrase: &Path,
) -> Result<(), CommandError> {
    let passphrase = read(passphrase)?;
    let path = format!("{BASE}/export");
    let text = client.text(Method::POST, &path, String::new(), Some(passphrase.trim())).await?;
    let Some(path) = output else { return Ok(std::io::stdout().write_all(text.as_bytes())?) };
    write(&path, &text).map_err(|source| CommandError::File { path: path.clone(), source })?;
    Ok(writeln!(std::io::stdout(), "exported to {}, which its owner alone can read", path.display())?)
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(MODE).open(path)?;
    // A file that was there has the mode that it had; a device such as /dev/stdout keeps it.
    if file.metadata()?.is_file() {
        file.set_permissions(Permissions::from_mode(MODE))?;
    }
    file.write_all(text.as_bytes())
}

pub(super) async fn import(client: &Client, file: &Path, passphrase: &Path) -> Result<(), CommandError> {
    let passphrase = read(passphrase)?;
    let path = format!("{BASE}/import");
    let answer = client.text(Method::POST, &path, read(file)?, Some(passphrase.trim())).await?;
    let answer: Value = serde_json::from_str(&answer)?;
    let (file, revision) = (file.display(), &answer["revision"]);
    Ok(writeln!(std::io::stdout(), "imported {file}; the store is at revision {revision}")?)
}

fn read(path: &Path) -> Result<String, CommandError> {
    std::fs::read_to_string(path).map_err(|source| CommandError::File { path: path.into(), source })
}
