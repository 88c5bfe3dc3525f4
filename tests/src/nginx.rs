//! A real backend.

use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::process::{Process, free_port, wait_until};

/// A running nginx that serves one page.
pub struct Nginx {
    /// Its port.
    pub port: u16,
    _process: Process,
    _folder: TempDir,
}

impl Nginx {
    /// Starts it; every path answers with `page`.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(page: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = free_port();
        let path = folder.path().display();
        // One process and no workers: a killed master cannot end its workers, which would serve for ever.
        let config = format!(
            "daemon off; master_process off; pid {path}/pid; error_log {path}/error.log;
events {{}}
http {{
  access_log {path}/access.log; client_body_temp_path {path}/b; proxy_temp_path {path}/p;
  fastcgi_temp_path {path}/f; uwsgi_temp_path {path}/u; scgi_temp_path {path}/s;
  server {{ listen 127.0.0.1:{port}; location / {{ default_type text/plain; return 200 '{page}'; }} }}
}}"
        );
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, config).expect("the folder can be written");
        let mut command = Command::new("nginx");
        command.arg("-p").arg(folder.path()).arg("-c").arg(&file);
        let process = Process::start(&mut command, &folder.path().join("log"));
        wait_until("nginx accepts", Duration::from_secs(30), || {
            std::net::TcpStream::connect(("127.0.0.1", port)).ok()
        });
        Self { port, _process: process, _folder: folder }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_it_outlives_a_test_that_panics() {
        let (sender, receiver) = std::sync::mpsc::channel();
        let test = std::thread::spawn(move || {
            let nginx = Nginx::start("page");
            sender.send(nginx.port).expect("the test listens");
            std::panic::resume_unwind(Box::new("a test that fails"));
        });
        let port = receiver.recv().expect("it started");
        assert!(test.join().is_err());
        assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err(), "something still listens");
    }
}
