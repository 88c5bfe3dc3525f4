//! The life of one stream: a request, and its answer.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;

use super::answer::{self, Forwarded};
use super::body::StreamBody;
use super::streams::Running;
use crate::core::http1::HeadLimits;
use crate::core::http1::response::Asked;
use crate::core::http1::write::Framing;
use crate::core::http2::RequestHead;
use crate::core::target::Target;
use crate::ingress::{self, Decision, Forward, Request};
use crate::refusal::Refusal;
use crate::server::record::Connection;
use crate::server::{Outgoing, Record, ask};
use crate::worker::Worker;

/// Serves one stream to its end.
pub(super) async fn serve(
    worker: Rc<Worker>,
    connection: Rc<Connection>,
    request: http::Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    running: Running,
) {
    let (head, body) = request.into_parts();
    let mut traceparents = head.headers.get_all("traceparent").iter();
    // Two of them would be two traces.
    let traceparent = traceparents.next().filter(|_only| traceparents.next().is_none());
    let traceparent = traceparent.map(http::HeaderValue::as_bytes);
    let mut record = Record::new(&worker, &connection, "http/2", traceparent);
    let asked = if head.method == http::Method::HEAD { Asked::Head } else { Asked::Plain };
    let answered = {
        let mut answering = pin!(answer_to(&worker, &connection, head, body, asked, &mut record));
        poll_fn(|cx| {
            // A client that resets the stream wants no answer; dropping it all tells the backend.
            if respond.poll_reset(cx).is_ready() {
                running.handle_given_up();
                return Poll::Ready(Err(Refusal::ClientGone));
            }
            answering.as_mut().poll(cx)
        })
        .await
    };
    match answered {
        Ok(Ours::Forwarded(forwarded)) => forwarded.send(respond, record, running).await,
        Ok(Ours::Redirect(address)) => {
            worker.metrics.redirects.add(1);
            answer::redirect(respond, &mut record, &address, asked);
        }
        Err(refusal) => {
            record.refuse(&refusal);
            answer::refuse(respond, &mut record, &refusal, asked);
        }
    }
}

enum Ours {
    Forwarded(Forwarded),
    Redirect(String),
}

async fn answer_to(
    worker: &Rc<Worker>,
    connection: &Connection,
    head: http::request::Parts,
    body: RecvStream,
    asked: Asked,
    record: &mut Record,
) -> Result<Ours, Refusal> {
    let head = RequestHead::read(head, &HeadLimits::default())?;
    let agent = head.forwarded().get(http::header::USER_AGENT).map(http::HeaderValue::as_bytes);
    record.describe(head.method(), head.authority().host(), agent);
    let target = Target::canonical(head.target().as_bytes())?;
    record.set_path(target.path());
    let request = Request {
        listener: connection.listener,
        sni: connection.sni.as_deref(),
        method: head.method(),
        host: head.authority().host(),
        target: &target,
        fields: &head,
        length: if body.is_end_stream() { Some(0) } else { head.length() },
    };
    let snapshot = worker.snapshot();
    match ingress::decide(&request, &snapshot, &worker.shared)? {
        Decision::Forward(forward) => {
            let outgoing = forward_request(worker, connection, &head, &target, body, asked, forward, record);
            Ok(Ours::Forwarded(outgoing.await?))
        }
        Decision::Redirect(address) => Ok(Ours::Redirect(address)),
        // Challenges are asked for on the plain port, which speaks HTTP/1 alone.
        Decision::Challenge(_) => Err(Refusal::NoRoute),
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "each is a part of the one request; a struct would only rename them"
)]
async fn forward_request(
    worker: &Rc<Worker>,
    connection: &Connection,
    head: &RequestHead,
    target: &Target<'_>,
    body: RecvStream,
    asked: Asked,
    forward: Forward,
    record: &mut Record,
) -> Result<Forwarded, Refusal> {
    let backend = worker.backend(&forward.route.backend);
    record.accept(&forward, &backend);
    let framing = match head.length() {
        _ if body.is_end_stream() => Framing::None,
        Some(length) => Framing::Length(length),
        None => Framing::Chunked,
    };
    let outgoing = Outgoing {
        method: head.method(),
        target,
        host: head.authority().host(),
        port: head.authority().port(),
        framing,
        asked,
        fields: |show: &mut dyn FnMut(&[u8], &[u8])| {
            head.forwarded()
                .iter()
                .for_each(|(name, value)| show(name.as_str().as_bytes(), value.as_bytes()));
        },
        connection,
        record,
    };
    let body = StreamBody::new(body, forward.host.limits.body_bytes_max);
    let deadline = worker.deadlines.register();
    let (answer, exchange, in_flight) = ask(worker, &backend, &outgoing, body, &deadline).await?;
    record.status = answer.status().as_u16();
    Ok(Forwarded {
        head: answer::head(&answer, &forward.host, record),
        is_whole: answer.body_length() == Some(0),
        exchange,
        in_flight,
        deadline,
        idle: backend.backend.timeouts.idle.duration(),
    })
}
