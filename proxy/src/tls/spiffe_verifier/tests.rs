//! Peers that are believed, and the many that are not (X509-SVID §5, SPIFFE-ID §3.1, and attacks on others).

use std::time::Instant;

use rcgen::{
    BasicConstraints, CertificateParams, GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose, NameConstraints,
};

use super::*;
use crate::tls::tests::{Authority, HOUR, bundle, leaf, now, signer, uri};
use crate::tls::trust::{Reach, TrustBounds};
use crate::tls::{InvalidSvid, TrustBundle};

const ID: &str = "spiffe://east/a";

fn id(text: &str) -> SpiffeId {
    text.parse().unwrap()
}

fn trusting(bundles: Vec<TrustBundle>) -> Arc<TrustBundles> {
    let trust = TrustBundles::default();
    for bundle in bundles {
        trust.trust(bundle, TrustBounds::default());
    }
    Arc::new(trust)
}

fn any(trust: &Arc<TrustBundles>) -> SpiffeVerifier {
    SpiffeVerifier::new(Arc::clone(trust), PeerRule::AnyTrusted)
}

/// Both roles agree, but for the role itself.
fn judge(
    verifier: &SpiffeVerifier,
    leaf: &CertificateDer<'_>,
    intermediates: &[&Authority],
) -> Result<X509Svid, PeerRefusal> {
    let chain: Vec<_> = intermediates.iter().map(|one| one.der.clone()).collect();
    let as_client = verifier.verify(leaf, &chain, PeerRole::Client, now());
    let as_server = verifier.verify(leaf, &chain, PeerRole::Server, now());
    assert_eq!(as_client.is_ok(), as_server.is_ok());
    as_client
}

/// What a root of `east` says of a leaf that was made worse.
fn refusal(change: impl FnOnce(&mut CertificateParams)) -> PeerRefusal {
    let east = Authority::root("spiffe://east");
    let mut params = leaf(ID);
    change(&mut params);
    judge(&any(&trusting(vec![east.bundle("east")])), &east.sign(&params).der, &[]).unwrap_err()
}

fn path_error(refusal: PeerRefusal) -> webpki::Error {
    let PeerRefusal::Path { source, .. } = refusal else { panic!("{refusal:?}") };
    source
}

/// Nobody who is trusted signed it: there is no such name, or the name's key did not.
fn is_unproved(refusal: PeerRefusal) -> bool {
    matches!(path_error(refusal), webpki::Error::UnknownIssuer | webpki::Error::InvalidSignatureForPublicKey)
}

/// X509-SVID §5.1.
#[test]
fn a_leaf_of_its_trust_domain_s_root_is_who_it_says() {
    let east = Authority::root("spiffe://east");
    let verifier = any(&trusting(vec![east.bundle("east")]));
    let svid = judge(&verifier, &east.sign(&leaf(ID)).der, &[]).unwrap();
    assert_eq!(svid.id(), &id(ID));
    let between = east.intermediate(signer("spiffe://east"));
    assert_eq!(judge(&verifier, &between.sign(&leaf(ID)).der, &[&between]).unwrap().id(), &id(ID));
    let mut params = leaf(ID);
    params.extended_key_usages.clear();
    assert!(judge(&verifier, &east.sign(&params).der, &[]).is_ok());
}

/// SPIFFE-ID §3.1, Trust Domain and Bundle §3: bundles are never pooled.
#[test]
fn a_right_chain_under_another_trust_domain_s_root_is_refused() {
    let (east, west) = (Authority::root("spiffe://east"), Authority::root("spiffe://west"));
    let verifier = any(&trusting(vec![east.bundle("east"), west.bundle("west")]));
    let forged = west.sign(&leaf(ID)).der;
    assert!(is_unproved(judge(&verifier, &forged, &[]).unwrap_err()));
    let between = west.intermediate(signer("spiffe://east"));
    let forged = between.sign(&leaf(ID)).der;
    assert!(is_unproved(judge(&verifier, &forged, &[&between]).unwrap_err()));
    assert!(judge(&verifier, &west.sign(&leaf("spiffe://west/a")).der, &[]).is_ok());
}

