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
    let serving = async move { serve(server, None, routes(), &CancellationToken::new()).await };
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

#[tokio::test(start_paused = true)]
async fn the_silent_make_room_for_who_comes_after_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let door = Door::Local(UnixListener::bind(&path).unwrap());
    let stop = CancellationToken::new();
    let accepting = tokio::spawn(accept(door, routes(), 2, stop.clone()));
    let begun = Instant::now();
    let mut silent = Vec::new();
    for _place in 0..2 {
        silent.push(UnixStream::connect(&path).await.unwrap());
    }
    let mut client = UnixStream::connect(&path).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut answer = [0; 15];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    // Not before a place was free: connections are bounded.
    assert!((HEAD_TIMEOUT..SOON * 2).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    stop.cancel();
    accepting.await.unwrap();
}
