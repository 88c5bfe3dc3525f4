//! HTTP/2, on either side and on both.

use std::net::TcpListener;
use std::sync::{Arc, mpsc};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use proxy::ListenerKind;
use rustls::pki_types::ServerName;

use crate::app::App;
use crate::plane::{Plane, Wanted};

type Sender<B> = hyper::client::conn::http2::SendRequest<B>;

/// A client's HTTP/2 connection for the shop.
async fn connect<B>(plane: &Plane) -> Sender<B>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: std::error::Error + Send + Sync,
{
    let mut trust = (*plane.certify()).clone();
    trust.alpn_protocols = vec![b"h2".to_vec()];
    let stream = tokio::net::TcpStream::connect(plane.address(ListenerKind::Https)).await.unwrap();
    let name = ServerName::try_from("shop.example.com").unwrap();
    let stream = tokio_rustls::TlsConnector::from(Arc::new(trust)).connect(name, stream).await.unwrap();
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
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

/// An HTTP/2 app that answers each body with it and a trailer, or reports that it never became whole.
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
                    let frames = [Frame::data(whole.to_bytes()), Frame::trailers(trailers)];
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
    tokio::time::timeout(std::time::Duration::from_secs(10), waiting).await.unwrap()
}
