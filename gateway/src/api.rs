//! The API: what the command line, the UI and Ansible all use. JSON over HTTP, on a Unix socket or over TLS.

mod accept;
mod caller;
mod error;
mod escalation;
mod handlers;
mod openapi;
mod origin;
mod serve;
mod shown;
mod watch;

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{MethodRouter, get, post};
use caller::{Caller, Peer};
use prometheus::proto::MetricFamily;
pub use serve::{ServeError, serve_https, serve_metrics, serve_unix};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use self::error::ApiError;
use crate::app::Listeners;
use crate::certificates::CertificateManager;
use crate::control_plane::ControlPlane;
use crate::status::StatusBoard;

/// What handlers use.
pub struct ApiState {
    /// The resources.
    pub control: Arc<ControlPlane>,
    /// Their progress.
    pub status: Arc<StatusBoard>,
    /// The certificates.
    pub certificates: Arc<CertificateManager>,
    /// What is bound; set once everything is.
    pub listeners: OnceLock<Listeners>,
    /// The gateway's name and site.
    pub name: (String, String),
    /// Places for watches.
    pub watchers: Arc<Semaphore>,
    /// Ends them.
    pub stop: CancellationToken,
    /// Everything that is counted.
    pub metrics: Box<dyn Fn() -> Vec<MetricFamily> + Send + Sync>,
}

/// Room for as many watches as a gateway serves.
#[must_use]
pub fn watchers() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(watch::WATCHERS_MAX))
}

/// Larger than any set of resources of a gateway.
const BODY_BYTES_MAX: usize = 64 << 20;

/// Where the resources are.
const BASE: &str = "/apis/causeway.dev/v1";

/// Where, and what is done there.
type Route = (&'static str, fn() -> MethodRouter<Arc<ApiState>>);

/// Everything that is served, below [`BASE`] only for callers. A list, so that the API's description can be held
/// against it.
const ROUTES: [Route; 14] = [
    ("/apis/causeway.dev/v1/apply", || post(handlers::apply)),
    ("/apis/causeway.dev/v1/delete", || post(handlers::delete_many)),
    ("/apis/causeway.dev/v1/status", || get(handlers::status)),
    ("/apis/causeway.dev/v1/vet", || get(handlers::vet)),
    ("/apis/causeway.dev/v1/export", || post(handlers::export)),
    ("/apis/causeway.dev/v1/import", || post(handlers::import)),
    ("/apis/causeway.dev/v1/renew", || post(handlers::renew)),
    ("/apis/causeway.dev/v1/{plural}", || get(handlers::list_all)),
    ("/apis/causeway.dev/v1/namespaces/{namespace}/{plural}", || get(handlers::list)),
    ("/apis/causeway.dev/v1/namespaces/{namespace}/{plural}/{name}", || {
        get(handlers::read).put(handlers::put).delete(handlers::delete)
    }),
    ("/openapi.json", || get(openapi::document)),
    PROBES[0],
    PROBES[1],
    PROBES[2],
];

/// What is served for scrapers and health checks too.
const PROBES: [Route; 3] = [
    ("/livez", || get(|| async { "ok\n" })),
    ("/readyz", || get(handlers::ready)),
    ("/metrics", || get(handlers::metrics)),
];

fn routes(routes: &[Route]) -> Router<Arc<ApiState>> {
    routes.iter().fold(Router::new(), |router, (path, act)| router.route(path, act()))
}

/// The whole API.
pub(crate) fn router(state: Arc<ApiState>) -> Router {
    routes(&ROUTES)
        .fallback(async |uri: http::Uri| ApiError::NotFound(format!("call {}", uri.path())))
        .method_not_allowed_fallback(async || ApiError::Method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&state), origin::check))
        .with_state(state)
}

/// The routes that need no caller and tell nothing of resources.
pub(crate) fn probes() -> Router<Arc<ApiState>> {
    routes(&PROBES)
}

#[cfg(test)]
mod tests;
