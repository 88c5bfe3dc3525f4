//! A private CA inside the gateway, for demos and for names that no public CA may know.

use std::time::{Duration, SystemTime};

use policy::id::{Domain, ResourceKey};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

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

/// A root, as it is kept.
#[derive(Deserialize, Serialize)]
struct Root {
    certificate_pem: String,
    key_pem: String,
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
        let ca_key = KeyPair::from_pem(&root.key_pem)?;
        let ca = Issuer::from_ca_cert_pem(&root.certificate_pem, ca_key)?;
        let names: Vec<String> = domains.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.not_before = (now - BACKDATED).into();
        params.not_after = (now + LEAF_LIFETIME).into();
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let leaf = params.signed_by(&key, &ca)?;
        let issued = Issued { chain_pem: leaf.pem(), key_pem: key.serialize_pem() };
        Ok((issued, root.certificate_pem))
    }

    async fn root(&self, issuer: &ResourceKey, now: SystemTime) -> Result<Root, PrivateCaError> {
        let _making = self.making.lock().await;
        let name = format!("acme/private-ca/{}/{}", issuer.namespace, issuer.name);
        let key = Key::new(name).expect("names hold only what keys may hold");
        let stored = self.store.entry(&key).await.map_err(CommitError::Write)?;
        if let Some(root) = stored.and_then(|entry| serde_json::from_slice(&entry.value).ok()) {
            return Ok(root);
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
        let root = Root { certificate_pem: certificate.pem(), key_pem: pair.serialize_pem() };
        let bytes = serde_json::to_vec(&root).expect("texts have a JSON form");
        let value = Some(Value { bytes, secrecy: Secrecy::Sealed });
        self.store.commit(vec![Change { key, expect: Expect::Absent, value }]).await?;
        Ok(root)
    }
}
