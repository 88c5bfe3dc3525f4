//! Clients that speak HTTP/1.

mod answer;
mod client;
mod tunnel;

use std::rc::Rc;

use client::{Client, ClientBody, Next};
use policy::snapshot::Host;

use super::{Outgoing, Record, ask};
use crate::backend::InFlight;
use crate::core::http1::request::{self, RequestHead};
use crate::core::http1::response::Asked;
use crate::core::http1::write::Framing;
use crate::core::target::Target;
use crate::deadline::Deadline;
use crate::exchange::{Answer, Exchange, RequestBody as _};
use crate::ingress::{self, Decision, Forward, Request};
use crate::io::ClientIo;
use crate::refusal::Refusal;
use crate::server::record::Connection;
use crate::worker::Worker;

/// Whether the connection can take another request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum After {
    KeepAlive,
    Close,
}

/// Serves one connection to its end.
pub(crate) async fn serve(worker: Rc<Worker>, io: ClientIo, connection: Rc<Connection>) {
    let deadline = worker.deadlines.register();
    let mut client = Client::new(io);
    loop {
        let after = match client.next_head(&worker, &deadline).await {
            // Boxed, so that a connection without a request is small.
            Next::Request(head) => {
                Box::pin(handle(&worker, &connection, &mut client, &deadline, *head)).await
            }
            Next::Refused(refusal) => {
                let mut record = Record::new(&worker, &connection, "http/1.1", None);
                record.refuse(&refusal);
                let _gone =
                    answer::refuse(&mut client, &deadline, &mut record, &refusal, After::Close, false).await;
                After::Close
            }
            Next::Gone => return,
        };
        if after == After::Close {
            client.close(&deadline).await;
            return;
        }
    }
}

async fn handle(
    worker: &Rc<Worker>,
    connection: &Rc<Connection>,
    client: &mut Client,
    deadline: &Deadline,
    head: RequestHead,
) -> After {
    let protocol = match head.version() {
        request::Version::Http10 => "http/1.0",
        request::Version::Http11 => "http/1.1",
    };
    let mut record = Record::new(worker, connection, protocol, head.fields().only("traceparent"));
    record.describe(head.method(), head.authority().host(), head.fields().first("user-agent"));
    let has_body = head.framing() != request::Framing::None;
    let keeps_alive = head.keeps_alive() && !worker.is_draining();
    // A body that nobody reads would be taken for the next request.
    let after_refusal = if keeps_alive && !has_body { After::KeepAlive } else { After::Close };
    let is_head = head.method() == "HEAD";

    let outcome = match decide(worker, connection, &head, &mut record) {
        Ok((Decision::Forward(forward), target)) => {
            forward_request(worker, connection, client, deadline, &head, &target, forward, &mut record).await
        }
        Ok((Decision::Challenge(text), _)) => {
            return answer::challenge(client, deadline, &mut record, &text, after_refusal).await;
        }
        Ok((Decision::Redirect(address), _)) => {
            worker.metrics.redirects.add(1);
            return answer::redirect(client, deadline, &mut record, &address, after_refusal, is_head).await;
        }
        Err(refusal) => Err(Failed::Before(refusal)),
    };
    match outcome {
        Ok(After::KeepAlive) if keeps_alive => After::KeepAlive,
        Ok(_) => After::Close,
        Err(Failed::Before(refusal)) => {
            record.refuse(&refusal);
            answer::refuse(client, deadline, &mut record, &refusal, after_refusal, is_head).await
        }
        Err(Failed::Within(refusal)) => {
            // The head is out already; ending the connection is how the client learns.
            record.refuse(&refusal);
            client.abort();
            After::Close
        }
    }
}

/// When a forwarded request failed.
enum Failed {
    /// Nothing was said to the client yet.
    Before(Refusal),
    /// The answer had begun.
    Within(Refusal),
}