#[test]
fn a_trust_domain_without_a_bundle_is_refused() {
    let east = Authority::root("spiffe://east");
    let found = judge(&any(&trusting(vec![])), &east.sign(&leaf(ID)).der, &[]);
    assert_eq!(found, Err(PeerRefusal::UnknownTrustDomain("east".parse().unwrap())));
}

/// Trust Domain and Bundle §4.1.3.
#[test]
fn under_an_empty_bundle_every_svid_must_be_untrusted() {
    let east = Authority::root("spiffe://east");
    let verifier = any(&trusting(vec![bundle("east", &[])]));
    let found = judge(&verifier, &east.sign(&leaf(ID)).der, &[]);
    assert_eq!(found, Err(PeerRefusal::NoAuthority("east".parse().unwrap())));
}

/// X509-SVID §3.2 and §5.2.
#[test]
fn a_signing_certificate_must_not_authenticate() {
    let east = Authority::root("spiffe://east");
    let verifier = any(&trusting(vec![east.bundle("east")]));
    let root = judge(&verifier, &east.der, &[]);
    assert!(matches!(root, Err(PeerRefusal::Svid(_))), "{root:?}");
    let mut params = signer(ID);
    params.key_usages.push(KeyUsagePurpose::DigitalSignature);
    let between = judge(&verifier, &east.sign(&params).der, &[]);
    assert_eq!(between, Err(PeerRefusal::Svid(InvalidSvid::BasicConstraints { is_ca: true })));
}

/// X509-SVID §5.2: what breaks a rule of leaves is refused though the right root signed it.
#[test]
fn a_leaf_that_breaks_a_rule_is_refused_whoever_signed_it() {
    let uris = refusal(|params| params.subject_alt_names.push(uri("spiffe://east/b")));
    assert_eq!(uris, PeerRefusal::Svid(InvalidSvid::UriSans { found: 2 }));
    let path = refusal(|params| params.subject_alt_names = vec![uri("spiffe://east")]);
    assert_eq!(path, PeerRefusal::Svid(InvalidSvid::NoPath(id("spiffe://east"))));
    let usage = refusal(|params| params.key_usages.push(KeyUsagePurpose::KeyCertSign));
    assert_eq!(usage, PeerRefusal::Svid(InvalidSvid::KeyUsageHas("keyCertSign")));
    let purposes = refusal(|params| params.extended_key_usages.truncate(1));
    assert_eq!(purposes, PeerRefusal::Svid(InvalidSvid::ExtendedKeyUsage));
}

/// X509-SVID §5.1, after RFC 5280 §6.1.3.
#[test]
fn a_leaf_out_of_its_dates_by_a_second_is_refused() {
    let second = Duration::from_secs(1);
    let expired = refusal(|params| params.not_after = (now() - second).into());
    assert!(matches!(path_error(expired), webpki::Error::CertExpired { .. }));
    let early = refusal(|params| params.not_before = (now() + second).into());
    assert!(matches!(path_error(early), webpki::Error::CertNotValidYet { .. }));
}

/// A trust anchor carries no dates in webpki, so a root's own are held here.
#[test]
fn an_authority_out_of_its_dates_proves_nothing() {
    let mut params = signer("spiffe://east");
    params.not_after = (now() - Duration::from_secs(1)).into();
    let expired = Authority::self_signed(params, KeyPair::generate().unwrap());
    let east = Authority::root("spiffe://east");
    let found = judge(&any(&trusting(vec![expired.bundle("east")])), &expired.sign(&leaf(ID)).der, &[]);
    assert_eq!(found, Err(PeerRefusal::NoAuthority("east".parse().unwrap())));
    let verifier = any(&trusting(vec![bundle("east", &[&expired, &east])]));
    assert!(is_unproved(judge(&verifier, &expired.sign(&leaf(ID)).der, &[]).unwrap_err()));
    assert!(judge(&verifier, &east.sign(&leaf(ID)).der, &[]).is_ok());
}

