//! Joins everything. The only file that knows all parts.
//!
//! Order of start: store, control plane, what the files say, certificates that are there already, the first
//! snapshot; listeners open last, so that a restarted gateway serves from its first accepted connection on.

use std::io::Write;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use policy::clock::{Clock, SystemClock};
use policy::snapshot::{Current, Site};
use proxy::challenge::Http01Tokens;
use proxy::jwt::KeySets;
use proxy::tls::Certificates;
use proxy::{DataPlane, ListenerKind};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::bootstrap::Bootstrap;
use crate::config_source::ConfigSource;
use crate::control_plane::ControlPlane;
use crate::policy_feed::{self, FeedMetrics};
use crate::status::StatusBoard;
use crate::store::Store;

/// A running gateway.
pub struct App {
    control: Arc<ControlPlane>,
    status: Arc<StatusBoard>,
    data_plane: Arc<DataPlane>,
    dns: Option<dns::Server>,
    listeners: Listeners,
    stop: CancellationToken,
    tasks: TaskTracker,
}

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
