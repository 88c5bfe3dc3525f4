//! Signing SVIDs. What may be signed, for whom and for how long, is in the [`Permit`]; of a request only its key is
//! used.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use policy::id::{SpiffeId, TrustDomain};
use proxy::tls::{InvalidBundle, InvalidSvid, JwtAuthority, SigningCertificate, X509Svid};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
    SubjectPublicKeyInfo,
};
use rustls_pki_types::{CertificateDer, CertificateSigningRequestDer};
use serde_json::json;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer as _;

use super::core::rotation::{AuthorityId, Permit, SvidKind};

/// A peer whose clock is behind accepts a fresh certificate.
const BACKDATED: Duration = Duration::from_secs(3600);

/// Larger requests are not requests for an SVID.
const CSR_BYTES_MAX: usize = 8 << 10;

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The permit is for another authority, or for an SVID of the other kind.
    #[error("the permit is for authority {0}")]
    OtherAuthority(AuthorityId),
    /// Not a signing request, or not signed by the key that it is for.
    #[error("the signing request does not prove its key")]
    Request,
    /// A key that is not of the kind that SVIDs have here.
    #[error("the signing request is not for a P-256 key")]
    KeyKind,
    /// A token for nobody in particular.
    #[error("a token needs an audience")]
    NoAudience,
    /// The library refused.
    #[error("signing the certificate")]
    Certificate(#[from] rcgen::Error),
    /// What was made is no SVID.
    #[error("the certificate came out as no SVID")]
    Svid(#[from] InvalidSvid),
    /// The key's public half is no JWT authority.
    #[error("the key is no JWT authority")]
    Jwt(#[from] InvalidBundle),
    /// The key cannot be read, or has no randomness to sign with.
    #[error("the authority's key cannot be used")]
    Key,
}

/// Signs X.509-SVIDs.
pub struct X509Signer {
    id: AuthorityId,
    issuer: Issuer<'static, KeyPair>,
    certificate: SigningCertificate,
}

/// An X.509-SVID that was signed: the certificate, and what it says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IssuedX509 {
    /// The leaf.
    pub certificate: CertificateDer<'static>,
    /// What it proves.
    pub svid: X509Svid,
}

impl X509Signer {
    /// Makes a root for a trust domain: a P-256 key and a certificate that it signs itself.
    ///
    /// # Errors
    /// When the library refuses.
    pub fn make_root(
        trust_domain: &TrustDomain,
        now: SystemTime,
        lifetime: Duration,
    ) -> Result<Self, IssueError> {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        // Two roots of one domain have two names, so that a path finds the right one at once.
        let id = AuthorityId::of_key(key.public_key_raw());
        params.distinguished_name.push(DnType::CommonName, format!("{trust_domain} {id}"));
        // SPIFFE-ID §3.1: the authority's own ID, without a path.
        params.subject_alt_names = vec![uri(&SpiffeId::of_trust_domain(trust_domain))?];
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.not_before = (now - BACKDATED).into();
        params.not_after = (now + lifetime).into();
        let certificate = params.self_signed(&key)?;
        Self::new(certificate.der(), key)
    }

    /// Signs as `certificate` says, with its key.
    ///
    /// # Errors
    /// When the certificate may not sign SVIDs.
    pub fn new(certificate: &CertificateDer<'_>, key: KeyPair) -> Result<Self, IssueError> {
        let id = AuthorityId::of_key(key.public_key_raw());
        let issuer = Issuer::from_ca_cert_der(certificate, key)?;
        Ok(Self { id, issuer, certificate: SigningCertificate::from_der(certificate)? })
    }

    /// Which authority this is.
    #[must_use]
    pub fn id(&self) -> &AuthorityId {
        &self.id
    }

    /// What goes into the bundle.
    #[must_use]
    pub fn certificate(&self) -> &SigningCertificate {
        &self.certificate
    }

    /// Signs a leaf for the key of a signing request (DER of PKCS #10).
    ///
    /// # Errors
    /// When the permit is for another, or the request does not prove a P-256 key.
    pub fn sign(&self, permit: Permit, request: &[u8]) -> Result<IssuedX509, IssueError> {
        check_permit(&permit, SvidKind::X509, &self.id)?;
        let key = requested_key(request)?;
        let mut params = CertificateParams::default();
        // X509-SVID §3.1: no subject; the SAN, then critical, says it all.
        params.distinguished_name = DistinguishedName::new();
        params.subject_alt_names = vec![uri(&permit.holder().id)?];
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(SerialNumber::from_slice(permit.serial().as_bytes()));
        params.not_before = (permit.issued() - BACKDATED).into();
        params.not_after = permit.not_after().into();
        let certificate = params.signed_by(&key, &self.issuer)?.der().clone();
        let svid = X509Svid::from_der(&certificate)?;
        Ok(IssuedX509 { certificate, svid })
    }
}

/// The key that a request proves possession of. Whatever else it asks for is not heard.
fn requested_key(request: &[u8]) -> Result<SubjectPublicKeyInfo, IssueError> {
    if request.len() > CSR_BYTES_MAX {
        return Err(IssueError::Request);
    }
    // Verifies the signature.
    CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(request))
        .map_err(|_refused| IssueError::Request)?;
    // rcgen takes the kind of the key from how the request is signed; the key itself says it better.
    let (_, request) = X509CertificationRequest::from_der(request).map_err(|_no_csr| IssueError::Request)?;
    let key = SubjectPublicKeyInfo::from_der(request.certification_request_info.subject_pki.raw)
        .map_err(|_not_known| IssueError::KeyKind)?;
    let is_p256 = rcgen::PublicKeyData::algorithm(&key) == &rcgen::PKCS_ECDSA_P256_SHA256;
    if is_p256 { Ok(key) } else { Err(IssueError::KeyKind) }
}