#[test]
fn an_expired_intermediate_is_refused() {
    let east = Authority::root("spiffe://east");
    let mut params = signer("spiffe://east");
    params.not_after = (now() - Duration::from_secs(1)).into();
    let between = east.intermediate(params);
    let verifier = any(&trusting(vec![east.bundle("east")]));
    assert!(judge(&verifier, &between.sign(&leaf(ID)).der, &[&between]).is_err());
}

/// X509-SVID §4.1: a leaf signs nothing.
#[test]
fn a_leaf_cannot_sign_a_leaf() {
    let east = Authority::root("spiffe://east");
    let between = east.intermediate(leaf("spiffe://east/gate"));
    let verifier = any(&trusting(vec![east.bundle("east")]));
    let found = judge(&verifier, &between.sign(&leaf(ID)).der, &[&between]).unwrap_err();
    assert_eq!(path_error(found), webpki::Error::EndEntityUsedAsCa);
}

/// X509-SVID §4.3: of a CA, webpki does not ask what its key may be used for.
#[test]
fn an_intermediate_without_key_cert_sign_is_refused() {
    let east = Authority::root("spiffe://east");
    let mut params = signer("spiffe://east");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let between = east.intermediate(params);
    let found = judge(&any(&trusting(vec![east.bundle("east")])), &between.sign(&leaf(ID)).der, &[&between]);
    let source = InvalidSvid::KeyUsageLacks("keyCertSign");
    assert_eq!(found, Err(PeerRefusal::Intermediate { id: id(ID), source }));
}

/// X509-SVID §3.2.
#[test]
fn an_intermediate_whose_id_has_a_path_is_refused() {
    let east = Authority::root("spiffe://east");
    let between = east.intermediate(signer("spiffe://east/gate"));
    let found = judge(&any(&trusting(vec![east.bundle("east")])), &between.sign(&leaf(ID)).der, &[&between]);
    let source = InvalidSvid::Path(id("spiffe://east/gate"));
    assert_eq!(found, Err(PeerRefusal::Intermediate { id: id(ID), source }));
}

/// X509-SVID §4.1: `pathLenConstraint`.
#[test]
fn a_path_longer_than_its_root_allows_is_refused() {
    let named = |name: &str| {
        let mut params = signer("spiffe://east");
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params
    };
    let mut params = named("first");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let east = Authority::root("spiffe://east");
    let first = east.intermediate(params);
    let second = first.intermediate(named("second"));
    let verifier = any(&trusting(vec![east.bundle("east")]));
    assert!(judge(&verifier, &first.sign(&leaf(ID)).der, &[&first]).is_ok());
    let found = judge(&verifier, &second.sign(&leaf(ID)).der, &[&second, &first]).unwrap_err();
    assert_eq!(path_error(found), webpki::Error::PathLenConstraintViolated);
}

/// X509-SVID §4.2: name constraints for URIs are not supported here, so a certificate under one is refused, not waved
/// through (RUSTSEC-2026-0098).
#[test]
fn a_name_constraint_for_uris_fails_closed() {
    // A URI as RFC 5280 §4.2.1.10 constrains it, by its host.
    let subtree = || GeneralSubtree::DnsName("east".into());
    let constrained = |constraints: NameConstraints| {
        let mut params = signer("spiffe://east");
        params.name_constraints = Some(constraints);
        Authority::self_signed(params, KeyPair::generate().unwrap())
    };
    // Constraints of other kinds do not touch the ID.
    let other =
        constrained(NameConstraints { permitted_subtrees: vec![subtree()], excluded_subtrees: vec![] });
    assert!(judge(&any(&trusting(vec![other.bundle("east")])), &other.sign(&leaf(ID)).der, &[]).is_ok());
    for (tag, host) in [(0xa0, "east"), (0xa0, "west"), (0xa1, "east"), (0xa1, "west")] {
        let root = constrained_by_uri(tag, host);
        let found = judge(&any(&trusting(vec![root.bundle("east")])), &root.sign(&leaf(ID)).der, &[]);
        assert_eq!(path_error(found.unwrap_err()), webpki::Error::NameConstraintViolation, "{tag:x} {host}");
    }
}

