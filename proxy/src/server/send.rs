//! Opening an exchange: choosing an endpoint, getting a connection, and writing the head that the backend sees.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::BytesMut;
use policy::resource::application::Protocol;

use super::record::{Connection, Record};
use crate::backend::{BackendState, InFlight};
use crate::core::http1::response::Asked;
use crate::core::http1::write::{self, Framing};
use crate::core::target::Target;
use crate::deadline::Deadline;
use crate::exchange::{Answer, BackendConnection, Exchange, Http1Exchange, Http2Exchange, RequestBody};
use crate::refusal::Refusal;
use crate::worker::Worker;

/// A request as a backend is to see it.
pub(crate) struct Outgoing<'r, F> {
    pub(crate) method: &'r str,
    pub(crate) target: &'r Target<'r>,
    pub(crate) host: &'r str,
    pub(crate) port: Option<u16>,
    pub(crate) framing: Framing,
    pub(crate) asked: Asked,
    /// Shows each field of the client's that goes on.
    pub(crate) fields: F,
    pub(crate) connection: &'r Connection,
    pub(crate) record: &'r Record,
}

/// Which connection a request goes out on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Wanted {
    /// A kept one if there is any.
    Any,
    Fresh,
}

/// Sends a request to an endpoint of the backend, and waits for the head of its answer. A kept connection may end
/// under a request at any time, so what may be sent again is, once, on a fresh one.
///
/// `deadline` is moved by each step on the way.
///
/// # Errors
/// When no endpoint can be reached, or it does not answer.
pub(crate) async fn ask<B: RequestBody, F: Fn(&mut dyn FnMut(&[u8], &[u8]))>(
    worker: &Rc<Worker>,
    backend: &Rc<BackendState>,
    outgoing: &Outgoing<'_, F>,
    body: B,
    deadline: &Deadline,
) -> Result<(Answer, Exchange<B>, InFlight), Refusal> {
    let in_flight = worker.choose(backend)?;
    let mut exchange = open(backend, &in_flight, outgoing, body, Wanted::Any).await?;
    let patience = Patience::new(worker, backend);
    let mut answer = poll_answer(&mut exchange, deadline, patience).await;
    if let Err(refusal) = &answer
        && exchange.may_be_sent_again(outgoing.method, refusal)
    {
        let body = exchange.into_body();
        exchange = open(backend, &in_flight, outgoing, body, Wanted::Fresh).await?;
        answer = poll_answer(&mut exchange, deadline, patience).await;
    }
    Ok((answer?, exchange, in_flight))
}

async fn open<B: RequestBody, F: Fn(&mut dyn FnMut(&[u8], &[u8]))>(
    backend: &BackendState,
    in_flight: &InFlight,
    outgoing: &Outgoing<'_, F>,
    body: B,
    wanted: Wanted,
) -> Result<Exchange<B>, Refusal> {
    let target = &in_flight.0;
    Ok(match backend.backend.protocol {
        Protocol::Http2 | Protocol::Grpc if outgoing.asked == Asked::Upgrade => return Err(Refusal::Upgrade),
        Protocol::Http2 | Protocol::Grpc => {
            let connection = match target.http2() {
                Some(connection) if wanted == Wanted::Any => connection,
                Some(_) | None => backend.connect_http2(target).await?,
            };
            let head = outgoing.http2_head().ok_or(Refusal::Upgrade)?;
            let has_body = outgoing.framing != Framing::None;
            Exchange::Http2(Box::new(Http2Exchange::new(connection, head, has_body, body)))
        }
        // Others than HTTP are not routed here; see `snapshot::compile`.
        Protocol::Http | Protocol::Tcp | Protocol::Tls | Protocol::Udp => {
            let kept = match wanted {
                Wanted::Any => poll_fn(|cx| Poll::Ready(target.reuse(cx, outgoing.method))).await,
                Wanted::Fresh => None,
            };
            let connection = match kept {
                Some(connection) => connection,
                None => backend.connect_http1(target).await?,
            };
            Exchange::Http1(Box::new(outgoing.http1(connection, body)))
        }
    })
}

