//! Which fields cross the edge. One list for HTTP/1.1 and HTTP/2, in both directions.

pub use super::http1::is_hop_by_hop;

/// Whether a client may say this field at an edge.
///
/// What is refused here speaks of the path that a request took or of who sent it, which only the edge may tell the
/// backend. A name with an underscore is refused because many backends read it as one with a hyphen.
#[must_use]
pub fn may_client_say(name: &str) -> bool {
    const PREFIXES: [&str; 2] = ["x-forwarded-", "x-envoy-"];
    const NAMES: [&str; 8] = [
        "forwarded",
        "x-real-ip",
        "x-original-url",
        "x-original-host",
        "x-rewrite-url",
        "x-client-ip",
        "x-http-method-override",
        "x-request-id",
    ];
    // Nearly all fields end here: nothing refused begins with another letter.
    if !matches!(name.as_bytes().first(), Some(b'x' | b'X' | b'f' | b'F')) {
        return !name.contains('_');
    }
    let begins =
        |prefix: &&str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    !(name.contains('_')
        || PREFIXES.iter().any(|prefix| begins(&prefix))
        || NAMES.iter().any(|own| name.eq_ignore_ascii_case(own)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SECURITY case 61, CVE-2023-27487.
    #[test]
    fn a_client_cannot_speak_for_the_edge() {
        for name in [
            "Forwarded",
            "X-Forwarded-For",
            "x-forwarded-client-cert",
            "X-Envoy-Original-Path",
            "X-Original-URL",
            "X-Rewrite-Url",
            "X-Real-IP",
            "X_Forwarded_For",
            "content_length",
            "X-Request-Id",
        ] {
            assert!(!may_client_say(name), "{name}");
        }
    }

    #[test]
    fn ordinary_fields_pass() {
        for name in
            ["Accept", "Cookie", "Authorization", "X-Requested-With", "traceparent", "From", "x-tenant"]
        {
            assert!(may_client_say(name), "{name}");
        }
    }
}
