//! Joins everything. It and `parts` are the only files that know all parts.
//!
//! Order of start: store, control plane, what the files say, certificates that are there already, the first
//! snapshot; listeners open last, so that a restarted gateway serves from its first accepted connection on.

mod parts;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use policy::clock::{Clock, SystemClock};
use policy::snapshot::Site;
use proxy::DataPlane;
use tokio_util::sync::CancellationToken;
use tracing::info;

use self::parts::Parts;
use crate::api;
use crate::bootstrap::Bootstrap;
use crate::certificates::{self, CertificateManager};
use crate::config_source::ConfigSource;
use crate::control_plane::ControlPlane;
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
    crate::store::make_private_folder(&bootstrap.state).map_err(state)?;
    let key = match (&bootstrap.key.credential, &bootstrap.key.file) {
        (Some(credential), _) => SealKey::from_credential(credential)?,
        (None, Some(file)) => SealKey::from_file(file)?,
        (None, None) => SealKey::from_file(&bootstrap.state.join("store.key"))?,
    };
    Ok(Arc::new(Embedded::open(&bootstrap.state.join("store"), key)?))
}
