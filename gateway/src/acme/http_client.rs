//! How ACME servers are asked: HTTPS, with the issuer's own roots or the system's, and an ear for `Retry-After`.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use instant_acme::{BodyWrapper, BytesResponse, HttpClient};
use policy::clock::{Clock as _, SystemClock};
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::OrderError;

/// What a CA asked us to wait, until somebody takes note.
#[derive(Debug, Default)]
pub(super) struct RetryAfter(Mutex<Option<Duration>>);

/// A CA that asks for more than this is taken to mean this.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(7 * 86_400);

impl RetryAfter {
    /// That wait, once.
    pub(super) fn take(&self) -> Option<Duration> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn note(&self, wait: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(wait.min(RETRY_AFTER_MAX));
    }
}

/// Directories, orders and chains are a few kilobytes.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// The CA does not answer.
#[derive(Debug, thiserror::Error)]
#[error("the CA did not answer within {} s", .0.as_secs())]
struct Silent(Duration);

type Connection = HyperClient<HttpsConnector<HttpConnector>, BodyWrapper<Bytes>>;

/// The client that `instant-acme` uses.
pub(super) struct Client {
    inner: Connection,
    /// How long the CA may take over one answer, body and all.
    answer_timeout: Duration,
    retry_after: Arc<RetryAfter>,
}

impl Client {
    pub(super) fn new(
        trust: Option<&str>,
        answer_timeout: Duration,
        retry_after: Arc<RetryAfter>,
    ) -> Result<Self, OrderError> {
        let roots = match trust {
            Some(pem) => roots_from_pem(pem)?,
            None => system_roots()?,
        };
        let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_only()
            .enable_http1()
            .enable_http2()
            .build();
        let inner = HyperClient::builder(TokioExecutor::new()).build(connector);
        Ok(Self { inner, answer_timeout, retry_after })
    }
}

impl HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, instant_acme::Error>> + Send>> {
        let (response, timeout) = (self.inner.request(request), self.answer_timeout);
        let retry_after = Arc::clone(&self.retry_after);
        let other = instant_acme::Error::Other;
        let whole = async move {
            let response = response.await.map_err(|error| other(error.into()))?;
            if !response.status().is_success()
                && let Some(wait) = response.headers().get(http::header::RETRY_AFTER)
                && let Some(wait) = wait.to_str().ok().and_then(|text| parse(text, SystemClock.now()))
            {
                retry_after.note(wait);
            }
            let (head, body) = response.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(other)?;
            Ok(BytesResponse::from(http::Response::from_parts(head, Full::new(body.to_bytes()))))
        };
        Box::pin(async move {
            let answer = tokio::time::timeout(timeout, whole).await;
            answer.unwrap_or_else(|_elapsed| Err(other(Box::new(Silent(timeout)))))
        })
    }
}

/// Seconds, or a date (RFC 9110 §10.2.3).
fn parse(text: &str, now: SystemTime) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = SystemTime::from(OffsetDateTime::parse(text.trim(), &Rfc2822).ok()?);
    Some(at.duration_since(now).unwrap_or_default())
}

fn roots_from_pem(pem: &str) -> Result<RootCertStore, OrderError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|_malformed| OrderError::Trust)?;
        roots.add(certificate).map_err(|_malformed| OrderError::Trust)?;
    }
    if roots.is_empty() { Err(OrderError::Trust) } else { Ok(roots) }
}

/// The system's roots.
pub(crate) fn system_roots() -> Result<RootCertStore, OrderError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(OrderError::Trust) } else { Ok(roots) }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn a_wait_is_seconds_or_a_date() {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_777 - 60);
        assert_eq!(parse("120", now), Some(Duration::from_secs(120)));
        assert_eq!(parse("Sun, 06 Nov 1994 08:49:37 GMT", now), Some(Duration::from_secs(60)));
        assert_eq!(parse("Fri, 06 Nov 1970 08:49:37 GMT", now), Some(Duration::ZERO));
        assert_eq!(parse("soon", now), None);
    }

    #[test]
    fn no_ca_silences_us_for_more_than_a_week() {
        let noted = RetryAfter::default();
        noted.note(Duration::from_secs(u64::MAX));
        assert_eq!((noted.take(), noted.take()), (Some(RETRY_AFTER_MAX), None));
    }
}