fn decide<'h>(
    worker: &Worker,
    connection: &Connection,
    head: &'h RequestHead,
    record: &mut Record,
) -> Result<(Decision, Target<'h>), Refusal> {
    let target = Target::canonical(head.target())?;
    record.set_path(target.path());
    let request = Request {
        listener: connection.listener,
        sni: connection.sni.as_deref(),
        method: head.method(),
        host: head.authority().host(),
        target: &target,
        fields: head,
        length: match head.framing() {
            request::Framing::None => Some(0),
            request::Framing::Length(length) => Some(length),
            request::Framing::Chunked => None,
        },
    };
    let snapshot = worker.snapshot();
    let decision = ingress::decide(&request, &snapshot, &worker.shared)?;
    Ok((decision, target))
}

#[expect(
    clippy::too_many_arguments,
    reason = "each is a part of the one request; a struct would only rename them"
)]
async fn forward_request(
    worker: &Rc<Worker>,
    connection: &Connection,
    client: &mut Client,
    deadline: &Deadline,
    head: &RequestHead,
    target: &Target<'_>,
    forward: Forward,
    record: &mut Record,
) -> Result<After, Failed> {
    let backend = worker.backend(&forward.route.backend);
    record.accept(&forward, &backend);
    let asked = match head.method() {
        "HEAD" => Asked::Head,
        _ if head.wants_websocket() => Asked::Upgrade,
        _ => Asked::Plain,
    };
    let outgoing = Outgoing {
        method: head.method(),
        target,
        host: head.authority().host(),
        port: head.authority().port(),
        framing: match head.framing() {
            request::Framing::None => Framing::None,
            request::Framing::Length(length) => Framing::Length(length),
            request::Framing::Chunked => Framing::Chunked,
        },
        asked,
        fields: |show: &mut dyn FnMut(&[u8], &[u8])| {
            head.forwarded().for_each(|field| show(field.name, field.value));
        },
        connection,
        record,
    };
    let body = ClientBody::new(client, head, forward.host.limits.body_bytes_max);
    let asked = ask(worker, &backend, &outgoing, body, deadline).await;
    let (answer, exchange, in_flight) = asked.map_err(Failed::Before)?;
    finish(worker, &forward.host, head, exchange, in_flight, &answer, deadline, record).await
}

#[expect(
    clippy::too_many_arguments,
    reason = "each is a part of the one request; a struct would only rename them"
)]
async fn finish(
    worker: &Rc<Worker>,
    host: &Host,
    head: &RequestHead,
    mut exchange: Exchange<ClientBody<'_>>,
    in_flight: InFlight,
    answer: &Answer,
    deadline: &Deadline,
    record: &mut Record,
) -> Result<After, Failed> {
    record.status = answer.status().as_u16();
    if answer.status() == http::StatusCode::SWITCHING_PROTOCOLS {
        let Exchange::Http1(exchange) = exchange else { return Err(Failed::Before(Refusal::Upgrade)) };
        let (backend, body) = exchange.into_parts();
        let idle = record.backend.as_ref().map_or(TUNNEL_IDLE, |b| b.backend.timeouts.idle.duration());
        tunnel::run(body.into_client(), backend, answer, deadline, idle, record).await;
        return Ok(After::Close);
    }
    let idle = in_flight_idle(record);
    answer::forward(&mut exchange, answer, host, head, deadline, idle, record)
        .await
        .map_err(Failed::Within)?;
    record.bytes_in = exchange.body_mut().bytes();
    let all_read = exchange.body_mut().is_done();
    if let Exchange::Http1(exchange) = exchange
        && exchange.is_reusable()
    {
        let (connection, _body) = exchange.into_parts();
        in_flight.0.keep(connection, worker.now());
    }
    let delimited = answer.body_length().is_some() || head.version() == request::Version::Http11;
    Ok(if all_read && delimited && !worker.is_draining() { After::KeepAlive } else { After::Close })
}

/// For a tunnel whose backend is not known any more.
const TUNNEL_IDLE: std::time::Duration = std::time::Duration::from_secs(300);

fn in_flight_idle(record: &Record) -> std::time::Duration {
    record.backend.as_ref().map_or(TUNNEL_IDLE, |backend| backend.backend.timeouts.idle.duration())
}
