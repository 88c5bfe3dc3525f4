//! TLS towards clients: which certificate, which versions, which protocols. And SPIFFE identities: SVIDs, bundles, and
//! the verifier that holds the one against the other.

mod bundle;
mod certificates;
mod handshake_failure;
mod jwk;
mod jwt_svid;
mod spiffe_config;
mod spiffe_verifier;
mod svid;
#[cfg(test)]
mod tests;
mod trust;

use std::sync::Arc;

pub use bundle::{InvalidBundle, JwtAuthority, TrustBundle};
pub use certificates::Certificates;
pub(crate) use handshake_failure::HandshakeFailure;
pub use jwt_svid::JwtSvidRefusal;
use policy::snapshot::{Current, Stage};
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
pub use spiffe_config::{OwnSvid, UnusableSvid, spiffe_client_config, spiffe_server_config};
pub use spiffe_verifier::{PeerRefusal, PeerRole, PeerRule, SpiffeVerifier};
pub use svid::{InvalidSvid, SigningCertificate, Validity, X509Svid};
pub use trust::{OutOfBounds, Reach, StaleBundle, TrustBounds, TrustBundles, Trusted};

/// RFC 8737 §6.2.
pub(crate) const ACME_ALPN: &[u8] = b"acme-tls/1";
pub(crate) const H2_ALPN: &[u8] = b"h2";
const HTTP11_ALPN: &[u8] = b"http/1.1";

/// Chooses a certificate by the name that the client asks for, from the snapshot in force at that moment.
#[derive(Debug)]
struct Resolver {
    current: Arc<Current>,
    certificates: Arc<Certificates>,
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name()?;
        let mut offered = hello.alpn().into_iter().flatten();
        // A challenge is answered only to who offers nothing else (RFC 8737 §3).
        if let Some(first) = offered.next()
            && first == ACME_ALPN
            && offered.next().is_none()
        {
            return self.certificates.challenge(name);
        }
        let snapshot = self.current.load();
        let host = snapshot.ingress.host(name).filter(|host| host.stage >= Stage::Listening)?;
        self.certificates.of(&host.certificate)
    }
}

/// The one configuration of every HTTPS listener: TLS 1.3 and 1.2 with rustls' suites, X25519MLKEM768 first.
///
/// # Errors
/// When the cryptographic library has no randomness for tickets.
pub(crate) fn server_config(
    current: Arc<Current>,
    certificates: Arc<Certificates>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Resolver { current, certificates }));
    config.alpn_protocols = vec![H2_ALPN.into(), HTTP11_ALPN.into(), ACME_ALPN.into()];
    // Tickets keep the state at the client: no cache grows here, and every worker can resume.
    config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new()?;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    // One resumption a ticket is what browsers use; more would only cost handshake bytes.
    config.send_tls13_tickets = 1;
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}
