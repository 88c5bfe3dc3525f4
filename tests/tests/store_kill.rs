//! Invariant 5: kill -9 at any moment loses no acknowledged write, and the store opens again.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use causeway::store::embedded::Embedded;
use causeway::store::seal::SealKey;
use causeway::store::{Change, Expect, Key, Secrecy, Store as _, Value};

/// As often as the promise is tried.
const KILLS: u64 = 200;
const FOLDER: &str = "CAUSEWAY_TEST_STORE";

fn key() -> SealKey {
    SealKey::from_bytes([7; 32])
}

/// Not a test of its own: the child that the test below starts, and kills. It writes for ever and says what was
/// acknowledged.
#[test]
fn child_that_writes() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Embedded::open(Path::new(&folder), key()).unwrap();
        let mut out = std::io::stdout().lock();
        // Said before anything is written: the next writes would cover up what is missing.
        let (entries, opened) = store.list("entries/").await.unwrap();
        let found: Vec<String> = entries.iter().map(|(key, entry)| found(key, &entry.value)).collect();
        writeln!(out, "opened {} {}", opened.0, found.join(",")).unwrap();
        let first = store.watch().borrow().0;
        for round in first.. {
            let name = Key::new(format!("entries/{}", round % 50)).unwrap();
            let value = Value {
                bytes: format!("{round}:{}", "x".repeat(700)).into_bytes(),
                secrecy: Secrecy::Sealed,
            };
            let change = Change { key: name, expect: Expect::Any, value: Some(value) };
            let revision = store.commit(vec![change]).await.unwrap();
            writeln!(out, "acknowledged {} {round}", revision.0).unwrap();
            out.flush().unwrap();
        }
    });
}

/// An entry's number, and the round that wrote it.
fn found(key: &Key, value: &[u8]) -> String {
    let entry = key.as_str().trim_start_matches("entries/");
    let text = std::str::from_utf8(value).unwrap();
    format!("{entry}={}", text.split(':').next().unwrap())
}

/// Holds what a child found at opening against all that was acknowledged before.
fn check_opened(line: &str, revision: u64, written: &BTreeMap<u64, u64>) -> Result<(), String> {
    let mut words = line.split_whitespace().skip_while(|word| *word != "opened").skip(1);
    let opened: u64 = words.next().unwrap().parse().unwrap();
    if opened < revision {
        return Err(format!("revision {revision} was acknowledged, {opened} was found"));
    }
    let pairs = words.next().unwrap_or_default().split(',').filter_map(|pair| pair.split_once('='));
    let found: BTreeMap<u64, u64> =
        pairs.map(|(entry, round)| (entry.parse().unwrap(), round.parse().unwrap())).collect();
    for (entry, round) in written {
        if found.get(entry).is_none_or(|found| found < round) {
            return Err(format!("entry {entry} is {:?}, {round} was acknowledged", found.get(entry)));
        }
    }
    Ok(())
}

#[test]
fn no_acknowledged_write_is_lost_to_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let seed = u64::from(std::process::id());
    let mut bits = seed;
    println!("seed {seed}");
    let (mut revision, mut written) = (0, BTreeMap::new());
    for round in 0..KILLS {
        bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let lines = 1 + (bits >> 33) % 12;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_writes", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
        let opened = out
            .by_ref()
            .map_while(Result::ok)
            .find(|line| line.contains("opened "))
            .unwrap_or_else(|| panic!("seed {seed}, round {round}: the store did not open"));
        if let Err(lost) = check_opened(&opened, revision, &written) {
            panic!("seed {seed}, round {round}: {lost}");
        }
        let mut note = |line: String| {
            let mut words = line.split_whitespace().skip_while(|word| *word != "acknowledged").skip(1);
            let (Some(at), Some(value)) = (words.next(), words.next()) else { return false };
            let (Ok(at), Ok(value)) = (at.parse::<u64>(), value.parse::<u64>()) else { return false };
            revision = at;
            written.insert(value % 50, value);
            true
        };
        let mut seen = 0;
        while seen < lines {
            let line =
                out.next().unwrap_or_else(|| panic!("seed {seed}, round {round}: the store did not open"));
            seen += u64::from(note(line.unwrap()));
        }
        // At a moment of its own choosing, in the middle of whatever it does.
        std::thread::park_timeout(Duration::from_micros((bits >> 40) % 3000));
        child.kill().unwrap();
        child.wait().unwrap();
        // What it acknowledged before it died, and we had not read yet.
        for line in out.map_while(Result::ok) {
            note(line);
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Embedded::open(folder.path(), key()).unwrap();
        assert!(store.watch().borrow().0 >= revision, "seed {seed}: revision {revision} was acknowledged");
        for (entry, value) in written {
            let name = Key::new(format!("entries/{entry}")).unwrap();
            let found = store.entry(&name).await.unwrap().unwrap();
            let found = String::from_utf8(found.value).unwrap();
            let found: u64 = found.split(':').next().unwrap().parse().unwrap();
            assert!(found >= value, "seed {seed}: entry {entry} is {found}, {value} was acknowledged");
        }
    });
}
