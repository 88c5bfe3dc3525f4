//! X509-SVID §2 to §5, rule by rule, on certificates made to break each.

use policy::id::InvalidTrustDomain;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SanType,
    SubjectPublicKeyInfo,
};

use super::*;
use crate::tls::tests::{Authority, HOUR, extension, leaf, now, read, signer, uri};

const ID: &str = "spiffe://td/a";
const KEY_USAGE: &[u64] = &[2, 5, 29, 15];
const SUBJECT_ALT_NAME: &[u64] = &[2, 5, 29, 17];
const BASIC_CONSTRAINTS: &[u64] = &[2, 5, 29, 19];
const EXTENDED_KEY_USAGE: &[u64] = &[2, 5, 29, 37];
/// A BIT STRING with the first bit set.
const DIGITAL_SIGNATURE: &[u8] = &[3, 2, 7, 0x80];

/// A good leaf, made worse.
fn refusal(change: impl FnOnce(&mut CertificateParams)) -> InvalidSvid {
    let mut params = leaf(ID);
    change(&mut params);
    read(&params).unwrap_err()
}

/// A good leaf, made different.
fn taken(change: impl FnOnce(&mut CertificateParams)) -> X509Svid {
    let mut params = leaf(ID);
    change(&mut params);
    read(&params).unwrap()
}

fn signing(change: impl FnOnce(&mut CertificateParams)) -> Result<SigningCertificate, InvalidSvid> {
    let mut params = signer("spiffe://td");
    change(&mut params);
    SigningCertificate::from_der(&Authority::self_signed(params, rcgen::KeyPair::generate().unwrap()).der)
}

#[test]
fn a_good_leaf_says_who_it_is_and_for_how_long() {
    let svid = taken(|_| {});
    assert_eq!(svid.id().as_str(), ID);
    assert_eq!(svid.validity(), Validity { not_before: now() - HOUR, not_after: now() + HOUR });
    assert!(svid.validity().contains(now() + HOUR) && svid.validity().contains(now() - HOUR));
    assert!(!svid.validity().contains(now() + HOUR + std::time::Duration::from_secs(1)));
    assert_eq!(svid.not_after(), now() + HOUR);
}

/// X509-SVID §2.
#[test]
fn an_svid_must_have_exactly_one_uri_san() {
    let none = refusal(|params| params.subject_alt_names = vec![SanType::DnsName("td".try_into().unwrap())]);
    assert_eq!(none, InvalidSvid::UriSans { found: 0 });
    assert_eq!(refusal(|params| params.subject_alt_names.clear()), InvalidSvid::UriSans { found: 0 });
    let two = refusal(|params| params.subject_alt_names.push(uri("spiffe://td/b")));
    assert_eq!(two, InvalidSvid::UriSans { found: 2 });
    let with_a_web_address = refusal(|params| params.subject_alt_names.push(uri("https://td/a")));
    assert_eq!(with_a_web_address, InvalidSvid::UriSans { found: 2 });
    let the_same_twice = refusal(|params| params.subject_alt_names.push(uri(ID)));
    assert_eq!(the_same_twice, InvalidSvid::UriSans { found: 2 });
}

/// X509-SVID §2.
#[test]
fn an_svid_may_have_sans_of_other_kinds() {
    let svid = taken(|params| {
        params.subject_alt_names.push(SanType::DnsName("a.example".try_into().unwrap()));
        params.subject_alt_names.push(SanType::IpAddress([10, 0, 0, 7].into()));
    });
    assert_eq!(svid.id().as_str(), ID);
}

#[test]
fn a_name_that_is_no_uri_san_is_no_identity() {
    let common_name = refusal(|params| {
        params.subject_alt_names.clear();
        params.distinguished_name.push(DnType::CommonName, ID);
    });
    assert_eq!(common_name, InvalidSvid::UriSans { found: 0 });
    let dns = refusal(|params| params.subject_alt_names = vec![SanType::DnsName(ID.try_into().unwrap())]);
    assert_eq!(dns, InvalidSvid::UriSans { found: 0 });
    // otherName with the text of an ID.
    let other =
        [&[0x30, 0x17, 0xa0, 0x15, 0x06, 0x02, 0x2a, 0x03, 0xa0, 0x0f, 0x0c, 13], ID.as_bytes()].concat();
    let other = refusal(|params| {
        params.subject_alt_names.clear();
        params.custom_extensions.push(extension(SUBJECT_ALT_NAME, &other, true));
    });
    assert_eq!(other, InvalidSvid::UriSans { found: 0 });
}

