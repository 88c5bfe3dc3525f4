use std::sync::LazyLock;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use policy::resource::secure_ingress::{Jwks, JwtAlgorithm};
use policy::snapshot::Digest;
use serde_json::json;

use super::*;

const NOW: u64 = 1_800_000_000;

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW)
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Keys of an issuer, one of each kind.
struct Issuer {
    p256: EcdsaKeyPair,
    /// The same key, for signatures in the form that JWS does not use.
    p256_der: EcdsaKeyPair,
    ed25519: Ed25519KeyPair,
    rsa: RsaKeyPair,
}

static ISSUER: LazyLock<Issuer> = LazyLock::new(|| {
    let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let pkcs8 = p256.to_pkcs8v1().unwrap();
    Issuer {
        p256,
        p256_der: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref()).unwrap(),
        ed25519: Ed25519KeyPair::generate().unwrap(),
        rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
    }
});

impl Issuer {
    fn jwk_set(&self) -> Value {
        let point = self.p256.public_key().as_ref();
        let (n, e) = rsa_parts(&self.rsa);
        json!({"keys": [
            {"kty": "EC", "crv": "P-256", "kid": "ec", "use": "sig", "x": base64(&point[1..33]), "y": base64(&point[33..])},
            {"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": base64(self.ed25519.public_key())},
            {"kty": "RSA", "kid": "rs", "alg": "RS256", "n": base64(&n), "e": base64(&e)},
            {"kty": "oct", "kid": "secret", "k": base64("secret")},
            {"kty": "future", "kid": "x"},
        ]})
    }

    fn keys(&self) -> KeySet {
        KeySet::parse(self.jwk_set().to_string().as_bytes()).unwrap()
    }

    fn sign(&self, header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", base64(header), base64(payload));
        let random = SystemRandom::new();
        let rsa = |kind| {
            let mut signature = vec![0; self.rsa.public_modulus_len()];
            self.rsa.sign(kind, &random, signed.as_bytes(), &mut signature).unwrap();
            signature
        };
        let signature = if header.contains("EdDSA") {
            self.ed25519.sign(signed.as_bytes()).as_ref().to_vec()
        } else if header.contains("RS256") {
            rsa(&RSA_PKCS1_SHA256)
        } else if header.contains("PS256") {
            rsa(&RSA_PSS_SHA256)
        } else {
            self.p256.sign(&random, signed.as_bytes()).unwrap().as_ref().to_vec()
        };
        format!("{signed}.{}", base64(signature))
    }
}

/// Modulus and exponent, out of the DER of `RSAPublicKey`: two INTEGERs in a SEQUENCE.
fn rsa_parts(pair: &RsaKeyPair) -> (Vec<u8>, Vec<u8>) {
    let info = aws_lc_rs::signature::KeyPair::public_key(pair);
    let spki: aws_lc_rs::encoding::PublicKeyX509Der<'_> = info.as_der().unwrap();
    let der = spki.as_ref();
    // 2048 bits: a leading zero, 256 bytes, then 02 03 01 00 01.
    let e = der[der.len() - 3..].to_vec();
    let n = der[der.len() - 5 - 256..der.len() - 5].to_vec();
    (n, e)
}

fn provider() -> JwtProvider {
    use JwtAlgorithm::{ES256, EdDSA, PS256, RS256};
    JwtProvider {
        key_set: Digest(1),
        name: "corp".parse().unwrap(),
        issuer: "https://issuer.example".into(),
        audiences: vec!["shop".into(), "desk".into()],
        jwks: Jwks::Uri("https://issuer.example/jwks".parse().unwrap()),
        algorithms: vec![ES256, EdDSA, PS256, RS256],
    }
}

fn judge(token: &str, claims: &[(&str, &str)]) -> Result<Verified, JwtRefusal> {
    let claims = claims.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    verify(token, &provider(), &ISSUER.keys(), &claims, now())
}

const ES: &str = r#"{"alg":"ES256","kid":"ec"}"#;

fn payload() -> Value {
    json!({"iss": "https://issuer.example", "aud": "shop", "sub": "jane", "exp": NOW + 300})
}

fn payload_with(name: &str, value: Value) -> String {
    let mut payload = payload();
    payload[name] = value;
    payload.to_string()
}

fn check_header(header: &str, expected: JwtRefusal) {
    assert_eq!(judge(&ISSUER.sign(header, &payload().to_string()), &[]), Err(expected), "{header}");
}

