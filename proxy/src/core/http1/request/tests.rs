use proptest::prelude::*;

use super::*;

fn take(text: &[u8]) -> Result<Option<RequestHead>, BadRequest> {
    RequestHead::take(&mut BytesMut::from(text), &mut HeadScan::default(), &HeadLimits::default())
}

/// Gives the bytes one at a time, as the slowest sender does.
fn take_slowly(text: &[u8]) -> Result<Option<RequestHead>, BadRequest> {
    let (mut buffer, mut scan) = (BytesMut::new(), HeadScan::default());
    for byte in text {
        buffer.extend_from_slice(&[*byte]);
        if let Some(head) = RequestHead::take(&mut buffer, &mut scan, &HeadLimits::default())? {
            return Ok(Some(head));
        }
    }
    Ok(None)
}

fn accepted(text: &str) -> RequestHead {
    take(text.as_bytes()).unwrap().unwrap()
}

/// Refused for that reason, at once and byte by byte.
fn check(text: &[u8], expected: BadRequest) {
    assert_eq!(take(text).err(), Some(expected), "{:?}", String::from_utf8_lossy(text));
    assert_eq!(take_slowly(text).err(), Some(expected), "slowly: {:?}", String::from_utf8_lossy(text));
}

/// A request of that first line and those further lines, after a sound `Host`.
fn with(lines: &str) -> Vec<u8> {
    format!("POST /a HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n").into_bytes()
}

#[test]
fn a_head_is_taken_and_what_follows_it_is_left() {
    let mut buffer = BytesMut::from(
        &b"POST /a?b HTTP/1.1\r\nHost: Shop.Example.:8080\r\nContent-Length: 5\r\nX-Empty:\r\nX-Odd: \xe4\r\n\r\nhello"[..],
    );
    let head =
        RequestHead::take(&mut buffer, &mut HeadScan::default(), &HeadLimits::default()).unwrap().unwrap();
    assert_eq!((head.method(), head.target()), ("POST", &b"/a?b"[..]));
    assert_eq!((head.authority().host(), head.authority().port()), ("shop.example", Some(8080)));
    assert_eq!(head.framing(), Framing::Length(5));
    assert_eq!(head.fields().only("x-empty"), Some(&b""[..]));
    assert_eq!(head.fields().only("x-odd"), Some(&b"\xe4"[..]));
    assert_eq!(buffer, "hello");
}

/// SECURITY case 1, RFC 9112 §6.3.
#[test]
fn content_length_beside_transfer_encoding_is_refused() {
    check(&with("Content-Length: 5\r\nTransfer-Encoding: chunked"), BadRequest::BothFramings);
    check(&with("Transfer-Encoding: chunked\r\ncontent-length: 0"), BadRequest::BothFramings);
}

/// SECURITY case 2: CVE-2021-40346, CVE-2023-40225, RUSTSEC-2021-0078.
#[test]
fn a_content_length_is_digits_and_stands_once() {
    for value in
        ["", "+5", "-5", "0x5", "5,5", "5, 5", "5 5", "5.0", "1e1", "5;", "５", "99999999999999999999"]
    {
        check(&with(&format!("Content-Length: {value}")), BadRequest::ContentLength);
    }
    for pair in ["5\r\nContent-Length: 6", "5\r\nContent-Length: 5", "5\r\nX: y\r\nCONTENT-LENGTH: 5"] {
        check(&with(&format!("Content-Length: {pair}")), BadRequest::ContentLength);
    }
    for control in [b'\x0b', b'\x0c', b'\0'] {
        let mut text = with("Content-Length: 5?");
        let at = text.iter().position(|byte| *byte == b'?').unwrap();
        text[at] = control;
        assert!(take(&text).is_err());
    }
    let head = take(&with("Content-Length: \t5 ")).unwrap().unwrap();
    assert_eq!(head.framing(), Framing::Length(5));
}

/// SECURITY case 3: RFC 9112 §6.1, RUSTSEC-2021-0020.
#[test]
fn a_transfer_encoding_is_exactly_chunked() {
    for value in [
        "",
        "gzip",
        "chunked, gzip",
        "gzip, chunked",
        "chunked, chunked",
        "chunked,",
        ",chunked",
        "\"chunked\"",
        "chunked;q=1",
        "xchunked",
        "chunke",
        "chunked\t\u{a0}",
        "chun\u{212a}ed",
        "identity",
    ] {
        check(&with(&format!("Transfer-Encoding: {value}")), BadRequest::TransferEncoding);
    }
    check(&with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), BadRequest::TransferEncoding);
    check(&with("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"), BadRequest::TransferEncoding);
    let head = take(&with("Transfer-Encoding: CHUNKED")).unwrap().unwrap();
    assert_eq!(head.framing(), Framing::Chunked);
}

