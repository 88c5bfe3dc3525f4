//! `causeway demo` as a newcomer meets it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;
use tests::gateway::binary;
use tests::process::{Process, run, wait_until};

const LIMIT: Duration = Duration::from_secs(30);

/// Two demos that look for free ports at once find the same ones.
static CHOOSES_PORTS: Mutex<()> = Mutex::new(());

struct Demo {
    process: Process,
    temporary: TempDir,
    said: String,
}

impl Demo {
    fn start(command: &mut Command) -> Self {
        let _alone = CHOOSES_PORTS.lock().unwrap_or_else(PoisonError::into_inner);
        let temporary = tempfile::tempdir().unwrap();
        let log = temporary.path().join("log");
        let mut process = Process::start(command.arg("demo").env("TMPDIR", temporary.path()), &log);
        let said = wait_until("the demo is up", LIMIT, || {
            let said = process.log();
            assert!(process.ended().is_none(), "{said}");
            said.contains("Ctrl-C ends the demo").then_some(said)
        });
        Self { process, temporary, said }
    }

    /// The commands that it prints.
    fn commands(&self) -> Vec<&str> {
        self.said.lines().filter_map(|line| line.strip_prefix("  ")).collect()
    }

    fn is_kept(&self) -> bool {
        std::fs::read_dir(self.temporary.path()).unwrap().count() > 1
    }
}

#[test]
fn every_way_of_telling_the_demo_to_end_removes_its_files() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let mut demo = Demo::start(Command::new(binary()).env_remove("CARGO"));
        assert!(demo.is_kept());
        demo.process.signal(signal);
        let status = wait_until("the demo ends", LIMIT, || demo.process.ended());
        assert!(status.success(), "{signal:?}: {status}");
        assert!(!demo.is_kept(), "{signal:?} leaves files");
    }
}

#[test]
fn each_command_that_the_demo_prints_does_what_it_says() {
    let demo = Demo::start(Command::new(binary()).env_remove("CARGO"));
    for part in ["Two files went in", "a certificate, a DNS name, and a route", "In another terminal:"] {
        assert!(demo.said.contains(part), "{}", demo.said);
    }
    let mut codes = 0;
    let lines: Vec<&str> = demo.said.lines().collect();
    for pair in lines.windows(2) {
        let (Some(command), Some((_, code))) = (pair[1].strip_prefix("  curl"), pair[0].split_once('('))
        else {
            continue;
        };
        let (_, out, error) = run(Command::new("sh").args(["-c", &format!("curl{command}")]));
        assert_eq!(out.lines().last(), code.get(..3), "curl{command}: {out}{error}");
        codes += 1;
    }
    assert_eq!(codes, 5, "{}", demo.said);
    // The rest in one shell, where the socket is exported.
    let rest: Vec<&str> = demo.commands().into_iter().filter(|line| !line.starts_with("curl")).collect();
    let (code, out, error) =
        run(Command::new("sh").args(["-ec", &rest.join("\n")]).env_remove("CAUSEWAY_SOCKET"));
    assert!(code == 0 && out.contains("productpage"), "{rest:?}: {out}{error}");
}

#[test]
fn the_demo_names_itself_as_it_was_started() {
    let binary = binary();
    let installed = Demo::start(Command::new(&binary).env_remove("CARGO"));
    assert!(installed.commands().contains(&format!("{} status", binary.display()).as_str()));
    let run_by_cargo = Demo::start(Command::new(&binary).env("CARGO", "/usr/bin/cargo"));
    assert!(run_by_cargo.commands().contains(&"cargo run -q -- status"));
}
