//! JWT-SVID §2 to §6, rule by rule.

use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING,
    EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
    RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;
use crate::tls::bundle::TrustBundle;
use crate::tls::tests::now;
use crate::tls::trust::{Reach, TrustBounds};

const ID: &str = "spiffe://east/a";

fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn seconds() -> u64 {
    now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// What a trust domain signs tokens with: a key for each algorithm of JWT-SVID §2.1, and one that is not for it.
struct Domain {
    ec: [(&'static str, EcdsaKeyPair); 3],
    rsa: RsaKeyPair,
    edwards: Ed25519KeyPair,
}

static EAST: LazyLock<Domain> = LazyLock::new(Domain::new);
static WEST: LazyLock<Domain> = LazyLock::new(Domain::new);

impl Domain {
    fn new() -> Self {
        let ec = [
            ("P-256", &ECDSA_P256_SHA256_FIXED_SIGNING),
            ("P-384", &ECDSA_P384_SHA384_FIXED_SIGNING),
            ("P-521", &ECDSA_P521_SHA512_FIXED_SIGNING),
        ];
        Self {
            ec: ec.map(|(curve, algorithm)| (curve, EcdsaKeyPair::generate(algorithm).unwrap())),
            rsa: RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap(),
            edwards: Ed25519KeyPair::generate().unwrap(),
        }
    }

    fn bundle(&self, name: &str) -> TrustBundle {
        let mut keys: Vec<Value> = Vec::new();
        for (curve, pair) in &self.ec {
            let (x, y) = pair.public_key().as_ref()[1..].split_at(pair.public_key().as_ref().len() / 2);
            keys.push(json!({"kty": "EC", "crv": curve, "use": "jwt-svid", "kid": curve, "x": base64(x), "y": base64(y)}));
        }
        let rsa = self.rsa.public_key();
        let (n, e) = (rsa.modulus().big_endian_without_leading_zero(), rsa.exponent());
        let e = e.big_endian_without_leading_zero();
        keys.push(json!({"kty": "RSA", "use": "jwt-svid", "kid": "rsa", "n": base64(n), "e": base64(e)}));
        let x = base64(self.edwards.public_key());
        keys.push(json!({"kty": "OKP", "crv": "Ed25519", "use": "jwt-svid", "kid": "edwards", "x": x}));
        let set = json!({"keys": keys, "spiffe_sequence": 1}).to_string();
        TrustBundle::from_jwk_set(name.parse().unwrap(), set.as_bytes()).unwrap()
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", base64(header.to_string()), base64(claims.to_string()));
        let random = SystemRandom::new();
        let rsa = |kind| {
            let mut signature = vec![0; self.rsa.public_modulus_len()];
            self.rsa.sign(kind, &random, signed.as_bytes(), &mut signature).unwrap();
            signature
        };
        let ec = |at: usize| self.ec[at].1.sign(&random, signed.as_bytes()).unwrap().as_ref().to_vec();
        let signature = match header["alg"].as_str() {
            Some("RS256") => rsa(&RSA_PKCS1_SHA256),
            Some("RS384") => rsa(&RSA_PKCS1_SHA384),
            Some("RS512") => rsa(&RSA_PKCS1_SHA512),
            Some("PS256") => rsa(&RSA_PSS_SHA256),
            Some("PS384") => rsa(&RSA_PSS_SHA384),
            Some("PS512") => rsa(&RSA_PSS_SHA512),
            Some("ES384") => ec(1),
            Some("ES512") => ec(2),
            Some("EdDSA") => self.edwards.sign(signed.as_bytes()).as_ref().to_vec(),
            _ => ec(0),
        };
        format!("{signed}.{}", base64(signature))
    }
}

fn header() -> Value {
    json!({"alg": "ES256", "kid": "P-256", "typ": "JWT"})
}

fn claims() -> Value {
    json!({"sub": ID, "aud": ["shop"], "exp": seconds() + 300})
}

fn with(object: &Value, name: &str, value: impl Into<Value>) -> Value {
    let mut object = object.clone();
    object[name] = value.into();
    object
}

fn without(object: &Value, name: &str) -> Value {
    let mut object = object.clone();
    object.as_object_mut().unwrap().remove(name);
    object
}

fn trust() -> TrustBundles {
    let trust = TrustBundles::default();
    trust.trust(EAST.bundle("east"), TrustBounds::default());
    trust.trust(WEST.bundle("west"), TrustBounds::default());
    trust
}

fn judge(header: &Value, claims: &Value) -> Result<JwtSvid, JwtSvidRefusal> {
    trust().verify_jwt_svid(&EAST.sign(header, claims), &["shop", "desk"], now())
}

fn check_header(header: &Value, expected: JwtRefusal) {
    assert_eq!(judge(header, &claims()), Err(expected.into()), "{header}");
}

fn check_claims(claims: &Value, expected: JwtRefusal) {
    assert_eq!(judge(&header(), claims), Err(expected.into()), "{claims}");
}

/// JWT-SVID §2.1.
#[test]
fn every_algorithm_of_the_list_is_taken() {
    let ec = [("ES256", "P-256"), ("ES384", "P-384"), ("ES512", "P-521")];
    let rsa = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"].map(|name| (name, "rsa"));
    for (algorithm, key_id) in ec.into_iter().chain(rsa) {
        for header in [json!({"alg": algorithm, "kid": key_id}), json!({"alg": algorithm})] {
            let svid = judge(&header, &claims()).unwrap();
            assert_eq!(
                (svid.id().as_str(), svid.expires()),
                (ID, now() + Duration::from_secs(300)),
                "{header}"
            );
        }
    }
}

/// JWT-SVID §2.1 and §4.
#[test]
fn any_other_algorithm_must_be_refused() {
    for algorithm in
        ["none", "None", "NONE", "", "HS256", "HS512", "EdDSA", "Ed25519", "ES256K", "es256", "RSA-OAEP"]
    {
        check_header(&json!({"alg": algorithm}), JwtRefusal::Algorithm);
        check_header(&json!({"alg": algorithm, "kid": "edwards"}), JwtRefusal::Algorithm);
    }
    for odd in [json!({}), json!({"alg": null}), json!({"alg": 1}), json!({"alg": ["ES256"]})] {
        check_header(&odd, JwtRefusal::Algorithm);
    }
    let unsigned = format!("{}.{}.", base64(r#"{"alg":"none"}"#), base64(claims().to_string()));
    let found = trust().verify_jwt_svid(&unsigned, &["shop"], now());
    assert_eq!(found, Err(JwtRefusal::Algorithm.into()));
}

/// JWT-SVID §2.2.
#[test]
fn the_key_id_is_optional_and_when_there_names_the_key() {
    assert!(judge(&json!({"alg": "ES256"}), &claims()).is_ok());
    check_header(&json!({"alg": "ES256", "kid": "P-384"}), JwtRefusal::UnknownKey);
    check_header(&json!({"alg": "ES256", "kid": "other"}), JwtRefusal::UnknownKey);
    check_header(&json!({"alg": "ES256", "kid": 1}), JwtRefusal::Malformed);
}

/// JWT-SVID §2.3.
#[test]
fn the_type_is_optional_and_must_be_jwt_or_jose() {
    assert!(judge(&without(&header(), "typ"), &claims()).is_ok());
    assert!(judge(&with(&header(), "typ", "JOSE"), &claims()).is_ok());
    for bad in [json!("at+jwt"), json!("jwt"), json!("JWS"), json!(""), json!(1), json!(null)] {
        check_header(&with(&header(), "typ", bad), JwtRefusal::Malformed);
    }
}

/// JWT-SVID §2.
#[test]
fn a_header_that_is_not_described_must_not_be_there() {
    for name in ["cty", "jku", "jwk", "x5u", "x5c", "x5t", "b64", "custom"] {
        check_header(&with(&header(), name, "x"), JwtRefusal::Malformed);
    }
    check_header(&with(&header(), "crit", json!(["exp"])), JwtRefusal::Critical);
}

/// JWT-SVID §3.1.
#[test]
fn the_subject_must_be_the_spiffe_id_of_a_workload() {
    check_claims(&without(&claims(), "sub"), JwtRefusal::Subject);
    for bad in [
        json!("jane"),
        json!("spiffe://east"),
        json!("spiffe://EAST/a"),
        json!("spiffe://east/a/"),
        json!([ID]),
        json!(1),
    ] {
        check_claims(&with(&claims(), "sub", bad), JwtRefusal::Subject);
    }
}

/// JWT-SVID §3.2 and §4.
#[test]
fn the_audience_must_be_there_and_hold_one_of_ours() {
    check_claims(&without(&claims(), "aud"), JwtRefusal::Audience);
    for bad in [
        json!([]),
        json!("other"),
        json!(["other"]),
        json!("Shop"),
        json!("shop "),
        json!(null),
        json!(1),
        json!(["shop", 1]),
    ] {
        check_claims(&with(&claims(), "aud", bad), JwtRefusal::Audience);
    }
    for good in [json!("shop"), json!("desk"), json!(["other", "desk"])] {
        assert!(judge(&header(), &with(&claims(), "aud", good)).is_ok());
    }
    let nobody = trust().verify_jwt_svid(&EAST.sign(&header(), &claims()), &[], now());
    assert_eq!(nobody, Err(JwtRefusal::Audience.into()));
}

/// JWT-SVID §3.3 and §4.
#[test]
fn the_expiry_must_be_there_and_not_past() {
    check_claims(&without(&claims(), "exp"), JwtRefusal::Expired);
    let skew = crate::core::jwt::SKEW_MAX.as_secs();
    check_claims(&with(&claims(), "exp", seconds() - skew), JwtRefusal::Expired);
    assert!(judge(&header(), &with(&claims(), "exp", seconds() - skew + 1)).is_ok());
    for bad in [json!("never"), json!(true), json!(null), json!(-1), json!([1])] {
        check_claims(&with(&claims(), "exp", bad), JwtRefusal::Malformed);
    }
    check_claims(&with(&claims(), "nbf", seconds() + 3600), JwtRefusal::NotYet);
}

/// JWT-SVID §4, after RFC 7515 §5.2.
#[test]
fn a_signature_of_another_key_must_be_refused() {
    let forged = WEST.sign(&header(), &claims());
    assert_eq!(trust().verify_jwt_svid(&forged, &["shop"], now()), Err(JwtRefusal::Signature.into()));
    let good = EAST.sign(&header(), &claims());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let other = base64(with(&claims(), "sub", "spiffe://east/b").to_string());
    let changed = format!("{}.{other}.{signature}", signed.split_once('.').unwrap().0);
    assert_eq!(trust().verify_jwt_svid(&changed, &["shop"], now()), Err(JwtRefusal::Signature.into()));
}

/// JWT-SVID §5.1.
#[test]
fn only_the_compact_form_is_taken() {
    let good = EAST.sign(&header(), &claims());
    let parts: Vec<&str> = good.split('.').collect();
    let json_form = json!({"protected": parts[0], "payload": parts[1], "signature": parts[2]}).to_string();
    let encrypted = format!("{good}.x.y");
    for bad in [json_form.as_str(), encrypted.as_str(), "", "..", parts[0]] {
        assert_eq!(
            trust().verify_jwt_svid(bad, &["shop"], now()),
            Err(JwtRefusal::Malformed.into()),
            "{bad}"
        );
    }
}

/// SPIFFE-ID §3.1.
#[test]
fn a_token_is_proved_by_its_own_trust_domain_alone() {
    let west = with(&claims(), "sub", "spiffe://west/a");
    assert_eq!(judge(&header(), &west), Err(JwtRefusal::Signature.into()));
    let svid = trust().verify_jwt_svid(&WEST.sign(&header(), &west), &["shop"], now()).unwrap();
    assert_eq!(svid.id().as_str(), "spiffe://west/a");
    let north = with(&claims(), "sub", "spiffe://north/a");
    assert_eq!(judge(&header(), &north), Err(JwtSvidRefusal::UnknownTrustDomain("north".parse().unwrap())));
}

/// Trust Domain and Bundle §4.1.3.
#[test]
fn under_an_empty_bundle_every_token_must_be_untrusted() {
    let trust = TrustBundles::default();
    trust.trust(TrustBundle::new("east".parse().unwrap(), vec![], vec![]).unwrap(), TrustBounds::default());
    let found = trust.verify_jwt_svid(&EAST.sign(&header(), &claims()), &["shop"], now());
    assert_eq!(found, Err(JwtRefusal::UnknownKey.into()));
}

#[test]
fn trust_within_bounds_holds_for_tokens_too() {
    let trust = TrustBundles::default();
    let reach = Reach::Within(vec!["spiffe://east/ns/shop".parse().unwrap()]);
    trust.trust(EAST.bundle("east"), TrustBounds { reach, until: Some(now() + Duration::from_secs(1)) });
    let judge = |sub: &str, at| {
        trust.verify_jwt_svid(&EAST.sign(&header(), &with(&claims(), "sub", sub)), &["shop"], at)
    };
    assert!(judge("spiffe://east/ns/shop/sa/cart", now()).is_ok());
    let outside = Err(OutOfBounds::Outside(ID.parse().unwrap()).into());
    assert_eq!(judge(ID, now()), outside);
    let ended = Err(OutOfBounds::Ended("east".parse().unwrap()).into());
    assert_eq!(judge("spiffe://east/ns/shop/sa/cart", now() + Duration::from_secs(1)), ended);
}
