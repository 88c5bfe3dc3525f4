//! Trust Domain and Bundle §4, X509-SVID §6 and JWT-SVID §6, rule by rule.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use rcgen::KeyPair;
use serde_json::{Value, json};

use super::*;
use crate::tls::svid::InvalidSvid;
use crate::tls::tests::{Authority, bundle, leaf, signer};

fn domain() -> TrustDomain {
    "td".parse().unwrap()
}

fn parse(set: &Value) -> Result<TrustBundle, InvalidBundle> {
    TrustBundle::from_jwk_set(domain(), set.to_string().as_bytes())
}

fn refusal(set: &Value) -> InvalidBundle {
    parse(set).unwrap_err()
}

/// How many authorities of each kind were found.
fn counts(set: &Value) -> (usize, usize) {
    let bundle = parse(set).unwrap();
    (bundle.x509_authorities().len(), bundle.jwt_authorities().len())
}

fn x509_jwk(authority: &Authority) -> Value {
    let written: Value = serde_json::from_str(&authority.bundle("td").to_jwk_set()).unwrap();
    written["keys"][0].clone()
}

fn with(jwk: &Value, name: &str, value: impl Into<Value>) -> Value {
    let mut jwk = jwk.clone();
    jwk[name] = value.into();
    jwk
}

fn without(jwk: &Value, name: &str) -> Value {
    let mut jwk = jwk.clone();
    jwk.as_object_mut().unwrap().remove(name);
    jwk
}

fn jwt_authority(key_id: &str) -> JwtAuthority {
    JwtAuthority::of_p256(key_id, KeyPair::generate().unwrap().public_key_raw()).unwrap()
}

fn jwt_jwk(key_id: &str) -> Value {
    let bundle = TrustBundle::new(domain(), Vec::new(), vec![jwt_authority(key_id)]).unwrap();
    let written: Value = serde_json::from_str(&bundle.to_jwk_set()).unwrap();
    written["keys"][0].clone()
}

#[test]
fn a_bundle_reads_back_as_it_was_written() {
    let (first, second) = (Authority::root("spiffe://td"), Authority::root("spiffe://td"));
    let x509 = bundle("td", &[&first, &second]).x509_authorities().to_vec();
    let written = TrustBundle::new(domain(), x509, vec![jwt_authority("a"), jwt_authority("b")])
        .unwrap()
        .with_sequence(u64::MAX)
        .with_refresh_hint(Duration::from_secs(300));
    let read = TrustBundle::from_jwk_set(domain(), written.to_jwk_set().as_bytes()).unwrap();
    assert_eq!(read, written);
    assert_eq!((read.sequence(), read.refresh_hint()), (Some(u64::MAX), Some(Duration::from_secs(300))));
}

#[test]
fn keys_of_every_served_kind_read_back() {
    let algorithms = [&rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519, &rcgen::PKCS_RSA_SHA256];
    let kinds = ["EC", "OKP", "RSA"];
    for (algorithm, kind) in algorithms.into_iter().zip(kinds) {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let written = Authority::self_signed(signer("spiffe://td"), key).bundle("td");
        let text = written.to_jwk_set();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["keys"][0]["kty"], kind);
        assert_eq!(TrustBundle::from_jwk_set(domain(), text.as_bytes()).unwrap(), written);
    }
}

/// Trust Domain and Bundle §4.1.1.
#[test]
fn the_sequence_must_be_an_integer_of_64_bits() {
    let set = |sequence: Value| json!({"keys": [], "spiffe_sequence": sequence});
    assert_eq!(parse(&set(json!(u64::MAX))).unwrap().sequence(), Some(u64::MAX));
    assert_eq!(parse(&json!({"keys": []})).unwrap().sequence(), None);
    for bad in [json!("1"), json!(1.5), json!(-1), json!(null), json!(true), json!([1]), json!(1e30)] {
        assert!(matches!(refusal(&set(bad.clone())), InvalidBundle::Json(_)), "{bad}");
    }
}

/// Trust Domain and Bundle §4.1.2.
#[test]
fn the_refresh_hint_must_be_an_integer() {
    let set = |hint: Value| json!({"keys": [], "spiffe_refresh_hint": hint});
    assert_eq!(parse(&set(json!(60))).unwrap().refresh_hint(), Some(Duration::from_secs(60)));
    for bad in [json!("60"), json!(0.5), json!(-60), json!(null)] {
        assert!(matches!(refusal(&set(bad.clone())), InvalidBundle::Json(_)), "{bad}");
    }
}

