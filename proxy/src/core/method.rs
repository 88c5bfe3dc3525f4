//! What methods look like, and which may be sent twice. One rule for HTTP/1.1 and HTTP/2.

/// Whether this is a method as we serve them.
///
/// Methods are case-sensitive (RFC 9110 §9.1), and every registered one is in capitals: what is written otherwise
/// would be one method to us and another to a backend that folds case.
#[must_use]
pub fn is_well_formed(method: &str) -> bool {
    !method.is_empty()
        && method
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_'))
}

/// Whether sending it twice means the same as sending it once (RFC 9110 §9.2.2).
#[must_use]
pub fn is_idempotent(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE" | "TRACE")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_backend_might_read_as_another_method_is_none() {
        for method in ["", "get", "Get", "GET ", "G\u{c9}T", "GET/"] {
            assert!(!is_well_formed(method), "{method:?}");
        }
        for method in ["GET", "M-SEARCH", "VERSION-CONTROL"] {
            assert!(is_well_formed(method), "{method}");
        }
    }

    #[test]
    fn a_method_that_nobody_knows_is_not_sent_twice() {
        for method in ["POST", "PATCH", "CONNECT", "FROB"] {
            assert!(!is_idempotent(method), "{method}");
        }
    }
}
