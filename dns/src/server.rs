//! Sockets: where questions come in and answers go out.

mod tcp;
mod udp;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;

use crate::zones::Zones;

/// Tries to find a port that is free for UDP and TCP alike.
const PORT_TRIES_MAX: usize = 32;
/// After a socket fails, out of file descriptors for one: trying again at once would only burn the processor.
const AFTER_FAILURE: Duration = Duration::from_millis(50);

/// Why DNS is not served.
#[derive(Debug, thiserror::Error)]
#[error("listening for DNS on {address}")]
pub struct ServeError {
    /// Where it cannot listen.
    pub address: SocketAddr,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// A running server. Ends when dropped.
#[derive(Debug)]
pub struct Server {
    addresses: Vec<SocketAddr>,
    tasks: JoinSet<()>,
}

/// Answers from `zones` at each address, over UDP and TCP. Port 0 takes one that is free for both.
///
/// # Errors
/// When an address cannot be bound.
pub async fn serve(addresses: &[SocketAddr], zones: Arc<Zones>) -> Result<Server, ServeError> {
    let mut server = Server { addresses: Vec::new(), tasks: JoinSet::new() };
    for address in addresses.iter().copied() {
        let failed = |source| ServeError { address, source };
        let (udp, tcp) = bind(address).await.map_err(failed)?;
        server.addresses.push(udp.local_addr().map_err(failed)?);
        server.tasks.spawn(udp::run(udp, Arc::clone(&zones)));
        server.tasks.spawn(tcp::run(tcp, Arc::clone(&zones)));
    }
    Ok(server)
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

    /// Ends. Clients that wait for an answer over TCP ask elsewhere.
    pub async fn shutdown(mut self) {
        self.tasks.shutdown().await;
    }
}