/// A root whose permitted (`0xa0`) or excluded (`0xa1`) subtree is one URI host.
fn constrained_by_uri(tag: u8, host: &str) -> Authority {
    let length = |inner: &[u8]| u8::try_from(inner.len()).unwrap();
    let tlv = |tag: u8, inner: &[u8]| [&[tag, length(inner)], inner].concat();
    let content = tlv(0x30, &tlv(tag, &tlv(0x30, &tlv(0x86, host.as_bytes()))));
    let mut params = signer("spiffe://east");
    params.custom_extensions.push(crate::tls::tests::extension(&[2, 5, 29, 30], &content, true));
    Authority::self_signed(params, KeyPair::generate().unwrap())
}

#[test]
fn a_critical_extension_that_is_not_known_is_refused() {
    let found = refusal(|params| {
        params.custom_extensions.push(crate::tls::tests::extension(&[1, 2, 3, 4], &[5, 0], true));
    });
    assert_eq!(path_error(found), webpki::Error::UnsupportedCriticalExtension);
}

#[test]
fn a_signature_with_sha1_is_refused() {
    let key = KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let east = Authority::self_signed(signer("spiffe://east"), key);
    let good = east.sign(&leaf(ID)).der;
    let verifier = any(&trusting(vec![east.bundle("east")]));
    assert!(judge(&verifier, &good, &[]).is_ok());
    // sha256WithRSAEncryption becomes sha1WithRSAEncryption, in both places.
    let mut der = good.to_vec();
    let algorithm = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11];
    let places: Vec<usize> = (0..der.len() - 9).filter(|at| der[*at..at + 9] == algorithm).collect();
    assert_eq!(places.len(), 2);
    for at in places {
        der[at + 8] = 5;
    }
    let found = path_error(judge(&verifier, &der.into(), &[]).unwrap_err());
    assert!(matches!(found, webpki::Error::UnsupportedSignatureAlgorithmContext(_)), "{found:?}");
}

#[test]
fn a_changed_byte_refuses_the_leaf() {
    let east = Authority::root("spiffe://east");
    let verifier = any(&trusting(vec![east.bundle("east")]));
    let good = east.sign(&leaf(ID)).der;
    for at in 0..good.len() {
        let mut der = good.to_vec();
        der[at] ^= 1;
        assert!(judge(&verifier, &der.into(), &[]).is_err(), "byte {at}");
    }
}

#[test]
fn a_chain_of_a_hundred_is_refused_unread() {
    let east = Authority::root("spiffe://east");
    let chain: Vec<&Authority> = vec![&east; 100];
    let found = judge(&any(&trusting(vec![east.bundle("east")])), &east.sign(&leaf(ID)).der, &chain);
    assert_eq!(found, Err(PeerRefusal::ChainTooLong { found: 100 }));
}

