//! Certificates that sign SVIDs (X509-SVID §3.2).

use rustls_pki_types::{CertificateDer, TrustAnchor};

use super::read::{Reader, Validity};
use super::{InvalidSvid, SpiffeId};
use crate::tls::jwk::{PublicMembers, public_members};

/// A certificate that signs SVIDs, and never identifies anyone.
///
/// Holding one proves of the certificate: a CA (X509-SVID §4.1) with a critical key usage that has `keyCertSign`
/// (§4.3), no SPIFFE ID with a path (§3.2), and a key of a kind that bundles and signatures know.
#[derive(Clone, Debug)]
pub struct SigningCertificate {
    der: CertificateDer<'static>,
    anchor: TrustAnchor<'static>,
    validity: Validity,
    key: PublicMembers,
}

impl PartialEq for SigningCertificate {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for SigningCertificate {}

impl SigningCertificate {
    /// Reads a signing certificate.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn from_der(der: &CertificateDer<'_>) -> Result<Self, InvalidSvid> {
        let certificate = Reader::new(der)?;
        check(&certificate)?;
        let key = public_members(certificate.public_key_info()).ok_or(InvalidSvid::KeyKind)?;
        let anchor = webpki::anchor_from_trusted_cert(der).map_err(|_not_x509| InvalidSvid::Malformed)?;
        let validity = certificate.validity();
        Ok(Self { anchor: anchor.to_owned(), validity, key, der: der.clone().into_owned() })
    }

    /// Holds a certificate of a path to the rules, without keeping it.
    pub(in crate::tls) fn check(der: &[u8]) -> Result<(), InvalidSvid> {
        check(&Reader::new(der)?)
    }

    /// The certificate.
    #[must_use]
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// From when until when it may sign, and what it signed counts.
    #[must_use]
    pub fn validity(&self) -> Validity {
        self.validity
    }

    pub(in crate::tls) fn anchor(&self) -> &TrustAnchor<'static> {
        &self.anchor
    }

    /// The public key, as a bundle shows it.
    pub(in crate::tls) fn key(&self) -> &PublicMembers {
        &self.key
    }
}

fn check(certificate: &Reader<'_>) -> Result<(), InvalidSvid> {
    if !certificate.is_ca()? {
        return Err(InvalidSvid::BasicConstraints { is_ca: false });
    }
    if !certificate.critical_key_usage()?.key_cert_sign() {
        return Err(InvalidSvid::KeyUsageLacks("keyCertSign"));
    }
    let (uris, _) = certificate.uri_sans()?;
    for uri in uris.iter().filter(|uri| uri.starts_with("spiffe:")) {
        // The standard's own example of a root writes the empty path as a slash (Trust Domain and Bundle,
        // appendix A).
        let id: SpiffeId = uri.strip_suffix('/').unwrap_or(uri).parse()?;
        if !id.path().is_empty() {
            return Err(InvalidSvid::Path(id));
        }
    }
    Ok(())
}
