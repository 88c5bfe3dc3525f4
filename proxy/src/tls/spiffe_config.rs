//! TLS between SPIFFE identities: both ends prove theirs, at every handshake anew.
//!
//! TLS 1.3 alone. No session is resumed and no early data is taken, since rustls asks no verifier then: a peer whose
//! trust has ended would come back by its ticket.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use arc_swap::ArcSwapOption;
use policy::clock::Clock;
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, ServerConfig, SignatureScheme};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};

use super::spiffe_verifier::SpiffeVerifier;
use super::svid::{InvalidSvid, X509Svid};

/// The SVID that this process shows, replaced as it is renewed. New handshakes show the new one.
#[derive(Debug, Default)]
pub struct OwnSvid(ArcSwapOption<CertifiedKey>);

/// Why an SVID cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum UnusableSvid {
    /// There is no certificate.
    #[error("the chain is empty")]
    Empty,
    /// The first certificate is no leaf SVID.
    #[error("the certificate is no X.509-SVID")]
    Svid(#[from] InvalidSvid),
    /// The key cannot sign, or is another's.
    #[error("the key does not fit the certificate")]
    Key(#[source] rustls::Error),
}

impl OwnSvid {
    /// Shows this SVID from the next handshake on. The leaf stands first, its intermediates follow.
    ///
    /// # Errors
    /// When it could not be used; then the one before stays.
    pub fn set(
        &self,
        chain: Vec<CertificateDer<'static>>,
        key: &PrivateKeyDer<'_>,
    ) -> Result<X509Svid, UnusableSvid> {
        let svid = X509Svid::from_der(chain.first().ok_or(UnusableSvid::Empty)?)?;
        let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(key).map_err(UnusableSvid::Key)?;
        let certified = CertifiedKey::new(chain, key);
        certified.keys_match().map_err(UnusableSvid::Key)?;
        self.0.store(Some(Arc::new(certified)));
        Ok(svid)
    }

    /// Shows none from the next handshake on.
    pub fn clear(&self) {
        self.0.store(None);
    }
}

impl ResolvesServerCert for OwnSvid {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.load_full()
    }
}

impl ResolvesClientCert for OwnSvid {
    fn resolve(&self, _root_hints: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.load_full().filter(|certified| certified.key.choose_scheme(schemes).is_some())
    }

    fn has_certs(&self) -> bool {
        self.0.load().is_some()
    }
}

/// rustls asks our clock, so that there is one time of day.
struct ClockTime(Arc<dyn Clock>);

impl std::fmt::Debug for ClockTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClockTime")
    }
}

impl TimeProvider for ClockTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(self.0.now().duration_since(UNIX_EPOCH).ok()?))
    }
}

/// Serves whom the verifier admits, as `own`.
#[must_use]
pub fn spiffe_server_config(
    verifier: Arc<SpiffeVerifier>,
    own: Arc<OwnSvid>,
    clock: Arc<dyn Clock>,
    protocols: &[&[u8]],
) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_details(provider, Arc::new(ClockTime(clock)))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("the provider has the suites of TLS 1.3")
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(own);
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.max_early_data_size = 0;
    config
}

/// Calls whom the verifier admits, as `own`.
#[must_use]
pub fn spiffe_client_config(
    verifier: Arc<SpiffeVerifier>,
    own: Arc<OwnSvid>,
    clock: Arc<dyn Clock>,
    protocols: &[&[u8]],
) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_details(provider, Arc::new(ClockTime(clock)))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("the provider has the suites of TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_cert_resolver(own);
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    config
}

#[cfg(test)]
mod tests;