fn check_payload(payload: &str, expected: JwtRefusal) {
    assert_eq!(judge(&ISSUER.sign(ES, payload), &[]), Err(expected), "{payload}");
}

#[test]
fn a_sound_token_of_each_kind_is_believed() {
    for header in [
        ES,
        r#"{"alg":"ES256"}"#,
        r#"{"alg":"ES256","typ":"JWT"}"#,
        r#"{"alg":"ES256","typ":"at+jwt"}"#,
        r#"{"alg":"EdDSA","kid":"ed"}"#,
        r#"{"alg":"RS256","kid":"rs"}"#,
    ] {
        let verified = judge(&ISSUER.sign(header, &payload().to_string()), &[]);
        assert_eq!(verified, Ok(Verified { subject: Some("jane".into()) }), "{header}");
    }
}

/// SECURITY case 47: RFC 8725 §3.1, CVE-2015-9235, CVE-2016-5431.
#[test]
fn the_token_does_not_choose_the_algorithm() {
    for alg in [
        r#""none""#,
        r#""None""#,
        r#""NONE""#,
        r#""""#,
        "null",
        "1",
        r#"["ES256"]"#,
        r#""es256""#,
        r#""HS256""#,
        r#""ES512""#,
        r#""ES256K""#,
        r#""RS384""#,
    ] {
        check_header(&format!(r#"{{"alg":{alg},"kid":"ec"}}"#), JwtRefusal::Algorithm);
    }
    check_header(r#"{"kid":"ec"}"#, JwtRefusal::Algorithm);
    // Without a signature at all.
    let bare = format!("{}.{}.", base64(r#"{"alg":"none"}"#), base64(payload().to_string()));
    assert_eq!(judge(&bare, &[]), Err(JwtRefusal::Algorithm));
    let bare = format!("{}.{}.", base64(ES), base64(payload().to_string()));
    assert_eq!(judge(&bare, &[]), Err(JwtRefusal::Signature));
    // An algorithm that fits another of the issuer's keys.
    check_header(r#"{"alg":"EdDSA","kid":"ec"}"#, JwtRefusal::UnknownKey);
    check_header(r#"{"alg":"ES256","kid":"ed"}"#, JwtRefusal::UnknownKey);
    check_header(r#"{"alg":"ES256","kid":"secret"}"#, JwtRefusal::UnknownKey);
}

/// SECURITY case 48: CVE-2018-0114, ASVS 9.1.3. There is nothing here that could fetch.
#[test]
fn keys_that_a_token_names_or_brings_are_not_used() {
    for kid in ["../../etc/passwd", "' OR 1=1", "http://evil/", "ec\\u0000", "", "EC"] {
        check_header(&format!(r#"{{"alg":"ES256","kid":"{kid}"}}"#), JwtRefusal::UnknownKey);
    }
    for kid in ["{}", "1", "null", r#"["ec"]"#] {
        check_header(&format!(r#"{{"alg":"ES256","kid":{kid}}}"#), JwtRefusal::Malformed);
    }
    let stranger = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let point = stranger.public_key().as_ref();
    for extra in [
        format!(
            r#""jwk":{{"kty":"EC","crv":"P-256","x":"{}","y":"{}"}}"#,
            base64(&point[1..33]),
            base64(&point[33..])
        ),
        r#""jku":"https://evil.example/jwks""#.into(),
        r#""x5u":"https://evil.example/cert""#.into(),
        r#""x5c":["MIIB"]"#.into(),
    ] {
        let signed =
            format!("{}.{}", base64(format!(r#"{{"alg":"ES256",{extra}}}"#)), base64(payload().to_string()));
        let signature = stranger.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        assert_eq!(
            judge(&format!("{signed}.{}", base64(signature)), &[]),
            Err(JwtRefusal::Signature),
            "{extra}"
        );
    }
}

/// SECURITY case 49: RFC 7519 §4.1.
#[test]
fn an_expiry_is_a_number_in_the_future() {
    let without = json!({"iss": "https://issuer.example", "aud": "shop"}).to_string();
    check_payload(&without, JwtRefusal::Expired);
    for value in
        [json!("1900000000"), json!(true), json!(null), json!(-1), json!([]), json!({}), json!(1e300)]
    {
        check_payload(&payload_with("exp", value), JwtRefusal::Malformed);
    }
    for value in [json!(0), json!(NOW - 61), json!(NOW - 60)] {
        check_payload(&payload_with("exp", value), JwtRefusal::Expired);
    }
    assert!(judge(&ISSUER.sign(ES, &payload_with("exp", json!(NOW - 59))), &[]).is_ok());
    assert!(judge(&ISSUER.sign(ES, &payload_with("exp", json!(u64::MAX))), &[]).is_ok());
}

/// SECURITY cases 49 and 53: a skew of at most 60 s.
#[test]
fn a_token_is_not_used_before_its_time() {
    for name in ["nbf", "iat"] {
        check_payload(&payload_with(name, json!(NOW + 61)), JwtRefusal::NotYet);
        check_payload(&payload_with(name, json!("soon")), JwtRefusal::Malformed);
        assert!(judge(&ISSUER.sign(ES, &payload_with(name, json!(NOW + 60))), &[]).is_ok());
    }
}

/// SECURITY case 49: issuer and audience are exact.
#[test]
fn issuer_and_audience_are_compared_exactly() {
    for value in [
        json!("https://issuer.example/"),
        json!("HTTPS://issuer.example"),
        json!(["https://issuer.example"]),
        json!(null),
        json!(""),
    ] {
        check_payload(&payload_with("iss", value), JwtRefusal::Issuer);
    }
    for value in [
        json!("Shop"),
        json!("shop "),
        json!(""),
        json!([]),
        json!(null),
        json!(["x"]),
        json!(["shop", 1]),
        json!({"shop": 1}),
        json!([["shop"]]),
    ] {
        check_payload(&payload_with("aud", value), JwtRefusal::Audience);
    }
    assert!(judge(&ISSUER.sign(ES, &payload_with("aud", json!(["x", "desk"]))), &[]).is_ok());
}

/// SECURITY case 49: readers differ on which of two counts.
#[test]
fn a_name_that_stands_twice_is_refused() {
    let twice = payload().to_string().replacen('{', r#"{"aud":"other","#, 1);
    check_payload(&twice, JwtRefusal::Malformed);
    check_header(r#"{"alg":"ES256","alg":"ES256"}"#, JwtRefusal::Malformed);
    check_header(r#"{"alg":"ES256","\u0061lg":"none"}"#, JwtRefusal::Malformed);
}

/// SECURITY case 50: RFC 7515 §4.1.11.
#[test]
fn critical_extensions_are_refused() {
    for crit in [r#"["x"]"#, r#"["exp"]"#, "[]", "null", r#"["b64"],"b64":false"#] {
        check_header(&format!(r#"{{"alg":"ES256","crit":{crit}}}"#), JwtRefusal::Critical);
    }
}

/// SECURITY case 50: CVE-2022-21449.
#[test]
fn only_a_signature_of_fixed_form_verifies() {
    let signed = format!("{}.{}", base64(ES), base64(payload().to_string()));
    let der = ISSUER.p256_der.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
    for signature in [vec![], vec![0; 64], vec![0; 63], vec![0xff; 64], der.as_ref().to_vec()] {
        assert_eq!(judge(&format!("{signed}.{}", base64(signature)), &[]), Err(JwtRefusal::Signature));
    }
    let other = ISSUER.sign(ES, &payload_with("sub", json!("root")));
    let mixed = format!("{signed}.{}", other.rsplit_once('.').unwrap().1);
    assert_eq!(judge(&mixed, &[]), Err(JwtRefusal::Signature));
}

/// SECURITY case 50: the key says RS256, so PS256 is not for it.
#[test]
fn a_key_is_used_with_its_own_algorithm_alone() {
    check_header(r#"{"alg":"PS256","kid":"rs"}"#, JwtRefusal::UnknownKey);
    let mut set = ISSUER.jwk_set();
    set["keys"][2].as_object_mut().unwrap().remove("alg");
    let keys = KeySet::parse(set.to_string().as_bytes()).unwrap();
    let token = ISSUER.sign(r#"{"alg":"PS256","kid":"rs"}"#, &payload().to_string());
    assert!(verify(&token, &provider(), &keys, &BTreeMap::new(), now()).is_ok());
}

/// SECURITY case 51: CVE-2020-25017 and kin.
#[test]
fn there_is_one_bearer_token() {
    let of = |values: &[&'static str]| bearer(values.iter().map(|value| value.as_bytes()));
    assert_eq!(of(&["Bearer abc"]), Ok("abc"));
    assert_eq!(of(&["bEARER abc"]), Ok("abc"));
    assert_eq!(of(&[]), Err(JwtRefusal::Missing));
    for other in ["Basic abc", "Bearer", "abc", "", "Bearerabc", "Bearer\tabc"] {
        assert_eq!(of(&[other]), Err(JwtRefusal::Missing), "{other:?}");
    }
    assert_eq!(of(&["Bearer a", "Bearer a"]), Err(JwtRefusal::Ambiguous));
    assert_eq!(of(&["Basic a", "Bearer a"]), Err(JwtRefusal::Ambiguous));
    assert_eq!(of(&["Bearer a,Bearer b"]), Err(JwtRefusal::Ambiguous));
    assert_eq!(bearer([&b"Bearer \xff"[..]].into_iter()), Err(JwtRefusal::Malformed));
}

/// SECURITY case 54: CVE-2026-48042, CVE-2024-21319.
#[test]
fn what_is_large_deep_or_encrypted_is_refused() {
    let token = ISSUER.sign(ES, &payload_with("x", json!("y".repeat(20_000))));
    assert_eq!(judge(&token, &[]), Err(JwtRefusal::Malformed));
    let deep =
        payload().to_string().replacen('{', &format!("{{\"x\":{}{},", "[".repeat(5000), "]".repeat(5000)), 1);
    check_payload(&deep, JwtRefusal::Malformed);
    let sound = ISSUER.sign(ES, &payload().to_string());
    for token in [
        String::new(),
        ".".into(),
        "..".into(),
        "a.b.c".into(),
        format!("{sound}.x.y"),
        format!("{sound}="),
        format!(" {sound}"),
        sound.replacen('.', "", 1),
        format!("{}.{}", base64("[]"), sound),
        "e30.e30.\u{e4}".into(),
    ] {
        assert!(matches!(judge(&token, &[]), Err(JwtRefusal::Malformed | JwtRefusal::Algorithm)), "{token}");
    }
    check_header(r#"{"alg":"ES256","typ":"JOSE"}"#, JwtRefusal::Malformed);
    check_header(r#"{"alg":"ES256","typ":1}"#, JwtRefusal::Malformed);
}

#[test]
fn claims_that_a_route_asks_for_must_be_there() {
    let token = ISSUER.sign(ES, &payload_with("groups", json!(["ops", "dev"])));
    assert!(judge(&token, &[("groups", "ops"), ("sub", "jane")]).is_ok());
    for wanted in [("groups", "op"), ("groups", ""), ("sub", "Jane"), ("absent", "x")] {
        assert_eq!(judge(&token, &[wanted]), Err(JwtRefusal::Claim), "{wanted:?}");
    }
}

#[test]
fn keys_that_could_not_be_trusted_are_passed_over() {
    let one = |change: &dyn Fn(&mut Value)| {
        let mut set = ISSUER.jwk_set();
        let mut key = set["keys"][2].take();
        change(&mut key);
        KeySet::parse(json!({ "keys": [key] }).to_string().as_bytes()).map(drop).is_ok()
    };
    let modulus = rsa_parts(&ISSUER.rsa).0;
    assert!(one(&|_| {}));
    assert!(one(&|key| key["key_ops"] = json!(["verify"])));
    assert!(one(&|key| key["unknown"] = json!({"x": 1})));
    assert!(!one(&|key| key["key_ops"] = json!(["encrypt"])));
    assert!(!one(&|key| key["use"] = json!("enc")));
    assert!(!one(&|key| key["alg"] = json!("HS256")));
    // RSA of 1024 and 2040 bits, and one that only looks like 2048.
    assert!(!one(&|key| key["n"] = json!(base64(&modulus[..128]))));
    assert!(!one(&|key| key["n"] = json!(base64(&modulus[..255]))));
    assert!(!one(&|key| key["n"] = json!(base64([&[0], &modulus[1..]].concat()))));
    for exponent in [&[][..], &[1], &[2]] {
        assert!(!one(&|key| key["e"] = json!(base64(exponent))));
    }
}

#[test]
fn a_text_that_is_no_key_set_is_refused() {
    for text in ["", "{}", "[]", r#"{"keys":{}}"#, r#"{"keys":[]}"#, r#"{"keys":[1]}"#] {
        assert!(KeySet::parse(text.as_bytes()).is_err(), "{text}");
    }
    let large = format!(r#"{{"keys":[{}"x"]}}"#, "\"x\",".repeat(300_000));
    assert!(matches!(KeySet::parse(large.as_bytes()), Err(InvalidKeySet::TooLarge)));
}

#[test]
fn challenges_name_the_error_of_rfc_6750() {
    assert_eq!(JwtRefusal::Missing.challenge(), "Bearer");
    assert_eq!(JwtRefusal::Signature.challenge(), "Bearer error=\"invalid_token\"");
}
