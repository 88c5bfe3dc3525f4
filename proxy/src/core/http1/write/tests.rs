use super::super::head::{HeadLimits, HeadScan};
use super::super::response::Asked;
use super::*;

fn request(lines: &str) -> RequestHead {
    let mut buffer = BytesMut::from(format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n").as_str());
    RequestHead::take(&mut buffer, &mut HeadScan::default(), &HeadLimits::default()).unwrap().unwrap()
}

fn response(lines: &str) -> ResponseHead {
    let mut buffer = BytesMut::from(format!("HTTP/1.1 200 OK\r\n{lines}\r\n").as_str());
    ResponseHead::take(&mut buffer, &mut HeadScan::default(), &HeadLimits::default(), Asked::Plain)
        .unwrap()
        .unwrap()
}

fn names<'h>(fields: impl Iterator<Item = Field<'h>>) -> Vec<&'h str> {
    fields.map(|field| std::str::from_utf8(field.name).unwrap()).collect()
}

/// SECURITY case 12: RFC 9110 §7.6.1, h2c smuggling.
#[test]
fn fields_of_one_connection_go_no_further() {
    let head = request(
        "Connection: close, X-Hop\r\nconnection: HTTP2-Settings, x-other\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\n\
         Proxy-Authorization: x\r\nTE: trailers\r\nTrailer: x\r\nTransfer-Encoding: chunked\r\nUpgrade: h2c\r\n\
         HTTP2-Settings: AAMAAABkAAQ\r\nX-Hop: 1\r\nX-OTHER: 2\r\nExpect: 100-continue\r\nAccept: x\r\n",
    );
    assert_eq!(names(head.forwarded()), ["Accept"]);
    let head = response(
        "Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nUpgrade: h2c\r\nTrailer: x\r\nTransfer-Encoding: chunked\r\n\
         Proxy-Authenticate: x\r\nProxy-Authentication-Info: x\r\nETag: y\r\n",
    );
    assert_eq!(names(head.forwarded()), ["ETag"]);
}

/// A client that could name `Authorization` a field of the connection would have it checked here and unseen behind.
#[test]
fn what_was_judged_cannot_be_named_away() {
    let head = request("Connection: authorization, Cookie, host\r\nAuthorization: x\r\nCookie: y\r\n");
    assert_eq!(names(head.forwarded()), ["Authorization", "Cookie"]);
}

/// SECURITY case 61: CVE-2023-27487, ASVS 4.1.3.
#[test]
fn clients_do_not_speak_for_the_edge() {
    let head = request(
        "X-Forwarded-For: x\r\nX-FORWARDED-PROTO: x\r\nForwarded: x\r\nX-Real-IP: x\r\nX-Original-URL: x\r\n\
         X-Rewrite-URL: x\r\nX-Envoy-Original-Path: x\r\nX-Forwarded-Client-Cert: x\r\nX_Forwarded_For: x\r\n\
         Content_Length: 5\r\nX-Request-ID: x\r\ntraceparent: x\r\nX-HTTP-Method-Override: DELETE\r\nProxy: x\r\n\
         X-Tenant: kept\r\n",
    );
    assert_eq!(names(head.forwarded()), ["X-Tenant"]);
}

#[test]
fn lines_and_fields_are_written_as_rfc_9112_has_them() {
    let mut out = BytesMut::new();
    request_line(&mut out, "GET", "/a", Some("b=c"), "shop.example", Some(8443));
    field(&mut out, "x", b"\xe4");
    end(&mut out, Framing::Chunked);
    assert_eq!(
        out,
        &b"GET /a?b=c HTTP/1.1\r\nhost: shop.example:8443\r\nx: \xe4\r\ntransfer-encoding: chunked\r\n\r\n"[..]
    );
    out.clear();
    status_line(&mut out, StatusCode::NOT_FOUND, Version::Http11);
    end(&mut out, Framing::Length(u64::MAX));
    assert_eq!(out, "HTTP/1.1 404 Not Found\r\ncontent-length: 18446744073709551615\r\n\r\n");
    out.clear();
    status_line(&mut out, StatusCode::OK, Version::Http10);
    end(&mut out, Framing::Length(0));
    assert_eq!(out, "HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n");
}

/// What we write we would read in the same way: the reason phrase of a backend is not repeated.
#[test]
fn a_written_request_is_read_back() {
    let mut out = BytesMut::new();
    request_line(&mut out, "POST", "/a", None, "a", None);
    request("Accept: x\r\nX-Odd: a\tb\r\n")
        .forwarded()
        .for_each(|kept| field(&mut out, kept.name, kept.value));
    end(&mut out, Framing::Length(7));
    let head =
        RequestHead::take(&mut out, &mut HeadScan::default(), &HeadLimits::default()).unwrap().unwrap();
    assert_eq!(head.framing(), super::super::request::Framing::Length(7));
    assert_eq!(names(head.forwarded()), ["Accept", "X-Odd"]);
    assert!(out.is_empty());
}

#[test]
fn the_declared_length_of_an_answer_to_head_is_known() {
    assert_eq!(response("Content-Length: 42\r\n").declared_length(), Some(42));
    assert_eq!(response("").declared_length(), None);
}
