//! No token is believed that the issuer did not sign, and none that it signed panics the check of its claims.
//! The first byte says what the rest is.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use policy::resource::secure_ingress::{Jwks, JwtAlgorithm};
use policy::snapshot::{Digest, JwtProvider};
use proxy::core::jwt::{KeySet, bearer, verify};

static SIGNER: LazyLock<EcdsaKeyPair> =
    LazyLock::new(|| EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("keys can be made"));

static KEYS: LazyLock<KeySet> = LazyLock::new(|| {
    let point = SIGNER.public_key().as_ref();
    let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
    // The second is the key of RFC 7515 appendix A.3, whose token is among the seeds.
    let set = format!(
        r#"{{"keys":[{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"}},{{"kty":"EC","crv":"P-256",
        "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}}]}}"#
    );
    KeySet::parse(set.as_bytes()).expect("a key set")
});

static PROVIDER: LazyLock<JwtProvider> = LazyLock::new(|| JwtProvider {
    id: Digest(1),
    name: "fuzz".parse().expect("a name"),
    issuer: "joe".into(),
    audiences: vec!["shop".into()],
    jwks: Jwks::Inline(String::new()),
    algorithms: vec![JwtAlgorithm::ES256, JwtAlgorithm::RS256, JwtAlgorithm::EdDSA],
});

fuzz_target!(|data: &[u8]| {
    let Some((what, rest)) = data.split_first() else { return };
    let now = UNIX_EPOCH + Duration::from_secs(1_300_000_000);
    let judge = |token: &str| verify(token, &PROVIDER, &KEYS, &BTreeMap::new(), now);
    match what & 3 {
        0 => {
            if let Ok(token) = bearer([rest].into_iter()) {
                assert!(judge(token).is_err());
            }
        }
        1 => {
            let Ok(token) = std::str::from_utf8(rest) else { return };
            assert!(judge(token).is_err(), "nobody signed {token}");
        }
        2 => drop(KeySet::parse(rest)),
        _ => {
            let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256"}"#);
            let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(rest));
            let random = aws_lc_rs::rand::SystemRandom::new();
            let signature = SIGNER.sign(&random, signed.as_bytes()).expect("keys can sign");
            let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
            if judge(&token).is_ok() {
                let claims: serde_json::Value =
                    serde_json::from_slice(rest).expect("believed claims are JSON");
                assert_eq!(claims["iss"], "joe");
                assert!(claims["exp"].as_f64().is_some_and(|seconds| seconds > 1_299_999_000.0));
                assert!(claims["aud"] == "shop" || claims["aud"].as_array().is_some());
            }
        }
    }
});
