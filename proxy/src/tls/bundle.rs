//! A trust domain's bundle: the keys that prove its SVIDs (Trust Domain and Bundle §3).
//!
//! The bundle's form on the wire is a JWK set, read and written in `bundle/jwk_set.rs`.

mod jwk_set;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

pub use jwk_set::{InvalidBundle, JwtAuthority};
use policy::id::TrustDomain;
use rustls_pki_types::TrustAnchor;

use super::svid::SigningCertificate;
use crate::core::jwt::KeySet;

/// What proves the SVIDs of one trust domain, and of no other.
///
/// Holding one proves: no authority stands twice, every JWT authority has a key id of its own, and there are at most
/// [`Self::AUTHORITIES_MAX`]. A bundle without authorities is one: it says that nothing of that domain is to be
/// believed (§4.1.3).
#[derive(Clone, Debug)]
pub struct TrustBundle {
    trust_domain: TrustDomain,
    x509_authorities: Vec<SigningCertificate>,
    jwt_authorities: Vec<JwtAuthority>,
    /// The keys of `jwt_authorities`, as verification wants them.
    jwt_keys: Arc<KeySet>,
    sequence: Option<u64>,
    refresh_hint: Option<Duration>,
}

impl PartialEq for TrustBundle {
    fn eq(&self, other: &Self) -> bool {
        self.trust_domain == other.trust_domain
            && self.x509_authorities == other.x509_authorities
            && self.jwt_authorities == other.jwt_authorities
            && self.sequence == other.sequence
            && self.refresh_hint == other.refresh_hint
    }
}

impl Eq for TrustBundle {}

impl TrustBundle {
    /// Most keys of one bundle. A domain in the middle of two rotations has fewer than ten.
    pub const AUTHORITIES_MAX: usize = 100;

    /// Joins the authorities of a trust domain.
    ///
    /// # Errors
    /// When one stands twice, or there are too many.
    pub fn new(
        trust_domain: TrustDomain,
        x509_authorities: Vec<SigningCertificate>,
        jwt_authorities: Vec<JwtAuthority>,
    ) -> Result<Self, InvalidBundle> {
        let found = x509_authorities.len() + jwt_authorities.len();
        if found > Self::AUTHORITIES_MAX {
            return Err(InvalidBundle::TooManyKeys { found });
        }
        let certificates: BTreeSet<&[u8]> =
            x509_authorities.iter().map(|authority| authority.der().as_ref()).collect();
        let key_ids: BTreeSet<&str> = jwt_authorities.iter().map(JwtAuthority::key_id).collect();
        if certificates.len() < x509_authorities.len() || key_ids.len() < jwt_authorities.len() {
            return Err(InvalidBundle::Twice);
        }
        let keys = jwt_authorities.iter().map(|authority| authority.key().clone()).collect();
        Ok(Self {
            trust_domain,
            x509_authorities,
            jwt_authorities,
            jwt_keys: Arc::new(KeySet::of_bundle_keys(keys)),
            sequence: None,
            refresh_hint: None,
        })
    }

    /// With its number, which must be higher whenever the authorities have changed (§4.1.1).
    #[must_use]
    pub fn with_sequence(self, sequence: u64) -> Self {
        Self { sequence: Some(sequence), ..self }
    }

    /// With how often to look for a newer one (§4.1.2).
    #[must_use]
    pub fn with_refresh_hint(self, hint: Duration) -> Self {
        Self { refresh_hint: Some(Duration::from_secs(hint.as_secs())), ..self }
    }

    /// Whose it is.
    #[must_use]
    pub fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }

    /// What signs its X.509-SVIDs.
    #[must_use]
    pub fn x509_authorities(&self) -> &[SigningCertificate] {
        &self.x509_authorities
    }

    /// What signs its JWT-SVIDs.
    #[must_use]
    pub fn jwt_authorities(&self) -> &[JwtAuthority] {
        &self.jwt_authorities
    }

    /// The keys to verify its JWT-SVIDs with.
    #[must_use]
    pub fn jwt_keys(&self) -> &Arc<KeySet> {
        &self.jwt_keys
    }

    /// Its number, if its publisher gives one.
    #[must_use]
    pub fn sequence(&self) -> Option<u64> {
        self.sequence
    }

    /// How often its publisher would have it looked for.
    #[must_use]
    pub fn refresh_hint(&self) -> Option<Duration> {
        self.refresh_hint
    }

    /// The roots that count at `now`. A trust anchor says nothing of its own dates, so they are looked at here.
    pub(super) fn anchors(&self, now: SystemTime) -> Vec<TrustAnchor<'_>> {
        let valid = self.x509_authorities.iter().filter(|authority| authority.validity().contains(now));
        valid.map(|authority| authority.anchor().clone()).collect()
    }
}

#[cfg(test)]
mod tests;
