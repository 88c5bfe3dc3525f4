use proptest::prelude::*;

use super::*;

fn take(text: &str, asked: Asked) -> Result<Option<ResponseHead>, BadResponse> {
    let limits = HeadLimits::default();
    ResponseHead::take(&mut BytesMut::from(text), &mut HeadScan::default(), &limits, asked)
}

fn check(text: &str, asked: Asked, expected: Result<Framing, BadResponse>) {
    let framing = take(text, asked).map(|head| head.unwrap().framing());
    assert_eq!(framing, expected, "{text:?}");
}

fn with(status: &str, lines: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{lines}\r\n")
}

/// RFC 9112 §6.3.
#[test]
fn framing_follows_status_request_and_fields() {
    use Framing::{Chunked, Length, None, UntilClose};
    for (status, lines, asked, expected) in [
        ("200 OK", "Content-Length: 5\r\n", Asked::Plain, Length(5)),
        ("200 OK", "Transfer-Encoding: Chunked\r\n", Asked::Plain, Chunked),
        ("200 OK", "", Asked::Plain, UntilClose),
        ("200 OK", "Content-Length: 5\r\n", Asked::Head, None),
        ("200 OK", "Transfer-Encoding: chunked\r\n", Asked::Head, None),
        ("304 Not Modified", "Content-Length: 5\r\n", Asked::Plain, None),
        ("204 No Content", "", Asked::Plain, None),
        ("204 No Content", "Content-Length: 0\r\n", Asked::Plain, None),
        ("100 Continue", "", Asked::Plain, None),
        ("101 Switching Protocols", "Upgrade: websocket\r\n", Asked::Upgrade, None),
        ("200 OK", "Content-Length: 5\r\n", Asked::Upgrade, Length(5)),
        ("200", "Content-Length: 0\r\n", Asked::Plain, Length(0)),
    ] {
        check(&with(status, lines), asked, Ok(expected));
    }
}

/// SECURITY case 15: what a hostile backend says never becomes part of another client's answer.
#[test]
fn a_backend_that_contradicts_itself_is_refused() {
    for lines in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: +5\r\n",
        "Content-Length:\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    ] {
        for asked in [Asked::Plain, Asked::Head] {
            check(&with("200 OK", lines), asked, Err(BadResponse::Framing));
        }
    }
    // A body that is declared where none may be would be the next client's answer.
    for status in ["204 No Content", "100 Continue", "103 Early Hints"] {
        check(&with(status, "Content-Length: 5\r\n"), Asked::Plain, Err(BadResponse::Framing));
        check(&with(status, "Transfer-Encoding: chunked\r\n"), Asked::Plain, Err(BadResponse::Framing));
    }
    for status in ["200 OK", "304 Not Modified"] {
        let text = format!("HTTP/1.0 {status}\r\nTransfer-Encoding: chunked\r\n\r\n");
        check(&text, Asked::Plain, Err(BadResponse::Framing));
    }
    check(&with("101 Switching Protocols", ""), Asked::Plain, Err(BadResponse::UnaskedSwitch));
    check(&with("101 Switching Protocols", ""), Asked::Head, Err(BadResponse::UnaskedSwitch));
}

/// SECURITY case 15, RFC 9112 §4 and §5.
#[test]
fn malformed_heads_are_refused() {
    for text in [
        "HTTP/1.1 200 OK\nX: y\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\nb\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
        "HTTP/1.1 200 O\0K\r\n\r\n",
        "HTTP/1.1 200 O\rK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: y\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n",
        "HTTP/1.1 099 Low\r\n\r\n",
        "HTTP/1.1 600 High\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "\r\nHTTP/1.1 200 OK\r\n\r\n",
        "\r\n\r\n",
        "garbage\r\n\r\n",
    ] {
        assert_eq!(take(text, Asked::Plain).err(), Some(BadResponse::Malformed), "{text:?}");
    }
}

#[test]
fn large_heads_are_refused() {
    let text = with("200 OK", &format!("X: {}\r\n", "y".repeat(65 << 10)));
    assert_eq!(take(&text, Asked::Plain).err(), Some(BadResponse::TooLarge));
    let text = with("200 OK", &"x: y\r\n".repeat(201));
    assert_eq!(take(&text, Asked::Plain).err(), Some(BadResponse::TooLarge));
}

#[test]
fn a_connection_is_kept_only_when_the_end_is_known() {
    let keeps = |text: &str| take(text, Asked::Plain).unwrap().unwrap().keeps_alive();
    assert!(keeps("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    assert!(!keeps("HTTP/1.1 200 OK\r\n\r\n"));
    assert!(!keeps("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
    assert!(!keeps("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"));
    assert!(keeps("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n"));
}

#[test]
fn interim_answers_are_told_apart_and_the_final_one_follows() {
    let mut buffer = BytesMut::from(
        "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    );
    let (mut scan, limits) = (HeadScan::default(), HeadLimits::default());
    let first = ResponseHead::take(&mut buffer, &mut scan, &limits, Asked::Plain).unwrap().unwrap();
    assert!(first.is_interim());
    let second = ResponseHead::take(&mut buffer, &mut scan, &limits, Asked::Plain).unwrap().unwrap();
    assert!(!second.is_interim());
    assert_eq!(second.status(), StatusCode::OK);
}

proptest! {
    #[test]
    fn pieces_make_no_difference(
        status in "[1-5]0[0-4]",
        lines in proptest::collection::vec(
            prop_oneof![Just("Content-Length: 2\r\n"), Just("Transfer-Encoding: chunked\r\n"), Just("X: y\r\n"), Just("X\n")],
            0..4,
        ),
    ) {
        let text = with(&status, &lines.concat());
        let whole = take(&text, Asked::Plain).map(|head| head.map(|head| head.framing()));
        let (mut buffer, mut scan, limits) = (BytesMut::new(), HeadScan::default(), HeadLimits::default());
        let mut slow = Ok(None);
        for byte in text.bytes() {
            buffer.extend_from_slice(&[byte]);
            slow = ResponseHead::take(&mut buffer, &mut scan, &limits, Asked::Plain);
            if !matches!(slow, Ok(None)) {
                break;
            }
        }
        prop_assert_eq!(whole, slow.map(|head| head.map(|head| head.framing())));
    }
}
