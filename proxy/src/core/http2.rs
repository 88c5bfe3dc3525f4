//! Request heads from HTTP/2 clients, held to the rules of HTTP/1 heads.
//!
//! The HTTP/2 library has refused already what RFC 9113 §8.2 and §8.3 call malformed: connection-specific fields,
//! names in capitals, doubled pseudo fields, a length that the body does not have. Here is what it lets through.

use http::header::{CONTENT_LENGTH, COOKIE, EXPECT, HOST};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method};

use super::authority::Authority;
use super::fields::{is_hop_by_hop, may_client_say};
use super::http1::HeadLimits;
use super::http1::request::BadRequest;
use super::method;

/// A request head, whole and free of ambiguity.
#[derive(Clone, Debug)]
pub struct RequestHead {
    method: Method,
    target: Option<PathAndQuery>,
    authority: Authority,
    length: Option<u64>,
    forwarded: HeaderMap,
}

impl RequestHead {
    /// Reads a head as the library hands it over.
    ///
    /// # Errors
    /// When a head like this would be refused over HTTP/1.
    pub fn read(parts: Parts, limits: &HeadLimits) -> Result<Self, BadRequest> {
        let Parts { method, uri, mut headers, .. } = parts;
        if !method::is_well_formed(method.as_str()) {
            return Err(BadRequest::RequestLine);
        }
        if matches!(method, Method::CONNECT | Method::TRACE) {
            return Err(BadRequest::Method);
        }
        let target = uri.path_and_query().cloned();
        if target.as_ref().is_some_and(|target| target.as_str().len() > limits.target_bytes_max) {
            return Err(BadRequest::TargetTooLong);
        }
        let authority = authority(&uri, &headers)?;
        check_values(&headers)?;
        join_cookies(&mut headers)?;
        if headers.len() > limits.fields_max {
            return Err(BadRequest::HeadTooLarge);
        }
        // The library refuses one that is no number, and holds the body to it.
        let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let refused: Vec<_> = headers.keys().filter(|name| !goes_on(name.as_str())).cloned().collect();
        for name in refused {
            headers.remove(name);
        }
        Ok(Self { method, target, authority, length, forwarded: headers })
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &str {
        self.method.as_str()
    }

    /// Path and query as they came.
    #[must_use]
    pub fn target(&self) -> &str {
        self.target.as_ref().map_or("", PathAndQuery::as_str)
    }

    /// The one host that this request is for.
    #[must_use]
    pub const fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The declared length of the body.
    #[must_use]
    pub const fn length(&self) -> Option<u64> {
        self.length
    }

    /// The fields that go on to a backend.
    #[must_use]
    pub const fn forwarded(&self) -> &HeaderMap {
        &self.forwarded
    }
}

/// The one authority: `:authority`, which must agree with `host` where both are there (RFC 9113 §8.3.1).
fn authority(uri: &http::Uri, headers: &HeaderMap) -> Result<Authority, BadRequest> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next().map(|host| Authority::parse(host.as_bytes())).transpose()?;
    if hosts.next().is_some() {
        return Err(BadRequest::Host);
    }
    let named = uri.authority().map(|named| Authority::parse(named.as_str().as_bytes())).transpose()?;
    match (named, host) {
        (Some(named), Some(host)) if named != host => Err(BadRequest::Host),
        (Some(one), _) | (None, Some(one)) => Ok(one),
        (None, None) => Err(BadRequest::Host),
    }
}

fn check_values(headers: &HeaderMap) -> Result<(), BadRequest> {
    // RFC 9113 §8.2.1. Over HTTP/1 the backend would not see the space that was judged with the value.
    let is_space = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    let padded =
        |value: &HeaderValue| is_space(value.as_bytes().first()) || is_space(value.as_bytes().last());
    if headers.values().any(padded) {
        return Err(BadRequest::FieldLine);
    }
    if headers.get_all(CONTENT_LENGTH).iter().nth(1).is_some() {
        return Err(BadRequest::ContentLength);
    }
    let mut expectations = headers.get_all(EXPECT).iter();
    let known = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"100-continue");
    if !expectations.next().is_none_or(known) || expectations.next().is_some() {
        return Err(BadRequest::Expectation);
    }
    Ok(())
}

/// Puts cookies that came in pieces together again (RFC 9113 §8.2.3).
fn join_cookies(headers: &mut HeaderMap) -> Result<(), BadRequest> {
    let pieces: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if pieces.len() > 1 {
        let joined = HeaderValue::from_bytes(&pieces.join(&b"; "[..]));
        headers.insert(COOKIE, joined.map_err(|_not_a_value| BadRequest::FieldLine)?);
    }
    Ok(())
}

fn goes_on(name: &str) -> bool {
    !matches!(name, "host" | "content-length" | "expect") && !is_hop_by_hop(name) && may_client_say(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(method: &str, uri: &str, fields: &[(&str, &str)]) -> Result<RequestHead, BadRequest> {
        let mut request = http::Request::builder().method(method).uri(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        RequestHead::read(request.body(()).unwrap().into_parts().0, &HeadLimits::default())
    }

    /// SECURITY cases 13, 21, 23 to 25 and 63, as far as the library leaves them to us.
    #[test]
    fn what_http1_refuses_is_refused_alike() {
        const URI: &str = "https://shop.example.com/a";
        let many = [("a", "b"); 101];
        let long = format!("{URI}{}", "x".repeat(17_000));
        let none: &[(&str, &str)] = &[];
        let cases = [
            ("get", URI, none, BadRequest::RequestLine),
            ("G|T", URI, none, BadRequest::RequestLine),
            ("TRACE", URI, none, BadRequest::Method),
            ("CONNECT", "shop.example.com:443", none, BadRequest::Method),
            ("GET", "/a", none, BadRequest::Host),
            ("GET", URI, &[("host", "other.example.com")][..], BadRequest::Host),
            ("GET", URI, &[("host", "shop.example.com"), ("host", "shop.example.com")][..], BadRequest::Host),
            ("GET", "https://user@shop.example.com/a", none, BadRequest::Host),
            ("GET", URI, &[("content-length", "0"), ("content-length", "0")][..], BadRequest::ContentLength),
            ("GET", URI, &[("expect", "200-ok")][..], BadRequest::Expectation),
            ("GET", URI, &[("expect", "100-continue"), ("expect", "x")][..], BadRequest::Expectation),
            ("GET", URI, &[("a", " b")][..], BadRequest::FieldLine),
            ("GET", URI, &many[..], BadRequest::HeadTooLarge),
            ("GET", &long, none, BadRequest::TargetTooLong),
        ];
        for (method, uri, fields, expected) in cases {
            assert_eq!(read(method, uri, fields).err(), Some(expected), "{method} {uri:.60} {fields:.60?}");
        }
    }

    #[test]
    fn only_what_goes_on_is_shown() {
        let fields = [
            ("host", "shop.example.com"),
            ("cookie", "a=b"),
            ("te", "trailers"),
            ("x-real-ip", "6.6.6.6"),
            ("x_tenant", "a"),
            ("accept", "*/*"),
            ("cookie", "c=d"),
            ("expect", "100-continue"),
        ];
        let head = read("POST", "https://Shop.Example.com/a?b", &fields).unwrap();
        assert_eq!((head.target(), head.authority().host()), ("/a?b", "shop.example.com"));
        let expected: HeaderMap = [("cookie", "a=b; c=d"), ("accept", "*/*")]
            .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)))
            .into_iter()
            .collect();
        assert_eq!(head.forwarded(), &expected);
    }
}
