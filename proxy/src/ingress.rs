//! What happens to a request from a client: the list of steps, top to bottom, for every protocol.

use std::sync::Arc;

use policy::resource::secure_ingress::PlainHttp;
use policy::snapshot::{Host, Route, RouteMatch, Snapshot, Stage};

use crate::core::http1::request::RequestHead;
use crate::core::http2;
use crate::core::jwt::{self, JwtRefusal};
use crate::core::target::Target;
use crate::listen::ListenerKind;
use crate::refusal::Refusal;
use crate::start::Shared;

/// A request as far as decisions read it.
pub(crate) struct Request<'r, F> {
    pub(crate) listener: ListenerKind,
    /// The name that TLS was made for.
    pub(crate) sni: Option<&'r str>,
    pub(crate) method: &'r str,
    /// In its one form.
    pub(crate) host: &'r str,
    /// In its one form.
    pub(crate) target: &'r Target<'r>,
    pub(crate) fields: &'r F,
    /// The declared length of the body.
    pub(crate) length: Option<u64>,
}

/// What becomes of it.
pub(crate) enum Decision {
    /// It goes to a backend.
    Forward(Forward),
    /// It is answered here: an ACME challenge.
    Challenge(String),
    /// It is sent to `https`.
    Redirect(String),
}

/// A request that may go on.
pub(crate) struct Forward {
    pub(crate) host: Arc<Host>,
    pub(crate) route: Arc<Route>,
    /// Who its token speaks for.
    pub(crate) subject: Option<String>,
}

/// The fields of a request that go on to the backend, whichever protocol they came by. Decisions see no others: what
/// is checked is what is sent.
pub(crate) trait FieldSource {
    /// Every value of a field, its name in lower case.
    fn values<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f [u8]>;
}

impl FieldSource for RequestHead {
    fn values<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f [u8]> {
        self.forwarded_as(name).map(|field| field.value)
    }
}

impl FieldSource for http2::RequestHead {
    fn values<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f [u8]> {
        self.forwarded().get_all(name).iter().map(http::HeaderValue::as_bytes)
    }
}

/// Decides. Nothing is sent anywhere before this says so.
///
/// # Errors
/// The first reason to refuse.
pub(crate) fn decide<F: FieldSource>(
    request: &Request<'_, F>,
    snapshot: &Snapshot,
    shared: &Shared,
) -> Result<Decision, Refusal> {
    // A CA asks before any policy, and only on the plain port (RFC 8555 §8.3).
    if request.listener == ListenerKind::Http
        && let Some(answer) = shared.http01.answer(request.host, request.target.path())
    {
        return Ok(Decision::Challenge(answer));
    }
    // A connection speaks for the name that its certificate was chosen by, and for no other (RFC 9110 §7.4).
    if request.listener == ListenerKind::Https && request.sni != Some(request.host) {
        return Err(Refusal::Misdirected);
    }
    let host = snapshot
        .ingress
        .host(request.host)
        .filter(|host| host.stage >= Stage::Listening)
        .ok_or(Refusal::UnknownHost)?;
    let plain = request.listener == ListenerKind::Http;
    match host.plain_http {
        PlainHttp::Redirect if plain => return Ok(Decision::Redirect(https_address(request, shared))),
        PlainHttp::Refuse if plain => return Err(Refusal::PlainText),
        PlainHttp::Redirect | PlainHttp::Refuse | PlainHttp::Serve => {}
    }
    let route = find_route(request, host)?;
    let subject = match &route.authentication {
        None => None,
        // A token does not travel in plain text.
        Some(_) if plain => return Ok(Decision::Redirect(https_address(request, shared))),
        Some(rule) => {
            let keys = shared.key_sets.of(rule.provider.key_set).ok_or(Refusal::Token(JwtRefusal::NoKeys));
            let token = jwt::bearer(request.fields.values("authorization"))?;
            let keys = keys?;
            let verified = jwt::verify(token, &rule.provider, keys.keys(), &rule.claims, shared.clock.now());
            verified
                .inspect_err(|refusal| {
                    if *refusal == JwtRefusal::UnknownKey {
                        keys.miss()
                    }
                })?
                .subject
        }
    };
    if request.length.is_some_and(|length| length > host.limits.body_bytes_max) {
        return Err(Refusal::BodyTooLarge);
    }
    Ok(Decision::Forward(Forward { host: Arc::clone(host), route: Arc::clone(route), subject }))
}

fn find_route<'h, F: FieldSource>(
    request: &Request<'_, F>,
    host: &'h Host,
) -> Result<&'h Arc<Route>, Refusal> {
    // A field that is sent twice matches nothing: which of the two would the backend believe?
    let has_field = |name: &str, wanted: &str| {
        let mut values = request.fields.values(name);
        values.next() == Some(wanted.as_bytes()) && values.next().is_none()
    };
    match host.route(request.method, request.target.path(), has_field) {
        RouteMatch::Found(route) => Ok(route),
        RouteMatch::Method { allowed } => {
            let allowed: Vec<&str> = allowed.iter().map(|method| method.as_str()).collect();
            Err(Refusal::Method { allowed: allowed.join(", ") })
        }
        RouteMatch::None => Err(Refusal::NoRoute),
    }
}

fn https_address<F>(request: &Request<'_, F>, shared: &Shared) -> String {
    let port = shared.https_port.load(std::sync::atomic::Ordering::Relaxed);
    let mut address = format!("https://{}", request.host);
    if port != 443 {
        address.push(':');
        address.push_str(&port.to_string());
    }
    address.push_str(request.target.path());
    if let Some(query) = request.target.query() {
        address.push('?');
        address.push_str(query);
    }
    address
}
