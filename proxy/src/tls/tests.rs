//! Authorities and SVIDs for the tests of this folder: good ones, and any that a test makes worse.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::{TrustBundle, X509Svid};

pub(super) const HOUR: Duration = Duration::from_secs(3600);

pub(super) fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

pub(super) fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

/// What a good certificate of any kind has: dates around [`now`].
fn dated() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.not_before = (now() - HOUR).into();
    params.not_after = (now() + HOUR).into();
    params
}

/// A good leaf.
pub(super) fn leaf(id: &str) -> CertificateParams {
    let mut params = dated();
    params.subject_alt_names = vec![uri(id)];
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params
}

/// A good signing certificate.
pub(super) fn signer(id: &str) -> CertificateParams {
    let mut params = dated();
    params.distinguished_name.push(rcgen::DnType::CommonName, id);
    params.subject_alt_names = vec![uri(id)];
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// An extension with any content, critical or not.
pub(super) fn extension(oid: &[u64], content: &[u8], is_critical: bool) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(oid, content.to_vec());
    extension.set_criticality(is_critical);
    extension
}

/// Something that signs.
pub(super) struct Authority {
    params: CertificateParams,
    key: KeyPair,
    pub(super) der: CertificateDer<'static>,
}

/// A certificate and its key.
pub(super) struct Made {
    pub(super) der: CertificateDer<'static>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl Authority {
    pub(super) fn root(id: &str) -> Self {
        Self::self_signed(signer(id), KeyPair::generate().unwrap())
    }

    pub(super) fn self_signed(params: CertificateParams, key: KeyPair) -> Self {
        let der = params.self_signed(&key).unwrap().der().clone();
        Self { params, key, der }
    }

    fn issuer(&self) -> Issuer<'_, &KeyPair> {
        Issuer::from_params(&self.params, &self.key)
    }

    pub(super) fn intermediate(&self, params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let der = params.signed_by(&key, &self.issuer()).unwrap().der().clone();
        Self { params, key, der }
    }

    pub(super) fn sign(&self, params: &CertificateParams) -> Made {
        let key = KeyPair::generate().unwrap();
        let der = self.sign_for(params, &key);
        Made { der, key: PrivateKeyDer::try_from(key.serialize_der()).unwrap() }
    }

    pub(super) fn sign_for(
        &self,
        params: &CertificateParams,
        key: &impl PublicKeyData,
    ) -> CertificateDer<'static> {
        params.signed_by(key, &self.issuer()).unwrap().der().clone()
    }

    pub(super) fn bundle(&self, trust_domain: &str) -> TrustBundle {
        bundle(trust_domain, &[self])
    }
}

pub(super) fn bundle(trust_domain: &str, authorities: &[&Authority]) -> TrustBundle {
    let x509 =
        authorities.iter().map(|authority| super::SigningCertificate::from_der(&authority.der).unwrap());
    TrustBundle::new(trust_domain.parse().unwrap(), x509.collect(), Vec::new()).unwrap()
}

/// Reads a leaf that was made so.
pub(super) fn read(params: &CertificateParams) -> Result<X509Svid, super::InvalidSvid> {
    X509Svid::from_der(&Authority::root("spiffe://td").sign(params).der)
}
