use std::sync::Arc;

use policy::id::Name;
use proxy::tls::{PeerRole, PeerRule, SpiffeVerifier, TrustBounds, TrustBundle, TrustBundles};

use super::*;
use crate::authority::core::rotation::{Instance, Rotation, Serial};

const DAY: Duration = Duration::from_secs(86_400);

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn domain() -> TrustDomain {
    "east".parse().unwrap()
}

fn holder() -> Instance {
    Instance { id: "spiffe://east/ns/shop/sa/cart".parse().unwrap(), name: "one".parse::<Name>().unwrap() }
}

/// A site with one active authority of each kind.
struct Site {
    rotation: Rotation,
    x509: X509Signer,
    jwt: JwtSigner,
}

impl Site {
    fn new() -> Self {
        let x509 = X509Signer::make_root(&domain(), now(), DAY * 365).unwrap();
        let jwt = jwt_signer();
        let mut rotation = Rotation::default();
        for (id, kind) in [(x509.id(), SvidKind::X509), (jwt.id(), SvidKind::Jwt)] {
            rotation.prepare(id.clone(), kind, now() + DAY * 365).unwrap();
            rotation.activate(id, now()).unwrap();
        }
        Self { rotation, x509, jwt }
    }

    fn permit(&mut self, kind: SvidKind) -> Permit {
        let serial = Serial::from_random([0xff; 16]);
        self.rotation.permit(kind, holder(), serial, DAY / 2, now()).unwrap()
    }

    /// Whoever trusts this site, by the text of its bundle.
    fn trust(&self) -> Arc<TrustBundles> {
        let x509 = vec![self.x509.certificate().clone()];
        let bundle = TrustBundle::new(domain(), x509, vec![self.jwt.authority().clone()]).unwrap();
        let text = bundle.with_sequence(self.rotation.sequence().0).to_jwk_set();
        let trust = TrustBundles::default();
        trust.trust(TrustBundle::from_jwk_set(domain(), text.as_bytes()).unwrap(), TrustBounds::default());
        Arc::new(trust)
    }
}

fn jwt_signer() -> JwtSigner {
    JwtSigner::new(&KeyPair::generate().unwrap().serialize_der()).unwrap()
}

fn request(params: CertificateParams, key: &KeyPair) -> Vec<u8> {
    params.serialize_request(key).unwrap().der().to_vec()
}

fn plain_request() -> Vec<u8> {
    request(CertificateParams::default(), &KeyPair::generate().unwrap())
}

/// X509-SVID §2 to §5.
#[test]
fn an_issued_x509_svid_is_believed_under_the_site_s_bundle_for_its_life() {
    let mut site = Site::new();
    let permit = site.permit(SvidKind::X509);
    let issued = site.x509.sign(permit, &plain_request()).unwrap();
    assert_eq!(issued.svid.id(), &holder().id);
    assert_eq!(issued.svid.not_after(), now() + DAY / 2);
    let verifier = SpiffeVerifier::new(site.trust(), PeerRule::AnyTrusted);
    for role in [PeerRole::Client, PeerRole::Server] {
        // A peer whose clock is ten minutes behind, too.
        for at in [now(), now() - Duration::from_secs(600), now() + DAY / 2] {
            assert_eq!(verifier.verify(&issued.certificate, &[], role, at).unwrap(), issued.svid);
        }
        let late = now() + DAY / 2 + Duration::from_secs(1);
        assert!(verifier.verify(&issued.certificate, &[], role, late).is_err());
    }
}

#[test]
fn a_certificate_has_the_serial_number_that_was_recorded_and_it_is_positive() {
    let mut site = Site::new();
    let permit = site.permit(SvidKind::X509);
    let serial = permit.serial();
    let issued = site.x509.sign(permit, &plain_request()).unwrap();
    let (_, certificate) = x509_parser::certificate::X509Certificate::from_der(&issued.certificate).unwrap();
    assert_eq!(certificate.raw_serial(), serial.as_bytes());
    assert_eq!(serial.as_bytes()[0], 0x7f);
}

