//! Sockets, through hickory's server.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, UdpSocket};

use crate::handler::Handler;
use crate::zones::Zones;

/// A TCP client that is silent this long makes room for others (RFC 7766 §6.2.3).
const TCP_IDLE_TIMEOUT: Duration = Duration::from_secs(5);
/// Answers that wait on one TCP connection.
const TCP_ANSWERS_WAITING_MAX: usize = 32;
/// Tries to find a port that is free for UDP and TCP alike.
const PORT_TRIES_MAX: usize = 32;

/// Why DNS is not served.
#[derive(Debug, thiserror::Error)]
#[error("listening for DNS on {address}")]
pub struct ServeError {
    address: SocketAddr,
    #[source]
    source: io::Error,
}

/// A running server.
pub struct Server {
    server: hickory_server::Server<Handler>,
    addresses: Vec<SocketAddr>,
}

/// Answers from `zones` at each address, over UDP and TCP. Port 0 takes one that is free for both.
///
/// # Errors
/// When an address cannot be bound.
pub async fn serve(addresses: &[SocketAddr], zones: Arc<Zones>) -> Result<Server, ServeError> {
    let mut server = hickory_server::Server::new(Handler(zones));
    let mut bound = Vec::with_capacity(addresses.len());
    for address in addresses.iter().copied() {
        let (udp, tcp) = bind(address).await.map_err(|source| ServeError { address, source })?;
        bound.push(udp.local_addr().map_err(|source| ServeError { address, source })?);
        server.register_socket(udp);
        server.register_listener(tcp, TCP_IDLE_TIMEOUT, TCP_ANSWERS_WAITING_MAX);
    }
    Ok(Server { server, addresses: bound })
}

async fn bind(address: SocketAddr) -> io::Result<(UdpSocket, TcpListener)> {
    for _ in 0..PORT_TRIES_MAX {
        let udp = UdpSocket::bind(address).await?;
        match TcpListener::bind(udp.local_addr()?).await {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(error) if address.port() != 0 => return Err(error),
            // Taken for TCP: try another.
            Err(_) => {}
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

impl Server {
    /// Where questions are taken, UDP and TCP.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Ends.
    pub async fn shutdown(mut self) {
        if let Err(error) = self.server.shutdown_gracefully().await {
            tracing::debug!(%error, "DNS server ended");
        }
    }
}
