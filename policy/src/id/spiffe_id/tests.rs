//! SPIFFE-ID §2, rule by rule.

use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Result<SpiffeId, InvalidSpiffeId> {
    text.parse()
}

fn refused(text: &str) {
    assert!(parse(text).is_err(), "{text:?}");
}

/// SPIFFE-ID §2.
#[test]
fn an_id_is_its_scheme_a_trust_domain_and_a_path() {
    let id = parse("spiffe://east.example/ns/Shop_1/sa/a-b.c").unwrap();
    assert_eq!(id.trust_domain().as_str(), "east.example");
    assert_eq!(id.path(), "/ns/Shop_1/sa/a-b.c");
    assert_eq!(id.to_string(), "spiffe://east.example/ns/Shop_1/sa/a-b.c");
    let domain = parse("spiffe://east.example").unwrap();
    assert_eq!(domain.path(), "");
    assert_eq!(domain, SpiffeId::of_trust_domain(id.trust_domain()));
}

/// SPIFFE-ID §2.
#[test]
fn the_scheme_must_be_spiffe() {
    for text in ["https://td/a", "spiffe:/td/a", "spiffe:td/a", "//td/a", "td/a", " spiffe://td/a", ""] {
        assert_eq!(parse(text), Err(InvalidSpiffeId::Scheme), "{text:?}");
    }
    // §2.4 lets a reader fold the case; we take one spelling, since identities are compared as bytes.
    refused("SPIFFE://td/a");
}

/// SPIFFE-ID §2 and §2.1.
#[test]
fn the_trust_domain_must_not_be_empty() {
    assert_eq!(parse("spiffe://"), Err(InvalidTrustDomain::Empty.into()));
    assert_eq!(parse("spiffe:///a"), Err(InvalidTrustDomain::Empty.into()));
}

/// SPIFFE-ID §2.
#[test]
fn query_and_fragment_must_not_be_there() {
    for text in ["spiffe://td?q", "spiffe://td/a?q=1", "spiffe://td/a?", "spiffe://td/a#f", "spiffe://td#"] {
        refused(text);
    }
}

/// SPIFFE-ID §2.1.
#[test]
fn user_information_and_port_must_be_empty() {
    for text in
        ["spiffe://me@td/a", "spiffe://me:pw@td/a", "spiffe://@td/a", "spiffe://td:443/a", "spiffe://td:/a"]
    {
        refused(text);
    }
}

/// SPIFFE-ID §2.1.
#[test]
fn the_trust_domain_must_be_lower_case() {
    let refusal = InvalidTrustDomain::Character { found: 'E' };
    assert_eq!(parse("spiffe://East.example/a"), Err(refusal.into()));
}

/// SPIFFE-ID §2.1.
#[test]
fn the_trust_domain_holds_only_letters_digits_dots_dashes_and_underscores() {
    for byte in 0..=127u8 {
        let c = char::from(byte);
        let allowed = c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        assert_eq!(format!("a{c}").parse::<TrustDomain>().is_ok(), allowed, "{c:?}");
    }
    for text in ["spiffe://t%64/a", "spiffe://tÿ/a", "spiffe://[::1]/a", "spiffe://*.td/a", "spiffe://a b/a"]
    {
        refused(text);
    }
}

/// SPIFFE-ID §2.1.
#[test]
fn addresses_and_names_that_are_no_dns_names_are_trust_domains_like_any_other() {
    for text in ["10.0.0.7", "-", "a..b", ".", "a_b", "-a.", "xn--a"] {
        assert_eq!(text.parse::<TrustDomain>().unwrap().as_str(), text);
    }
}

/// SPIFFE-ID §2.2.
#[test]
fn a_path_must_not_be_percent_encoded() {
    for text in ["spiffe://td/a%2fb", "spiffe://td/%61", "spiffe://td/a%", "spiffe://td/%2e%2e"] {
        assert_eq!(parse(text), Err(InvalidSpiffeId::Character { found: '%' }), "{text:?}");
    }
}

/// SPIFFE-ID §2.2.
#[test]
fn a_path_must_not_have_empty_or_relative_segments() {
    for text in ["spiffe://td//a", "spiffe://td/a//b", "spiffe://td//"] {
        assert_eq!(parse(text), Err(InvalidSpiffeId::EmptySegment), "{text:?}");
    }
    for text in ["spiffe://td/.", "spiffe://td/..", "spiffe://td/a/../b", "spiffe://td/a/./b"] {
        assert_eq!(parse(text), Err(InvalidSpiffeId::RelativeSegment), "{text:?}");
    }
    assert!(parse("spiffe://td/...").is_ok() && parse("spiffe://td/.a/..b").is_ok());
}

