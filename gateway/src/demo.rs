//! `causeway demo`: a whole gateway on high ports in one command. No root, no internet, nothing kept.
//!
//! It is the shipped gateway with the shipped defaults; only the ports, the sample app, the token issuer and the
//! certificate authority (a private one in place of ACME) are the demo's own.

mod sample_app;
mod token;

pub use token::TokenError;

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use policy::id::{Kind, ResourceKey};
use policy::resource::ConditionStatus;

use crate::app::{App, StartError};
use crate::bootstrap::{Addresses, Bootstrap, Key, Listen, Log};

/// The name that the demo exposes. `.test` never exists in the real DNS (RFC 6761).
const HOST: &str = "shop.demo.test";

/// How long the first exposure may take before the demo says that something is wrong.
const READY_TIMEOUT: Duration = Duration::from_secs(30);

/// Why the demo does not run.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// No place to keep its files.
    #[error("making a folder for the demo's state")]
    State(#[source] std::io::Error),
    /// The sample app cannot listen.
    #[error("starting the sample app")]
    SampleApp(#[source] std::io::Error),
    /// No key could be made for its tokens.
    #[error("making the demo's token key")]
    Token(#[from] TokenError),
    /// The gateway did not start.
    #[error("starting the gateway")]
    Start(#[from] StartError),
    /// It could not be told to end.
    #[error("listening for signals")]
    Signals(#[source] std::io::Error),
    /// The two resources were refused.
    #[error("applying the demo's resources")]
    Apply(#[source] crate::control_plane::ApplyError),
    /// The name was not exposed in time.
    #[error("{HOST} was not exposed within {} s: {waiting}", READY_TIMEOUT.as_secs())]
    NotReady {
        /// What the status says.
        waiting: String,
    },
}

/// Runs the demo until Ctrl-C, SIGTERM or SIGHUP; what it says goes to `say`, line by line.
///
/// # Errors
/// When it cannot start or the sample app is not exposed in time.
pub async fn run(mut say: impl FnMut(&str)) -> Result<(), DemoError> {
    // Before there is a folder to remove.
    let mut told_to_end = std::pin::pin!(told_to_end().map_err(DemoError::Signals)?);
    let state = StateFolder::create().map_err(DemoError::State)?;
    let app = tokio::select! {
        app = start(&state.0) => app?,
        () = &mut told_to_end => return Ok(()),
    };
    for line in instructions(&app, &state.0, &program()) {
        say(&line);
    }
    told_to_end.await;
    say("stopping");
    app.shutdown(Duration::from_secs(2)).await;
    Ok(())
}

/// Ends with the first signal that asks a program in a terminal to end: Ctrl-C, `kill`, the terminal closed.
fn told_to_end() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let mut hung_up = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
            _ = hung_up.recv() => {}
        }
    })
}

/// Starts the sample app and the gateway, and exposes the one through the other.
async fn start(state: &Path) -> Result<App, DemoError> {
    let sample = sample_app::serve().await.map_err(DemoError::SampleApp)?;
    let issuer = token::Issuer::generate()?;
    write(&state.join("token"), &issuer.token(Duration::from_secs(12 * 3600))?)?;
    let app = App::start(bootstrap(state)).await?;
    let files = resources(sample, &issuer.jwks());
    for (name, text) in &files {
        write(&state.join(name), text)?;
    }
    let parsed = files
        .iter()
        .flat_map(|(name, text)| policy::document::parse(name, text).expect("the demo's own files parse"))
        .map(|parsed| parsed.resource)
        .collect();
    app.control().apply(parsed, Default::default()).await.map_err(DemoError::Apply)?;
    wait_until_ready(&app).await?;
    write(&state.join("ca.pem"), &private_root(&app))?;
    Ok(app)
}

/// Removed with all that is in it when the demo ends.
struct StateFolder(PathBuf);

impl StateFolder {
    fn create() -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("causeway-demo-{}", std::process::id()));
        std::fs::DirBuilder::new().create(&path)?;
        #[cfg(unix)]
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        Ok(Self(path))
    }
}

impl Drop for StateFolder {
    fn drop(&mut self) {
        let _left_for_the_system_to_clean = std::fs::remove_dir_all(&self.0);
    }
}

fn write(path: &Path, text: &str) -> Result<(), DemoError> {
    std::fs::write(path, text).map_err(DemoError::State)
}

fn bootstrap(state: &Path) -> Bootstrap {
    Bootstrap {
        name: "demo".into(),
        site: "demo".into(),
        state: state.join("state"),
        socket: state.join("causeway.sock"),
        resources: None,
        workers: None,
        listen: Listen {
            http: vec![tcp_address(8080)],
            https: vec![tcp_address(8443)],
            dns: vec![dns_address(5353)],
            admin: None,
            metrics: Some(tcp_address(9090)),
        },
        addresses: Addresses { public: vec![Ipv4Addr::LOCALHOST.into()] },
        key: Key::default(),
        log: Log { level: "warn".into(), access: state.join("access.log").display().to_string() },
    }
}

/// The port that people expect, or any free one where it is taken.
fn tcp_address(port: u16) -> SocketAddr {
    let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    if TcpListener::bind(wanted).is_ok() { wanted } else { SocketAddr::from((Ipv4Addr::LOCALHOST, 0)) }
}

fn dns_address(port: u16) -> SocketAddr {
    let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let free = TcpListener::bind(wanted).is_ok() && UdpSocket::bind(wanted).is_ok();
    if free { wanted } else { SocketAddr::from((Ipv4Addr::LOCALHOST, 0)) }
}

