//! Asks one endpoint, again and again, whether it is alive.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use policy::resource::application::{HealthCheck, Protocol};
use policy::snapshot::Backend;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::core::health::Health;
use crate::core::http1::response::{Asked, ResponseHead};
use crate::core::http1::{HeadLimits, HeadScan};
use crate::io::ReadBuffer;

/// Checks until `stop`, and reports each change.
pub(super) async fn watch(
    backend: Arc<Backend>,
    address: SocketAddr,
    report: Rc<dyn Fn(bool)>,
    stop: CancellationToken,
) {
    let Some(check) = backend.health.clone() else { return };
    let mut health = Health::new(check.unhealthy_after, check.healthy_after);
    loop {
        let passed = passes(&backend, &check, address).await;
        if let Some(healthy) = health.handle_check(passed) {
            tracing::info!(backend = backend.name, %address, healthy, "endpoint changed");
            report(healthy);
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(check.interval.duration()) => {}
        }
    }
}

async fn passes(backend: &Backend, check: &HealthCheck, address: SocketAddr) -> bool {
    let timeout: Duration = check.timeout.duration();
    let asked = async {
        match backend.protocol {
            Protocol::Http => ask(check, address).await,
            // One that accepts is taken for alive: HTTP/2 endpoints need not serve HTTP/1.1 beside it.
            Protocol::Http2 | Protocol::Grpc | Protocol::Tcp | Protocol::Tls | Protocol::Udp => {
                TcpStream::connect(address).await.is_ok()
            }
        }
    };
    tokio::time::timeout(timeout, asked).await.unwrap_or(false)
}

async fn ask(check: &HealthCheck, address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address).await else { return false };
    let request = format!(
        "GET {} HTTP/1.1\r\nhost: {address}\r\nuser-agent: causeway-health\r\nconnection: close\r\n\r\n",
        check.path
    );
    if stream.write_all(request.as_bytes()).await.is_err() {
        return false;
    }
    let (mut buffer, mut scan) = (ReadBuffer::default(), HeadScan::default());
    loop {
        let bytes: &mut BytesMut = &mut buffer.bytes;
        match ResponseHead::take(bytes, &mut scan, &HeadLimits::default(), Asked::Plain) {
            Ok(Some(head)) if head.is_interim() => {}
            Ok(Some(head)) => return (200..400).contains(&head.status().as_u16()),
            Ok(None) => {
                let read = std::future::poll_fn(|cx| buffer.poll_read(cx, &mut stream)).await;
                if !matches!(read, Ok(1..)) {
                    return false;
                }
            }
            Err(_malformed) => return false,
        }
    }
}
