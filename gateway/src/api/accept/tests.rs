use axum::body::Body;
use axum::routing::get;
use http_body_util::Empty;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::time::Instant;

use super::*;

fn routes() -> Router {
    let never = || async { Body::from_stream(futures_util::stream::pending::<io::Result<String>>()) };
    Router::new().route("/", get(|| async { "ok" })).route("/watch", get(never))
}

/// The client's end of a connection, and a task that ends with it.
fn connection() -> (DuplexStream, tokio::task::JoinHandle<()>) {
    let (client, server) = tokio::io::duplex(1 << 16);
    let serving = async move { serve(server, None, routes(), &Busy::new(), &CancellationToken::new()).await };
    (client, tokio::spawn(serving))
}

/// How long it was served, by a clock that runs ahead while nothing happens.
async fn served_for(serving: tokio::task::JoinHandle<()>) -> Duration {
    let begun = Instant::now();
    serving.await.unwrap();
    begun.elapsed()
}

const SOON: Duration = HEAD_TIMEOUT.saturating_add(CLOSE_TIMEOUT).saturating_add(Duration::from_secs(1));

#[tokio::test(start_paused = true)]
async fn who_says_nothing_or_half_a_thing_is_cut() {
    let preface: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    for said in [&b""[..], b"G", b"PRI * HT", b"GET / HTTP/1.1\r\nhost: a\r\n", preface] {
        let (mut client, serving) = connection();
        client.write_all(said).await.unwrap();
        let served = served_for(serving).await;
        assert!(served <= SOON, "{} after {served:?}", String::from_utf8_lossy(said));
    }
}

#[tokio::test(start_paused = true)]
async fn who_asks_is_answered_and_cut_when_idle() {
    let (mut client, serving) = connection();
    for _again_on_the_same_connection in 0..2 {
        client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"ok") {
            assert_ne!(client.read_buf(&mut answer).await.unwrap(), 0);
        }
    }
    let served = served_for(serving).await;
    assert!(served <= IDLE_TIMEOUT + SOON, "{served:?}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_goes_on_is_not_cut() {
    let (mut client, serving) = connection();
    client.write_all(b"GET /watch HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    assert!(timeout(IDLE_TIMEOUT * 10, serving).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_peer_of_http2_that_is_gone_is_noticed_during_a_watch() {
    let (mut far, mut serving) = connection();
    let (client, mut near) = tokio::io::duplex(1 << 16);
    let (cable_cut, cut) = tokio::sync::oneshot::channel::<()>();
    tokio::spawn(async move {
        tokio::select! {
            _ended = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
            _cut = cut => std::future::pending().await,
        }
    });
    let (mut sender, driven) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(client)).await.unwrap();
    tokio::spawn(driven);
    let request = Request::get("http://a/watch").body(Empty::<bytes::Bytes>::new()).unwrap();
    let _goes_on = sender.send_request(request).await.unwrap();
    // While it is there, pings are answered.
    assert!(timeout(IDLE_TIMEOUT * 10, &mut serving).await.is_err());
    cable_cut.send(()).unwrap();
    assert!(timeout(PING_INTERVAL * 3, serving).await.is_ok());
}

/// A socket with two places, and a client of it.
struct TwoPlaces {
    path: std::path::PathBuf,
    stop: CancellationToken,
    _folder: tempfile::TempDir,
}

impl TwoPlaces {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (path, stop) = (folder.path().join("socket"), CancellationToken::new());
        let door = Door::Local(UnixListener::bind(&path).unwrap());
        tokio::spawn(accept(door, routes(), 2, stop.clone()));
        Self { path, stop, _folder: folder }
    }

    async fn ask(&self, path: &str) -> (UnixStream, String) {
        let mut client = UnixStream::connect(&self.path).await.unwrap();
        client.write_all(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = [0; 15];
        client.read_exact(&mut answer).await.unwrap();
        (client, String::from_utf8_lossy(&answer).into_owned())
    }
}

impl Drop for TwoPlaces {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_nothing_makes_room_at_once_for_who_comes_after() {
    let (places, begun) = (TwoPlaces::open(), Instant::now());
    let mut held = Vec::new();
    for _more_than_there_are_places in 0..10 {
        held.push(UnixStream::connect(&places.path).await.unwrap());
        let (asked_and_idle, answer) = places.ask("/").await;
        assert_eq!(answer, "HTTP/1.1 200 OK");
        held.push(asked_and_idle);
    }
    assert!(begun.elapsed() < HEAD_TIMEOUT, "{:?}", begun.elapsed());
    // The first is gone long since.
    assert_eq!(held[0].read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_is_served_makes_no_room_and_nobody_more_is_served() {
    let places = TwoPlaces::open();
    let (first, second) = (places.ask("/watch").await, places.ask("/watch").await);
    assert!(timeout(IDLE_TIMEOUT * 10, places.ask("/")).await.is_err());
    drop(first);
    assert_eq!(places.ask("/").await.1, "HTTP/1.1 200 OK");
    drop(second);
}
