//! Whole handshakes, both ends of them.

use std::time::Duration;

use policy::clock::ManualClock;
use rustls::{ClientConnection, HandshakeKind, ServerConnection};
use rustls_pki_types::ServerName;

use super::*;
use crate::tls::spiffe_verifier::{PeerRefusal, PeerRule};
use crate::tls::tests::{Authority, HOUR, Made, leaf, now};
use crate::tls::{TrustBounds, TrustBundles};

/// A process with an identity and a view of whom to trust.
struct End {
    trust: Arc<TrustBundles>,
    own: Arc<OwnSvid>,
    clock: Arc<ManualClock>,
}

impl End {
    fn new(trusted: &[(&str, &Authority)], own: Made) -> Self {
        let trust = TrustBundles::default();
        for (domain, authority) in trusted {
            trust.trust(authority.bundle(domain), TrustBounds::default());
        }
        let end = Self {
            trust: Arc::new(trust),
            own: Arc::default(),
            clock: Arc::new(ManualClock::starting_at(now())),
        };
        end.show(own);
        end
    }

    fn show(&self, made: Made) {
        self.own.set(vec![made.der], &made.key).unwrap();
    }

    fn verifier(&self) -> Arc<SpiffeVerifier> {
        Arc::new(SpiffeVerifier::new(Arc::clone(&self.trust), PeerRule::AnyTrusted))
    }

    fn server(&self) -> Arc<ServerConfig> {
        let own = Arc::clone(&self.own);
        Arc::new(spiffe_server_config(self.verifier(), own, Arc::clone(&self.clock) as _, &[b"test"]))
    }

    fn client(&self) -> Arc<ClientConfig> {
        let own = Arc::clone(&self.own);
        Arc::new(spiffe_client_config(self.verifier(), own, Arc::clone(&self.clock) as _, &[b"test"]))
    }
}

/// Who each end found, or the first refusal.
fn shake(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>) -> Result<(String, String), rustls::Error> {
    let name = ServerName::try_from("any.name.example").unwrap();
    let mut client = ClientConnection::new(Arc::clone(client), name).unwrap();
    let mut server = ServerConnection::new(Arc::clone(server)).unwrap();
    while client.wants_write() || server.wants_write() {
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        server.read_tls(&mut bytes.as_slice()).unwrap();
        server.process_new_packets()?;
        let mut bytes = Vec::new();
        server.write_tls(&mut bytes).unwrap();
        client.read_tls(&mut bytes.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    assert_eq!(client.handshake_kind(), Some(HandshakeKind::Full));
    assert_eq!(server.handshake_kind(), Some(HandshakeKind::Full));
    assert_eq!(client.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
    let id = |chain: Option<&[CertificateDer<'static>]>| {
        X509Svid::from_der(&chain.unwrap()[0]).unwrap().id().to_string()
    };
    Ok((id(client.peer_certificates()), id(server.peer_certificates())))
}

/// Two sites with unrelated roots that trust each other.
fn east_and_west() -> (Authority, Authority, End, End) {
    let (east, west) = (Authority::root("spiffe://east"), Authority::root("spiffe://west"));
    let both = [("east", &east), ("west", &west)];
    let cart = End::new(&both, east.sign(&leaf("spiffe://east/cart")));
    let pay = End::new(&both, west.sign(&leaf("spiffe://west/pay")));
    (east, west, cart, pay)
}

#[test]
fn both_ends_prove_who_they_are_across_trust_domains() {
    let (_, _, cart, pay) = east_and_west();
    let found = shake(&cart.client(), &pay.server()).unwrap();
    assert_eq!(found, ("spiffe://west/pay".into(), "spiffe://east/cart".into()));
}

#[test]
fn every_handshake_is_a_whole_one() {
    let (_, _, cart, pay) = east_and_west();
    let (client, server) = (cart.client(), pay.server());
    for _ in 0..3 {
        // `shake` holds that no session was resumed.
        shake(&client, &server).unwrap();
    }
    pay.trust.distrust(&"east".parse().unwrap());
    let refused = shake(&client, &server).unwrap_err();
    assert_eq!(
        PeerRefusal::of_handshake(&refused),
        Some(&PeerRefusal::UnknownTrustDomain("east".parse().unwrap()))
    );
}

#[test]
fn a_server_of_a_domain_that_is_not_trusted_is_refused_by_the_client() {
    let (_, _, cart, pay) = east_and_west();
    cart.trust.distrust(&"west".parse().unwrap());
    let refused = shake(&cart.client(), &pay.server()).unwrap_err();
    assert_eq!(
        PeerRefusal::of_handshake(&refused),
        Some(&PeerRefusal::UnknownTrustDomain("west".parse().unwrap()))
    );
}

#[test]
fn a_client_without_an_svid_is_refused() {
    let (_, _, cart, pay) = east_and_west();
    cart.own.clear();
    assert_eq!(shake(&cart.client(), &pay.server()), Err(rustls::Error::NoCertificatesPresented));
}

#[test]
fn a_renewed_svid_is_shown_at_the_next_handshake() {
    let (east, west, cart, pay) = east_and_west();
    let (client, server) = (cart.client(), pay.server());
    cart.show(east.sign(&leaf("spiffe://east/cart-2")));
    pay.show(west.sign(&leaf("spiffe://west/pay-2")));
    assert_eq!(
        shake(&client, &server).unwrap(),
        ("spiffe://west/pay-2".into(), "spiffe://east/cart-2".into())
    );
}

#[test]
fn the_injected_clock_says_when_an_svid_has_expired() {
    let (_, _, cart, pay) = east_and_west();
    let (client, server) = (cart.client(), pay.server());
    pay.clock.advance(HOUR);
    assert!(shake(&client, &server).is_ok());
    pay.clock.advance(Duration::from_secs(1));
    assert!(shake(&client, &server).is_err());
}

#[test]
fn an_svid_that_could_not_be_used_does_not_replace_the_one_in_use() {
    let (east, _, cart, pay) = east_and_west();
    let (one, other) = (east.sign(&leaf("spiffe://east/x")), east.sign(&leaf("spiffe://east/x")));
    assert!(matches!(cart.own.set(vec![one.der.clone()], &other.key), Err(UnusableSvid::Key(_))));
    assert!(matches!(cart.own.set(Vec::new(), &one.key), Err(UnusableSvid::Empty)));
    assert!(matches!(cart.own.set(vec![east.der.clone()], &one.key), Err(UnusableSvid::Svid(_))));
    assert_eq!(shake(&cart.client(), &pay.server()).unwrap().1, "spiffe://east/cart");
}

#[test]
fn a_certificate_shown_with_another_s_key_is_refused() {
    let (east, _, cart, pay) = east_and_west();
    let (stolen, thief) = (east.sign(&leaf("spiffe://east/cart")), east.sign(&leaf("spiffe://east/thief")));
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&thief.key).unwrap();
    cart.own.0.store(Some(Arc::new(CertifiedKey::new(vec![stolen.der], key))));
    assert!(shake(&cart.client(), &pay.server()).is_err());
}