fn uri(id: &SpiffeId) -> Result<SanType, IssueError> {
    Ok(SanType::URI(id.as_str().try_into()?))
}

/// Signs JWT-SVIDs, with ES256.
pub struct JwtSigner {
    id: AuthorityId,
    key: EcdsaKeyPair,
    authority: JwtAuthority,
}

impl JwtSigner {
    /// Signs with the key in `pkcs8`.
    ///
    /// # Errors
    /// When that is no P-256 key.
    pub fn new(pkcs8: &[u8]) -> Result<Self, IssueError> {
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8)
            .map_err(|_no_key| IssueError::Key)?;
        let id = AuthorityId::of_key(key.public_key().as_ref());
        let authority = JwtAuthority::of_p256(id.as_str(), key.public_key().as_ref())?;
        Ok(Self { id, key, authority })
    }

    /// Which authority this is.
    #[must_use]
    pub fn id(&self) -> &AuthorityId {
        &self.id
    }

    /// What goes into the bundle.
    #[must_use]
    pub fn authority(&self) -> &JwtAuthority {
        &self.authority
    }

    /// Signs a token for those audiences.
    ///
    /// # Errors
    /// When the permit is for another, or there is no audience.
    pub fn sign(&self, permit: Permit, audiences: &[&str]) -> Result<String, IssueError> {
        check_permit(&permit, SvidKind::Jwt, &self.id)?;
        // JWT-SVID §3.2.
        if audiences.iter().all(|audience| audience.is_empty()) {
            return Err(IssueError::NoAudience);
        }
        let header = json!({"alg": "ES256", "kid": self.id.as_str(), "typ": "JWT"});
        let serial: String = permit.serial().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let claims = json!({
            "sub": permit.holder().id,
            "aud": audiences,
            "exp": seconds(permit.not_after()),
            "iat": seconds(permit.issued()),
            "jti": serial,
        });
        let base64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let signed =
            format!("{}.{}", base64(header.to_string().as_bytes()), base64(claims.to_string().as_bytes()));
        let signature = self
            .key
            .sign(&SystemRandom::new(), signed.as_bytes())
            .map_err(|_no_randomness| IssueError::Key)?;
        Ok(format!("{signed}.{}", base64(signature.as_ref())))
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn check_permit(permit: &Permit, kind: SvidKind, authority: &AuthorityId) -> Result<(), IssueError> {
    if permit.kind() == kind && permit.authority() == authority {
        Ok(())
    } else {
        Err(IssueError::OtherAuthority(permit.authority().clone()))
    }
}

#[cfg(test)]
mod tests;