/// How long a step on the way to an answer may take.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// For the client to go on with its body.
    body: Duration,
    /// For the endpoint to take more of it, or to answer.
    response: Duration,
}

impl Patience {
    fn new(worker: &Worker, backend: &BackendState) -> Self {
        let timeouts = &backend.backend.timeouts;
        let body = match backend.backend.protocol {
            Protocol::Grpc => timeouts.idle.duration(),
            Protocol::Http | Protocol::Http2 | Protocol::Tcp | Protocol::Tls | Protocol::Udp => {
                worker.limits.body_timeout
            }
        };
        Self { body, response: timeouts.response.duration() }
    }
}

async fn poll_answer<B: RequestBody>(
    exchange: &mut Exchange<B>,
    deadline: &Deadline,
    patience: Patience,
) -> Result<Answer, Refusal> {
    let mut step = None;
    poll_fn(|cx| {
        if let Poll::Ready(answer) = exchange.poll_head(cx) {
            return Poll::Ready(answer);
        }
        let body = exchange.body_mut();
        let awaited = body.is_awaited();
        let now = Some((awaited, body.bytes()));
        if now != step {
            step = now;
            deadline.set(if awaited { patience.body } else { patience.response });
        }
        if body.poll_gone(cx, deadline).is_ready() {
            return Poll::Ready(Err(Refusal::ClientGone));
        }
        if !deadline.poll_passed(cx) {
            return Poll::Pending;
        }
        Poll::Ready(Err(if awaited { Refusal::BodyTimeout } else { Refusal::ResponseTimeout }))
    })
    .await
}

impl<F: Fn(&mut dyn FnMut(&[u8], &[u8]))> Outgoing<'_, F> {
    /// An exchange over HTTP/1.1 on a connection.
    fn http1<B: RequestBody>(&self, connection: BackendConnection, body: B) -> Http1Exchange<B> {
        // A head with the fields of a browser fits.
        let mut head = BytesMut::with_capacity(2048);
        let target = self.target;
        write::request_line(&mut head, self.method, target.path(), target.query(), self.host, self.port);
        (self.fields)(&mut |name, value| write::field(&mut head, name, value));
        self.each_own_field(|name, value| write::field(&mut head, name, value));
        if self.asked == Asked::Upgrade {
            write::field(&mut head, "connection", b"upgrade");
            write::field(&mut head, "upgrade", b"websocket");
        }
        write::end(&mut head, self.framing);
        Http1Exchange::new(connection, head, self.framing, self.asked, body)
    }

    fn http2_head(&self) -> Option<http::Request<()>> {
        let target = self.target;
        let path_and_query = match target.query() {
            Some(query) => format!("{}?{query}", target.path()),
            None => target.path().to_owned(),
        };
        let authority = match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.to_owned(),
        };
        let uri = http::Uri::builder()
            .scheme("http")
            .authority(authority)
            .path_and_query(path_and_query)
            .build()
            .ok()?;
        let mut request = http::Request::builder().method(self.method).uri(uri).body(()).ok()?;
        let headers = request.headers_mut();
        let mut add = |name: &[u8], value: &[u8]| {
            let name = http::HeaderName::from_bytes(name);
            if let (Ok(name), Ok(value)) = (name, http::HeaderValue::from_bytes(value)) {
                headers.append(name, value);
            }
        };
        (self.fields)(&mut add);
        self.each_own_field(&mut add);
        if let Framing::Length(length) = self.framing {
            add(b"content-length", length.to_string().as_bytes());
        }
        // gRPC servers refuse who does not say that it takes trailers; we pass them on.
        add(b"te", b"trailers");
        Some(request)
    }

    /// What only the edge may say.
    fn each_own_field(&self, mut show: impl FnMut(&[u8], &[u8])) {
        show(b"x-forwarded-for", self.connection.client.as_bytes());
        show(b"x-forwarded-proto", self.connection.scheme().as_bytes());
        show(b"x-forwarded-host", self.host.as_bytes());
        show(b"x-request-id", self.record.id.as_bytes());
        show(b"traceparent", self.record.trace.as_bytes());
    }
}
