//! A real ACME server: Let's Encrypt's pebble, with nonce rejection and validation on.

use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::process::{Process, free_port, run, wait_until};

/// A running pebble.
pub struct Pebble {
    /// The ACME directory.
    pub directory: String,
    /// The root of pebble's own HTTPS certificate, in PEM.
    pub api_root: String,
    port: u16,
    management: u16,
    process: Process,
    _folder: TempDir,
}

/// Where pebble looks for answers to challenges.
#[derive(Clone, Copy, Debug)]
pub struct Targets {
    /// HTTP-01.
    pub http: u16,
    /// TLS-ALPN-01.
    pub https: u16,
    /// The DNS server that it asks.
    pub dns: u16,
}

impl Pebble {
    /// Starts it. With `external`, it demands an external account of that key id and base64url key.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(targets: Targets, external: Option<(&str, &str)>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (api_root, certificate, key) = api_certificate();
        let (cert_file, key_file) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        std::fs::write(&cert_file, certificate).expect("the folder can be written");
        std::fs::write(&key_file, key).expect("the folder can be written");
        let (port, management) = (free_port(), free_port());
        let mut config = serde_json::json!({"pebble": {
            "listenAddress": format!("127.0.0.1:{port}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": cert_file, "privateKey": key_file,
            "httpPort": targets.http, "tlsPort": targets.https,
            "ocspResponderURL": "", "externalAccountBindingRequired": external.is_some(),
        }});
        if let Some((id, key)) = external {
            config["pebble"]["externalAccountMACKeys"] = serde_json::json!({id: key});
        }
        let file = folder.path().join("pebble.json");
        std::fs::write(&file, config.to_string()).expect("the folder can be written");
        let mut command = Command::new("pebble");
        command.env("PEBBLE_VA_NOSLEEP", "1").arg("-config").arg(&file);
        command.arg("-dnsserver").arg(format!("127.0.0.1:{}", targets.dns));
        let process = Process::start(&mut command, &folder.path().join("log"));
        for port in [port, management] {
            wait_until("pebble accepts", Duration::from_secs(30), || {
                std::net::TcpStream::connect(("127.0.0.1", port)).ok()
            });
        }
        let directory = format!("https://localhost:{port}/dir");
        Self { directory, api_root, port, management, process, _folder: folder }
    }

    /// The root that its certificates chain to, in PEM.
    ///
    /// # Panics
    /// When pebble does not say.
    #[must_use]
    pub fn root(&self) -> String {
        let url = format!("https://localhost:{}/roots/0", self.management);
        let (code, root, error) = run(Command::new("curl").args(["-sk", &url]));
        assert_eq!(code, 0, "{error}");
        root
    }

    /// The port of its directory.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// What it said, for failures.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }
}

/// Root, certificate and key for `localhost`, in PEM.
pub(crate) fn api_certificate() -> (String, String, String) {
    let root_key = rcgen::KeyPair::generate().expect("a key");
    let mut root = rcgen::CertificateParams::default();
    root.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root_pem = root.self_signed(&root_key).expect("a certificate").pem();
    let issuer = rcgen::Issuer::from_params(&root, &root_key);
    let key = rcgen::KeyPair::generate().expect("a key");
    let leaf = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("a name");
    let leaf = leaf.signed_by(&key, &issuer).expect("a certificate");
    (root_pem, leaf.pem(), key.serialize_pem())
}