/// SECURITY case 4: CVE-2026-2835.
#[test]
fn http_1_0_has_no_transfer_encoding() {
    check(b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", BadRequest::TransferEncoding);
}

/// SECURITY case 8: CVE-2023-25725, RFC 9112 §5.1 and §5.2.
#[test]
fn malformed_field_lines_are_refused() {
    for line in [
        "X : y",
        "X\t: y",
        ": y",
        " X: y",
        "X",
        "X\u{b7}: y",
        "X: a\0b",
        "X: a\x7fb",
        "X(: y",
        "X: y\r\n z: 1",
    ] {
        check(&with(line), BadRequest::FieldLine);
    }
    assert!(take(&with("X: a\rb")).is_err());
    assert!(take(&with("X: a\r\r")).is_err());
    check(&with("X: a\nY: b"), BadRequest::LineEnd);
    check(b"GET / HTTP/1.1\nHost: a\n\n", BadRequest::LineEnd);
    check(b"GET / HTTP/1.1\r\nHost: a\r\n\n", BadRequest::LineEnd);
}

/// A bare line feed is refused when it arrives, not when the time for the head is over.
#[test]
fn a_bare_line_feed_is_refused_before_the_head_is_whole() {
    assert_eq!(take(b"GET / HTTP/1.1\n").err(), Some(BadRequest::LineEnd));
}

/// SECURITY case 9: RFC 9112 §3.
#[test]
fn a_request_line_has_three_parts_and_two_spaces() {
    for line in [
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET\t/ HTTP/1.1",
        "GET / HTTP/1.1 ",
        " GET / HTTP/1.1",
        "GET / HTTP/1.1 HTTP/1.1",
        "GET /a b HTTP/1.1",
        "GET /",
        "GET\u{a0}/ HTTP/1.1",
        "GET / http/1.1",
        "GET / HTTP/11",
        "get / HTTP/1.1",
        "GeT / HTTP/1.1",
        "G@T / HTTP/1.1",
        "GET a HTTP/1.1",
        "GET * HTTP/1.1",
        "GET ftp://a/ HTTP/1.1",
        "GET http://a?b HTTP/1.1",
        "GET ://a/ HTTP/1.1",
        "\u{16}\u{3}\u{1}",
    ] {
        let text = format!("{line}\r\nHost: a\r\n\r\n");
        assert_eq!(take(text.as_bytes()).err(), Some(BadRequest::RequestLine), "{line:?}");
    }
    for version in ["2.0", "0.9", "1.2", "3.0"] {
        check(format!("GET / HTTP/{version}\r\nHost: a\r\n\r\n").as_bytes(), BadRequest::Version);
    }
}

/// SECURITY cases 10 and 60: RFC 9112 §3.2.
#[test]
fn there_is_one_host() {
    for host in ["", "a, b", "a b", "u@a", "a/b", "a:", "a:x", "a:99999", "a#", "[::1", "a\\b"] {
        check(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes(), BadRequest::Host);
    }
    check(b"GET / HTTP/1.1\r\n\r\n", BadRequest::Host);
    check(b"GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", BadRequest::Host);
    check(b"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", BadRequest::Host);
    check(b"GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", BadRequest::Host);
    check(b"GET http:/// HTTP/1.1\r\nHost: a\r\n\r\n", BadRequest::Host);
    let head = accepted("GET HTTP://A.example./x?y HTTP/1.1\r\nHost: a.EXAMPLE\r\n\r\n");
    assert_eq!((head.authority().host(), head.target()), ("a.example", &b"/x?y"[..]));
    assert_eq!(accepted("GET https://a HTTP/1.1\r\nHost: a\r\n\r\n").target(), b"/");
    assert_eq!(accepted("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").target(), b"*");
}

/// SECURITY cases 11 and 12: h2c smuggling, CVE-2026-2833. Nothing but a plain WebSocket handshake is an upgrade.
#[test]
fn only_a_websocket_handshake_is_an_upgrade() {
    let wants = |first: &str, lines: &str| {
        accepted(&format!("{first}\r\nHost: a\r\n{lines}\r\n\r\n")).wants_websocket()
    };
    let get = "GET / HTTP/1.1";
    assert!(wants(get, "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket"));
    assert!(!wants(get, "Upgrade: websocket"));
    assert!(!wants(get, "Connection: upgrade\r\nUpgrade: h2c"));
    assert!(!wants(get, "Connection: upgrade\r\nUpgrade: h2c, websocket"));
    assert!(!wants(get, "Connection: upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket"));
    assert!(!wants(get, "Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c"));
    assert!(!wants(get, "Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 5"));
    assert!(!wants(get, "Connection: upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked"));
    assert!(!wants("POST / HTTP/1.1", "Connection: upgrade\r\nUpgrade: websocket"));
    assert!(!wants("GET / HTTP/1.0", "Connection: upgrade\r\nUpgrade: websocket"));
}

/// SECURITY case 13: an obfuscated `Expect` changes no framing and is refused.
#[test]
fn an_expectation_is_exactly_100_continue() {
    for value in ["100-continue, x", "y 100-continue", "100", "100-continue;", "", "x"] {
        check(&with(&format!("Expect: {value}")), BadRequest::Expectation);
    }
    check(&with("Expect: 100-continue\r\nExpect: 100-continue"), BadRequest::Expectation);
    check(&with("Expect: \r\n 100-continue"), BadRequest::FieldLine);
    let head = take(&with("Expect: 100-Continue\r\nContent-Length: 3")).unwrap().unwrap();
    assert!(head.expects_continue());
    assert_eq!(head.framing(), Framing::Length(3));
    assert!(!take(&with("Expect: 100-continue")).unwrap().unwrap().expects_continue());
    let get = accepted("GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    assert_eq!(get.framing(), Framing::Length(3));
}

/// SECURITY case 63: CVE-2026-73547.
#[test]
fn connect_and_trace_are_refused() {
    check(b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", BadRequest::Method);
    check(b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", BadRequest::Method);
    assert_eq!(accepted("M-SEARCH / HTTP/1.1\r\nHost: a\r\n\r\n").method(), "M-SEARCH");
}

#[test]
fn a_connection_is_kept_as_the_version_and_the_client_say() {
    let keeps = |version: &str, lines: &str| {
        accepted(&format!("GET / HTTP/{version}\r\nHost: a\r\n{lines}\r\n")).keeps_alive()
    };
    assert!(keeps("1.1", ""));
    assert!(!keeps("1.1", "Connection: x, CLOSE\r\n"));
    assert!(!keeps("1.0", ""));
    assert!(keeps("1.0", "Connection: Keep-Alive\r\n"));
    assert!(!keeps("1.0", "Connection: keep-alive\r\nConnection: close\r\n"));
}

/// RFC 9112 §2.2: one empty line before the request line is forgiven, however it arrives; two are not.
#[test]
fn one_empty_line_before_a_request_is_forgiven() {
    let text = b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(take(text).unwrap().unwrap().method(), "GET");
    assert_eq!(take_slowly(text).unwrap().unwrap().method(), "GET");
    check(b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", BadRequest::RequestLine);
    check(b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", BadRequest::RequestLine);
}

/// SECURITY case 111: RFC 6585 §5, RFC 9110 §15.5.15.
#[test]
fn heads_beyond_the_limits_are_refused() {
    let many = "x: y\r\n".repeat(101);
    let long = format!("x: {}", "y".repeat(65 << 10));
    check(&with(many.trim_end()), BadRequest::HeadTooLarge);
    check(&with("x: y\r\n".repeat(200).trim_end()), BadRequest::HeadTooLarge);
    check(&with(&long), BadRequest::HeadTooLarge);
    let target = "a".repeat(17 << 10);
    check(format!("GET /{target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes(), BadRequest::TargetTooLong);
    // Without an end in sight, too.
    assert_eq!(take(&vec![b'A'; 65 << 10]).err(), Some(BadRequest::HeadTooLarge));
}

#[test]
fn every_refusal_has_a_status_of_its_own_kind() {
    assert_eq!(BadRequest::HeadTooLarge.status(), 431);
    assert_eq!(BadRequest::TargetTooLong.status(), 414);
    assert_eq!(BadRequest::Version.status(), 505);
    assert_eq!(BadRequest::Method.status(), 501);
    assert_eq!(BadRequest::Expectation.status(), 417);
    assert_eq!(BadRequest::LineEnd.status(), 400);
}

/// Lines that parsers quarrel about, to be put together at random.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("Host: a\r\n".to_owned()),
        Just("Content-Length: 3\r\n".to_owned()),
        Just("Transfer-Encoding: chunked\r\n".to_owned()),
        Just("Connection: close\r\n".to_owned()),
        Just("Expect: 100-continue\r\n".to_owned()),
        Just("X: y\n".to_owned()),
        Just("\r\n".to_owned()),
        "[A-Za-z:_ \\t-]{0,6}:?[ -~\\t\\r]{0,8}\r\n",
    ]
}

proptest! {
    /// However a head is cut into pieces, it is understood in the same way.
    #[test]
    fn pieces_make_no_difference(
        first in prop_oneof![Just("GET / HTTP/1.1\r\n"), Just("\r\nGET / HTTP/1.0\r\n"), Just("\rG"), Just("get / ")],
        lines in proptest::collection::vec(line(), 0..6),
    ) {
        let text = format!("{first}{}\r\n", lines.concat());
        let whole = take(text.as_bytes()).map(|head| head.map(|head| (head.framing(), head.keeps_alive())));
        let slow = take_slowly(text.as_bytes()).map(|head| head.map(|head| (head.framing(), head.keeps_alive())));
        // A fault in a later line may be seen before one in an earlier line once all is there.
        prop_assert_eq!(whole.is_err(), slow.is_err());
        if whole.is_ok() {
            prop_assert_eq!(whole, slow);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(text in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _any = take(&text);
    }
}