/// X509-SVID §5.2 and SPIFFE-ID §2.
#[test]
fn the_uri_must_be_a_spiffe_id() {
    for bad in [
        "https://td/a",
        "spiffe://TD/a",
        "SPIFFE://td/a",
        "spiffe://td/a/",
        "spiffe://td/../a",
        "spiffe://td/a%2fb",
        "spiffe://td:443/a",
        "spiffe://me@td/a",
        "spiffe://td/a?q",
        "spiffe://td/a#f",
        "spiffe://td/a b",
        "spiffe:///a",
        "spiffe://td/*",
        "spiffe://*/a",
        "spiffe://td/a\0",
        "spiffe://td/a\0.example/b",
        "",
    ] {
        let found = refusal(|params| params.subject_alt_names = vec![uri(bad)]);
        assert!(matches!(found, InvalidSvid::SpiffeId(_)), "{bad:?}: {found:?}");
    }
    let upper = refusal(|params| params.subject_alt_names = vec![uri("spiffe://TD/a")]);
    assert_eq!(upper, InvalidSvid::SpiffeId(InvalidTrustDomain::Character { found: 'T' }.into()));
    let long = format!("spiffe://td/{}", "a".repeat(2048));
    let long = refusal(|params| params.subject_alt_names = vec![uri(&long)]);
    assert_eq!(long, InvalidSvid::SpiffeId(InvalidSpiffeId::TooLong { len_bytes: 2060 }));
}

/// X509-SVID §3.1 and §5.2.
#[test]
fn the_id_of_a_leaf_must_have_a_path() {
    let found = refusal(|params| params.subject_alt_names = vec![uri("spiffe://td")]);
    assert_eq!(found, InvalidSvid::NoPath("spiffe://td".parse().unwrap()));
}

/// X509-SVID §3.1.
#[test]
fn the_san_must_be_critical_where_there_is_no_subject() {
    let san = [&[0x30, 15, 0x86, 13], ID.as_bytes()].concat();
    let plain = |params: &mut CertificateParams| {
        params.subject_alt_names.clear();
        params.custom_extensions.push(extension(SUBJECT_ALT_NAME, &san, false));
    };
    assert_eq!(refusal(plain), InvalidSvid::SanNotCritical);
    let with_subject = taken(|params| {
        plain(params);
        params.distinguished_name.push(DnType::CommonName, "a");
    });
    assert_eq!(with_subject.id().as_str(), ID);
}

/// X509-SVID §4.1 and §5.2.
#[test]
fn a_leaf_must_not_be_a_ca() {
    let found = refusal(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    assert_eq!(found, InvalidSvid::BasicConstraints { is_ca: true });
    // What says nothing says no (RFC 5280 §4.2.1.9).
    assert_eq!(taken(|params| params.is_ca = IsCa::NoCa).id().as_str(), ID);
}

/// X509-SVID §4.3.
#[test]
fn the_key_usage_must_be_set() {
    assert_eq!(refusal(|params| params.key_usages.clear()), InvalidSvid::NoKeyUsage);
    assert_eq!(signing(|params| params.key_usages.clear()), Err(InvalidSvid::NoKeyUsage));
}

/// X509-SVID §4.3.
#[test]
fn the_key_usage_must_be_critical() {
    let usage = |bits: &'static [u8], is_critical| {
        move |params: &mut CertificateParams| {
            params.key_usages.clear();
            params.custom_extensions.push(extension(KEY_USAGE, bits, is_critical));
        }
    };
    assert_eq!(refusal(usage(DIGITAL_SIGNATURE, false)), InvalidSvid::KeyUsageNotCritical);
    assert_eq!(taken(usage(DIGITAL_SIGNATURE, true)).id().as_str(), ID);
    // keyCertSign is the sixth bit.
    assert_eq!(signing(usage(&[3, 2, 2, 4], false)), Err(InvalidSvid::KeyUsageNotCritical));
    assert!(signing(usage(&[3, 2, 2, 4], true)).is_ok());
}

