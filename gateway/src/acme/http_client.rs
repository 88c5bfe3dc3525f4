//! How ACME servers are asked: HTTPS, with the issuer's own roots or the system's, and an ear for `Retry-After`.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use instant_acme::{BodyWrapper, BytesResponse, HttpClient};
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::OrderError;

/// What a CA asked us to wait, until somebody takes note.
#[derive(Debug, Default)]
pub(super) struct RetryAfter(Mutex<Option<Duration>>);

/// A CA that asks for more than this is taken to mean this.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(7 * 86_400);

impl RetryAfter {
    pub(super) fn take(&self) -> Option<Duration> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn note(&self, wait: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(wait.min(RETRY_AFTER_MAX));
    }
}

type Connection = HyperClient<HttpsConnector<HttpConnector>, BodyWrapper<Bytes>>;

/// The client that `instant-acme` uses.
pub(super) struct Client {
    inner: Connection,
    retry_after: Arc<RetryAfter>,
}

impl Client {
    pub(super) fn new(trust: Option<&str>, retry_after: Arc<RetryAfter>) -> Result<Self, OrderError> {
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
        Ok(Self { inner: HyperClient::builder(TokioExecutor::new()).build(connector), retry_after })
    }
}

impl HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, instant_acme::Error>> + Send>> {
        let response = self.inner.request(request);
        let retry_after = Arc::clone(&self.retry_after);
        Box::pin(async move {
            let response = response.await;
            if let Ok(response) = &response
                && !response.status().is_success()
                && let Some(wait) = response.headers().get(http::header::RETRY_AFTER)
                && let Some(seconds) = wait.to_str().ok().and_then(|text| text.trim().parse().ok())
            {
                retry_after.note(Duration::from_secs(seconds));
            }
            let response = response.map_err(|error| instant_acme::Error::Other(error.into()))?;
            Ok(BytesResponse::from(response))
        })
    }
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
