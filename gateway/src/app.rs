//! Joins everything. The only file that knows all parts.
//!
//! Order of start: store, control plane, what the files say, certificates that are there already, the first
//! snapshot; listeners open last, so that a restarted gateway serves from its first accepted connection on.

use std::io::Write;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::AtomicU16;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use policy::clock::{Clock, SystemClock};
use policy::snapshot::{Current, Generation, Site};
use prometheus::Registry;
use proxy::challenge::Http01Tokens;
use proxy::jwt::KeySets;
use proxy::tls::Certificates;
use proxy::{DataPlane, Listener, ListenerKind};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::acme::Presenter;
use crate::api::{self, ApiState};
use crate::bootstrap::Bootstrap;
use crate::certificates::{self, CertificateManager, CertificateMetrics};
use crate::config_source::ConfigSource;
use crate::control_plane::{ControlPlane, Departure};
use crate::policy_feed::{self, FeedMetrics};
use crate::private_ca::PrivateCas;
use crate::status::StatusBoard;
use crate::store::embedded::{Embedded, SharedStore};
use crate::store::seal::SealKey;

/// A running gateway.
pub struct App {
    control: Arc<ControlPlane>,
    status: Arc<StatusBoard>,
    data_plane: SharedDataPlane,
    dns: dns::Server,
    listeners: Listeners,
    stop: CancellationToken,
}

/// The data plane, once it runs: the feed asks it how far it has come before that.
type SharedDataPlane = Arc<Mutex<Option<DataPlane>>>;