/// The two files of the journey, and the two that an operator has beside them.
fn resources(sample: SocketAddr, jwks: &str) -> [(&'static str, String); 3] {
    let port = sample.port();
    [
        (
            "platform.yaml",
            "apiVersion: causeway.dev/v1
kind: Issuer                          # a private CA, in place of ACME
metadata: {name: demo-ca, namespace: platform}
spec: {privateCa: {}}
---
apiVersion: causeway.dev/v1
kind: Zone
metadata: {name: demo.test, namespace: platform}
spec:
  nameservers: [{name: ns1.demo.test}]
"
            .into(),
        ),
        (
            "application.yaml",
            format!(
                "apiVersion: causeway.dev/v1
kind: Application                     # kept beside the app's code, by its developers
metadata: {{name: productpage, namespace: bookinfo, labels: {{app: productpage}}}}
spec:
  serviceAccount: productpage
  endpoints: [{{address: 127.0.0.1}}]
  ports:
    - {{name: http-web, port: {port}}}
  api:
    - {{path: {{exact: /}}, methods: [GET], authentication: none}}
    - {{path: {{prefix: /static/}}, authentication: none}}
    - {{path: {{exact: /productpage}}, methods: [GET], authentication: {{jwt: {{issuer: demo}}}}}}
  health: {{path: /health, interval: 5s}}
"
            ),
        ),
        (
            "ingress.yaml",
            format!(
                "apiVersion: causeway.dev/v1
kind: SecureIngress                   # kept by the platform's operators
metadata: {{name: shop, namespace: platform}}
spec:
  domains: [{HOST}]
  certificate: {{issuer: demo-ca}}
  dns: {{zone: demo.test, ttl: 60s}}
  jwt: [{{name: demo, issuer: \"{}\", audiences: [shop], jwks: {{inline: '{jwks}'}}}}]
  applications: {{namespaces: [bookinfo]}}
",
                token::ISSUER
            ),
        ),
    ]
}

fn key(kind: Kind, name: &str) -> ResourceKey {
    let parsed = |text: &str| text.parse().expect("a literal that is a name");
    ResourceKey { kind, namespace: parsed("platform"), name: parsed(name) }
}

async fn wait_until_ready(app: &App) -> Result<(), DemoError> {
    let ingress = key(Kind::SecureIngress, "shop");
    let ready = async {
        loop {
            let conditions = app.status().conditions(&ingress);
            if conditions.iter().any(|c| c.r#type == "Ready" && c.status == ConditionStatus::True) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(READY_TIMEOUT, ready).await.map_err(|_elapsed| {
        let conditions = app.status().conditions(&ingress);
        let waiting: Vec<String> =
            conditions.into_iter().map(|c| format!("{}: {}", c.r#type, c.message)).collect();
        DemoError::NotReady { waiting: waiting.join("; ") }
    })
}

fn private_root(app: &App) -> String {
    let status = app.status().json(&key(Kind::Issuer, "demo-ca"));
    status["rootCertificate"].as_str().unwrap_or_default().to_owned()
}

/// How this program is started from another terminal.
fn program() -> String {
    // `cargo run` says that it is there; its binary stands where nobody looks for it.
    if std::env::var_os("CARGO").is_some() {
        return "cargo run -q --".into();
    }
    let called = std::env::args().next().unwrap_or_else(|| "causeway".into());
    // A path may be relative to a folder that the other terminal is not in.
    let path = if called.contains('/') { std::env::current_exe().ok() } else { None };
    path.map_or(called, |path| path.display().to_string())
}

fn instructions(app: &App, state: &Path, program: &str) -> Vec<String> {
    let listeners = app.listeners();
    let https = listeners.https[0];
    let http = listeners.http[0];
    let dns = listeners.dns[0];
    let state = state.display();
    let status = "-w '%{http_code}\\n'";
    let curl =
        format!("curl -s {status} --cacert {state}/ca.pem --resolve {HOST}:{}:127.0.0.1", https.port());
    let url = format!("https://{HOST}:{}", https.port());
    vec![
        String::new(),
        format!("Causeway demo: {url}/ is up."),
        "Two files went in: application.yaml, as the app's developers write it, and ingress.yaml, as the".into(),
        "platform's operators do. Out came a certificate, a DNS name, and a route to a sample app.".into(),
        "(platform.yaml beside them names the zone and the CA: a private one, in place of a public ACME server.)"
            .into(),
        String::new(),
        "In another terminal:".into(),
        String::new(),
        "A page that anyone may see (200):".into(),
        format!("  {curl} {url}/"),
        "A page that wants a token, without one (401):".into(),
        format!("  {curl} {url}/productpage"),
        "and with one (200):".into(),
        format!("  {curl} -H \"Authorization: Bearer $(cat {state}/token)\" {url}/productpage"),
        "A path that no file exposes (404):".into(),
        format!("  {curl} {url}/admin"),
        "Plain HTTP leads to HTTPS (308):".into(),
        format!("  curl -s {status} --resolve {HOST}:{}:127.0.0.1 http://{HOST}:{}/", http.port(), http.port()),
        "The name, answered by the demo's own DNS:".into(),
        format!("  dig @127.0.0.1 -p {} {HOST} A +short", dns.port()),
        format!("  dig @127.0.0.1 -p {} demo.test SOA +short", dns.port()),
        "Look around:".into(),
        format!("  export CAUSEWAY_SOCKET={state}/causeway.sock"),
        format!("  {program} status"),
        format!("  {program} get all -A"),
        format!("  {program} compile -f {state}"),
        String::new(),
        format!("The files that made it: {state}/*.yaml. Ctrl-C ends the demo and removes them."),
    ]
}
