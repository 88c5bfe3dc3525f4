//! Identities, certificates and bundles of strangers. The first byte says what the rest is.
#![no_main]

use std::time::UNIX_EPOCH;

use libfuzzer_sys::fuzz_target;
use policy::id::{SpiffeId, TrustDomain};
use proxy::tls::{SigningCertificate, TrustBundle, TrustBundles, X509Svid};

fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = data.split_first() else { return };
    match kind {
        b'i' => id(rest),
        b'c' => certificate(rest),
        b'b' => bundle(rest),
        _ => token(rest),
    }
});

fn id(text: &[u8]) {
    let Ok(id) = String::from_utf8_lossy(text).parse::<SpiffeId>() else { return };
    assert_eq!(format!("spiffe://{}{}", id.trust_domain(), id.path()), id.as_str());
    assert!(id.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || b":/._-".contains(&byte)));
    assert!(!id.as_str().ends_with('/') && !id.path().contains("//") && !id.path().contains("/../"));
}

fn certificate(der: &[u8]) {
    let der = der.into();
    let (leaf, signer) = (X509Svid::from_der(&der), SigningCertificate::from_der(&der));
    assert!(leaf.is_err() || signer.is_err(), "a certificate identifies, or it signs");
    if let Ok(leaf) = leaf {
        assert!(!leaf.id().path().is_empty());
    }
}

fn bundle(json: &[u8]) {
    let domain: TrustDomain = "td".parse().expect("a trust domain");
    let Ok(bundle) = TrustBundle::from_jwk_set(domain.clone(), json) else { return };
    let written = bundle.to_jwk_set();
    let again = TrustBundle::from_jwk_set(domain, written.as_bytes()).expect("what we write is a bundle");
    assert_eq!(again, bundle);
}

fn token(text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    assert!(TrustBundles::default().verify_jwt_svid(&text, &["shop"], UNIX_EPOCH).is_err());
}