/// Trust Domain and Bundle §4.1.3.
#[test]
fn the_keys_must_be_there_and_may_be_none() {
    assert!(matches!(refusal(&json!({})), InvalidBundle::Json(_)));
    assert!(matches!(refusal(&json!({"keys": null})), InvalidBundle::Json(_)));
    assert!(matches!(refusal(&json!({"keys": {}})), InvalidBundle::Json(_)));
    assert_eq!(counts(&json!({"keys": []})), (0, 0));
}

/// Trust Domain and Bundle §4.1.
#[test]
fn parameters_that_are_not_known_are_passed_over() {
    let jwk = with(&x509_jwk(&Authority::root("spiffe://td")), "future", json!({"a": 1}));
    assert_eq!(counts(&json!({"keys": [jwk], "other": [1], "spiffe_more": null})), (1, 0));
}

/// Trust Domain and Bundle §4.2.1.
#[test]
fn a_key_without_a_type_or_of_an_unknown_one_must_be_ignored() {
    let jwk = x509_jwk(&Authority::root("spiffe://td"));
    let odd = [without(&jwk, "kty"), with(&jwk, "kty", "AKP"), with(&jwk, "kty", 1), with(&jwk, "kty", "ec")];
    for bad in odd {
        assert_eq!(counts(&json!({"keys": [bad, jwk]})), (1, 0));
    }
    let future = json!({"kty": "AKP", "use": "jwt-svid", "x": {"not": "text"}});
    let other_curve =
        json!({"kty": "EC", "crv": "secp256k1", "use": "jwt-svid", "kid": "k", "x": "AA", "y": "AA"});
    let edwards = json!({"kty": "OKP", "crv": "Ed25519", "use": "jwt-svid", "kid": "k", "x": "AA"});
    assert_eq!(counts(&json!({"keys": [future, other_curve, edwards]})), (0, 0));
}

/// Trust Domain and Bundle §4.2.2.
#[test]
fn a_key_without_a_use_or_of_an_unknown_one_must_be_ignored() {
    let jwk = x509_jwk(&Authority::root("spiffe://td"));
    let odd = [
        without(&jwk, "use"),
        with(&jwk, "use", "sig"),
        with(&jwk, "use", "X509-SVID"),
        with(&jwk, "use", 1),
    ];
    for bad in odd {
        assert_eq!(counts(&json!({"keys": [bad, jwk]})), (1, 0));
    }
}

/// X509-SVID §6.1.
#[test]
fn an_x509_authority_is_written_with_its_use_one_certificate_and_no_key_id() {
    let root = Authority::root("spiffe://td");
    let jwk = x509_jwk(&root);
    assert_eq!(jwk["use"], "x509-svid");
    assert_eq!(jwk["x5c"], json!([STANDARD.encode(&root.der)]));
    assert_eq!((&jwk["kty"], &jwk["crv"]), (&json!("EC"), &json!("P-256")));
    let names: Vec<&String> = jwk.as_object().unwrap().keys().collect();
    assert_eq!(names, ["crv", "kty", "use", "x", "x5c", "y"]);
}

/// X509-SVID §6.2.
#[test]
fn an_x509_key_without_a_certificate_must_be_ignored() {
    let jwk = x509_jwk(&Authority::root("spiffe://td"));
    let empty = with(&jwk, "x5c", json!([]));
    assert_eq!(counts(&json!({"keys": [without(&jwk, "x5c"), empty, jwk]})), (1, 0));
}

/// X509-SVID §6.2.
#[test]
fn of_several_certificates_all_but_the_first_must_be_ignored() {
    let (first, second) = (Authority::root("spiffe://td"), Authority::root("spiffe://td"));
    let both = json!([STANDARD.encode(&first.der), STANDARD.encode(&second.der)]);
    let bundle = parse(&json!({"keys": [with(&x509_jwk(&first), "x5c", both)]})).unwrap();
    assert_eq!(bundle, first.bundle("td"));
    let rubbish = json!([STANDARD.encode(&first.der), 7, "rubbish"]);
    assert_eq!(counts(&json!({"keys": [with(&x509_jwk(&first), "x5c", rubbish)]})), (1, 0));
}

