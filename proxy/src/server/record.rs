//! What is known of a request while it runs, for the log, the metrics and the fields that we add.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use policy::snapshot::Route;

use crate::access_log::Line;
use crate::backend::BackendState;
use crate::core::trace_context::{RequestId, TraceParent};
use crate::ingress::Forward;
use crate::listen::ListenerKind;
use crate::refusal::Refusal;
use crate::worker::Worker;

/// A connection, as its requests see it.
pub(crate) struct Connection {
    pub(crate) listener: ListenerKind,
    /// The address without its port, as text.
    pub(crate) client: String,
    /// The name that TLS was made for.
    pub(crate) sni: Option<String>,
}

impl Connection {
    pub(crate) const fn scheme(&self) -> &'static str {
        match self.listener {
            ListenerKind::Http => "http",
            ListenerKind::Https => "https",
        }
    }
}

/// Of a `User-Agent` that is longer, the log shows the beginning.
const USER_AGENT_BYTES_MAX: usize = 256;

/// What a head said, for the log: method, host, user agent and path one after the other, in one allocation.
#[derive(Default)]
struct Said {
    text: Vec<u8>,
    method_end: usize,
    host_end: usize,
    user_agent_end: usize,
}

/// Room for a path of usual length, so that it does not move the rest.
const PATH_BYTES_EXPECTED: usize = 96;

impl Said {
    fn new(method: &str, host: &str, user_agent: &[u8]) -> Self {
        let method_end = method.len();
        let host_end = method_end + host.len();
        let user_agent_end = host_end + user_agent.len();
        let mut text = Vec::with_capacity(user_agent_end + PATH_BYTES_EXPECTED);
        text.extend_from_slice(method.as_bytes());
        text.extend_from_slice(host.as_bytes());
        text.extend_from_slice(user_agent);
        Self { text, method_end, host_end, user_agent_end }
    }

    fn method(&self) -> &[u8] {
        &self.text[..self.method_end]
    }

    fn host(&self) -> &[u8] {
        &self.text[self.method_end..self.host_end]
    }

    fn user_agent(&self) -> &[u8] {
        &self.text[self.host_end..self.user_agent_end]
    }

    /// Empty until [`Record::set_path`].
    fn path(&self) -> &[u8] {
        &self.text[self.user_agent_end..]
    }
}

/// What is known of one request.
pub(crate) struct Record {
    pub(crate) id: RequestId,
    pub(crate) trace: TraceParent,
    pub(crate) protocol: &'static str,
    said: Said,
    pub(crate) route: Option<Arc<Route>>,
    pub(crate) backend: Option<Rc<BackendState>>,
    pub(crate) subject: Option<String>,
    pub(crate) status: u16,
    pub(crate) reason: Option<&'static str>,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    started: Instant,
    connection: Rc<Connection>,
    worker: Rc<Worker>,
}

impl Record {
    /// Begins with what every request has.
    pub(crate) fn new(
        worker: &Rc<Worker>,
        connection: &Rc<Connection>,
        protocol: &'static str,
        traceparent: Option<&[u8]>,
    ) -> Self {
        let (id, trace) = worker.identify(traceparent);
        Self {
            id,
            trace,
            protocol,
            said: Said::default(),
            route: None,
            backend: None,
            subject: None,
            status: 0,
            reason: None,
            bytes_in: 0,
            bytes_out: 0,
            started: worker.now(),
            connection: Rc::clone(connection),
            worker: Rc::clone(worker),
        }
    }

    /// Takes in what the head says.
    pub(crate) fn describe(&mut self, method: &str, host: &str, user_agent: Option<&[u8]>) {
        let agent = user_agent.unwrap_or_default();
        self.said = Said::new(method, host, &agent[..agent.len().min(USER_AGENT_BYTES_MAX)]);
    }

    /// Takes in the path in its one form.
    pub(crate) fn set_path(&mut self, path: &str) {
        self.said.text.extend_from_slice(path.as_bytes());
    }

    /// Notes where the request goes.
    pub(crate) fn accept(&mut self, forward: &Forward, backend: &Rc<BackendState>) {
        self.route = Some(Arc::clone(&forward.route));
        self.backend = Some(Rc::clone(backend));
        self.subject.clone_from(&forward.subject);
    }

    /// The listener that it came by.
    pub(crate) fn listener(&self) -> ListenerKind {
        self.connection.listener
    }

    /// Whether the client should be told to come back on another connection.
    pub(crate) fn is_draining(&self) -> bool {
        self.worker.is_draining()
    }

    /// The time, for intervals.
    pub(crate) fn now(&self) -> Instant {
        self.worker.now()
    }

    /// The value of `Date` (RFC 9110 §5.6.7).
    pub(crate) fn http_date(&self) -> std::cell::Ref<'_, str> {
        self.worker.http_date()
    }

    /// Notes that the request was refused, or failed half-way.
    pub(crate) fn refuse(&mut self, refusal: &Refusal) {
        self.worker.metrics.refused(refusal.reason());
        self.reason = Some(refusal.reason());
        if self.status == 0 {
            self.status = refusal.status().as_u16();
        }
    }
}

/// A request is over when its record goes, however it ends: the client may leave at any point.
impl Drop for Record {
    fn drop(&mut self) {
        let duration = self.worker.now().saturating_duration_since(self.started);
        if self.status == 0 {
            self.reason = self.reason.or(Some(Refusal::ClientGone.reason()));
            self.status = Refusal::ClientGone.status().as_u16();
        }
        if let Some(backend) = &self.backend {
            backend.metrics.answered(self.status, duration);
            backend.metrics.bytes_in.add(self.bytes_in);
            backend.metrics.bytes_out.add(self.bytes_out);
        }
        self.worker.log.write(&Line {
            request_id: self.id.as_bytes(),
            trace_id: self.trace.trace_id(),
            client: &self.connection.client,
            protocol: self.protocol,
            scheme: self.connection.scheme(),
            host: self.said.host(),
            method: self.said.method(),
            path: self.said.path(),
            status: self.status,
            reason: self.reason,
            route: self.route.as_ref().map(|route| route.id.as_str()),
            backend: self.backend.as_ref().map(|backend| backend.backend.name.as_str()),
            subject: self.subject.as_deref(),
            user_agent: self.said.user_agent(),
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            duration,
        });
    }
}
