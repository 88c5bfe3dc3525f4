//! Each type takes what its document says, in one form, and refuses the rest.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use proptest::prelude::*;

use super::{Domain, Email, HeaderName, HostName, HttpUri, Kind, MethodName, Name, Span};

/// `None` says that the text is refused.
fn check<T>(cases: &[(&str, Option<&str>)])
where
    T: FromStr + Display,
    T::Err: Debug,
{
    for (text, expected) in cases {
        let found = text.parse::<T>().ok().map(|value| value.to_string());
        assert_eq!(found.as_deref(), *expected, "{text:?}");
    }
}

#[test]
fn names_are_those_of_kubernetes_objects() {
    let longest = "a".repeat(253);
    check::<Name>(&[
        ("a", Some("a")),
        ("0", Some("0")),
        ("product-page.v1", Some("product-page.v1")),
        (&longest, Some(&longest)),
        (&"a".repeat(254), None),
        ("", None),
        ("A", None),
        ("a_b", None),
        ("-a", None),
        ("a.", None),
        ("a/b", None),
        ("é", None),
        ("a\n", None),
    ]);
}

#[test]
fn host_names_are_folded_and_lose_their_last_dot() {
    let label = "a".repeat(63);
    check::<HostName>(&[
        ("shop.example.com", Some("shop.example.com")),
        ("Shop.EXAMPLE.com.", Some("shop.example.com")),
        ("_acme-challenge.example.com", Some("_acme-challenge.example.com")),
        ("localhost", Some("localhost")),
        ("xn--shp-sna.example", Some("xn--shp-sna.example")),
        (&label, Some(&label)),
        (&format!("{label}a"), None),
        (&[label.as_str(); 4].join("."), None),
        ("", None),
        (".", None),
        ("a..b", None),
        ("a.b..", None),
        ("-a.b", None),
        ("a-.b", None),
        ("a b", None),
        ("shöp.example", None),
        ("*.example.com", None),
        ("10.0.0.7", None),
        ("::1", None),
        ("a:80", None),
    ]);
}

#[test]
fn a_star_is_the_whole_first_label_of_a_domain() {
    check::<Domain>(&[
        ("example.com", Some("example.com")),
        ("*.Example.com", Some("*.example.com")),
        ("*", None),
        ("*.", None),
        ("*.*.example.com", None),
        ("a*.example.com", None),
        ("a.*.example.com", None),
        ("*example.com", None),
    ]);
}

#[test]
fn a_name_is_within_a_zone_by_whole_labels() {
    let host = |text: &str| text.parse::<HostName>().unwrap();
    for (name, zone, within) in [
        ("example.com", "example.com", true),
        ("a.b.example.com", "example.com", true),
        ("badexample.com", "example.com", false),
        ("com", "example.com", false),
    ] {
        assert_eq!(host(name).is_within(&host(zone)), within, "{name} {zone}");
    }
}

#[test]
fn methods_are_tokens_in_capitals_that_are_forwarded() {
    check::<MethodName>(&[
        ("GET", Some("GET")),
        ("M-SEARCH", Some("M-SEARCH")),
        ("get", None),
        ("CONNECT", None),
        ("TRACE", None),
        ("", None),
        ("GE T", None),
        ("GET\r\n", None),
        (&"A".repeat(65), None),
    ]);
}

#[test]
fn field_names_are_tokens_in_lower_case() {
    check::<HeaderName>(&[
        ("X-Tenant", Some("x-tenant")),
        ("", None),
        ("x y", None),
        ("x:", None),
        ("x\0", None),
        ("é", None),
    ]);
}

#[test]
fn spans_have_a_unit_and_an_end() {
    check::<Span>(&[
        ("250ms", Some("250ms")),
        ("1s", Some("1s")),
        ("60s", Some("60s")),
        ("60000ms", Some("60s")),
        ("90s", Some("90s")),
        ("5m", Some("5m")),
        ("24h", Some("24h")),
        ("3650d", Some("3650d")),
        ("3651d", None),
        ("0s", None),
        ("5", None),
        ("s", None),
        ("-5s", None),
        ("+5s", None),
        ("1.5s", None),
        ("5 s", None),
        ("5S", None),
        ("99999999999999999999s", None),
        ("18446744073709551615d", None),
    ]);
}

