//! The rules of the house that the compiler does not know. It reads text, so it catches slips, not cunning.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};

/// The crates, and which of ours each may use.
const EDGES: [(&str, &[&str]); 4] =
    [("policy", &[]), ("proxy", &["policy"]), ("dns", &["policy"]), ("gateway", &["policy", "proxy", "dns"])];

/// What a crate must never see.
const FORBIDDEN: [(&str, &[&str]); 3] = [
    ("policy", &["tokio", "rustls", "hyper"]),
    ("proxy", &["hickory", "axum"]),
    ("dns", &["axum", "rustls", "hyper"]),
];

const LINES_MAX: usize = 400;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().into()
}

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = EDGES.iter().map(|(name, _)| root().join(name).join("src")).collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 50, "the sources were found");
    found
}

/// A file's text, cut into what ships and its tests.
fn parts(path: &Path) -> (String, String) {
    let text = std::fs::read_to_string(path).unwrap();
    let inside = path.strip_prefix(root()).unwrap();
    if inside.components().any(|part| part.as_os_str() == "tests") || path.ends_with("tests.rs") {
        return (String::new(), text);
    }
    match text.split_once("#[cfg(test)]\nmod tests {") {
        Some((production, tests)) => (production.into(), tests.into()),
        None => (text, String::new()),
    }
}

/// What ships of a file, without its comments.
fn production(path: &Path) -> String {
    let (text, _) = parts(path);
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn cores_are_without_io() {
    const IMPURE: [&str; 8] = [
        "tokio::",
        "quinn",
        "std::net::Tcp",
        "std::net::Udp",
        "std::fs",
        "Instant::now",
        "SystemTime::now",
        "std::thread",
    ];
    for path in sources().iter().filter(|path| path.components().any(|part| part.as_os_str() == "core")) {
        let text = production(path);
        for name in IMPURE {
            assert!(!text.contains(name), "{} uses {name}", path.display());
        }
    }
}

#[test]
fn files_are_one_thing() {
    for path in sources() {
        let lines = production(&path).lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} production lines", path.display());
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let grab_bags = ["util", "utils", "common", "helpers", "types", "shared", "misc", "mod"];
        assert!(!grab_bags.contains(&name.as_str()), "{} is a grab bag", path.display());
    }
}

#[test]
fn crates_use_only_what_they_may() {
    let ours: Vec<&str> = EDGES.iter().map(|(name, _)| *name).collect();
    for (name, allowed) in EDGES {
        let manifest = std::fs::read_to_string(root().join(name).join("Cargo.toml")).unwrap();
        let dependencies = manifest.split("[dependencies]").nth(1).unwrap();
        let uses = |other: &str| dependencies.lines().any(|line| line.starts_with(&format!("{other}.")));
        for other in &ours {
            assert!(!uses(other) || allowed.contains(other), "{name} may not use {other}");
        }
    }
    for (name, forbidden) in FORBIDDEN {
        let manifest = std::fs::read_to_string(root().join(name).join("Cargo.toml")).unwrap();
        for other in forbidden {
            assert!(!manifest.lines().any(|line| line.starts_with(other)), "{name} must not see {other}");
        }
    }
}

#[test]
fn every_path_of_the_map_exists() {
    let map = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let paths = map.split('`').skip(1).step_by(2).filter(|word| word.contains('/') && !word.contains(' '));
    let mut seen = 0;
    for path in paths {
        assert!(root().join(path).exists(), "ARCHITECTURE.md names {path}");
        seen += 1;
    }
    assert!(seen > 20);
}

#[test]
fn every_code_of_the_analyzer_has_its_page() {
    for (code, _) in policy::vet::CODES {
        let page = std::fs::read_to_string(root().join(format!("docs/vet/{code}.md"))).unwrap();
        assert!(page.starts_with(&format!("# {code}: ")), "{code}");
    }
}

#[test]
fn metric_names_keep_to_the_conventions() {
    let mut seen = 0;
    for path in sources() {
        let text = production(&path);
        for name in text.split('"').skip(1).step_by(2).filter(|word| word.starts_with("causeway_")) {
            let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            assert!(plain, "{}: {name}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 15);
}

#[test]
fn no_test_is_left_out_or_waits_for_luck() {
    let mut folders = vec![root().join("tests/tests"), root().join("proxy/tests"), root().join("tests/src")];
    let mut files = sources();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    for path in files.iter().filter(|path| !path.ends_with("tidy.rs")) {
        let (_, text) = parts(path);
        assert!(!text.contains("#[ignore"), "{} leaves a test out", path.display());
        assert!(!text.contains("thread::sleep"), "{} sleeps", path.display());
    }
}
