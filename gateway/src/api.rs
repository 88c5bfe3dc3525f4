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
use axum::routing::{get, post};
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

/// The routes that need a caller.
pub(crate) fn router(state: Arc<ApiState>) -> Router {
    const BASE: &str = "/apis/causeway.dev/v1";
    Router::new()
        .route(&format!("{BASE}/apply"), post(handlers::apply))
        .route(&format!("{BASE}/delete"), post(handlers::delete_many))
        .route(&format!("{BASE}/status"), get(handlers::status))
        .route(&format!("{BASE}/vet"), get(handlers::vet))
        .route(&format!("{BASE}/export"), post(handlers::export))
        .route(&format!("{BASE}/import"), post(handlers::import))
        .route(&format!("{BASE}/renew"), post(handlers::renew))
        .route(&format!("{BASE}/{{plural}}"), get(handlers::list_all))
        .route(&format!("{BASE}/namespaces/{{namespace}}/{{plural}}"), get(handlers::list))
        .route(
            &format!("{BASE}/namespaces/{{namespace}}/{{plural}}/{{name}}"),
            get(handlers::read).put(handlers::put).delete(handlers::delete),
        )
        .route("/openapi.json", get(openapi::document))
        .merge(probes())
        .fallback(async |uri: http::Uri| ApiError::NotFound(format!("call {}", uri.path())))
        .method_not_allowed_fallback(async || ApiError::Method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&state), origin::check))
        .with_state(state)
}

/// The routes that need none.
pub(crate) fn probes() -> Router<Arc<ApiState>> {
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(handlers::ready))
        .route("/metrics", get(handlers::metrics))
}

#[cfg(test)]
mod tests;
