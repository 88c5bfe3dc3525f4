//! The data plane under test, with resources as people write them.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroUsize;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use policy::clock::{Clock as _, SystemClock};
use policy::id::{Domain, HostName};
use policy::snapshot::{Current, Generation, Input, Site, Stage, compile};
use proxy::challenge::Http01Tokens;
use proxy::jwt::KeySets;
use proxy::tls::Certificates;
use proxy::{ConnectionLimits, DataPlane, Listener, ListenerKind, Options, Shared};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::client::connect;

/// A running data plane for `shop.example.com` and `other.example.com`.
pub(crate) struct Plane {
    pub(crate) running: DataPlane,
    pub(crate) current: Arc<Current>,
    pub(crate) certificates: Arc<Certificates>,
    pub(crate) key_sets: Arc<KeySets>,
    pub(crate) http01: Arc<Http01Tokens>,
    pub(crate) log: mpsc::Receiver<Vec<u8>>,
}

struct LogSink(mpsc::Sender<Vec<u8>>);

impl std::io::Write for LogSink {
    fn write(&mut self, lines: &[u8]) -> std::io::Result<usize> {
        // A test that does not read the log has let go of it.
        let _unread = self.0.send(lines.to_vec());
        Ok(lines.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// How an app and its ingress differ from the plainest.
pub(crate) struct Wanted<'w> {
    pub(crate) port: u16,
    pub(crate) protocol: &'w str,
    pub(crate) api: &'w str,
    pub(crate) ingress: &'w str,
    pub(crate) timeouts: &'w str,
}

impl Default for Wanted<'_> {
    fn default() -> Self {
        Self {
            port: 1,
            protocol: "http",
            api: "[{path: {prefix: /}, authentication: none}]",
            ingress: "http: serve",
            timeouts: "{connect: 2s}",
        }
    }
}

impl Wanted<'_> {
    fn compile(&self, generation: u64) -> policy::snapshot::Snapshot {
        let Self { port, protocol, api, ingress, timeouts } = self;
        let text = format!(
            "apiVersion: causeway.dev/v1
kind: Application
metadata: {{name: shop, namespace: apps}}
spec:
  endpoints: [{{address: 127.0.0.1}}]
  ports: [{{name: {protocol}, port: {port}}}]
  api: {api}
  timeouts: {timeouts}
---
apiVersion: causeway.dev/v1
kind: Issuer
metadata: {{name: ca, namespace: platform}}
spec: {{privateCa: {{}}}}
---
apiVersion: causeway.dev/v1
kind: SecureIngress
metadata: {{name: shop, namespace: platform}}
spec:
  domains: [shop.example.com, other.example.com]
  certificate: {{issuer: ca}}
  applications: {{namespaces: [apps]}}
  {ingress}
"
        );
        let parsed = policy::document::parse("test.yaml", &text).unwrap();
        let resources = parsed.into_iter().map(|parsed| (parsed.resource.key(), parsed.resource)).collect();
        let domain = |name: &str| name.parse::<Domain>().unwrap();
        let stages: BTreeMap<_, _> =
            ["shop.example.com", "other.example.com"].map(|name| (domain(name), Stage::Named)).into();
        let generation = Generation(generation);
        let site = Site::default();
        compile(&Input {
            generation,
            resources: &resources,
            site: &site,
            stages: &stages,
            interim: &BTreeMap::new(),
            departing: &[],
        })
        .unwrap()
    }
}

impl Plane {
    pub(crate) fn start(wanted: &Wanted<'_>) -> Self {
        Self::with_limits(wanted, ConnectionLimits::default())
    }

    pub(crate) fn with_limits(wanted: &Wanted<'_>, limits: ConnectionLimits) -> Self {
        let current = Arc::new(Current::default());
        current.publish(wanted.compile(1));
        let (certificates, key_sets, http01) =
            (Arc::<Certificates>::default(), Arc::<KeySets>::default(), Arc::<Http01Tokens>::default());
        let (lines, log) = mpsc::channel();
        let local = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = |kind| Listener { address: local, kind };
        let options = Options {
            workers: NonZeroUsize::MIN,
            listeners: vec![listener(ListenerKind::Http), listener(ListenerKind::Https)],
            limits,
            access_log: Some(Box::new(LogSink(lines))),
            seed: 1,
        };
        let shared = Shared {
            snapshot: Arc::clone(&current),
            certificates: Arc::clone(&certificates),
            key_sets: Arc::clone(&key_sets),
            http01: Arc::clone(&http01),
            clock: Arc::new(SystemClock),
            https_port: 443.into(),
        };
        let running = proxy::start(options, shared).unwrap();
        Self { running, current, certificates, key_sets, http01, log }
    }

    pub(crate) fn address(&self, kind: ListenerKind) -> SocketAddr {
        self.running.addresses().iter().find(|(own, _)| *own == kind).unwrap().1
    }

    /// A plain connection.
    pub(crate) fn client(&self) -> TcpStream {
        connect(self.address(ListenerKind::Http))
    }

    /// Waits for lines of the access log.
    pub(crate) fn logged(&self) -> String {
        String::from_utf8(self.log.recv_timeout(Duration::from_secs(10)).unwrap()).unwrap()
    }

    /// Publishes, and waits until every worker has it.
    pub(crate) fn publish(&self, wanted: &Wanted<'_>, generation: u64) {
        self.current.publish(wanted.compile(generation));
        let end = SystemClock.monotonic() + Duration::from_secs(10);
        while self.running.enforced() != Generation(generation) {
            assert!(SystemClock.monotonic() < end, "not enforced in time");
            std::thread::yield_now();
        }
    }

    /// Serves a new certificate; who trusts it gets the returned client configuration.
    pub(crate) fn certify(&self) -> Arc<ClientConfig> {
        let names = vec!["shop.example.com".into(), "other.example.com".into()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let chain: Vec<CertificateDer<'static>> = vec![made.cert.der().clone()];
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let key = provider.key_provider.load_private_key(key).unwrap();
        let snapshot = self.current.load();
        let host = snapshot.ingress.host("shop.example.com").unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(chain[0].clone()).unwrap();
        self.certificates.set(&host.certificate, Arc::new(CertifiedKey::new(chain, key)));
        let config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(config)
    }

    /// A TLS connection for `name`.
    pub(crate) fn tls(
        &self,
        config: &Arc<ClientConfig>,
        name: &str,
    ) -> StreamOwned<ClientConnection, TcpStream> {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let session = ClientConnection::new(Arc::clone(config), name).unwrap();
        StreamOwned::new(session, connect(self.address(ListenerKind::Https)))
    }

    /// Answers an HTTP-01 challenge for the shop.
    pub(crate) fn challenge(&self, token: &str, answer: &str) {
        let host: HostName = "shop.example.com".parse().unwrap();
        self.http01.insert(host, token.into(), answer.into());
    }
}
