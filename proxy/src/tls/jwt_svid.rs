//! JWT-SVIDs under the trust that is in force: the same trust domains, authorities and bounds as for certificates.

use std::time::SystemTime;

use policy::id::TrustDomain;

use super::trust::{OutOfBounds, TrustBundles};
use crate::core::jwt::{JwtRefusal, JwtSvid, UnverifiedSvid};

/// Why a JWT-SVID is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum JwtSvidRefusal {
    /// The token itself, or what its domain's keys say of it.
    #[error(transparent)]
    Token(#[from] JwtRefusal),
    /// There is no bundle for its subject's trust domain.
    #[error("the trust domain {0} is not trusted")]
    UnknownTrustDomain(TrustDomain),
    /// Proved, and not believed.
    #[error(transparent)]
    OutOfBounds(#[from] OutOfBounds),
}

impl TrustBundles {
    /// Verifies a JWT-SVID for a validator that goes by any of `audiences`.
    ///
    /// # Errors
    /// The first reason to refuse it.
    pub fn verify_jwt_svid(
        &self,
        token: &str,
        audiences: &[&str],
        now: SystemTime,
    ) -> Result<JwtSvid, JwtSvidRefusal> {
        let unverified = UnverifiedSvid::parse(token)?;
        let trust_domain = unverified.trust_domain();
        let unknown = || JwtSvidRefusal::UnknownTrustDomain(trust_domain.clone());
        // This one domain's keys and no other's (SPIFFE-ID §3.1).
        let trusted = self.of(trust_domain).ok_or_else(unknown)?;
        let svid = unverified.verify(trusted.bundle.jwt_keys(), audiences, now)?;
        trusted.bounds.admit(svid.id(), now)?;
        Ok(svid)
    }
}

#[cfg(test)]
mod tests;
