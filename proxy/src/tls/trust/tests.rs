use std::time::Duration;

use super::*;
use crate::tls::tests::{Authority, bundle, now};

fn domain(name: &str) -> TrustDomain {
    name.parse().unwrap()
}

fn held(trust: &TrustBundles) -> (Option<u64>, usize) {
    let trusted = trust.of(&domain("td")).unwrap();
    (trusted.bundle.sequence(), trusted.bundle.x509_authorities().len())
}

/// Trust Domain and Bundle §3.
#[test]
fn the_bundle_of_a_domain_is_its_own_and_no_other_s() {
    let (east, west) = (Authority::root("spiffe://east"), Authority::root("spiffe://west"));
    let trust = TrustBundles::default();
    trust.trust(east.bundle("east"), TrustBounds::default());
    trust.trust(west.bundle("west"), TrustBounds::default());
    let found = trust.of(&domain("east")).unwrap();
    assert_eq!(*found.bundle, east.bundle("east"));
    assert_eq!(trust.trust_domains(), [domain("east"), domain("west")]);
    trust.distrust(&domain("east"));
    assert!(trust.of(&domain("east")).is_none() && trust.of(&domain("west")).is_some());
}

/// Trust Domain and Bundle §4.1.1.
#[test]
fn an_older_bundle_is_refused_and_the_newer_stays() {
    let (first, second) = (Authority::root("spiffe://td"), Authority::root("spiffe://td"));
    let trust = TrustBundles::default();
    trust.trust(first.bundle("td").with_sequence(5), TrustBounds::default());
    let both = || bundle("td", &[&first, &second]);
    assert_eq!(trust.refresh(both().with_sequence(4)), Err(StaleBundle::Older { held: 5, offered: 4 }));
    assert_eq!(trust.refresh(both().with_sequence(5)), Err(StaleBundle::Ambiguous(5)));
    assert_eq!(trust.refresh(both()), Err(StaleBundle::Unnumbered { held: 5 }));
    assert_eq!(held(&trust), (Some(5), 1));
    assert_eq!(trust.refresh(first.bundle("td").with_sequence(5)), Ok(false));
    assert_eq!(trust.refresh(both().with_sequence(6)), Ok(true));
    assert_eq!(held(&trust), (Some(6), 2));
}

#[test]
fn bundles_without_numbers_replace_each_other() {
    let (first, second) = (Authority::root("spiffe://td"), Authority::root("spiffe://td"));
    let trust = TrustBundles::default();
    trust.trust(first.bundle("td"), TrustBounds::default());
    assert_eq!(trust.refresh(first.bundle("td")), Ok(false));
    assert_eq!(trust.refresh(bundle("td", &[&first, &second])), Ok(true));
    assert_eq!(trust.refresh(first.bundle("td").with_sequence(1)), Ok(true));
    assert_eq!(held(&trust), (Some(1), 1));
}

#[test]
fn a_refresh_makes_nobody_trusted_and_moves_no_bounds() {
    let root = Authority::root("spiffe://td");
    let trust = TrustBundles::default();
    assert_eq!(trust.refresh(root.bundle("td").with_sequence(1)), Ok(false));
    assert!(trust.of(&domain("td")).is_none());
    let bounds =
        TrustBounds { reach: Reach::Within(vec!["spiffe://td/ns/shop".parse().unwrap()]), until: None };
    trust.trust(root.bundle("td").with_sequence(1), bounds.clone());
    assert_eq!(trust.refresh(root.bundle("td").with_sequence(2)), Ok(true));
    assert_eq!(trust.of(&domain("td")).unwrap().bounds, bounds);
}

#[test]
fn bounds_hold_by_whole_segments_and_end_at_their_date() {
    let id = |text: &str| text.parse::<SpiffeId>().unwrap();
    let bounds = TrustBounds {
        reach: Reach::Within(vec!["spiffe://td/ns/shop".parse().unwrap()]),
        until: Some(now()),
    };
    let before = now() - Duration::from_secs(1);
    assert_eq!(bounds.admit(&id("spiffe://td/ns/shop/sa/cart"), before), Ok(()));
    let outside = id("spiffe://td/ns/shopping");
    assert_eq!(bounds.admit(&outside, before), Err(OutOfBounds::Outside(outside.clone())));
    assert_eq!(bounds.admit(&id("spiffe://td/ns/shop"), now()), Err(OutOfBounds::Ended(domain("td"))));
    assert_eq!(TrustBounds::default().admit(&outside, now()), Ok(()));
    let nothing = TrustBounds { reach: Reach::Within(Vec::new()), until: None };
    assert!(nothing.admit(&outside, now()).is_err());
}
