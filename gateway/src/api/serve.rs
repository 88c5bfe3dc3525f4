//! Where the API listens.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

use super::accept::{Door, accept};
use super::{ApiState, probes, router};

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

/// Calls beside as many watches as there may be: callers are people and pipelines, and the idle make room. Two doors of
/// these leave room even in a process that may open no more than 1,024 files.
const CONNECTIONS_MAX: usize = super::watch::WATCHERS_MAX + 32;
/// Who reads metrics is a scraper or two, and a health check.
const METRICS_CONNECTIONS_MAX: usize = 16;

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
    tokio::spawn(accept(Door::Local(listener), router(state), CONNECTIONS_MAX, stop));
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
    let (listener, bound) = bind(address).await?;
    let service = probes().with_state(state);
    tokio::spawn(accept(Door::Plain(listener), service, METRICS_CONNECTIONS_MAX, stop));
    Ok(bound)
}

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
    let (listener, bound) = bind(address).await?;
    tokio::spawn(accept(Door::Tls(listener, tls.into()), router(state), CONNECTIONS_MAX, stop));
    Ok(bound)
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServeError> {
    let failed = |source| ServeError::Address { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}
