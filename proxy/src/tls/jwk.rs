//! The public key of a certificate as the members of a JWK (RFC 7518 §6, RFC 8037 §2).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_NIST_EC_P521, OID_PKCS1_RSAENCRYPTION,
    OID_SIG_ED25519,
};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

/// `kty` and what goes with it.
pub(super) type PublicMembers = BTreeMap<&'static str, String>;

/// The members of a key of a kind that is served, else nothing.
pub(super) fn public_members(key: &SubjectPublicKeyInfo<'_>) -> Option<PublicMembers> {
    let kind = &key.algorithm.algorithm;
    let bytes = key.subject_public_key.data.as_ref();
    if *kind == OID_PKCS1_RSAENCRYPTION {
        let PublicKey::RSA(key) = key.parsed().ok()? else { return None };
        return Some([("kty", "RSA".into()), ("n", number(key.modulus)), ("e", number(key.exponent))].into());
    }
    if *kind == OID_SIG_ED25519 {
        return Some([("kty", "OKP".into()), ("crv", "Ed25519".into()), ("x", base64(bytes))].into());
    }
    if *kind != OID_KEY_TYPE_EC_PUBLIC_KEY {
        return None;
    }
    let curve = key.algorithm.parameters.as_ref()?.as_oid().ok()?;
    let (name, size) = match () {
        () if curve == OID_EC_P256 => ("P-256", 32),
        () if curve == OID_NIST_EC_P384 => ("P-384", 48),
        () if curve == OID_NIST_EC_P521 => ("P-521", 66),
        () => return None,
    };
    // SEC 1 §2.3.3, uncompressed.
    let (x, y) = bytes.strip_prefix(&[4]).filter(|point| point.len() == 2 * size)?.split_at(size);
    Some([("kty", "EC".into()), ("crv", name.into()), ("x", base64(x)), ("y", base64(y))].into())
}

/// RFC 7518 §2, Base64urlUInt: without leading zeros.
fn number(bytes: &[u8]) -> String {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    base64(&bytes[zeros..])
}

fn base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
