//! A token issuer of the test's own.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// An issuer with one ES256 key.
pub struct Issuer {
    key: EcdsaKeyPair,
    id: String,
}

impl Default for Issuer {
    fn default() -> Self {
        Self::with_key("k")
    }
}

impl Issuer {
    /// One whose key has this name.
    ///
    /// # Panics
    /// When the library fails.
    #[must_use]
    pub fn with_key(id: &str) -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        Self { key, id: id.to_owned() }
    }

    /// Its keys.
    #[must_use]
    pub fn jwks(&self) -> String {
        let point = self.key.public_key().as_ref();
        let part = |range| URL_SAFE_NO_PAD.encode(&point[range]);
        json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": self.id, "x": part(1..33), "y": part(33..65)}]})
            .to_string()
    }

    /// A token with these header and claims, signed whatever they say.
    ///
    /// # Panics
    /// When the library fails.
    #[must_use]
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// A token that is in order: issuer `https://id.example.com`, audience `shop`.
    #[must_use]
    pub fn good(&self) -> String {
        self.sign(&json!({"alg": "ES256", "kid": self.id}), &good_claims())
    }
}

/// The claims of a token that is in order.
#[must_use]
pub fn good_claims() -> Value {
    json!({"iss": "https://id.example.com", "aud": "shop", "sub": "ada", "exp": 4_000_000_000u64})
}