/// SPIFFE-ID §2.2.
#[test]
fn a_path_must_not_end_in_a_slash() {
    for text in ["spiffe://td/", "spiffe://td/a/"] {
        assert_eq!(parse(text), Err(InvalidSpiffeId::EmptySegment), "{text:?}");
    }
}

/// SPIFFE-ID §2.2.
#[test]
fn segments_hold_only_letters_digits_dots_dashes_and_underscores() {
    for byte in (0..=127u8).filter(|byte| *byte != b'/') {
        let c = char::from(byte);
        let allowed = c.is_ascii_alphanumeric() || "._-".contains(c);
        assert_eq!(parse(&format!("spiffe://td/a{c}b")).is_ok(), allowed, "{c:?}");
    }
    for text in ["spiffe://td/é", "spiffe://td/a\0", "spiffe://td/a\\b", "spiffe://td/a;b", "spiffe://td/*"]
    {
        refused(text);
    }
}

/// SPIFFE-ID §2.3.
#[test]
fn ids_of_2048_bytes_and_trust_domains_of_255_are_taken_and_longer_ones_are_not() {
    let of = |bytes: usize| format!("spiffe://td/{}", "a".repeat(bytes - "spiffe://td/".len()));
    assert_eq!(parse(&of(2048)).unwrap().as_str().len(), 2048);
    assert_eq!(parse(&of(2049)), Err(InvalidSpiffeId::TooLong { len_bytes: 2049 }));
    assert!("a".repeat(255).parse::<TrustDomain>().is_ok());
    let refusal = InvalidTrustDomain::TooLong { len_bytes: 256 };
    assert_eq!("a".repeat(256).parse::<TrustDomain>(), Err(refusal));
}

/// SPIFFE-ID §2.4.
#[test]
fn the_case_of_a_path_counts() {
    assert_ne!(parse("spiffe://td/a").unwrap(), parse("spiffe://td/A").unwrap());
}

#[test]
fn a_prefix_covers_itself_and_whole_segments_below() {
    let covers =
        |prefix: &str, id: &str| prefix.parse::<SpiffeIdPrefix>().unwrap().covers(&parse(id).unwrap());
    assert!(covers("spiffe://td/ns/shop", "spiffe://td/ns/shop"));
    assert!(covers("spiffe://td/ns/shop", "spiffe://td/ns/shop/sa/cart"));
    assert!(covers("spiffe://td", "spiffe://td") && covers("spiffe://td", "spiffe://td/a"));
    assert!(!covers("spiffe://td/ns/shop", "spiffe://td/ns/shopping"));
    assert!(!covers("spiffe://td/ns/shop", "spiffe://td/ns"));
    assert!(!covers("spiffe://td/ns/shop", "spiffe://td/ns/Shop/sa"));
    assert!(!covers("spiffe://td", "spiffe://td.example/a"));
    assert!(!covers("spiffe://td/a", "spiffe://dt/a"));
}

#[test]
fn ids_are_texts_in_documents_and_bad_ones_are_refused_there() {
    let id: SpiffeId = serde_json::from_str("\"spiffe://td/a\"").unwrap();
    assert_eq!(serde_json::to_string(&id).unwrap(), "\"spiffe://td/a\"");
    let fault = serde_json::from_str::<SpiffeId>("\"spiffe://td/a/\"").unwrap_err();
    assert!(fault.to_string().contains("remove the extra '/'"), "{fault}");
    assert!(serde_json::from_str::<TrustDomain>("\"TD\"").is_err());
    assert!(serde_json::from_str::<SpiffeIdPrefix>("\"td/\"").is_err());
}

proptest! {
    #[test]
    fn what_is_made_of_allowed_parts_parses_and_prints_the_same(
        text in "spiffe://[a-z0-9._-]{1,40}(/[A-Za-z0-9_-][A-Za-z0-9._-]{0,20}){0,6}"
    ) {
        let id = parse(&text).unwrap();
        prop_assert_eq!(id.as_str(), &text);
        prop_assert_eq!(format!("spiffe://{}{}", id.trust_domain(), id.path()), text);
    }

    #[test]
    fn whatever_parses_is_made_of_allowed_parts(text in "spiffe://[ -~]{1,20}(/[ -~]{0,8}){0,3}") {
        if let Ok(id) = parse(&text) {
            let (domain, path) = (id.trust_domain().as_str(), id.path());
            prop_assert!(domain.chars().all(|c| "abcdefghijklmnopqrstuvwxyz0123456789._-".contains(c)));
            prop_assert!(path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c)));
            prop_assert!(path.is_empty() || path[1..].split('/').all(|part| !["", ".", ".."].contains(&part)));
        }
    }
}
