//! `causeway demo` as a newcomer meets it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;
use tests::gateway::binary;
use tests::process::{Process, wait_until};

const LIMIT: Duration = Duration::from_secs(30);

/// Two demos that look for free ports at once find the same ones.
static CHOOSES_PORTS: Mutex<()> = Mutex::new(());

struct Demo {
    process: Process,
    temporary: TempDir,
}

impl Demo {
    fn start(command: &mut Command) -> Self {
        let _alone = CHOOSES_PORTS.lock().unwrap_or_else(PoisonError::into_inner);
        let temporary = tempfile::tempdir().unwrap();
        let log = temporary.path().join("log");
        let mut process = Process::start(command.arg("demo").env("TMPDIR", temporary.path()), &log);
        wait_until("the demo is up", LIMIT, || {
            let said = process.log();
            assert!(process.ended().is_none(), "{said}");
            said.contains("Ctrl-C ends the demo").then_some(())
        });
        Self { process, temporary }
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