#[test]
fn a_certificate_that_may_not_sign_refuses_the_bundle() {
    let root = Authority::root("spiffe://td");
    let good = x509_jwk(&root);
    let leaf = root.sign(&leaf("spiffe://td/a")).der;
    let set = |x5c: Value| json!({"keys": [without(&without(&with(&good, "x5c", x5c), "x"), "y")]});
    let refused = refusal(&set(json!([STANDARD.encode(&leaf)])));
    let source = InvalidSvid::BasicConstraints { is_ca: false };
    assert!(matches!(refused, InvalidBundle::Certificate { index: 0, source: s } if s == source));
    let rubbish = refusal(&set(json!([STANDARD.encode(b"rubbish")])));
    assert!(matches!(rubbish, InvalidBundle::Certificate { source: InvalidSvid::Malformed, .. }));
    // base64url is another alphabet (RFC 7517 §4.7).
    for bad in [json!(["*"]), json!([7]), json!("text"), json!([URL_SAFE_NO_PAD.encode(&root.der)])] {
        assert!(matches!(refusal(&set(bad.clone())), InvalidBundle::X5c { index: 0 }), "{bad}");
    }
}

/// RFC 7517 §4.7.
#[test]
fn the_key_of_the_certificate_must_be_the_key_of_the_jwk() {
    let (root, other) = (Authority::root("spiffe://td"), Authority::root("spiffe://td"));
    let mixed = with(&x509_jwk(&root), "x", x509_jwk(&other)["x"].clone());
    assert!(matches!(refusal(&json!({"keys": [mixed]})), InvalidBundle::OtherKey { index: 0 }));
}

/// JWT-SVID §6.1.
#[test]
fn a_jwt_authority_must_have_its_use_and_a_key_id() {
    let jwk = jwt_jwk("k1");
    assert_eq!((&jwk["use"], &jwk["kid"]), (&json!("jwt-svid"), &json!("k1")));
    assert_eq!(counts(&json!({"keys": [jwk]})), (0, 1));
    for bad in [without(&jwk, "kid"), with(&jwk, "kid", ""), with(&jwk, "kid", 1)] {
        assert!(matches!(refusal(&json!({"keys": [bad]})), InvalidBundle::NoKeyId { index: 0 }));
    }
}

#[test]
fn a_private_member_of_a_foreign_key_is_not_passed_on() {
    let bundle = parse(&json!({"keys": [with(&jwt_jwk("k1"), "d", "secret")]})).unwrap();
    assert!(!bundle.to_jwk_set().contains("secret"));
}

#[test]
fn an_unsound_jwt_key_refuses_the_bundle() {
    let jwk = jwt_jwk("k1");
    let short_rsa = json!({"kty": "RSA", "use": "jwt-svid", "kid": "k", "n": URL_SAFE_NO_PAD.encode([0xff; 128]), "e": "AQAB"});
    for bad in [with(&jwk, "x", "AAAA"), without(&jwk, "y"), with(&jwk, "alg", "none"), short_rsa] {
        assert!(matches!(refusal(&json!({"keys": [bad]})), InvalidBundle::Key { index: 0 }), "{bad}");
    }
}

#[test]
fn a_key_that_stands_twice_refuses_the_bundle() {
    let jwk = x509_jwk(&Authority::root("spiffe://td"));
    assert!(matches!(refusal(&json!({"keys": [jwk, jwk]})), InvalidBundle::Twice));
    // Two keys of one id: which of them a token names could not be told.
    assert!(matches!(refusal(&json!({"keys": [jwt_jwk("k"), jwt_jwk("k")]})), InvalidBundle::Twice));
}

/// Trust Domain and Bundle §6.3.
#[test]
fn a_name_that_stands_twice_refuses_the_bundle() {
    for text in [
        r#"{"keys": [], "keys": []}"#,
        r#"{"keys": [], "spiffe_sequence": 1, "spiffe_sequence": 2}"#,
        r#"{"keys": [{"kty": "EC", "use": "jwt-svid", "use": "x509-svid"}]}"#,
    ] {
        let found = TrustBundle::from_jwk_set(domain(), text.as_bytes());
        assert!(matches!(found, Err(InvalidBundle::Json(_))), "{text}");
    }
}

#[test]
fn a_bundle_is_bounded_in_bytes_and_keys() {
    let large = vec![b' '; TrustBundle::BYTES_MAX + 1];
    assert!(matches!(TrustBundle::from_jwk_set(domain(), &large), Err(InvalidBundle::TooLarge)));
    let many = json!({"keys": vec![json!({"kty": "x"}); 101]});
    assert!(matches!(refusal(&many), InvalidBundle::TooManyKeys { found: 101 }));
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}") {
        let _ = TrustBundle::from_jwk_set(domain(), text.as_bytes());
        let jwk = format!(r#"{{"keys":[{{"kty":"EC","use":"x509-svid","x5c":[{text:?}]}}]}}"#);
        let _ = TrustBundle::from_jwk_set(domain(), jwk.as_bytes());
    }
}
