//! A canonical path stays as it is when it is brought into its one form again, and holds nothing that two servers
//! read in two ways.
#![no_main]

use libfuzzer_sys::fuzz_target;
use proxy::core::authority::Authority;
use proxy::core::target::Target;

fuzz_target!(|raw: &[u8]| {
    if let Ok(authority) = Authority::parse(raw) {
        let again = Authority::parse(authority.host().as_bytes()).expect("a canonical host is a host");
        assert_eq!(again.host(), authority.host());
    }
    let Ok(target) = Target::canonical(raw) else { return };
    let path = target.path();
    let again = Target::canonical(path.as_bytes()).expect("a canonical path is a path");
    assert_eq!(again.path(), path);
    assert!(again.query().is_none());

    assert!(path.starts_with('/') && !path.contains("//") && path.is_ascii());
    assert!(!path.contains([';', '\\', '#', '?', ' ']) && !path.bytes().any(|byte| byte.is_ascii_control()));
    assert!(!path.split('/').any(|segment| matches!(segment, "." | "..")));
    let mut rest = path;
    while let Some((_, after)) = rest.split_once('%') {
        let byte = u8::from_str_radix(&after[..2], 16).expect("escapes are two digits");
        assert_eq!(after[..2], after[..2].to_ascii_uppercase());
        assert!(!byte.is_ascii_control() && !byte.is_ascii_alphanumeric());
        assert!(!b"/\\?#;-._~!$&'()*+,=:@".contains(&byte));
        // Decoding once more must find nothing to decode.
        let next = after.as_bytes().get(2..4).unwrap_or_default();
        assert!(byte != b'%' || next.len() < 2 || !next.iter().all(u8::is_ascii_hexdigit));
        rest = &after[2..];
    }
    if let Some(query) = target.query() {
        assert!(query.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#'));
    }
});
