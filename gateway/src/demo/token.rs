//! The demo's own token issuer: one ES256 key that lives as long as the process.

use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use policy::clock::{Clock as _, SystemClock};
use serde_json::json;

/// The `iss` claim of its tokens.
pub(super) const ISSUER: &str = "https://id.demo.test";

/// The library failed to make a key or a signature.
#[derive(Debug, thiserror::Error)]
#[error("the cryptographic library refused")]
pub struct TokenError;

pub(super) struct Issuer {
    key: EcdsaKeyPair,
}

impl Issuer {
    pub(super) fn generate() -> Result<Self, TokenError> {
        let key =
            EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_unspecified| TokenError)?;
        Ok(Self { key })
    }

    /// Its public key as a JWK set (RFC 7517).
    pub(super) fn jwks(&self) -> String {
        // Uncompressed point: 0x04, x, y (SEC 1 §2.3.3).
        let point = self.key.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({"keys": [{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "demo", "x": encode(x), "y": encode(y)}]})
            .to_string()
    }

    /// A token for the audience `shop` (RFC 7519).
    pub(super) fn token(&self, lifetime: Duration) -> Result<String, TokenError> {
        let now =
            SystemClock.now().duration_since(std::time::UNIX_EPOCH).map_err(|_before_1970| TokenError)?;
        let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = part(json!({"alg": "ES256", "typ": "JWT", "kid": "demo"}));
        let claims = part(json!({
            "iss": ISSUER,
            "aud": "shop",
            "sub": "demo-user",
            "iat": now.as_secs(),
            "exp": (now + lifetime).as_secs(),
        }));
        let signed = format!("{header}.{claims}");
        let signature =
            self.key.sign(&SystemRandom::new(), signed.as_bytes()).map_err(|_unspecified| TokenError)?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}
