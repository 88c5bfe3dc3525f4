//! HTTP/2, on either side and on both.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use proxy::{ConnectionLimits, ListenerKind};
use rustls::pki_types::ServerName;

use crate::app::{App, read_head, read_to_end};
use crate::plane::{Plane, Wanted};

type Sender<B> = hyper::client::conn::http2::SendRequest<B>;

/// A client's HTTP/2 connection for the shop.
async fn connect<B>(plane: &Plane) -> Sender<B>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: std::error::Error + Send + Sync,
{
    connect_with(plane, &hyper::client::conn::http2::Builder::new(TokioExecutor::new())).await
}

async fn connect_with<B>(
    plane: &Plane,
    builder: &hyper::client::conn::http2::Builder<TokioExecutor>,
) -> Sender<B>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: std::error::Error + Send + Sync,
{
    let mut trust = (*plane.certify()).clone();
    trust.alpn_protocols = vec![b"h2".to_vec()];
    let stream = tokio::net::TcpStream::connect(plane.address(ListenerKind::Https)).await.unwrap();
    let name = ServerName::try_from("shop.example.com").unwrap();
    let stream = tokio_rustls::TlsConnector::from(Arc::new(trust)).connect(name, stream).await.unwrap();
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn request<B>(body: B) -> Request<B> {
    Request::post("https://shop.example.com/a").header("te", "trailers").body(body).unwrap()
}

/// What an app saw of a request.
#[derive(Debug, Eq, PartialEq)]
enum Event {
    Begun,
    Broken,
}

/// An HTTP/2 app that answers each body with it, the names of its trailers, and a trailer, or reports that it never
/// became whole.
fn app(events: mpsc::Sender<Event>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    listener.set_nonblocking(true).unwrap();
    tokio::spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        while let Ok((stream, _)) = listener.accept().await {
            let events = events.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let events = events.clone();
                async move {
                    let _unwatched = events.send(Event::Begun);
                    let Ok(whole) = request.into_body().collect().await else {
                        let _unwatched = events.send(Event::Broken);
                        return Err("broken");
                    };
                    let mut trailers = HeaderMap::new();
                    trailers.insert("grpc-status", "0".parse().unwrap());
                    let names =
                        whole.trailers().into_iter().flat_map(HeaderMap::keys).map(http::HeaderName::as_str);
                    let names = names.collect::<String>();
                    let body = Bytes::from([&whole.to_bytes()[..], names.as_bytes()].concat());
                    let frames = [Frame::data(body), Frame::trailers(trailers)];
                    let frames = frames.map(Ok::<_, std::convert::Infallible>);
                    Ok(Response::new(StreamBody::new(futures_util::stream::iter(frames))))
                }
            });
            let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
        }
    });
    port
}

#[tokio::test]
async fn an_http2_client_reaches_an_http1_app() {
    let app = App::echo();
    let plane = Plane::start(&Wanted { port: app.address.port(), ..Wanted::default() });
    let mut client = connect(&plane).await;
    let answer = client.send_request(request(Full::new(Bytes::from("body")))).await.unwrap();
    assert_eq!(answer.status(), 200);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(body.starts_with(b"POST /a HTTP/1.1\r\nhost: shop.example.com\r\n"), "{body:?}");
    assert!(body.ends_with(b"\r\n\r\nbody"), "{body:?}");
}

#[tokio::test]
async fn bodies_and_trailers_pass_from_http2_to_http2() {
    let port = app(mpsc::channel().0);
    let plane = Plane::start(&Wanted { port, protocol: "grpc", ..Wanted::default() });
    let mut client = connect(&plane).await;
    let answer = client.send_request(request(Full::new(Bytes::from("body")))).await.unwrap();
    let answer = answer.into_body().collect().await.unwrap();
    assert_eq!(answer.trailers().unwrap()["grpc-status"], "0");
    assert_eq!(answer.to_bytes(), "body");
}