/// X509-SVID §4.3.
#[test]
fn a_leaf_must_have_digital_signature() {
    let found = refusal(|params| params.key_usages = vec![KeyUsagePurpose::KeyAgreement]);
    assert_eq!(found, InvalidSvid::KeyUsageLacks("digitalSignature"));
    let more = taken(|params| {
        params.key_usages.extend([KeyUsagePurpose::KeyAgreement, KeyUsagePurpose::KeyEncipherment]);
    });
    assert_eq!(more.id().as_str(), ID);
}

/// X509-SVID §4.3 and §5.2.
#[test]
fn a_leaf_must_not_have_key_cert_sign_or_crl_sign() {
    let cert_sign = refusal(|params| params.key_usages.push(KeyUsagePurpose::KeyCertSign));
    assert_eq!(cert_sign, InvalidSvid::KeyUsageHas("keyCertSign"));
    let crl_sign = refusal(|params| params.key_usages.push(KeyUsagePurpose::CrlSign));
    assert_eq!(crl_sign, InvalidSvid::KeyUsageHas("cRLSign"));
}

/// X509-SVID §4.4.
#[test]
fn an_extended_key_usage_of_a_leaf_must_have_both_authentication_purposes() {
    use ExtendedKeyUsagePurpose::{Any, ClientAuth, CodeSigning, ServerAuth};
    for half in [vec![ServerAuth], vec![ClientAuth], vec![Any], vec![CodeSigning], vec![ClientAuth, Any]] {
        let found = refusal(|params| params.extended_key_usages = half.clone());
        assert_eq!(found, InvalidSvid::ExtendedKeyUsage, "{half:?}");
    }
    assert_eq!(taken(|params| params.extended_key_usages.clear()).id().as_str(), ID);
    assert_eq!(taken(|params| params.extended_key_usages.push(CodeSigning)).id().as_str(), ID);
}

#[test]
fn an_extension_that_cannot_be_read_is_not_taken_for_absent() {
    let garbage = |oid: &'static [u64]| {
        refusal(move |params| {
            match oid {
                KEY_USAGE => params.key_usages.clear(),
                SUBJECT_ALT_NAME => params.subject_alt_names.clear(),
                BASIC_CONSTRAINTS => params.is_ca = IsCa::NoCa,
                _ => params.extended_key_usages.clear(),
            }
            params.custom_extensions.push(extension(oid, &[0x30, 0x05, 0x01], true));
        })
    };
    for oid in [KEY_USAGE, SUBJECT_ALT_NAME, BASIC_CONSTRAINTS, EXTENDED_KEY_USAGE] {
        assert_eq!(garbage(oid), InvalidSvid::Malformed, "{oid:?}");
    }
}

#[test]
fn an_extension_that_stands_twice_refuses_the_certificate() {
    let twice = refusal(|params| {
        params.custom_extensions.push(extension(KEY_USAGE, DIGITAL_SIGNATURE, true));
    });
    assert_eq!(twice, InvalidSvid::Malformed);
    let san = [&[0x30, 15, 0x86, 13], ID.as_bytes()].concat();
    let two_sans = refusal(|params| params.custom_extensions.push(extension(SUBJECT_ALT_NAME, &san, true)));
    assert_eq!(two_sans, InvalidSvid::Malformed);
}

#[test]
fn a_certificate_of_a_megabyte_is_refused_unread() {
    let found = refusal(|params| {
        params.custom_extensions.push(extension(&[1, 2, 3], &vec![0; 1 << 20], false));
    });
    assert!(matches!(found, InvalidSvid::TooLarge { len_bytes } if len_bytes > 1 << 20), "{found:?}");
}

