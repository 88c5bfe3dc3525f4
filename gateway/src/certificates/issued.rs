//! A certificate with its key, checked before it is served.

#![expect(clippy::wildcard_enum_match_arm, reason = "only DNS names are served")]

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use policy::id::Domain;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use crate::core::renewal::Lifetime;

/// A certificate chain and its key, in PEM.
#[derive(Clone, Deserialize, Serialize)]
pub struct Issued {
    /// Leaf first.
    pub chain_pem: String,
    /// The leaf's key.
    pub key_pem: String,
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Issued(…)")
    }
}

/// One that can be served.
pub struct Usable {
    /// For handshakes.
    pub key: Arc<CertifiedKey>,
    /// How long.
    pub lifetime: Lifetime,
    /// The leaf.
    pub leaf: CertificateDer<'static>,
    /// The names that it is for.
    pub names: Vec<Domain>,
}

/// Why a certificate is not served.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// There is none in the text.
    #[error("there is no certificate in PEM in it")]
    NoCertificate,
    /// There is no key in the text.
    #[error("there is no private key in PEM in it")]
    NoKey,
    /// The key is another's, or of a kind that is not used.
    #[error("the key does not fit the certificate")]
    Mismatch(#[source] rustls::Error),
    /// The certificate cannot be read.
    #[error("the certificate cannot be read")]
    Malformed,
    /// It does not cover a name.
    #[error("the certificate does not cover {0}")]
    Uncovered(Domain),
}

impl Issued {
    /// Checks that the key fits and every name is covered.
    ///
    /// # Errors
    /// The first thing that does not fit.
    pub fn check(&self, domains: &[Domain]) -> Result<Usable, Unusable> {
        let usable = self.open()?;
        match domains.iter().find(|domain| !usable.covers(domain)) {
            Some(missing) => Err(Unusable::Uncovered(missing.clone())),
            None => Ok(usable),
        }
    }

    /// Checks that the key fits, whatever the names.
    ///
    /// # Errors
    /// The first thing that does not fit.
    pub fn open(&self) -> Result<Usable, Unusable> {
        let chain = CertificateDer::pem_slice_iter(self.chain_pem.as_bytes()).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|_malformed| Unusable::NoCertificate)?;
        let leaf = chain.first().cloned().ok_or(Unusable::NoCertificate)?;
        let key =
            PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes()).map_err(|_malformed| Unusable::NoKey)?;
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let key = CertifiedKey::from_der(chain, key, &provider).map_err(Unusable::Mismatch)?;
        let (_, parsed) = X509Certificate::from_der(&leaf).map_err(|_malformed| Unusable::Malformed)?;
        let names = names(&parsed).ok_or(Unusable::Malformed)?;
        let time = |seconds: i64| UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        let validity = parsed.validity();
        let lifetime = Lifetime {
            not_before: time(validity.not_before.timestamp()),
            not_after: time(validity.not_after.timestamp()),
        };
        Ok(Usable { key: Arc::new(key), lifetime, leaf, names })
    }
}

impl Usable {
    /// Whether it is for that name.
    pub fn covers(&self, domain: &Domain) -> bool {
        self.names.iter().any(|name| name.covers(domain))
    }
}

fn names(certificate: &X509Certificate<'_>) -> Option<Vec<Domain>> {
    let names = certificate.subject_alternative_name().ok()??;
    let names = names.value.general_names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => name.parse().ok(),
        _ => None,
    });
    Some(names.collect())
}
