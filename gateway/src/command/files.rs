//! Reading files of resources.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use policy::document::{Fault, Parsed};
use policy::id::ResourceKey;

use super::CommandError;

/// Reads every file, every file of every folder, and standard input for `-`. Every fault of all is reported.
pub(super) fn parse(paths: &[PathBuf]) -> Result<Vec<Parsed>, CommandError> {
    let mut parsed = Vec::new();
    let mut faults: Vec<Fault> = Vec::new();
    for path in paths {
        for (name, text) in read(path)? {
            match policy::document::parse(&name, &text) {
                Ok(more) => parsed.extend(more),
                Err(more) => faults.extend(more),
            }
        }
    }
    faults.extend(twice(&parsed));
    if !faults.is_empty() {
        return Err(CommandError::Faults(faults));
    }
    if parsed.is_empty() {
        return Err(CommandError::Usage("there is no resource in these files".into()));
    }
    Ok(parsed)
}

/// What two files give; within one, the parser has seen it already.
fn twice(parsed: &[Parsed]) -> Vec<Fault> {
    let mut first: BTreeMap<ResourceKey, &Parsed> = BTreeMap::new();
    let mut faults = Vec::new();
    for parsed in parsed {
        let key = parsed.resource.key();
        let Some(before) = first.insert(key.clone(), parsed) else { continue };
        faults.push(Fault {
            place: parsed.places.locate("metadata.name"),
            resource: Some(key.to_string()),
            field: "metadata.name".into(),
            reason: format!("{key} stands at {} too", before.places.locate("metadata.name")),
            fix: Some("remove one, or give it another name".into()),
            code: None,
        });
    }
    faults
}

fn read(path: &Path) -> Result<Vec<(String, String)>, CommandError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| CommandError::File { path, source }
    };
    if path == Path::new("-") {
        let text = std::io::read_to_string(std::io::stdin()).map_err(failed(path))?;
        return Ok(vec![("stdin".into(), text)]);
    }
    let files = if path.is_dir() {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(path).map_err(failed(path))? {
            let file = entry.map_err(failed(path))?.path();
            if file.extension().is_some_and(|kind| kind == "yaml" || kind == "yml" || kind == "json") {
                files.push(file);
            }
        }
        files.sort();
        files
    } else {
        vec![path.to_owned()]
    };
    files
        .into_iter()
        .map(|file| {
            let text = std::fs::read_to_string(&file).map_err(failed(&file))?;
            Ok((file.display().to_string(), text))
        })
        .collect()
}
