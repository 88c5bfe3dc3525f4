//! Heads and bodies are read alike however they are cut into pieces, and what is accepted is free of what a second
//! reader would understand otherwise. The first byte says how large the pieces are and what is read.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use proxy::core::http1::body::{BadBody, BodyDecoder, Decoded};
use proxy::core::http1::request::{BadRequest, Framing, RequestHead};
use proxy::core::http1::response::{Asked, BadResponse, ResponseHead};
use proxy::core::http1::{HeadLimits, HeadScan, is_hop_by_hop, write};

fuzz_target!(|data: &[u8]| {
    let Some((how, text)) = data.split_first() else { return };
    let piece = usize::from(how >> 2) + 1;
    match how & 3 {
        0 | 1 => requests(text, piece),
        2 => responses(text, piece),
        _ => bodies(text, piece),
    }
});

fn read_request(text: &[u8], piece: usize) -> Result<Option<(RequestHead, usize)>, BadRequest> {
    let (mut buffer, mut scan, mut given) = (BytesMut::new(), HeadScan::default(), 0);
    for part in text.chunks(piece.max(1)) {
        buffer.extend_from_slice(part);
        given += part.len();
        if let Some(head) = RequestHead::take(&mut buffer, &mut scan, &HeadLimits::default())? {
            return Ok(Some((head, given - buffer.len())));
        }
    }
    Ok(None)
}

fn requests(text: &[u8], piece: usize) {
    let whole = read_request(text, text.len());
    let pieces = read_request(text, piece);
    match (&whole, &pieces) {
        (Ok(Some((one, one_end))), Ok(Some((two, two_end)))) => {
            assert_eq!(one_end, two_end);
            assert_eq!(
                (one.method(), one.target(), one.framing()),
                (two.method(), two.target(), two.framing())
            );
            assert_eq!(one.authority(), two.authority());
        }
        (one, two) => {
            assert_eq!(one.as_ref().err(), two.as_ref().err());
            assert_eq!(one.as_ref().is_ok_and(Option::is_some), two.as_ref().is_ok_and(Option::is_some));
        }
    }
    let Ok(Some((head, end))) = whole else { return };
    has_no_bare_line_end(&text[..end]);

    // What we write of it is read back as the same message.
    let mut out = BytesMut::new();
    write::request_line(&mut out, head.method(), "/", None, head.authority().host(), head.authority().port());
    for field in head.forwarded() {
        assert!(!is_hop_by_hop(field.name) && !field.name.contains(&b'_'));
        assert!(!["host", "content-length", "x-forwarded-for"].iter().any(|name| field.is(name)));
        write::field(&mut out, field.name, field.value);
    }
    let framing = match head.framing() {
        Framing::None => write::Framing::None,
        Framing::Length(length) => write::Framing::Length(length),
        Framing::Chunked => write::Framing::Chunked,
    };
    write::end(&mut out, framing);
    // Names gain a space after the colon, so a head at the limit may grow over it.
    let limits = HeadLimits { head_bytes_max: 1 << 20, ..HeadLimits::default() };
    let again = RequestHead::take(&mut out, &mut HeadScan::default(), &limits)
        .expect("what we write is well-formed")
        .expect("and whole");
    assert!(out.is_empty());
    assert_eq!((again.method(), again.framing()), (head.method(), head.framing()));
    assert_eq!(again.authority(), head.authority());
    assert_eq!(again.forwarded().count(), head.forwarded().count());
}

fn read_response(
    text: &[u8],
    piece: usize,
    asked: Asked,
) -> Result<Option<(ResponseHead, usize)>, BadResponse> {
    let (mut buffer, mut scan, mut given) = (BytesMut::new(), HeadScan::default(), 0);
    for part in text.chunks(piece.max(1)) {
        buffer.extend_from_slice(part);
        given += part.len();
        if let Some(head) = ResponseHead::take(&mut buffer, &mut scan, &HeadLimits::default(), asked)? {
            return Ok(Some((head, given - buffer.len())));
        }
    }
    Ok(None)
}

fn responses(text: &[u8], piece: usize) {
    for asked in [Asked::Plain, Asked::Head, Asked::Upgrade] {
        let whole = read_response(text, text.len(), asked);
        let pieces = read_response(text, piece, asked);
        let seen = |read: &Result<Option<(ResponseHead, usize)>, BadResponse>| {
            read.as_ref()
                .map(|head| head.as_ref().map(|(head, end)| (head.status(), head.framing(), *end)))
                .map_err(|bad| *bad)
        };
        assert_eq!(seen(&whole), seen(&pieces));
        let Ok(Some((head, end))) = whole else { continue };
        has_no_bare_line_end(&text[..end]);
        assert!(head.forwarded().all(|field| !is_hop_by_hop(field.name) && !field.is("content-length")));
    }
}

fn has_no_bare_line_end(head: &[u8]) {
    let feeds = head.iter().filter(|byte| **byte == b'\n').count();
    let returns = head.iter().filter(|byte| **byte == b'\r').count();
    let pairs = head.windows(2).filter(|pair| pair == b"\r\n").count();
    assert!(feeds == pairs && returns == pairs && !head.contains(&0));
}

/// The data, whether the end was reached, and how much was taken.
type Body = (Vec<u8>, bool, usize);

fn read_body(text: &[u8], piece: usize) -> Result<Body, BadBody> {
    let (mut buffer, mut decoder, mut given) = (BytesMut::new(), BodyDecoder::chunked(), 0);
    let mut data = Vec::new();
    for part in text.chunks(piece.max(1)) {
        buffer.extend_from_slice(part);
        given += part.len();
        loop {
            match decoder.decode(&mut buffer)? {
                Decoded::Data(more) => data.extend_from_slice(&more),
                Decoded::End(_) => return Ok((data, true, given - buffer.len())),
                Decoded::NeedMore => break,
            }
        }
    }
    Ok((data, false, 0))
}

fn bodies(text: &[u8], piece: usize) {
    let whole = read_body(text, text.len());
    assert_eq!(whole, read_body(text, piece));
    if let Ok((data, true, end)) = whole {
        // Every byte of data came out of the bytes taken, and framing cost some of them.
        assert!(data.len() + 5 <= end);
    }
}