/// Of a request, the key alone counts.
#[test]
fn a_request_does_not_choose_its_name_or_its_powers() {
    let mut site = Site::new();
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI("spiffe://east/admin".try_into().unwrap())];
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let key = KeyPair::generate().unwrap();
    let permit = site.permit(SvidKind::X509);
    let issued = site.x509.sign(permit, &request(params, &key)).unwrap();
    assert_eq!(issued.svid.id(), &holder().id);
    let (_, certificate) = x509_parser::certificate::X509Certificate::from_der(&issued.certificate).unwrap();
    assert_eq!(certificate.public_key().subject_public_key.data.as_ref(), key.public_key_raw());
}

#[test]
fn a_request_that_does_not_prove_its_key_is_refused() {
    let mut site = Site::new();
    let mut forged = plain_request();
    *forged.last_mut().unwrap() ^= 1;
    let good = plain_request();
    for bad in [forged, good[..good.len() - 1].to_vec(), Vec::new(), vec![0x30; CSR_BYTES_MAX + 1]] {
        let permit = site.permit(SvidKind::X509);
        assert!(matches!(site.x509.sign(permit, &bad), Err(IssueError::Request)));
    }
}

#[test]
fn keys_of_other_kinds_get_no_svid() {
    let mut site = Site::new();
    for kind in [&rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519] {
        let key = KeyPair::generate_for(kind).unwrap();
        let permit = site.permit(SvidKind::X509);
        let refused = site.x509.sign(permit, &request(CertificateParams::default(), &key));
        assert!(matches!(refused, Err(IssueError::KeyKind)), "{kind:?}");
    }
}

#[test]
fn a_permit_for_another_authority_signs_nothing() {
    let mut site = Site::new();
    let stranger = X509Signer::make_root(&domain(), now(), DAY).unwrap();
    let permit = site.permit(SvidKind::X509);
    assert!(matches!(stranger.sign(permit, &plain_request()), Err(IssueError::OtherAuthority(_))));
    let permit = site.permit(SvidKind::Jwt);
    assert!(matches!(site.x509.sign(permit, &plain_request()), Err(IssueError::OtherAuthority(_))));
    let permit = site.permit(SvidKind::X509);
    assert!(matches!(site.jwt.sign(permit, &["shop"]), Err(IssueError::OtherAuthority(_))));
    let permit = site.permit(SvidKind::Jwt);
    assert!(matches!(jwt_signer().sign(permit, &["shop"]), Err(IssueError::OtherAuthority(_))));
}

/// JWT-SVID §2 to §4.
#[test]
fn an_issued_jwt_svid_is_believed_under_the_site_s_bundle_by_its_audience() {
    let mut site = Site::new();
    let permit = site.permit(SvidKind::Jwt);
    let token = site.jwt.sign(permit, &["shop"]).unwrap();
    let trust = site.trust();
    let svid = trust.verify_jwt_svid(&token, &["shop"], now()).unwrap();
    assert_eq!((svid.id(), svid.expires()), (&holder().id, now() + Duration::from_secs(3600)));
    assert!(trust.verify_jwt_svid(&token, &["desk"], now()).is_err());
    assert!(trust.verify_jwt_svid(&token, &["shop"], now() + Duration::from_secs(3661)).is_err());
}

/// JWT-SVID §3.2.
#[test]
fn a_token_must_have_an_audience() {
    let mut site = Site::new();
    for none in [&[][..], &[""][..]] {
        let permit = site.permit(SvidKind::Jwt);
        assert!(matches!(site.jwt.sign(permit, none), Err(IssueError::NoAudience)));
    }
}

#[test]
fn a_signer_is_made_again_from_its_certificate_and_key() {
    let mut site = Site::new();
    let key = KeyPair::try_from(site.x509.issuer.key().serialize_der()).unwrap();
    let again = X509Signer::new(site.x509.certificate().der(), key).unwrap();
    assert_eq!(again.id(), site.x509.id());
    let permit = site.permit(SvidKind::X509);
    let issued = again.sign(permit, &plain_request()).unwrap();
    let verifier = SpiffeVerifier::new(site.trust(), PeerRule::AnyTrusted);
    assert!(verifier.verify(&issued.certificate, &[], PeerRole::Client, now()).is_ok());
}

#[test]
fn a_leaf_s_certificate_makes_no_signer() {
    let mut site = Site::new();
    let key = KeyPair::generate().unwrap();
    let permit = site.permit(SvidKind::X509);
    let leaf = site.x509.sign(permit, &request(CertificateParams::default(), &key)).unwrap();
    assert!(X509Signer::new(&leaf.certificate, key).is_err());
}
