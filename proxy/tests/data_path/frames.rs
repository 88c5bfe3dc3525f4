//! HTTP/2 as no library would send it: frames written by hand (RFC 9113 §4, RFC 7541 §6.2.2).

use std::io::{Read, Write as _};
use std::sync::{Arc, Mutex, mpsc};

use rustls::ClientConfig;

use crate::app::{App, answer, field, read_head};
use crate::plane::{Plane, Wanted};

/// What came back for a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reply {
    /// An answer; 0 where the status has no code of its own in HPACK's table.
    Status(u16),
    /// The stream or the connection was ended.
    Refused,
}

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// The fields of a GET, with `more` behind them.
pub(crate) fn get_fields<'f>(path: &'f str, more: &[(&'f str, &'f str)]) -> Vec<(&'f str, &'f str)> {
    let pseudo =
        [(":method", "GET"), (":scheme", "https"), (":authority", "shop.example.com"), (":path", path)];
    [&pseudo[..], more].concat()
}

/// Sends a head and a body on a connection of their own.
pub(crate) fn ask_in_frames(
    plane: &Plane,
    trust: &Arc<ClientConfig>,
    fields: &[(&str, &str)],
    body: &[u8],
) -> Reply {
    let mut trust = (**trust).clone();
    trust.alpn_protocols = vec![b"h2".to_vec()];
    let mut stream = plane.tls(&Arc::new(trust), "shop.example.com");
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend_from_slice(text.as_bytes());
        }
    }
    let end = if body.is_empty() { END_STREAM } else { 0 };
    let mut out = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    out.extend(frame(4, 0, 0, &[]));
    out.extend(frame(HEADERS, END_HEADERS | end, 1, &block));
    if !body.is_empty() {
        out.extend(frame(0, END_STREAM, 1, body));
    }
    stream.write_all(&out).unwrap();
    read_reply(&mut stream)
}

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    [&[0, 0, length, kind, flags, 0, 0, 0, stream], payload].concat()
}

fn read_reply(stream: &mut impl Read) -> Reply {
    loop {
        let mut head = [0; 9];
        if stream.read_exact(&mut head).is_err() {
            return Reply::Refused;
        }
        let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        stream.read_exact(&mut payload).unwrap();
        match (head[3], payload.first()) {
            (RST_STREAM | GOAWAY, _) => return Reply::Refused,
            // RFC 7541 appendix A.
            (HEADERS, Some(0x88)) => return Reply::Status(200),
            (HEADERS, Some(0x8c)) => return Reply::Status(400),
            (HEADERS, Some(0x8d)) => return Reply::Status(404),
            (HEADERS, _) => return Reply::Status(0),
            _ => {}
        }
    }
}

/// SECURITY cases 23 to 25: heads that a backend on HTTP/1 would read otherwise never get there.
#[test]
fn http2_heads_that_two_readers_could_read_in_two_ways_are_refused() {
    let (whole, seen) = mpsc::channel();
    let whole = Mutex::new(whole);
    let app = App::start(move |_, mut stream| {
        while let Some(head) = read_head(&mut stream) {
            let length = field(&head, "content-length").map_or(0, |length| length.parse().unwrap());
            // Of a body that is not as long as its head says, the app must not see the end.
            if stream.read_exact(&mut vec![0; length]).is_err() {
                return;
            }
            whole.lock().unwrap().send(head).unwrap();
            answer(&mut stream, "");
        }
    });
    let plane = Plane::start(&Wanted { port: app.address.port(), ..Wanted::default() });
    let trust = plane.certify();
    let with = |name, value| get_fields("/", &[(name, value)]);
    let pseudo = |name: &str, value| {
        let mut fields = get_fields("/", &[]);
        fields.iter_mut().filter(|field| field.0 == name).for_each(|field| field.1 = value);
        fields
    };
    let cases = [
        (with("te", "gzip"), "", Reply::Refused),
        (with("connection", "close"), "", Reply::Refused),
        (with("transfer-encoding", "chunked"), "", Reply::Refused),
        (with("upgrade", "h2c"), "", Reply::Refused),
        (with("keep-alive", "1"), "", Reply::Refused),
        (with("proxy-connection", "close"), "", Reply::Refused),
        (with("Accept", "*/*"), "", Reply::Refused),
        (with("a b", "c"), "", Reply::Refused),
        (with("a:b", "c"), "", Reply::Refused),
        (with("", "c"), "", Reply::Refused),
        (with("a", "b\r\nc: d"), "", Reply::Refused),
        (with("a", "b\0"), "", Reply::Refused),
        (with(":method", "GET"), "", Reply::Refused),
        (with(":status", "200"), "", Reply::Refused),
        (with(":path", "/other"), "", Reply::Refused),
        (with("content-length", "5"), "", Reply::Refused),
        (with("content-length", "+1"), "a", Reply::Refused),
        (with("content-length", "1"), "ab", Reply::Refused),
        (with("content-length", "3"), "ab", Reply::Refused),
        (pseudo(":path", ""), "", Reply::Refused),
        (pseudo(":authority", "a b"), "", Reply::Refused),
        (pseudo(":authority", "user@shop.example.com"), "", Reply::Status(400)),
        (pseudo(":method", "get"), "", Reply::Status(400)),
        (pseudo(":method", "G|T"), "", Reply::Status(400)),
        (pseudo(":path", "/a b"), "", Reply::Refused),
        (pseudo(":path", "/a;b"), "", Reply::Status(400)),
        (with("host", "other.example.com"), "", Reply::Status(400)),
        (with("a", " b"), "", Reply::Status(400)),
        (get_fields("/", &[("content-length", "1"), ("content-length", "1")]), "a", Reply::Status(400)),
    ];
    for (fields, body, expected) in cases {
        let reply = ask_in_frames(&plane, &trust, &fields, body.as_bytes());
        assert_eq!(reply, expected, "{fields:?}");
    }
    assert_eq!(ask_in_frames(&plane, &trust, &with("x-last", "a"), b""), Reply::Status(200));
    assert!(seen.recv().unwrap().contains("x-last: a\r\n"), "nothing whole came before");
}
