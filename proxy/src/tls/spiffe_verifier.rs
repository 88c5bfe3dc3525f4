//! Whether a peer is who its certificate says (X509-SVID §5), as both ends of a handshake ask it.
//!
//! The name that was dialled says nothing here: a peer is its SPIFFE ID, proved under the bundle of that ID's own
//! trust domain. rustls asks no verifier when a session is resumed, so the configurations in
//! [`spiffe_config`](super::spiffe_config) resume none; and a connection that outlives a change of trust is judged
//! again by [`SpiffeVerifier::verify`].

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use policy::id::{SpiffeId, SpiffeIdPrefix, TrustDomain};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, OtherError, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

use super::svid::{InvalidSvid, SigningCertificate, X509Svid};
use super::trust::{OutOfBounds, TrustBundles};

/// Judges peers by SPIFFE ID.
#[derive(Debug)]
pub struct SpiffeVerifier {
    trust: Arc<TrustBundles>,
    rule: PeerRule,
    algorithms: WebPkiSupportedAlgorithms,
}

/// Which of the identities that can be proved may be at the other end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PeerRule {
    /// Any; what it may do is decided later, request by request.
    AnyTrusted,
    /// Any that one of these covers.
    Within(Vec<SpiffeIdPrefix>),
    /// One of these.
    OneOf(BTreeSet<SpiffeId>),
}

/// What the peer does in the handshake.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PeerRole {
    /// It called us.
    Client,
    /// We called it.
    Server,
}

/// Why a peer is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PeerRefusal {
    /// Its certificate is no leaf SVID.
    #[error("the peer's certificate is no X.509-SVID")]
    Svid(#[source] InvalidSvid),
    /// More intermediates than a path may have.
    #[error("the peer sent {found} intermediates, more than {}", SpiffeVerifier::INTERMEDIATES_MAX)]
    ChainTooLong {
        /// How many.
        found: usize,
    },
    /// There is no bundle for its trust domain.
    #[error("the trust domain {0} is not trusted")]
    UnknownTrustDomain(TrustDomain),
    /// The bundle of its trust domain has no authority, or none that is in its dates.
    #[error("the bundle of {0} has no valid authority")]
    NoAuthority(TrustDomain),
    /// No path to an authority of its trust domain.
    #[error("{id} is not proved by the bundle of its trust domain")]
    Path {
        /// Who it says it is.
        id: SpiffeId,
        /// What was wrong.
        #[source]
        source: webpki::Error,
    },
    /// A certificate on the path may not sign SVIDs.
    #[error("an intermediate of {id} may not sign SVIDs")]
    Intermediate {
        /// Who it says it is.
        id: SpiffeId,
        /// Why.
        #[source]
        source: InvalidSvid,
    },
    /// Proved, and not believed.
    #[error(transparent)]
    OutOfBounds(#[from] OutOfBounds),
    /// Proved and believed, and not the one that may be there.
    #[error("{0} is not a peer that is wanted here")]
    Unwanted(SpiffeId),
}

impl PeerRefusal {
    /// The refusal inside an error of a handshake, for whoever must say why: the library's own text would not.
    #[must_use]
    pub fn of_handshake(error: &rustls::Error) -> Option<&Self> {
        let rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(cause))) = error else {
            return None;
        };
        cause.downcast_ref()
    }
}

impl PeerRule {
    fn admits(&self, id: &SpiffeId) -> bool {
        match self {
            Self::AnyTrusted => true,
            Self::Within(prefixes) => prefixes.iter().any(|prefix| prefix.covers(id)),
            Self::OneOf(ids) => ids.contains(id),
        }
    }
}

impl SpiffeVerifier {
    /// The library builds no path with more.
    pub const INTERMEDIATES_MAX: usize = 6;

    /// Judges by `trust` as it is at each handshake.
    #[must_use]
    pub fn new(trust: Arc<TrustBundles>, rule: PeerRule) -> Self {
        let algorithms = rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms;
        Self { trust, rule, algorithms }
    }

    /// Judges the certificates of a peer at `now`. Without a handshake around it, it proves no possession of the key.
    ///
    /// # Errors
    /// The first reason to refuse it.
    pub fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        role: PeerRole,
        now: SystemTime,
    ) -> Result<X509Svid, PeerRefusal> {
        if intermediates.len() > Self::INTERMEDIATES_MAX {
            return Err(PeerRefusal::ChainTooLong { found: intermediates.len() });
        }
        let svid = X509Svid::from_der(leaf).map_err(PeerRefusal::Svid)?;
        let id = svid.id();
        let trust_domain = id.trust_domain();
        let unknown = || PeerRefusal::UnknownTrustDomain(trust_domain.clone());
        // This one domain's authorities and no other's (SPIFFE-ID §3.1): what another signs says nothing about it.
        let trusted = self.trust.of(trust_domain).ok_or_else(unknown)?;
        let anchors = trusted.bundle.anchors(now);
        if anchors.is_empty() {
            return Err(PeerRefusal::NoAuthority(trust_domain.clone()));
        }
        let usage = match role {
            PeerRole::Client => KeyUsage::client_auth(),
            PeerRole::Server => KeyUsage::server_auth(),
        };
        let path = |source| PeerRefusal::Path { id: id.clone(), source };
        let time = UnixTime::since_unix_epoch(now.duration_since(UNIX_EPOCH).unwrap_or_default());
        let certificate = EndEntityCert::try_from(leaf).map_err(path)?;
        let verified = certificate
            .verify_for_usage(self.algorithms.all, &anchors, intermediates, time, usage, None, None)
            .map_err(path)?;
        // webpki asks of a CA that it is one, and not what its key may be used for.
        for signer in verified.intermediate_certificates() {
            SigningCertificate::check(&signer.der())
                .map_err(|source| PeerRefusal::Intermediate { id: id.clone(), source })?;
        }
        trusted.bounds.admit(id, now)?;
        if self.rule.admits(id) { Ok(svid) } else { Err(PeerRefusal::Unwanted(id.clone())) }
    }

    fn verify_in_handshake(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        role: PeerRole,
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        let now = UNIX_EPOCH + Duration::from_secs(now.as_secs());
        self.verify(leaf, intermediates, role, now).map(|_svid| ()).map_err(Into::into)
    }
}

impl From<PeerRefusal> for rustls::Error {
    fn from(refusal: PeerRefusal) -> Self {
        // The alert tells the peer to renew.
        let has_expired =
            matches!(&refusal, PeerRefusal::Path { source: webpki::Error::CertExpired { .. }, .. });
        let error = if has_expired {
            CertificateError::Expired
        } else {
            CertificateError::Other(OtherError(Arc::new(refusal)))
        };
        error.into()
    }
}

impl ServerCertVerifier for SpiffeVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.verify_in_handshake(leaf, intermediates, PeerRole::Server, now)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for SpiffeVerifier {
    /// None: which trust domains are trusted is told to nobody, and a list of federated roots would be long.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.verify_in_handshake(leaf, intermediates, PeerRole::Client, now)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests;
