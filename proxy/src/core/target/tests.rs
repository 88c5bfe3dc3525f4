use proptest::prelude::*;

use super::*;

fn check(raw: &str, expected: Result<&str, BadTarget>) {
    let canonical = Target::canonical(raw.as_bytes());
    assert_eq!(canonical.as_ref().map(Target::path), expected.as_ref().map(|path| *path), "{raw:?}");
}

#[test]
fn ordinary_paths_are_borrowed_as_they_came() {
    for raw in ["/", "/a", "/a/", "/static/x.css", "/a.b/..c/d..", "/.well-known/x", "/@user/(1)/a=b,c:d+e"] {
        let target = Target::canonical(raw.as_bytes()).unwrap();
        assert_eq!(target.path(), raw);
        assert!(target.is_unchanged());
    }
}

#[test]
fn escapes_have_one_form() {
    check("/%41dmin", Ok("/Admin"));
    check("/%61%64min", Ok("/admin"));
    check("/caf%c3%a9", Ok("/caf%C3%A9"));
    check("/a%20b", Ok("/a%20b"));
    check("/100%25", Ok("/100%25"));
    check("/a%2Bb%40c%3d", Ok("/a+b@c="));
    check("/%7Euser", Ok("/~user"));
}

/// SECURITY cases 55 to 59: CVE-2020-8595, CVE-2021-31920, CVE-2021-29492, CVE-2019-9901, CVE-2026-73511 and kin.
#[test]
fn what_two_servers_could_read_in_two_ways_is_refused() {
    use BadTarget::{Character, DoubleEncoding, Escape, EscapedDelimiter, Query, Relative, Segment, Utf8};
    for (raw, expected) in [
        ("admin", Relative),
        ("", Relative),
        ("%2fadmin", Relative),
        ("/admin#", Character),
        ("/admin#x", Character),
        ("/admin;x", Character),
        ("/a/..;/admin", Character),
        ("/a\\b", Character),
        ("/a b", Character),
        ("/a\tb", Character),
        ("/a\"b", Character),
        ("/a<b", Character),
        ("/a{b}", Character),
        ("/a|b", Character),
        ("/h\u{e4}", Character),
        ("/admin%23", EscapedDelimiter),
        ("/admin%3F", EscapedDelimiter),
        ("/admin%3fx", EscapedDelimiter),
        ("/admin%3bx", EscapedDelimiter),
        ("/a%2fb", EscapedDelimiter),
        ("/a%2Fb", EscapedDelimiter),
        ("/a%5cb", EscapedDelimiter),
        ("/a%00", EscapedDelimiter),
        ("/a%0d%0ab", EscapedDelimiter),
        ("/a%7f", EscapedDelimiter),
        ("//", Segment),
        ("//admin", Segment),
        ("/a//b", Segment),
        ("/./a", Segment),
        ("/a/.", Segment),
        ("/a/..", Segment),
        ("/../a", Segment),
        ("/a/../b", Segment),
        ("/%2e%2e/a", Segment),
        ("/.%2e/a", Segment),
        ("/a/%2E", Segment),
        ("/%252e%252e/a", DoubleEncoding),
        ("/a%252fb", DoubleEncoding),
        ("/a%25%32%66b", DoubleEncoding),
        ("/a%25u002f", DoubleEncoding),
        ("/a%25U002f", DoubleEncoding),
        ("/a%252%66b", DoubleEncoding),
        ("/a%25%32fb", DoubleEncoding),
        ("/a%25%75002f", DoubleEncoding),
        ("/a%25%20", DoubleEncoding),
        ("/a%", Escape),
        ("/a%2", Escape),
        ("/a%zz", Escape),
        ("/a%u002f", Escape),
        ("/a%c0%af", Utf8),
        ("/a%ff", Utf8),
        ("/a%ed%a0%80", Utf8),
        ("/a?x#y", Query),
        ("/a?x y", Query),
        ("/a?x\u{e4}", Query),
    ] {
        check(raw, Err(expected));
    }
}

#[test]
fn a_query_goes_on_as_it_came() {
    let target = Target::canonical(b"/a?x=%2f&y=;?/../[1]").unwrap();
    assert_eq!((target.path(), target.query()), ("/a", Some("x=%2f&y=;?/../[1]")));
    assert_eq!(Target::canonical(b"/a?").unwrap().query(), Some(""));
    assert_eq!(Target::canonical(b"/a").unwrap().query(), None);
}

/// SECURITY case 59: full-width look-alikes are characters like others, and stay what they are.
#[test]
fn full_width_characters_go_on_untouched() {
    check("/a%ef%bc%8f..%EF%BC%8Fb", Ok("/a%EF%BC%8F..%EF%BC%8Fb"));
    check("/%EF%BC%8E%EF%BC%8E/a", Ok("/%EF%BC%8E%EF%BC%8E/a"));
}

proptest! {
    #[test]
    fn the_canonical_form_is_canonical(raw in "/([ -~]|%[0-7][0-9a-fA-F]|%25){0,20}") {
        if let Ok(target) = Target::canonical(raw.as_bytes()) {
            let again = Target::canonical(target.path().as_bytes()).unwrap();
            prop_assert_eq!(again.path(), target.path());
        }
    }

    #[test]
    fn two_spellings_of_one_path_have_one_form(path in "/[a-zA-Z0-9/._~!$&'()*+,=:@-]{0,30}", at in 0usize..30) {
        let Ok(plain) = Target::canonical(path.as_bytes()) else { return Ok(()) };
        let Some(byte) = path.as_bytes().get(at).filter(|byte| **byte != b'/') else { return Ok(()) };
        let escaped = format!("{}%{byte:02x}{}", &path[..at], &path[at + 1..]);
        let escaped = Target::canonical(escaped.as_bytes()).unwrap();
        prop_assert_eq!(escaped.path(), plain.path());
    }

    #[test]
    fn no_bytes_make_it_panic(raw in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _any = Target::canonical(&raw);
    }
}
