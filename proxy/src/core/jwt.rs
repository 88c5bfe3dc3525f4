//! JSON Web Tokens at the edge (RFC 7515, 7517, 7519; RFC 8725 for what goes wrong).
//!
//! The algorithm is chosen by the operator and the key, never by the token. Nothing that a token names is fetched.

mod key_set;
mod svid;
mod token;
mod unique_names;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use key_set::{InvalidKeySet, Key, KeySet};
use policy::snapshot::JwtProvider;
use serde_json::Value;
pub use svid::JwtSvid;
pub(crate) use svid::UnverifiedSvid;
use token::Token;
pub(crate) use unique_names::UniqueNames;

/// How far the clocks of issuer and edge may be apart.
pub const SKEW_MAX: Duration = Duration::from_secs(60);

/// Why a token is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum JwtRefusal {
    /// There is no bearer token.
    #[error("no bearer token")]
    Missing,
    /// More than one `Authorization` field, or one that holds more than one value.
    #[error("more than one authorization")]
    Ambiguous,
    /// Not a compact JWS, or larger than 16 KiB, or with a name twice.
    #[error("the token is malformed")]
    Malformed,
    /// An algorithm that the issuer's entry does not list, `none` among them.
    #[error("the algorithm is not accepted")]
    Algorithm,
    /// Critical extensions (RFC 7515 §4.1.11), of which none is known here.
    #[error("the token has critical extensions")]
    Critical,
    /// No key of the issuer fits.
    #[error("no key of the issuer fits the token")]
    UnknownKey,
    /// The issuer's keys have not been had, or are too old.
    #[error("the issuer's keys are not available")]
    NoKeys,
    /// The signature does not verify.
    #[error("the signature does not verify")]
    Signature,
    /// `iss` is another.
    #[error("the issuer is another")]
    Issuer,
    /// `aud` holds none of ours.
    #[error("the audience is another")]
    Audience,
    /// Past `exp`, or there is none.
    #[error("the token has expired or does not say when it does")]
    Expired,
    /// Before `nbf`.
    #[error("the token is not valid yet")]
    NotYet,
    /// `sub` is no SPIFFE ID of a workload (JWT-SVID §3.1).
    #[error("the subject is no SPIFFE ID of a workload")]
    Subject,
    /// A claim that the route asks for is absent or has another value.
    #[error("a required claim is missing")]
    Claim,
}

impl JwtRefusal {
    /// For metrics and logs.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Missing => "jwt_missing",
            Self::Ambiguous => "jwt_ambiguous",
            Self::Malformed => "jwt_malformed",
            Self::Algorithm => "jwt_algorithm",
            Self::Critical => "jwt_critical",
            Self::UnknownKey => "jwt_unknown_key",
            Self::NoKeys => "jwt_no_keys",
            Self::Signature => "jwt_signature",
            Self::Issuer => "jwt_issuer",
            Self::Audience => "jwt_audience",
            Self::Expired => "jwt_expired",
            Self::NotYet => "jwt_not_yet",
            Self::Subject => "jwt_subject",
            Self::Claim => "jwt_claim",
        }
    }

    /// The value of `WWW-Authenticate` (RFC 6750 §3).
    #[must_use]
    pub const fn challenge(self) -> &'static str {
        match self {
            Self::Missing => "Bearer",
            Self::Ambiguous => "Bearer error=\"invalid_request\"",
            Self::Claim => "Bearer error=\"insufficient_scope\"",
            Self::Malformed
            | Self::Algorithm
            | Self::Critical
            | Self::UnknownKey
            | Self::NoKeys
            | Self::Signature
            | Self::Issuer
            | Self::Audience
            | Self::Expired
            | Self::NotYet
            | Self::Subject => "Bearer error=\"invalid_token\"",
        }
    }
}

/// What a token proved.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verified {
    /// The `sub` claim.
    pub subject: Option<String>,
}

/// Finds the one bearer token among the values of `Authorization` (RFC 6750 §2.1).
///
/// # Errors
/// When there is none, or more than one.
pub fn bearer<'a>(mut authorization: impl Iterator<Item = &'a [u8]>) -> Result<&'a str, JwtRefusal> {
    let value = authorization.next().ok_or(JwtRefusal::Missing)?;
    if authorization.next().is_some() || value.contains(&b',') {
        return Err(JwtRefusal::Ambiguous);
    }
    let value = std::str::from_utf8(value).map_err(|_not_ascii| JwtRefusal::Malformed)?;
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim_start_matches(' ')),
        Some(_) | None => Err(JwtRefusal::Missing),
    }
}

