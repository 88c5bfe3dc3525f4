//! Child processes and ports.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use policy::clock::{Clock as _, SystemClock};

/// A child that ends with the test. What it says goes to a file that a failure can show.
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a program.
    ///
    /// # Panics
    /// When it cannot be started: then its Debian package is missing.
    #[must_use]
    pub fn start(command: &mut Command, log: &Path) -> Self {
        let file = File::create(log).expect("the test's folder can be written");
        let copy = file.try_clone().expect("a file can be shared");
        let child = command.stdin(Stdio::null()).stdout(file).stderr(copy).spawn();
        let child =
            child.unwrap_or_else(|error| panic!("{command:?} does not start: {error}; run tests/run once"));
        Self { child, log: log.into() }
    }

    /// What it said so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// When it is gone.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let id = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let sent = rustix::process::kill_process(id.expect("a child has an id"), signal);
        sent.expect("a child can be sent signals");
    }

    /// How it ended, once it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Kills it, as a power cut would.
    pub fn kill(&mut self) {
        let _already_gone = self.child.kill();
        let _status = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that is free for TCP and UDP now.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn free_port() -> u16 {
    for _ in 0..100 {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = tcp.local_addr().expect("a bound socket").port();
        if UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free for TCP and UDP")
}

/// Looks again and again, since programs outside this process cannot wake it.
///
/// # Panics
/// When `what` is not there within `limit`.
pub fn wait_until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let end = SystemClock.monotonic() + limit;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(SystemClock.monotonic() < end, "not within {limit:?}: {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Runs a program to its end. Returns its exit code and what it wrote.
///
/// # Panics
/// When it cannot be started.
#[must_use]
pub fn run(command: &mut Command) -> (i32, String, String) {
    let output = command.output();
    let output =
        output.unwrap_or_else(|error| panic!("{command:?} does not start: {error}; run tests/run once"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}
