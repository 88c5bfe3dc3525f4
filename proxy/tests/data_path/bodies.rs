//! Bodies, both ways.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use proxy::ConnectionLimits;

use crate::app::{App, read_head, read_to_end};
use crate::client::{ask, get, read};
use crate::plane::{Plane, Wanted};

const POST: &str = "POST / HTTP/1.1\r\nhost: shop.example.com\r\n";

#[test]
fn chunks_pass_both_ways() {
    let app = App::start(|_, mut stream| {
        let head = read_head(&mut stream).unwrap();
        let body = crate::app::read_body(&mut stream, &head);
        stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n").unwrap();
        stream.write_all(format!("{:x}\r\n", body.len()).as_bytes()).unwrap();
        stream.write_all(&[&body[..], b"\r\n0\r\n\r\n"].concat()).unwrap();
    });
    let plane = Plane::start(&Wanted { port: app.address.port(), ..Wanted::default() });
    let request = format!("{POST}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n");
    let answer = ask(&mut plane.client(), &request);
    assert_eq!((answer.status, answer.body.as_str()), (200, "okabcdefg"), "{answer:?}");
}

#[test]
fn a_body_above_the_limit_is_413_however_it_is_framed() {
    let app = App::start(|_, mut stream| drop(read_to_end(&mut stream)));
    let ingress = "http: serve\n  limits: {bodyBytesMax: 4}";
    let plane = Plane::start(&Wanted { port: app.address.port(), ingress, ..Wanted::default() });
    let declared = format!("{POST}content-length: 5\r\n\r\nabcde");
    assert_eq!(ask(&mut plane.client(), &declared).status, 413);
    let chunked = format!("{POST}transfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n");
    assert_eq!(ask(&mut plane.client(), &chunked).status, 413);
}

/// SECURITY case 109.
#[test]
fn a_body_that_does_not_come_is_408() {
    let app = App::start(|_, mut stream| drop(read_to_end(&mut stream)));
    let limits = ConnectionLimits { body_timeout: Duration::from_millis(200), ..ConnectionLimits::default() };
    let plane = Plane::with_limits(&Wanted { port: app.address.port(), ..Wanted::default() }, limits);
    assert_eq!(ask(&mut plane.client(), &format!("{POST}content-length: 5\r\n\r\nab")).status, 408);
}

#[test]
fn an_upload_may_take_longer_than_an_answer() {
    let app = App::start(|_, mut stream| {
        let head = read_head(&mut stream).unwrap();
        if head.starts_with("GET ") {
            drop(read_to_end(&mut stream));
            return;
        }
        let body = crate::app::read_body(&mut stream, &head);
        crate::app::answer(&mut stream, std::str::from_utf8(&body).unwrap());
    });
    let timeouts = "{response: 200ms}";
    let plane = Plane::start(&Wanted { port: app.address.port(), timeouts, ..Wanted::default() });
    let mut client = plane.client();
    client.write_all(format!("{POST}content-length: 3\r\n\r\n").as_bytes()).unwrap();
    for piece in ["a", "b", "c"] {
        // Whoever is not answered meanwhile shows that the time has passed.
        assert_eq!(ask(&mut plane.client(), &get("/")).status, 504);
        client.write_all(piece.as_bytes()).unwrap();
    }
    assert_eq!(read(&mut client).body, "abc");
}

#[test]
fn a_client_that_expects_to_be_told_is_told_to_go_on() {
    let app = App::echo();
    let plane = Plane::start(&Wanted { port: app.address.port(), ..Wanted::default() });
    let mut client = plane.client();
    client.write_all(format!("{POST}expect: 100-continue\r\ncontent-length: 2\r\n\r\n").as_bytes()).unwrap();
    assert!(read_head(&mut client).unwrap().starts_with("HTTP/1.1 100 "));
    client.write_all(b"ok").unwrap();
    let answer = read(&mut client);
    assert!(answer.status == 200 && answer.body.ends_with("ok"), "{answer:?}");
}

#[test]
fn a_websocket_carries_bytes_both_ways_after_the_switch() {
    let app = App::start(|_, mut stream| {
        let head = read_head(&mut stream).unwrap();
        assert!(head.contains("upgrade: websocket\r\n"), "{head}");
        let switch =
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nhello";
        stream.write_all(switch.as_bytes()).unwrap();
        let mut four = [0; 4];
        stream.read_exact(&mut four).unwrap();
        stream.write_all(&four).unwrap();
    });
    let plane = Plane::start(&Wanted { port: app.address.port(), ..Wanted::default() });
    let mut client = plane.client();
    let upgrade = "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\nping";
    client.write_all(get("/").replace("\r\n\r\n", "\r\n").as_bytes()).unwrap();
    client.write_all(upgrade.as_bytes()).unwrap();
    assert!(read_head(&mut client).unwrap().starts_with("HTTP/1.1 101 "));
    assert_eq!(read_to_end(&mut client), b"helloping");
}