/// Verifies a token for a route.
///
/// # Errors
/// The first reason to refuse it. Nothing that it claims is believed before its signature verifies.
pub fn verify(
    token: &str,
    provider: &JwtProvider,
    keys: &KeySet,
    claims: &BTreeMap<String, String>,
    now: SystemTime,
) -> Result<Verified, JwtRefusal> {
    let token = Token::parse(token)?;
    if !token.is_of_type(|typ| ["JWT", "at+jwt"].iter().any(|known| typ.eq_ignore_ascii_case(known))) {
        return Err(JwtRefusal::Malformed);
    }
    let algorithm = token.algorithm().ok_or(JwtRefusal::Algorithm)?;
    if !provider.algorithms.contains(&algorithm) {
        return Err(JwtRefusal::Algorithm);
    }
    keys.verify(algorithm, token.key_id(), token.signed(), token.signature())?;
    let payload = token.claims()?;
    check_registered(&payload, provider, now)?;
    if !claims.iter().all(|(name, wanted)| holds(payload.get(name), wanted)) {
        return Err(JwtRefusal::Claim);
    }
    let subject = payload.get("sub").and_then(Value::as_str).map(str::to_owned);
    Ok(Verified { subject })
}

/// RFC 7519 §4.1, with `exp` required.
fn check_registered(
    payload: &BTreeMap<String, Value>,
    provider: &JwtProvider,
    now: SystemTime,
) -> Result<(), JwtRefusal> {
    check_dates(payload, now)?;
    if payload.get("iss").and_then(Value::as_str) != Some(&provider.issuer) {
        return Err(JwtRefusal::Issuer);
    }
    if provider.audiences.iter().any(|audience| is_for(payload.get("aud"), audience)) {
        Ok(())
    } else {
        Err(JwtRefusal::Audience)
    }
}

/// RFC 7519 §4.1.4 to §4.1.6. Returns `exp`, which must be there.
fn check_dates(payload: &BTreeMap<String, Value>, now: SystemTime) -> Result<u64, JwtRefusal> {
    let now = now.duration_since(UNIX_EPOCH).map_err(|_before_1970| JwtRefusal::NotYet)?.as_secs();
    let skew = SKEW_MAX.as_secs();
    // A date may have a fraction (RFC 7519 §2); only its whole seconds count here.
    let date = |name: &str| match payload.get(name) {
        None => Ok(None),
        Some(value) => match (value.as_u64(), value.as_f64()) {
            (Some(seconds), _) => Ok(Some(seconds)),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "checked to be in range"
            )]
            (None, Some(seconds)) if (0.0..1e15).contains(&seconds) => Ok(Some(seconds as u64)),
            (None, _) => Err(JwtRefusal::Malformed),
        },
    };
    let expires = date("exp")?.ok_or(JwtRefusal::Expired)?;
    if now >= expires.saturating_add(skew) {
        return Err(JwtRefusal::Expired);
    }
    if date("nbf")?.is_some_and(|from| now.saturating_add(skew) < from) {
        return Err(JwtRefusal::NotYet);
    }
    if date("iat")?.is_some_and(|issued| now.saturating_add(skew) < issued) {
        return Err(JwtRefusal::NotYet);
    }
    Ok(expires)
}

/// RFC 7519 §4.1.3: `aud` is a string, or a list of strings.
fn is_for(claim: Option<&Value>, audience: &str) -> bool {
    match claim {
        Some(Value::String(one)) => one == audience,
        Some(Value::Array(list)) => {
            list.iter().all(Value::is_string) && list.iter().any(|item| item.as_str() == Some(audience))
        }
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => false,
    }
}

/// Whether a claim is `wanted`, or a list that contains it.
fn holds(claim: Option<&Value>, wanted: &str) -> bool {
    match claim {
        Some(Value::String(text)) => text == wanted,
        Some(Value::Array(list)) => list.iter().any(|item| item.as_str() == Some(wanted)),
        Some(Value::Bool(truth)) => wanted == if *truth { "true" } else { "false" },
        Some(Value::Number(number)) => number.to_string() == wanted,
        Some(Value::Null | Value::Object(_)) | None => false,
    }
}

#[cfg(test)]
mod tests;