/// Many intermediates of one name: every order would be tried, were there no budget.
#[test]
fn a_maze_of_intermediates_ends_soon() {
    let east = Authority::root("spiffe://east");
    let stranger = Authority::root("spiffe://east");
    let maze: Vec<Authority> = (0..SpiffeVerifier::INTERMEDIATES_MAX)
        .map(|_| stranger.intermediate(signer("spiffe://east")))
        .collect();
    let maze: Vec<&Authority> = maze.iter().collect();
    let leaf = maze[0].sign(&leaf(ID)).der;
    #[expect(clippy::disallowed_methods, reason = "measures real work")]
    let start = Instant::now();
    assert!(judge(&any(&trusting(vec![east.bundle("east")])), &leaf, &maze).is_err());
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn trust_within_a_prefix_reaches_no_further() {
    let east = Authority::root("spiffe://east");
    let trust = TrustBundles::default();
    let reach = Reach::Within(vec!["spiffe://east/ns/shop".parse().unwrap()]);
    trust.trust(east.bundle("east"), TrustBounds { reach, until: None });
    let verifier = any(&Arc::new(trust));
    assert!(judge(&verifier, &east.sign(&leaf("spiffe://east/ns/shop/sa/cart")).der, &[]).is_ok());
    let outside = id("spiffe://east/ns/shopping/sa/cart");
    let found = judge(&verifier, &east.sign(&leaf(outside.as_str())).der, &[]);
    assert_eq!(found, Err(OutOfBounds::Outside(outside).into()));
}

#[test]
fn trust_ends_at_its_date() {
    let east = Authority::root("spiffe://east");
    let trust = TrustBundles::default();
    trust.trust(east.bundle("east"), TrustBounds { reach: Reach::Everything, until: Some(now()) });
    let verifier = any(&Arc::new(trust));
    let leaf = east.sign(&leaf(ID)).der;
    let before = now() - Duration::from_secs(1);
    assert!(verifier.verify(&leaf, &[], PeerRole::Client, before).is_ok());
    let found = verifier.verify(&leaf, &[], PeerRole::Client, now());
    assert_eq!(found, Err(OutOfBounds::Ended("east".parse().unwrap()).into()));
}

#[test]
fn only_the_peers_that_are_wanted_are_admitted() {
    let east = Authority::root("spiffe://east");
    let trust = trusting(vec![east.bundle("east")]);
    let (cart, pay) = (east.sign(&leaf("spiffe://east/cart")).der, east.sign(&leaf("spiffe://east/pay")).der);
    let one = SpiffeVerifier::new(Arc::clone(&trust), PeerRule::OneOf([id("spiffe://east/cart")].into()));
    let within = SpiffeVerifier::new(trust, PeerRule::Within(vec!["spiffe://east/cart".parse().unwrap()]));
    for verifier in [one, within] {
        assert!(judge(&verifier, &cart, &[]).is_ok());
        assert_eq!(judge(&verifier, &pay, &[]), Err(PeerRefusal::Unwanted(id("spiffe://east/pay"))));
    }
}

#[test]
fn a_change_of_trust_reaches_the_next_judgement() {
    let (old, new) = (Authority::root("spiffe://east"), Authority::root("spiffe://east"));
    let trust = trusting(vec![old.bundle("east").with_sequence(1)]);
    let verifier = any(&trust);
    let (before, after) = (old.sign(&leaf(ID)).der, new.sign(&leaf(ID)).der);
    assert!(judge(&verifier, &before, &[]).is_ok() && judge(&verifier, &after, &[]).is_err());
    trust.refresh(bundle("east", &[&old, &new]).with_sequence(2)).unwrap();
    assert!(judge(&verifier, &before, &[]).is_ok() && judge(&verifier, &after, &[]).is_ok());
    trust.refresh(new.bundle("east").with_sequence(3)).unwrap();
    assert!(judge(&verifier, &before, &[]).is_err() && judge(&verifier, &after, &[]).is_ok());
    trust.distrust(&"east".parse().unwrap());
    assert!(judge(&verifier, &after, &[]).is_err());
}

#[test]
fn what_operators_read_names_the_peer_and_the_cause() {
    let mut params = leaf(ID);
    params.not_after = (now() - HOUR / 2).into();
    let east = Authority::root("spiffe://east");
    let found = judge(&any(&trusting(vec![east.bundle("east")])), &east.sign(&params).der, &[]).unwrap_err();
    assert_eq!(found.to_string(), "spiffe://east/a is not proved by the bundle of its trust domain");
    let error = rustls::Error::from(found);
    assert_eq!(error, rustls::Error::InvalidCertificate(CertificateError::Expired));
    let unwanted = PeerRefusal::Unwanted(id(ID));
    let error = rustls::Error::from(unwanted.clone());
    assert_eq!(PeerRefusal::of_handshake(&error), Some(&unwanted));
    assert_eq!(unwanted.to_string(), "spiffe://east/a is not a peer that is wanted here");
    assert_eq!(PeerRefusal::of_handshake(&rustls::Error::DecryptError), None);
}
