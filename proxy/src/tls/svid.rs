//! X.509-SVIDs (X509-SVID), read into types that prove what the standard demands of them.
//!
//! [`X509Svid`] is a leaf, which identifies; [`SigningCertificate`] signs and never identifies. A certificate can be
//! one of them at most. Neither says that anyone trusts it: that is
//! [`SpiffeVerifier`](super::SpiffeVerifier)'s to say.

mod read;
mod signing_certificate;

use std::time::SystemTime;

use policy::id::{InvalidSpiffeId, SpiffeId};
use read::Reader;
pub use read::Validity;
use rustls_pki_types::CertificateDer;
pub use signing_certificate::SigningCertificate;
use x509_parser::public_key::PublicKey;

/// A leaf certificate that says who its holder is.
///
/// Holding one proves of the certificate: version 3, one URI SAN, which is a SPIFFE ID with a path (X509-SVID §2,
/// §3.1, §5.2); not a CA (§4.1); a critical key usage with `digitalSignature` and without `keyCertSign` and `cRLSign`
/// (§4.3); both authentication purposes if any purpose is named (§4.4). Its signature and dates are not proved.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct X509Svid {
    id: SpiffeId,
    validity: Validity,
}

/// Why a certificate is no X.509-SVID of the wanted kind.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidSvid {
    /// Larger than any SVID needs to be.
    #[error("the certificate has {len_bytes} bytes, more than {}", X509Svid::BYTES_MAX)]
    TooLarge {
        /// How large it is.
        len_bytes: usize,
    },
    /// Not DER of an X.509 version 3 certificate, or an extension that cannot be read or stands twice.
    #[error("the certificate is malformed")]
    Malformed,
    /// Not exactly one URI among the subject's alternative names.
    #[error("the certificate has {found} URI SANs, not one")]
    UriSans {
        /// How many there are.
        found: usize,
    },
    /// The URI is no SPIFFE ID.
    #[error("the URI SAN is no SPIFFE ID")]
    SpiffeId(#[from] InvalidSpiffeId),
    /// A leaf whose ID is that of a trust domain.
    #[error("the SPIFFE ID of a leaf has a path, {0} has none")]
    NoPath(SpiffeId),
    /// A signing certificate whose ID is that of a workload.
    #[error("the SPIFFE ID of a signing certificate has no path, {0} has one")]
    Path(SpiffeId),
    /// Without a subject the SAN is all there is, so it must be critical.
    #[error("the certificate has no subject, and its SAN is not critical")]
    SanNotCritical,
    /// A leaf that says it is a CA, or a signing certificate that says it is not.
    #[error("the certificate is {}", if *.is_ca { "a CA" } else { "no CA" })]
    BasicConstraints {
        /// What the certificate says.
        is_ca: bool,
    },
    /// No key usage.
    #[error("the certificate has no key usage")]
    NoKeyUsage,
    /// A key usage that readers may pass over.
    #[error("the key usage is not critical")]
    KeyUsageNotCritical,
    /// `digitalSignature` is not set on a leaf, or `keyCertSign` is not on a signing certificate.
    #[error("the key usage lacks {0}")]
    KeyUsageLacks(&'static str),
    /// `keyCertSign` or `cRLSign` on a leaf.
    #[error("the key usage of a leaf has {0}")]
    KeyUsageHas(&'static str),
    /// Purposes are named, and not both of `serverAuth` and `clientAuth`.
    #[error("the extended key usage lacks serverAuth or clientAuth")]
    ExtendedKeyUsage,
    /// A signing key of a kind that nothing here can verify with.
    #[error("the key is of a kind that is not known")]
    KeyKind,
    /// An RSA key that is too short, or longer than the library takes.
    #[error("an RSA key of {bits} bits is not taken")]
    RsaKey {
        /// Its length.
        bits: usize,
    },
}

impl X509Svid {
    /// Larger certificates are not SVIDs but work to be made.
    pub const BYTES_MAX: usize = 16 << 10;
    /// NIST SP 800-131A; the library verifies up to 8,192.
    const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

    /// Reads a leaf.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn from_der(der: &CertificateDer<'_>) -> Result<Self, InvalidSvid> {
        let certificate = Reader::new(der)?;
        let id = single_id(&certificate)?;
        // X509-SVID §3.1, §5.2.
        if id.path().is_empty() {
            return Err(InvalidSvid::NoPath(id));
        }
        // X509-SVID §4.1, §5.2.
        if certificate.is_ca()? {
            return Err(InvalidSvid::BasicConstraints { is_ca: true });
        }
        check_key_usage(&certificate)?;
        check_extended_key_usage(&certificate)?;
        check_key(&certificate)?;
        Ok(Self { id, validity: certificate.validity() })
    }

    /// Whose it is.
    #[must_use]
    pub fn id(&self) -> &SpiffeId {
        &self.id
    }

    /// From when until when.
    #[must_use]
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// Its last second.
    #[must_use]
    pub fn not_after(&self) -> SystemTime {
        self.validity.not_after
    }
}

/// X509-SVID §2 and §3.1.
fn single_id(certificate: &Reader<'_>) -> Result<SpiffeId, InvalidSvid> {
    let (uris, is_critical) = certificate.uri_sans()?;
    let [uri] = uris.as_slice() else {
        return Err(InvalidSvid::UriSans { found: uris.len() });
    };
    // RFC 5280 §4.1.2.6.
    if certificate.has_no_subject() && !is_critical {
        return Err(InvalidSvid::SanNotCritical);
    }
    Ok(uri.parse()?)
}

/// X509-SVID §4.3 and §5.2, for a leaf.
fn check_key_usage(certificate: &Reader<'_>) -> Result<(), InvalidSvid> {
    let usage = certificate.critical_key_usage()?;
    if usage.key_cert_sign() {
        return Err(InvalidSvid::KeyUsageHas("keyCertSign"));
    }
    if usage.crl_sign() {
        return Err(InvalidSvid::KeyUsageHas("cRLSign"));
    }
    if !usage.digital_signature() {
        return Err(InvalidSvid::KeyUsageLacks("digitalSignature"));
    }
    Ok(())
}

/// X509-SVID §4.4.
fn check_extended_key_usage(certificate: &Reader<'_>) -> Result<(), InvalidSvid> {
    match certificate.extended_key_usage()? {
        Some(purposes) if !(purposes.server_auth && purposes.client_auth) => {
            Err(InvalidSvid::ExtendedKeyUsage)
        }
        Some(_) | None => Ok(()),
    }
}

fn check_key(certificate: &Reader<'_>) -> Result<(), InvalidSvid> {
    // Other kinds of keys are judged where their signature is verified, by the list of the library.
    if let PublicKey::RSA(key) = certificate.public_key()? {
        let bits = key.key_size();
        if !X509Svid::RSA_BITS.contains(&bits) {
            return Err(InvalidSvid::RsaKey { bits });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
