//! The real `causeway`, as a user runs it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::process::{Process, free_port, run, wait_until};

/// A running gateway.
pub struct Gateway {
    /// Its plain port.
    pub http: u16,
    /// Its TLS port.
    pub https: u16,
    /// Its DNS port.
    pub dns: u16,
    /// Its folder: bootstrap file, state, socket.
    pub folder: TempDir,
    /// What it finds in its environment beside ours.
    pub environment: Vec<(&'static str, &'static str)>,
    process: Option<Process>,
    files_max: Option<u32>,
}

/// The binary that cargo built beside this test.
///
/// # Panics
/// When it is not there.
#[must_use]
pub fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let folder = test.parent().and_then(Path::parent).expect("tests are built into target/*/deps");
    let binary = folder.join("causeway");
    assert!(binary.exists(), "{} is not built; run tests/run", binary.display());
    binary
}

impl Gateway {
    /// Chooses ports, and starts nothing yet: other programs want to know them first.
    ///
    /// # Panics
    /// When there is no temporary folder.
    #[must_use]
    pub fn prepare() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self {
            http: free_port(),
            https: free_port(),
            dns: free_port(),
            folder,
            environment: Vec::new(),
            process: None,
            files_max: None,
        }
    }

    /// Lets it open so many files when it starts next.
    pub const fn limit_files(&mut self, files_max: u32) {
        self.files_max = Some(files_max);
    }

    /// Starts it, or starts it again on the same state.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start(&mut self) {
        let path = self.folder.path().display();
        let config = format!(
            "name = \"test\"\nstate = \"{path}/state\"\nsocket = \"{path}/socket\"\nworkers = 2\n[listen]\n\
             http = [\"127.0.0.1:{}\"]\nhttps = [\"127.0.0.1:{}\"]\ndns = [\"127.0.0.1:{}\"]\n\
             metrics = \"127.0.0.1:0\"\n[addresses]\npublic = [\"127.0.0.1\"]\n[log]\naccess = \"{path}/access.log\"\n",
            self.http, self.https, self.dns
        );
        let file = self.folder.path().join("causeway.toml");
        std::fs::write(&file, config).expect("the folder can be written");
        let mut command = match self.files_max {
            None => Command::new(binary()),
            Some(files_max) => {
                let mut limited = Command::new("sh");
                limited.args(["-c", &format!("ulimit -n {files_max}; exec \"$@\""), "limited"]).arg(binary());
                limited
            }
        };
        command.arg("run").arg("--config").arg(&file).envs(self.environment.iter().copied());
        let log = self.folder.path().join("log");
        self.process = Some(Process::start(&mut command, &log));
        wait_until("the gateway answers", Duration::from_secs(15), || {
            let (code, _, error) = self.causeway(&["status", "-o", "json"]);
            let up = code == 0;
            assert!(up || !error.contains("not a bootstrap"), "{error}");
            up.then_some(())
        });
    }

    /// Kills it, as a power cut would.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// What it said, for failures.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::log).unwrap_or_default()
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.as_ref().map_or(0, Process::id)
    }

    /// Runs the command line against it.
    #[must_use]
    pub fn causeway(&self, arguments: &[&str]) -> (i32, String, String) {
        run(Command::new(binary()).env("CAUSEWAY_SOCKET", self.folder.path().join("socket")).args(arguments))
    }

    /// Runs the command line and takes success for granted.
    ///
    /// # Panics
    /// When it fails.
    pub fn must(&self, arguments: &[&str]) -> String {
        let (code, out, error) = self.causeway(arguments);
        assert_eq!(code, 0, "causeway {arguments:?}: {out}{error}\n{}", self.log());
        out
    }

    /// Writes a file of resources and applies it.
    pub fn apply(&self, name: &str, text: &str) -> String {
        let file = self.write(name, text);
        self.must(&["apply", "-f", &file])
    }

    /// Writes a file into its folder.
    ///
    /// # Panics
    /// When the folder cannot be written.
    #[must_use]
    pub fn write(&self, name: &str, text: &str) -> String {
        let file = self.folder.path().join(name);
        std::fs::write(&file, text).expect("the folder can be written");
        file.display().to_string()
    }

    /// A resource as the API shows it.
    #[must_use]
    pub fn resource(&self, kind: &str, namespace: &str, name: &str) -> Value {
        let out = self.must(&["get", kind, name, "-n", namespace, "-o", "json"]);
        serde_json::from_str(&out).unwrap_or_default()
    }

    /// What its DNS answers, as `dig +short` prints it.
    #[must_use]
    pub fn dig(&self, arguments: &[&str]) -> String {
        let port = self.dns.to_string();
        let (_, out, _) =
            run(Command::new("dig").args(["@127.0.0.1", "-p", &port, "+tries=1", "+time=2"]).args(arguments));
        out.trim().to_owned()
    }

    /// Runs curl with the gateway's address for `host`. Returns status and body.
    #[must_use]
    pub fn curl(&self, host: &str, path: &str, arguments: &[&str]) -> (String, String) {
        let resolve = format!("{host}:{}:127.0.0.1", self.https);
        let url = format!("https://{host}:{}{path}", self.https);
        let (_, out, _) = run(Command::new("curl")
            .args(["-s", "--path-as-is", "-m", "10", "-w", "\n%{http_code}", "--resolve", &resolve])
            .args(arguments)
            .arg(&url));
        let (body, status) = out.rsplit_once('\n').unwrap_or(("", &out));
        (status.to_owned(), body.to_owned())
    }
}