/// The addresses that are bound.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Listeners {
    /// Plain HTTP.
    pub http: Vec<SocketAddr>,
    /// HTTPS.
    pub https: Vec<SocketAddr>,
    /// DNS, UDP and TCP.
    pub dns: Vec<SocketAddr>,
    /// The API over HTTPS.
    pub admin: Option<SocketAddr>,
    /// Metrics and health.
    pub metrics: Option<SocketAddr>,
}

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The state folder cannot be made.
    #[error("the state folder {}", path.display())]
    State {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The access log cannot be opened.
    #[error("the access log {}", path.display())]
    AccessLog {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There is no key for the store.
    #[error("the store's key")]
    Key(#[from] crate::store::seal::KeyError),
    /// The store does not open.
    #[error("the store")]
    Open(#[from] crate::store::embedded::OpenError),
    /// What is stored cannot be read.
    #[error("the stored resources")]
    Load(#[from] crate::control_plane::LoadError),
    /// An address cannot be listened on, or TLS not be set up.
    #[error("the data plane")]
    DataPlane(#[from] proxy::StartError),
    /// DNS cannot be served.
    #[error("DNS")]
    Dns(#[from] dns::ServeError),
    /// The API cannot be served.
    #[error("the API")]
    Api(#[from] api::ServeError),
    /// The API's own certificate cannot be made.
    #[error("the API's certificate")]
    ApiCertificate(#[from] crate::private_ca::PrivateCaError),
    /// Nor be used.
    #[error("the API's certificate cannot be used")]
    ApiCertificateUnusable(#[from] certificates::issued::Unusable),
    /// TLS for the API.
    #[error("TLS for the API")]
    ApiTls(#[from] rustls::Error),
    /// Two parts count under one name.
    #[error("the metrics")]
    Metrics(#[from] prometheus::Error),
}

/// How long the listeners wait for certificates that are kept already.
const LOADING_MAX: Duration = Duration::from_secs(5);

impl App {
    /// Starts a gateway.
    ///
    /// # Errors
    /// When a part of it cannot start; then nothing runs.
    pub async fn start(bootstrap: Bootstrap) -> Result<Self, StartError> {
        let _first_one_stays = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let stop = CancellationToken::new();
        let ends_what_started = stop.clone().drop_guard();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let store = open_store(&bootstrap)?;
        let site = Site { addresses: bootstrap.addresses.public.clone() };
        let control = ControlPlane::load(Arc::clone(&store), Arc::clone(&clock), site).await?;
        let control = Arc::new(control);
        tokio::spawn(Arc::clone(&control).follow(stop.clone()));
        if let Some(directory) = &bootstrap.resources {
            let mut source = ConfigSource::new(directory.clone());
            source.sync(&control).await;
            tokio::spawn(source.run(Arc::clone(&control), stop.clone()));
        }
        let parts = Parts::new(&clock);
        let certificates = parts.start_certificates(&bootstrap, &control, &clock, &stop)?;
        let departures = control.departures().await?;
        parts.start_feed(&control, departures, &certificates, &clock, &stop)?;
        wait_for_kept_certificates(&certificates).await;

        let dns = dns::serve(&bootstrap.listen.dns, Arc::clone(&parts.zones)).await?;
        parts.start_data_plane(&bootstrap, &clock)?;
        tokio::spawn(crate::jwks::run(
            Arc::clone(&parts.current),
            Arc::clone(&parts.key_sets),
            Arc::clone(&clock),
            stop.clone(),
        ));
        let listeners = parts.start_api(&bootstrap, &control, certificates, &dns, &stop).await?;
        info!(?listeners, name = bootstrap.name, site = bootstrap.site, "gateway is up");
        let _runs = ends_what_started.disarm();
        Ok(Self { control, status: parts.status, data_plane: parts.data_plane, dns, listeners, stop })
    }

    /// The resources.
    #[must_use]
    pub const fn control(&self) -> &Arc<ControlPlane> {
        &self.control
    }

    /// Their progress.
    #[must_use]
    pub const fn status(&self) -> &Arc<StatusBoard> {
        &self.status
    }

    /// What is bound.
    #[must_use]
    pub const fn listeners(&self) -> &Listeners {
        &self.listeners
    }

    /// Ends: clients may finish what they do for as long as `limit`.
    pub async fn shutdown(self, limit: Duration) {
        let data_plane = self.data_plane.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(data_plane) = data_plane {
            data_plane.drain(limit).await;
        }
        self.stop.cancel();
        self.dns.shutdown().await;
    }
}

/// What the parts share.
struct Parts {
    current: Arc<Current>,
    zones: Arc<dns::Zones>,
    presented: Arc<Presenter>,
    key_sets: Arc<KeySets>,
    status: Arc<StatusBoard>,
    registry: Registry,
    data_plane: SharedDataPlane,
    wanted:
        watch::Sender<std::collections::BTreeMap<policy::snapshot::CertificateName, certificates::Wanted>>,
}

impl Parts {
    fn new(clock: &Arc<dyn Clock>) -> Self {
        // Seconds since 1970 rise from start to start, as serials must.
        let since = clock.now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let zones = Arc::new(dns::Zones::with_serial(u32::try_from(since.as_secs()).unwrap_or(1)));
        let presented = Presenter {
            http01: Arc::new(Http01Tokens::default()),
            certificates: Arc::new(Certificates::default()),
            zones: Arc::clone(&zones),
        };
        Self {
            current: Arc::default(),
            zones,
            presented: Arc::new(presented),
            key_sets: Arc::default(),
            status: Arc::new(StatusBoard::new(Arc::clone(clock))),
            registry: Registry::new(),
            data_plane: Arc::default(),
            wanted: watch::channel(std::collections::BTreeMap::new()).0,
        }
    }

    fn start_certificates(
        &self,
        bootstrap: &Bootstrap,
        control: &Arc<ControlPlane>,
        clock: &Arc<dyn Clock>,
        stop: &CancellationToken,
    ) -> Result<Arc<CertificateManager>, StartError> {
        let wiring = certificates::Wiring {
            wanted: self.wanted.subscribe(),
            resources: control.resources(),
            store: Arc::clone(control.store()),
            presenter: Arc::clone(&self.presented),
            status: Arc::clone(&self.status),
            metrics: CertificateMetrics::register(&self.registry)?,
            clock: Arc::clone(clock),
            holder: bootstrap.name.clone(),
            seed: random(),
        };
        Ok(Arc::new(CertificateManager::start(wiring, stop.clone())))
    }

    fn start_feed(
        &self,
        control: &Arc<ControlPlane>,
        departures: Vec<Departure>,
        certificates: &Arc<CertificateManager>,
        clock: &Arc<dyn Clock>,
        stop: &CancellationToken,
    ) -> Result<(), StartError> {
        let data_plane = Arc::clone(&self.data_plane);
        let enforced = move || {
            let data_plane = data_plane.lock().unwrap_or_else(PoisonError::into_inner);
            data_plane.as_ref().map_or(Generation(0), DataPlane::enforced)
        };
        let wiring = policy_feed::Wiring {
            resources: control.resources(),
            departures,
            ready: certificates.ready(),
            current: Arc::clone(&self.current),
            inline_keys: Arc::clone(&self.key_sets).into(),
            zones: Arc::clone(&self.zones),
            wanted: self.wanted.clone(),
            status: Arc::clone(&self.status),
            enforced: Box::new(enforced),
            site: control.site().clone(),
            clock: Arc::clone(clock),
            metrics: FeedMetrics::register(&self.registry)?,
        };
        tokio::spawn(policy_feed::run(wiring, stop.clone()));
        Ok(())
    }

    fn start_data_plane(&self, bootstrap: &Bootstrap, clock: &Arc<dyn Clock>) -> Result<(), StartError> {
        let listener = |kind| move |address: &SocketAddr| Listener { address: *address, kind };
        let http = bootstrap.listen.http.iter().map(listener(ListenerKind::Http));
        let https = bootstrap.listen.https.iter().map(listener(ListenerKind::Https));
        let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let options = proxy::Options {
            workers: bootstrap.workers.unwrap_or(cores),
            listeners: http.chain(https).collect(),
            limits: proxy::ConnectionLimits::default(),
            access_log: access_log(&bootstrap.log.access)?,
            seed: random(),
        };
        let shared = proxy::Shared {
            snapshot: Arc::clone(&self.current),
            certificates: Arc::clone(&self.presented.certificates),
            key_sets: Arc::clone(&self.key_sets),
            http01: Arc::clone(&self.presented.http01),
            clock: Arc::clone(clock),
            https_port: AtomicU16::new(443),
        };
        let data_plane = proxy::start(options, shared)?;
        *self.data_plane.lock().unwrap_or_else(PoisonError::into_inner) = Some(data_plane);
        Ok(())
    }

    async fn start_api(
        &self,
        bootstrap: &Bootstrap,
        control: &Arc<ControlPlane>,
        certificates: Arc<CertificateManager>,
        dns: &dns::Server,
        stop: &CancellationToken,
    ) -> Result<Listeners, StartError> {
        let mut listeners = Listeners { dns: dns.addresses().to_vec(), ..Listeners::default() };
        if let Some(data_plane) = &*self.data_plane.lock().unwrap_or_else(PoisonError::into_inner) {
            for (kind, address) in data_plane.addresses() {
                match kind {
                    ListenerKind::Http => listeners.http.push(*address),
                    ListenerKind::Https => listeners.https.push(*address),
                }
            }
        }
        let state = Arc::new(ApiState {
            control: Arc::clone(control),
            status: Arc::clone(&self.status),
            certificates,
            listeners: OnceLock::new(),
            name: (bootstrap.name.clone(), bootstrap.site.clone()),
            watchers: api::watchers(),
            stop: stop.clone(),
            metrics: self.gather(),
        });
        if let Some(address) = bootstrap.listen.metrics {
            listeners.metrics = Some(api::serve_metrics(address, Arc::clone(&state), stop.clone()).await?);
        }
        if let Some(address) = bootstrap.listen.admin {
            let tls = api_tls(control, &self.status, bootstrap).await?;
            listeners.admin = Some(api::serve_https(address, tls, Arc::clone(&state), stop.clone()).await?);
        }
        let _only_once = state.listeners.set(listeners.clone());
        api::serve_unix(&bootstrap.socket, state, stop.clone()).await?;
        Ok(listeners)
    }

    fn gather(&self) -> Box<dyn Fn() -> Vec<prometheus::proto::MetricFamily> + Send + Sync> {
        let (registry, zones) = (self.registry.clone(), Arc::clone(&self.zones));
        let data_plane = Arc::clone(&self.data_plane);
        Box::new(move || {
            let mut families = registry.gather();
            families.extend(zones.metrics());
            if let Some(data_plane) = &*data_plane.lock().unwrap_or_else(PoisonError::into_inner) {
                families.extend(data_plane.metrics());
            }
            families.retain(|family| !family.get_metric().is_empty());
            families
        })
    }
}

/// The API's certificate comes from a private CA of the gateway's own, whose root `causeway status` names.
async fn api_tls(
    control: &ControlPlane,
    status: &StatusBoard,
    bootstrap: &Bootstrap,
) -> Result<Arc<rustls::ServerConfig>, StartError> {
    let name = |text: &str| text.parse().expect("a literal that is a name");
    let issuer = policy::id::ResourceKey {
        kind: policy::id::Kind::Issuer,
        namespace: name("causeway-system"),
        name: name("api"),
    };
    let mut domains = vec!["localhost".parse().expect("a literal that is a host name")];
    domains.extend(bootstrap.name.parse());
    let cas = PrivateCas::new(Arc::clone(control.store()));
    let (issued, root) = cas.sign(&issuer, &domains, SystemClock.now()).await?;
    status.note(&issuer, "rootCertificate", serde_json::json!(root));
    write_api_root(bootstrap, &root)?;
    let usable = issued.check(&domains)?;
    let mut config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(usable.key)));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn write_api_root(bootstrap: &Bootstrap, root: &str) -> Result<(), StartError> {
    let path = bootstrap.state.join("api-ca.pem");
    std::fs::write(&path, root).map_err(|source| StartError::State { path, source })
}

async fn wait_for_kept_certificates(certificates: &CertificateManager) {
    let mut loading = certificates.loading();
    // The feed has published once it told the manager what is wanted; a turn of the runtime lets it.
    tokio::time::sleep(Duration::from_millis(20)).await;
    let loaded = loading.wait_for(|loading| *loading == 0);
    let _too_slow = tokio::time::timeout(LOADING_MAX, loaded).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
}

fn open_store(bootstrap: &Bootstrap) -> Result<SharedStore, StartError> {
    let state = |source| StartError::State { path: bootstrap.state.clone(), source };
    std::fs::create_dir_all(&bootstrap.state).map_err(state)?;
    let key = match (&bootstrap.key.credential, &bootstrap.key.file) {
        (Some(credential), _) => SealKey::from_credential(credential)?,
        (None, Some(file)) => SealKey::from_file(file)?,
        (None, None) => SealKey::from_file(&bootstrap.state.join("store.key"))?,
    };
    Ok(Arc::new(Embedded::open(&bootstrap.state.join("store"), key)?))
}

fn access_log(to: &str) -> Result<Option<Box<dyn Write + Send>>, StartError> {
    match to {
        "off" => Ok(None),
        "stdout" => Ok(Some(Box::new(std::io::stdout()))),
        path => {
            let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
            let file = file.map_err(|source| StartError::AccessLog { path: path.into(), source })?;
            Ok(Some(Box::new(file)))
        }
    }
}

/// Bits for ids and jitter; nothing secret comes of them.
fn random() -> u64 {
    let mut bytes = [0; 8];
    match aws_lc_rs::rand::fill(&mut bytes) {
        Ok(()) => u64::from_le_bytes(bytes),
        Err(_unspecified) => u64::from(std::process::id()),
    }
}
