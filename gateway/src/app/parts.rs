//! What the parts of a gateway share, and how each is started.

use std::io::Write;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::atomic::AtomicU16;
use std::sync::{Arc, OnceLock, PoisonError};

use policy::clock::{Clock, SystemClock};
use policy::snapshot::{Current, Generation};
use prometheus::Registry;
use proxy::challenge::Http01Tokens;
use proxy::jwt::KeySets;
use proxy::tls::Certificates;
use proxy::{DataPlane, Listener, ListenerKind};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Listeners, SharedDataPlane, StartError};
use crate::acme::Presenter;
use crate::api::{self, ApiState};
use crate::bootstrap::Bootstrap;
use crate::certificates::{self, CertificateManager, CertificateMetrics};
use crate::control_plane::{ControlPlane, Departure};
use crate::policy_feed::{self, FeedMetrics};
use crate::private_ca::PrivateCas;
use crate::status::StatusBoard;

/// What the parts share.
pub(super) struct Parts {
    pub(super) current: Arc<Current>,
    pub(super) zones: Arc<dns::Zones>,
    presented: Arc<Presenter>,
    pub(super) key_sets: Arc<KeySets>,
    pub(super) status: Arc<StatusBoard>,
    registry: Registry,
    pub(super) data_plane: SharedDataPlane,
    wanted:
        watch::Sender<std::collections::BTreeMap<policy::snapshot::CertificateName, certificates::Wanted>>,
}

impl Parts {
    pub(super) fn new(clock: &Arc<dyn Clock>) -> Self {
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

    pub(super) fn start_certificates(
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

    pub(super) fn start_feed(
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

    pub(super) fn start_data_plane(
        &self,
        bootstrap: &Bootstrap,
        clock: &Arc<dyn Clock>,
    ) -> Result<(), StartError> {
        let listener = |kind| move |address: &SocketAddr| Listener { address: *address, kind };
        let http = bootstrap.listen.http.iter().map(listener(ListenerKind::Http));
        let https = bootstrap.listen.https.iter().map(listener(ListenerKind::Https));
        let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let workers = bootstrap.workers.unwrap_or(cores);
        let options = proxy::Options {
            workers,
            listeners: http.chain(https).collect(),
            limits: crate::file_limit::connection_limits(workers),
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

    pub(super) async fn start_api(
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
