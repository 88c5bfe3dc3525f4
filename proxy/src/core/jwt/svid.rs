//! JWT-SVIDs (JWT-SVID §2 to §4): tokens whose subject is a SPIFFE ID, verified under its trust domain's keys.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use policy::id::{SpiffeId, TrustDomain};
use policy::resource::secure_ingress::JwtAlgorithm;
use serde_json::Value;

use super::token::Token;
use super::{JwtRefusal, KeySet, check_dates, is_for};

/// What the header may name (JWT-SVID §2); all else must not be there.
const HEADER_NAMES: [&str; 3] = ["alg", "kid", "typ"];

/// A token that proved who presents it, to one of the audiences that were asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct JwtSvid {
    id: SpiffeId,
    expires: SystemTime,
}

impl JwtSvid {
    /// Whose it is.
    #[must_use]
    pub fn id(&self) -> &SpiffeId {
        &self.id
    }

    /// Until when.
    #[must_use]
    pub fn expires(&self) -> SystemTime {
        self.expires
    }
}

/// A token that has the form of a JWT-SVID and proves nothing yet. It tells no more than whose keys to try.
pub(crate) struct UnverifiedSvid<'t> {
    token: Token<'t>,
    algorithm: JwtAlgorithm,
    claims: BTreeMap<String, Value>,
    id: SpiffeId,
}

impl<'t> UnverifiedSvid<'t> {
    /// Reads a token.
    pub(crate) fn parse(text: &'t str) -> Result<Self, JwtRefusal> {
        let token = Token::parse(text)?;
        // §2.1 and §4: before anything else. EdDSA is not on the list.
        let algorithm = token.algorithm().filter(|algorithm| *algorithm != JwtAlgorithm::EdDSA);
        let algorithm = algorithm.ok_or(JwtRefusal::Algorithm)?;
        let header_fits = token.header_names().all(|name| HEADER_NAMES.contains(&name));
        // §2.3.
        if !header_fits || !token.is_of_type(|typ| matches!(typ, "JWT" | "JOSE")) {
            return Err(JwtRefusal::Malformed);
        }
        let claims = token.claims()?;
        let subject = claims.get("sub").and_then(Value::as_str).and_then(|text| text.parse().ok());
        // §3.1: the ID of a workload, which has a path.
        let workload = subject.filter(|id: &SpiffeId| !id.path().is_empty());
        Ok(Self { token, algorithm, claims, id: workload.ok_or(JwtRefusal::Subject)? })
    }

    /// Whose keys must verify it.
    pub(crate) fn trust_domain(&self) -> &TrustDomain {
        self.id.trust_domain()
    }

    /// Verifies it with the keys of its trust domain, for a validator that goes by any of `audiences`.
    pub(crate) fn verify(
        self,
        keys: &KeySet,
        audiences: &[&str],
        now: SystemTime,
    ) -> Result<JwtSvid, JwtRefusal> {
        let token = &self.token;
        keys.verify(self.algorithm, token.key_id(), token.signed(), token.signature())?;
        // §3.3 and §4.
        let expires = Duration::from_secs(check_dates(&self.claims, now)?);
        let expires = UNIX_EPOCH.checked_add(expires).ok_or(JwtRefusal::Malformed)?;
        // §3.2.
        if !audiences.iter().any(|audience| is_for(self.claims.get("aud"), audience)) {
            return Err(JwtRefusal::Audience);
        }
        Ok(JwtSvid { id: self.id, expires })
    }
}