#[tokio::test]
async fn an_answer_that_an_app_leaves_half_said_ends_in_time() {
    let (left, has_left) = mpsc::channel();
    let left = std::sync::Mutex::new(left);
    let app = App::start(move |_, mut stream| {
        drop(read_head(&mut stream));
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").unwrap();
        drop(read_to_end(&mut stream));
        left.lock().unwrap().send(()).unwrap();
    });
    let timeouts = "{idle: 200ms}";
    let plane = Plane::start(&Wanted { port: app.address.port(), timeouts, ..Wanted::default() });
    let mut client = connect(&plane).await;
    let answer = client.send_request(request(Full::<Bytes>::default())).await.unwrap();
    assert_eq!(answer.status(), 200);
    let whole = tokio::time::timeout(Duration::from_secs(10), answer.into_body().collect()).await;
    assert!(whole.expect("it ends").is_err(), "what is half said must not look whole");
    has_left.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(plane.logged().contains(r#""response_timeout""#));
}

/// SECURITY case 109: the slow reader.
#[tokio::test]
async fn a_client_that_reads_no_answer_does_not_keep_it() {
    let app = App::start(|_, mut stream| {
        drop(read_head(&mut stream));
        // More than what is buffered on the way.
        let _nobody_reads = crate::app::try_answer(&mut stream, &"x".repeat(8 << 20));
    });
    let limits = ConnectionLimits { idle_timeout: Duration::from_millis(200), ..ConnectionLimits::default() };
    let plane = Plane::with_limits(&Wanted { port: app.address.port(), ..Wanted::default() }, limits);
    let mut builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(1);
    let mut client = connect_with(&plane, &builder).await;
    let answer = client.send_request(request(Full::<Bytes>::default())).await.unwrap();
    assert_eq!(answer.status(), 200);
    let logged = tokio::task::spawn_blocking(move || plane.logged()).await.unwrap();
    assert!(logged.contains(r#""client_gone""#), "{logged}");
    drop(answer);
}

/// SECURITY case 17, at a pace at which each request reaches the app.
#[tokio::test]
async fn a_client_that_gives_up_all_it_asks_for_is_sent_away() {
    let (begun, mut has_begun) = tokio::sync::mpsc::unbounded_channel();
    let app = App::start(move |_, mut stream| {
        drop(read_head(&mut stream));
        let _unwatched = begun.send(());
        drop(read_to_end(&mut stream));
    });
    let plane = Plane::start(&Wanted { port: app.address.port(), ..Wanted::default() });
    let mut client = connect(&plane).await;
    let mut given_up = 0;
    loop {
        if client.ready().await.is_err() {
            break;
        }
        let asked = client.send_request(request(Full::<Bytes>::default()));
        tokio::select! {
            answered = asked => {
                answered.unwrap_err();
                break;
            }
            arrived = has_begun.recv() => arrived.unwrap(),
        }
        given_up += 1;
        assert!(given_up < 200, "it may go on for ever");
    }
    assert!(given_up > 50, "a page that is given up is no attack");
}

/// SECURITY case 7, where neither side is HTTP/1.
#[tokio::test]
async fn trailers_that_would_change_a_request_are_dropped() {
    let port = app(mpsc::channel().0);
    let plane = Plane::start(&Wanted { port, protocol: "http2", ..Wanted::default() });
    let mut client = connect(&plane).await;
    let mut trailers = HeaderMap::new();
    for name in ["authorization", "content-length", "host", "x-real-ip", "x-checksum"] {
        trailers.insert(name, "1".parse().unwrap());
    }
    let frames = [Frame::data(Bytes::from("body ")), Frame::trailers(trailers)];
    let frames = futures_util::stream::iter(frames.map(Ok::<_, std::convert::Infallible>));
    let answer = client.send_request(request(StreamBody::new(frames))).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "body x-checksum");
}

/// Half an upload must not be stored as a whole one.
#[tokio::test(flavor = "current_thread")]
async fn a_body_that_a_client_gives_up_never_becomes_whole_at_an_http2_app() {
    let (events, seen) = mpsc::channel();
    let port = app(events);
    let plane = Plane::start(&Wanted { port, protocol: "http2", ..Wanted::default() });
    let mut client = connect(&plane).await;
    let (frames, body) = tokio::sync::mpsc::channel::<Result<Frame<Bytes>, std::io::Error>>(1);
    let stream =
        futures_util::stream::unfold(body, |mut body| async move { Some((body.recv().await?, body)) });
    let asking = client.send_request(request(StreamBody::new(Box::pin(stream))));
    let asking = tokio::spawn(asking);
    frames.send(Ok(Frame::data(Bytes::from("half")))).await.unwrap();
    // Given up sooner, the request might not reach the app at all.
    assert_eq!(next(&seen).await, Event::Begun);
    frames.send(Err(std::io::ErrorKind::Other.into())).await.unwrap();
    let _failed = asking.await.unwrap();
    assert_eq!(next(&seen).await, Event::Broken);
}

/// Waits for an event while the tasks of this thread run.
async fn next(events: &mpsc::Receiver<Event>) -> Event {
    let waiting = async {
        loop {
            match events.try_recv() {
                Ok(event) => return event,
                Err(_none_yet) => tokio::task::yield_now().await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap()
}

/// How an app ends a request without an answer.
#[derive(Clone, Copy, Debug)]
enum Ending {
    Reset(h2::Reason),
    Closed,
}

/// An HTTP/2 app that ends the second request of its first connection so, and answers all others with the
/// connection's number.
fn serve(number: usize, stream: std::net::TcpStream, ending: Ending) {
    stream.set_nonblocking(true).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::from_std(stream).unwrap();
        let mut connection = h2::server::handshake(stream).await.unwrap();
        let mut requests = 0;
        while let Some(Ok((_request, mut respond))) = connection.accept().await {
            requests += 1;
            match ending {
                Ending::Reset(reason) if (number, requests) == (0, 2) => respond.send_reset(reason),
                Ending::Closed if (number, requests) == (0, 2) => return,
                Ending::Reset(_) | Ending::Closed => {
                    let mut body = respond.send_response(Response::new(()), false).unwrap();
                    body.send_data(Bytes::from(number.to_string()), true).unwrap();
                }
            }
        }
    });
}

#[tokio::test]
async fn an_http2_app_is_asked_again_only_where_that_does_no_harm() {
    for (ending, method, expected) in [
        (Ending::Closed, "GET", 200),
        (Ending::Closed, "POST", 502),
        (Ending::Reset(h2::Reason::REFUSED_STREAM), "POST", 200),
        (Ending::Reset(h2::Reason::CANCEL), "GET", 502),
    ] {
        let app = App::start(move |number, stream| serve(number, stream, ending));
        let plane =
            Plane::start(&Wanted { port: app.address.port(), protocol: "http2", ..Wanted::default() });
        let mut client = connect(&plane).await;
        for status in [200, expected] {
            let request = Request::builder().method(method).uri("https://shop.example.com/");
            let answer = client.send_request(request.body(Full::<Bytes>::default()).unwrap()).await.unwrap();
            assert_eq!(answer.status(), status, "{ending:?} {method}");
            drop(answer.into_body().collect().await);
        }
        assert_eq!(app.connections(), if expected == 200 { 2 } else { 1 }, "{ending:?} {method}");
    }
}

/// RFC 9113 §6.8: what came after the last stream that a GOAWAY names was not looked at.
#[tokio::test]
async fn a_request_that_an_http2_app_says_it_did_not_look_at_is_sent_again() {
    let app = App::start(|number, mut stream| {
        if number > 0 {
            return serve(number, stream, Ending::Closed);
        }
        stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).unwrap();
        stream.read_exact(&mut [0; 24]).unwrap();
        let mut frame = [0; 9];
        while frame[3] != 1 {
            stream.read_exact(&mut frame).unwrap();
            let length = u32::from_be_bytes([0, frame[0], frame[1], frame[2]]);
            std::io::copy(&mut (&mut stream).take(length.into()), &mut std::io::sink()).unwrap();
        }
        stream.write_all(&[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap();
        drop(read_to_end(&mut stream));
    });
    let plane = Plane::start(&Wanted { port: app.address.port(), protocol: "http2", ..Wanted::default() });
    let mut client = connect(&plane).await;
    let request = Request::post("https://shop.example.com/").body(Full::<Bytes>::default()).unwrap();
    assert_eq!(client.send_request(request).await.unwrap().status(), 200);
    assert_eq!(app.connections(), 2);
}
