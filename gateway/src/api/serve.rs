//! Where the API listens.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{ApiState, Peer, probes, router};

/// Why the API does not listen.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Not at the socket.
    #[error("listening at {}", path.display())]
    Socket {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Somebody else does.
    #[error("another causeway listens at {}", path.display())]
    Taken {
        /// Where.
        path: PathBuf,
    },
    /// Not at the address.
    #[error("listening on {address}")]
    Address {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// For a handshake and the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Listens on a Unix socket. The kernel says who calls.
///
/// # Errors
/// When the socket cannot be made, or another process listens there.
pub async fn serve_unix(
    path: &Path,
    state: Arc<ApiState>,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    let failed = |source| ServeError::Socket { path: path.into(), source };
    if UnixStream::connect(path).await.is_ok() {
        return Err(ServeError::Taken { path: path.into() });
    }
    match std::fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    // Roles decide who may do what; the socket lets users of the machine ask.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666)).map_err(failed)?;
    let service = router(state).into_make_service_with_connect_info::<Peer>();
    tokio::spawn(async move {
        let served = axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned()).await;
        if let Err(error) = served {
            tracing::error!(%error, "the API has ended");
        }
    });
    Ok(())
}

/// Serves metrics and health over plain HTTP.
///
/// # Errors
/// When the address cannot be bound.
pub async fn serve_metrics(
    address: SocketAddr,
    state: Arc<ApiState>,
    stop: CancellationToken,
) -> Result<SocketAddr, ServeError> {
    let failed = |source| ServeError::Address { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let service = probes().with_state(state);
    tokio::spawn(async move {
        let served = axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned()).await;
        if let Err(error) = served {
            tracing::error!(%error, "metrics have ended");
        }
    });
    Ok(bound)
}

/// Connections over TLS at one time: callers are people and pipelines, and each may send a body.
const CONNECTIONS_MAX: usize = 256;

/// Listens for bearers of tokens, over TLS.
///
/// # Errors
/// When the address cannot be bound.
pub async fn serve_https(
    address: SocketAddr,
    tls: Arc<rustls::ServerConfig>,
    state: Arc<ApiState>,
    stop: CancellationToken,
) -> Result<SocketAddr, ServeError> {
    let failed = |source| ServeError::Address { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let acceptor = tokio_rustls::TlsAcceptor::from(tls);
    let service = TowerToHyperService::new(router(state));
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    tokio::spawn(async move {
        loop {
            // Who finds no place waits in the listener's own queue.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let (acceptor, service) = (acceptor.clone(), service.clone());
            tokio::spawn(async move {
                let _freed_at_the_end = place;
                let accepting = tokio::time::timeout(HEAD_TIMEOUT, acceptor.accept(stream)).await;
                let Ok(Ok(stream)) = accepting else { return };
                let mut builder = auto::Builder::new(TokioExecutor::new());
                builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
                if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).await {
                    tracing::debug!(%error, "API connection ended");
                }
            });
        }
    });
    Ok(bound)
}
