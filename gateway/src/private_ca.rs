//! A private CA inside the gateway, for demos and for names that no public CA may know.

use std::time::{Duration, SystemTime};

use policy::id::{Domain, ResourceKey};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData as _,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::certificates::issued::Issued;
use crate::store::embedded::SharedStore;
use crate::store::{Change, CommitError, Expect, Key, Secrecy, Value};

/// How long a root lasts. It can be replaced long before.
const ROOT_LIFETIME: Duration = Duration::from_secs(10 * 365 * 86_400);
/// As public CAs do, so that renewal is exercised.
const LEAF_LIFETIME: Duration = Duration::from_secs(90 * 86_400);
/// A client whose clock is behind accepts a fresh certificate.
const BACKDATED: Duration = Duration::from_secs(3600);

/// The private CAs of this gateway.
pub struct PrivateCas {
    store: SharedStore,
    /// One root is made at a time.
    making: Mutex<()>,
}

/// Below which the store keeps roots, by issuer.
pub(crate) const PREFIX: &str = "acme/private-ca/";

/// A root, as it is kept.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    certificate_pem: String,
    key_pem: String,
}

/// A root that can sign.
pub(crate) struct Root {
    certificate_pem: String,
    ca: Issuer<'static, KeyPair>,
}

/// Why what is kept is no root.
#[derive(Debug, thiserror::Error)]
pub enum DamagedRoot {
    /// It is not in the form in which roots are kept.
    #[error("it is not in the form of a root")]
    Form(#[from] serde_json::Error),
    /// Its certificate or key cannot be read.
    #[error("its certificate or key cannot be read")]
    Pem(#[from] rcgen::Error),
    /// The certificate cannot be read.
    #[error("its certificate cannot be read")]
    Certificate,
    /// The key is another's.
    #[error("its key is not that of its certificate")]
    Mismatch,
}

/// Why a certificate was not signed.
#[derive(Debug, thiserror::Error)]
pub enum PrivateCaError {
    /// The library refused.
    #[error("signing")]
    Sign(#[from] rcgen::Error),
    /// The root could not be kept.
    #[error("keeping the root")]
    Store(#[from] CommitError),
    /// The root that is kept cannot be read. Another is not made in its place: clients trust this one.
    #[error("the root that is kept as {key} is damaged")]
    Damaged {
        /// Which entry.
        key: Key,
        /// How.
        #[source]
        source: DamagedRoot,
    },
}

impl Root {
    /// Reads what is kept.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, DamagedRoot> {
        Self::try_from(serde_json::from_slice::<Kept>(bytes)?)
    }
}

impl TryFrom<Kept> for Root {
    type Error = DamagedRoot;

    fn try_from(Kept { certificate_pem, key_pem }: Kept) -> Result<Self, DamagedRoot> {
        let key = KeyPair::from_pem(&key_pem)?;
        let der = CertificateDer::from_pem_slice(certificate_pem.as_bytes());
        let der = der.map_err(|_malformed| DamagedRoot::Certificate)?;
        let (_, certificate) =
            X509Certificate::from_der(&der).map_err(|_malformed| DamagedRoot::Certificate)?;
        if certificate.public_key().raw != key.subject_public_key_info() {
            return Err(DamagedRoot::Mismatch);
        }
        let ca = Issuer::from_ca_cert_pem(&certificate_pem, key)?;
        Ok(Self { certificate_pem, ca })
    }
}

impl PrivateCas {
    /// CAs that are kept in `store`.
    #[must_use]
    pub fn new(store: SharedStore) -> Self {
        Self { store, making: Mutex::new(()) }
    }

    /// Signs a certificate with the CA of an `Issuer`, making its root if there is none. Returns the root's
    /// certificate beside it.
    ///
    /// # Errors
    /// When the root cannot be kept, or the library refuses.
    pub async fn sign(
        &self,
        issuer: &ResourceKey,
        domains: &[Domain],
        now: SystemTime,
    ) -> Result<(Issued, String), PrivateCaError> {
        let root = self.root(issuer, now).await?;
        let names: Vec<String> = domains.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.not_before = (now - BACKDATED).into();
        params.not_after = (now + LEAF_LIFETIME).into();
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let leaf = params.signed_by(&key, &root.ca)?;
        let issued = Issued { chain_pem: leaf.pem(), key_pem: key.serialize_pem() };
        Ok((issued, root.certificate_pem))
    }

    async fn root(&self, issuer: &ResourceKey, now: SystemTime) -> Result<Root, PrivateCaError> {
        let _making = self.making.lock().await;
        let name = format!("{PREFIX}{}/{}", issuer.namespace, issuer.name);
        let key = Key::new(name).expect("names hold only what keys may hold");
        let stored = self.store.entry(&key).await.map_err(CommitError::Write)?;
        let damaged = |source| PrivateCaError::Damaged { key: key.clone(), source };
        if let Some(entry) = stored {
            return Root::read(&entry.value).map_err(damaged);
        }
        let pair = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, format!("Causeway private CA {}", issuer.name));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.not_before = (now - BACKDATED).into();
        params.not_after = (now + ROOT_LIFETIME).into();
        let certificate = params.self_signed(&pair)?;
        let kept = Kept { certificate_pem: certificate.pem(), key_pem: pair.serialize_pem() };
        let bytes = serde_json::to_vec(&kept).expect("texts have a JSON form");
        let root = Root::try_from(kept).map_err(damaged)?;
        let value = Some(Value { bytes, secrecy: Secrecy::Sealed });
        self.store.commit(vec![Change { key, expect: Expect::Absent, value }]).await?;
        Ok(root)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use policy::id::Kind;

    use super::*;
    use crate::store::embedded::Embedded;
    use crate::store::seal::SealKey;

    #[tokio::test]
    async fn a_damaged_root_is_reported_as_damage_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let store: SharedStore =
            Arc::new(Embedded::open(folder.path(), SealKey::from_bytes([1; 32])).unwrap());
        let name = |text: &str| text.parse().unwrap();
        let issuer = ResourceKey { kind: Kind::Issuer, namespace: name("shop"), name: name("inner") };
        let key = Key::new(format!("{PREFIX}shop/inner")).unwrap();
        let value = Some(Value { bytes: b"{}".to_vec(), secrecy: Secrecy::Sealed });
        store.commit(vec![Change { key: key.clone(), expect: Expect::Absent, value }]).await.unwrap();
        let cas = PrivateCas::new(Arc::clone(&store));
        let refused = cas.sign(&issuer, &[], SystemTime::UNIX_EPOCH + ROOT_LIFETIME).await.err().unwrap();
        assert!(matches!(refused, PrivateCaError::Damaged { .. }), "{refused}");
        assert_eq!(store.entry(&key).await.unwrap().unwrap().value, b"{}");
    }

    #[tokio::test]
    async fn a_root_with_the_key_of_another_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let store: SharedStore =
            Arc::new(Embedded::open(folder.path(), SealKey::from_bytes([1; 32])).unwrap());
        let cas = PrivateCas::new(Arc::clone(&store));
        let (issuer, at) = ("shop".parse().unwrap(), SystemTime::UNIX_EPOCH + ROOT_LIFETIME);
        let issuer = ResourceKey { kind: Kind::Issuer, namespace: issuer, name: "inner".parse().unwrap() };
        cas.sign(&issuer, &[], at).await.unwrap();
        let kept = store.list(PREFIX).await.unwrap().0.remove(0).1.value;
        assert!(Root::read(&kept).is_ok());
        let mut kept: Kept = serde_json::from_slice(&kept).unwrap();
        kept.key_pem = KeyPair::generate().unwrap().serialize_pem();
        let refused = Root::read(&serde_json::to_vec(&kept).unwrap()).err().unwrap();
        assert!(matches!(refused, DamagedRoot::Mismatch), "{refused}");
    }
}