#[test]
fn seconds_are_rounded_up() {
    for (text, seconds) in [("1ms", 1), ("1000ms", 1), ("1001ms", 2), ("1h", 3600)] {
        assert_eq!(text.parse::<Span>().unwrap().seconds_ceil(), seconds, "{text}");
    }
}

#[test]
fn e_mail_addresses_are_plain_and_whole() {
    check::<Email>(&[
        ("ops@example.com", Some("ops@example.com")),
        ("first.last+tag@a.b.example", Some("first.last+tag@a.b.example")),
        (&format!("{}@example.com", "a".repeat(65)), None),
        ("ops", None),
        ("@example.com", None),
        ("ops@", None),
        ("a@b@example.com", None),
        (".a@example.com", None),
        ("a..b@example.com", None),
        ("\"a b\"@example.com", None),
        ("Ops <ops@example.com>", None),
        ("ops@example", None),
        ("ops@10.0.0.7", None),
        ("ops@exa mple.com", None),
        ("ops@example.com\r\nBcc: x", None),
    ]);
}

#[test]
fn only_https_is_called_save_on_loopback() {
    check::<HttpUri>(&[
        ("https://id.example.com", Some("https://id.example.com")),
        ("https://id.example.com:8443/jwks?a=b", Some("https://id.example.com:8443/jwks?a=b")),
        ("https://192.0.2.7/x", Some("https://192.0.2.7/x")),
        ("https://[2001:db8::1]:443/x", Some("https://[2001:db8::1]:443/x")),
        ("http://127.0.0.1:14000/dir", Some("http://127.0.0.1:14000/dir")),
        ("http://localhost/dir", Some("http://localhost/dir")),
        ("http://[::1]:80/", Some("http://[::1]:80/")),
        ("http://id.example.com/", None),
        ("http://127.0.0.1.example.com/", None),
        ("http://localhost.example.com/", None),
        ("http://127.0.0.1@example.com/", None),
        ("http://example.com#@127.0.0.1/", None),
        ("http://example.com?@127.0.0.1/", None),
        ("http://[::2]/", None),
        ("http://127.1/", None),
        ("http://example.com\\@127.0.0.1/", None),
        ("HTTPS://id.example.com", None),
        ("ftp://id.example.com", None),
        ("id.example.com", None),
        ("https://", None),
        ("https:///path", None),
        ("https://a:0/", None),
        ("https://a:/", None),
        ("https://a:65536/", None),
        ("https://a:+1/", None),
        ("https://[::1", None),
        ("https://[::1]x", None),
        ("https://a b/", None),
        ("https://a/\r\nx", None),
        ("https://é/", None),
        (&format!("https://a/{}", "x".repeat(HttpUri::BYTES_MAX)), None),
    ]);
}

#[test]
fn a_kind_is_found_by_any_of_its_spellings() {
    for kind in Kind::ALL {
        let singular = kind.as_str().to_ascii_lowercase();
        for word in [kind.as_str(), kind.plural(), singular.as_str()] {
            assert_eq!(Kind::find(word), Some(kind), "{word}");
        }
    }
    assert_eq!(Kind::find("pods"), None);
}

proptest! {
    #[test]
    fn what_a_name_shows_parses_to_the_same_name(text in "[-a-zA-Z0-9.*_:/@ ]{0,40}|\\PC{0,20}") {
        fn same<T: FromStr + Display + PartialEq + Debug>(text: &str)
        where
            T::Err: Debug,
        {
            if let Ok(value) = text.parse::<T>() {
                assert_eq!(value.to_string().parse::<T>().unwrap(), value);
            }
        }
        same::<Name>(&text);
        same::<HostName>(&text);
        same::<Domain>(&text);
        same::<MethodName>(&text);
        same::<HeaderName>(&text);
        same::<Email>(&text);
        same::<HttpUri>(&text);
    }

    #[test]
    fn a_span_shows_itself_in_a_form_that_parses_back(ms in 1..=315_360_000_000u64) {
        let span: Span = format!("{ms}ms").parse().unwrap();
        prop_assert_eq!(span.to_string().parse::<Span>().unwrap(), span);
    }
}
