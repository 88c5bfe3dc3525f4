//! Which fields cross the edge. One list for HTTP/1.1 and HTTP/2, in both directions.

pub use super::http1::is_hop_by_hop;

/// Whether a field of a client goes on to a backend as it came.
///
/// What is refused here speaks of the path that a request took, of who sent it, or of what it really asks for: only
/// the edge may tell the backend that. So does `traceparent`, which the edge writes anew, and `Proxy`, which CGI takes
/// for a setting (CVE-2016-5385). A name with other characters than letters, digits and hyphens is refused
/// because backends fold such names to one with hyphens (`X_Real_IP`).
#[must_use]
pub fn may_client_say(name: impl AsRef<[u8]>) -> bool {
    let name = name.as_ref();
    const PREFIXES: [&str; 4] = ["x-forwarded", "x-envoy-", "x-original-", "x-http-method"];
    const NAMES: [&str; 10] = [
        "forwarded",
        "proxy",
        "traceparent",
        "true-client-ip",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-method-override",
        "x-real-ip",
        "x-request-id",
        "x-rewrite-url",
    ];
    if !name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-') {
        return false;
    }
    // Nearly all fields end here: nothing refused begins with another letter.
    if !matches!(name.first().map(u8::to_ascii_lowercase), Some(b'x' | b'f' | b'p' | b't')) {
        return true;
    }
    let begins = |prefix: &&str| {
        name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
    };
    !(PREFIXES.iter().any(begins) || NAMES.iter().any(|own| name.eq_ignore_ascii_case(own.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SECURITY cases 61 and 63, CVE-2023-27487.
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
            "X.Real.IP",
            "X-HTTP-Method-Override",
            "Traceparent",
            "Proxy",
        ] {
            assert!(!may_client_say(name), "{name}");
        }
    }

    #[test]
    fn ordinary_fields_pass() {
        for name in
            ["Accept", "Cookie", "Authorization", "X-Requested-With", "tracestate", "From", "x-tenant"]
        {
            assert!(may_client_say(name), "{name}");
        }
    }
}