#[test]
fn a_short_rsa_key_is_refused() {
    let short = rsa_key(128);
    let key = SubjectPublicKeyInfo::from_der(&short).unwrap();
    let der = Authority::root("spiffe://td").sign_for(&leaf(ID), &key);
    assert_eq!(X509Svid::from_der(&der), Err(InvalidSvid::RsaKey { bits: 1024 }));
    let key = rsa_key(256);
    let key = SubjectPublicKeyInfo::from_der(&key).unwrap();
    assert!(X509Svid::from_der(&Authority::root("spiffe://td").sign_for(&leaf(ID), &key)).is_ok());
}

#[test]
fn what_is_no_certificate_is_malformed() {
    let good = Authority::root("spiffe://td").sign(&leaf(ID)).der;
    for length in 0..good.len() {
        let cut = CertificateDer::from(&good[..length]);
        assert_eq!(X509Svid::from_der(&cut), Err(InvalidSvid::Malformed), "{length}");
    }
    let more = [&good[..], &[0]].concat();
    assert_eq!(X509Svid::from_der(&CertificateDer::from(more)), Err(InvalidSvid::Malformed));
}

/// X509-SVID §3.2 and §4.1.
#[test]
fn a_signing_certificate_must_be_a_ca() {
    assert!(signing(|_| {}).is_ok());
    let found = signing(|params| params.is_ca = IsCa::ExplicitNoCa);
    assert_eq!(found, Err(InvalidSvid::BasicConstraints { is_ca: false }));
}

/// X509-SVID §4.3.
#[test]
fn a_signing_certificate_must_have_key_cert_sign() {
    let found = signing(|params| params.key_usages = vec![KeyUsagePurpose::CrlSign]);
    assert_eq!(found, Err(InvalidSvid::KeyUsageLacks("keyCertSign")));
}

/// X509-SVID §3.2.
#[test]
fn the_id_of_a_signing_certificate_must_not_have_a_path() {
    let found = signing(|params| params.subject_alt_names = vec![uri(ID)]);
    assert_eq!(found, Err(InvalidSvid::Path(ID.parse().unwrap())));
    let malformed = signing(|params| params.subject_alt_names = vec![uri("spiffe://td/a/")]);
    assert_eq!(malformed, Err(InvalidSvid::Path(ID.parse().unwrap())));
    assert!(signing(|params| params.subject_alt_names = vec![uri("spiffe://td//")]).is_err());
    // It should be an SVID, and need not be; and the standard's example of one ends in a slash.
    assert!(signing(|params| params.subject_alt_names.clear()).is_ok());
    assert!(signing(|params| params.subject_alt_names = vec![uri("spiffe://td/")]).is_ok());
    assert!(signing(|params| params.subject_alt_names = vec![uri("https://pki.example/ca")]).is_ok());
}

/// X509-SVID §3.2.
#[test]
fn a_signing_certificate_is_no_leaf_and_a_leaf_is_no_signing_certificate() {
    let root = Authority::root("spiffe://td");
    assert!(X509Svid::from_der(&root.der).is_err());
    assert!(SigningCertificate::from_der(&root.sign(&leaf(ID)).der).is_err());
}

/// A SubjectPublicKeyInfo of a modulus of so many bytes.
fn rsa_key(modulus_bytes: u16) -> Vec<u8> {
    let integer = |bytes: &[u8]| [&[0x02, 0x82][..], &(bytes.len() as u16).to_be_bytes(), bytes].concat();
    let sequence =
        |tag: u8, inner: &[u8]| [&[tag, 0x82][..], &(inner.len() as u16).to_be_bytes(), inner].concat();
    let modulus = [&[0u8][..], &vec![0xff; modulus_bytes.into()]].concat();
    let key = sequence(0x30, &[integer(&modulus), vec![2, 3, 1, 0, 1]].concat());
    let algorithm = [0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
    let bits = sequence(0x03, &[&[0], key.as_slice()].concat());
    sequence(0x30, &[algorithm.as_slice(), &bits].concat())
}
