//! How connections to the API are taken: so many at a time, and none for longer than it is used. Their descriptors are
//! out of the same table as the data path's.

mod busy;

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use self::busy::{Busy, Held, WasBusy};
use super::Peer;

/// For a handshake, for the first request after it, and for the head of each.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two requests: longer than a scraper or a page waits before it asks again.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// A peer of HTTP/2 that is gone is noticed after this and as long again, though a watch has nothing to tell.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// Requests at one time on a connection of HTTP/2; more wait.
const STREAMS_MAX: u32 = 64;
/// To say goodbye, and for requests under way when the gateway ends.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// When no connection can be taken, for want of descriptors say.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Between two looks for a connection that can make room, when all were busy.
const ROOM_PAUSE: Duration = Duration::from_secs(1);

/// Where connections come in.
pub(super) enum Door {
    /// From this machine.
    Local(UnixListener),
    /// Without TLS.
    Plain(TcpListener),
    /// With it.
    Tls(TcpListener, TlsAcceptor),
}

/// A connection that was taken and of which nothing was read.
enum Taken {
    Local(UnixStream),
    Plain(TcpStream),
    Tls(TcpStream, TlsAcceptor),
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

impl Door {
    async fn take(&self) -> io::Result<Taken> {
        Ok(match self {
            Self::Local(listener) => Taken::Local(listener.accept().await?.0),
            Self::Plain(listener) => Taken::Plain(listener.accept().await?.0),
            Self::Tls(listener, tls) => Taken::Tls(listener.accept().await?.0, tls.clone()),
        })
    }
}

impl Taken {
    /// The stream of requests, and who sends them where the kernel knows.
    async fn open(self) -> io::Result<(Box<dyn Stream>, Option<Peer>)> {
        Ok(match self {
            Self::Local(stream) => {
                let peer = Peer { uid: stream.peer_cred().ok().map(|peer| peer.uid()) };
                (Box::new(stream), Some(peer))
            }
            Self::Plain(stream) => (Box::new(stream), None),
            Self::Tls(stream, tls) => (Box::new(tls.accept(stream).await?), None),
        })
    }
}

/// Takes connections until `stop`, `connections_max` at a time. When all places are taken, the connection that asked
/// for nothing for the longest time makes room: to keep others out, one would have to keep asking what takes time, and
/// only callers with a role can.
pub(super) async fn accept(door: Door, service: Router, connections_max: usize, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(connections_max));
    let mut connections: Vec<WasBusy> = Vec::new();
    loop {
        let next = async {
            let taken = door.take().await;
            (taken, place(&places, &mut connections).await)
        };
        let (taken, place) = tokio::select! {
            () = stop.cancelled() => return,
            next = next => next,
        };
        let Ok(taken) = taken else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (service, stop, busy) = (service.clone(), stop.clone(), Busy::new());
        if connections.len() > 2 * connections_max {
            connections.retain(WasBusy::is_there);
        }
        connections.push(busy.downgrade());
        tokio::spawn(async move {
            let _freed_at_the_end = place;
            let served = async {
                if let Ok(Ok((stream, peer))) = timeout(HEAD_TIMEOUT, taken.open()).await {
                    serve(stream, peer, service, &busy, &stop).await;
                }
            };
            tokio::select! {
                () = served => {}
                () = busy.must_leave() => {}
            }
        });
    }
}

/// A place for one more connection.
async fn place(places: &Arc<Semaphore>, connections: &mut Vec<WasBusy>) -> OwnedSemaphorePermit {
    loop {
        if let Ok(place) = Arc::clone(places).try_acquire_owned() {
            return place;
        }
        connections.retain(WasBusy::is_there);
        let idle = connections.iter().filter_map(|connection| Some((connection.idle_since()?, connection)));
        if let Some((_, longest)) = idle.min_by_key(|(since, _)| *since) {
            longest.leave();
        }
        if let Ok(Ok(place)) = timeout(ROOM_PAUSE, Arc::clone(places).acquire_owned()).await {
            return place;
        }
    }
}

/// Serves one connection until it ends, is of no use, or `stop`.
async fn serve(
    stream: impl Stream + 'static,
    peer: Option<Peer>,
    service: Router,
    busy: &Busy,
    stop: &CancellationToken,
) {
    let service = service_fn(|mut request: Request<Incoming>| {
        let (under_way, service) = (busy.begin(), service.clone());
        if let Some(peer) = peer {
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        async move {
            let answer = service.oneshot(request).await;
            answer.map(|answer| answer.map(|body| Held { body, _under_way: under_way }))
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_INTERVAL)
        .max_concurrent_streams(STREAMS_MAX);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        ended = connection.as_mut() => {
            if let Err(error) = ended {
                tracing::debug!(%error, "API connection ended");
            }
            return;
        }
        () = busy.idle() => {}
        () = stop.cancelled() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _cut_if_late = timeout(CLOSE_TIMEOUT, connection).await;
}

#[cfg(test)]
mod tests;
