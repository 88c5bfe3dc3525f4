use proptest::prelude::*;

use super::*;

/// What a decoder makes of some bytes.
#[derive(Debug, Default, Eq, PartialEq)]
struct Outcome {
    data: Vec<u8>,
    trailers: Option<HeaderMap>,
    done: bool,
    left: Vec<u8>,
}

/// Decodes the bytes, given in pieces of `piece` bytes.
fn decode(mut decoder: BodyDecoder, text: &[u8], piece: usize) -> Result<Outcome, BadBody> {
    let (mut buffer, mut outcome) = (BytesMut::new(), Outcome::default());
    for part in text.chunks(piece.max(1)) {
        buffer.extend_from_slice(part);
        while !outcome.done {
            match decoder.decode(&mut buffer)? {
                Decoded::Data(data) => {
                    assert!(!data.is_empty());
                    outcome.data.extend_from_slice(&data);
                }
                Decoded::End(trailers) => (outcome.trailers, outcome.done) = (trailers, true),
                Decoded::NeedMore => break,
            }
        }
    }
    assert!(!outcome.done || decoder.is_done());
    outcome.left = buffer.to_vec();
    Ok(outcome)
}

fn check(text: &str, expected: BadBody) {
    for piece in [1, 7, text.len()] {
        assert_eq!(
            decode(BodyDecoder::chunked(), text.as_bytes(), piece),
            Err(expected),
            "{text:?} by {piece}"
        );
    }
}

#[test]
fn chunks_are_put_together_and_what_follows_is_left() {
    let outcome =
        decode(BodyDecoder::chunked(), b"5\r\nhello\r\n00A;x=\"y\";z\r\n, chunked!\r\n0\r\n\r\nGET", 99)
            .unwrap();
    assert_eq!(outcome.data, b"hello, chunked!");
    assert!(outcome.done && outcome.trailers.is_none());
    assert_eq!(outcome.left, b"GET");
}

/// SECURITY case 5: RFC 9112 §7.1, "funky chunks".
#[test]
fn malformed_chunk_ends_and_extensions_are_refused() {
    check("5\r\nhelloXX0\r\n\r\n", BadBody::ChunkEnd);
    check("5\r\nhello\n0\r\n\r\n", BadBody::ChunkEnd);
    check("5\r\nhello\rX0\r\n\r\n", BadBody::ChunkEnd);
    check("5\r\nhello0\r\n\r\n", BadBody::ChunkEnd);
    for head in
        ["5\n", "5;x\n", "5;x\ry\r\n", "5;x\0\r\n", "5\r\r\n", "5 ;x\r\n", "5 \r\n", "5\tx\r\n", "5x\r\n"]
    {
        check(&format!("{head}hello\r\n0\r\n\r\n"), BadBody::ChunkSize);
    }
    check(&format!("5;{}\r\nhello\r\n", "x".repeat(300)), BadBody::TooLarge);
    check("0\r\nX: y\n\r\n", BadBody::Trailer);
    check("0\r\n\n", BadBody::Trailer);
}

/// SECURITY case 6: RUSTSEC-2021-0079.
#[test]
fn a_chunk_size_is_hexadecimal_digits_that_fit() {
    for size in
        ["", "-5", "+5", "0x5", " 5", "g", "5,", "fffffffffffffffff", "10000000000000000", ";x", "\u{b2}"]
    {
        check(&format!("{size}\r\nhello\r\n0\r\n\r\n"), BadBody::ChunkSize);
    }
}

/// Extensions that outweigh the data are an attack, each short as it may be (CVE-2023-39326).
#[test]
fn extensions_are_limited_over_the_whole_body() {
    let chunk = format!("1;{}\r\nx\r\n", "e".repeat(200));
    check(&chunk.repeat(100), BadBody::TooLarge);
    let small = "1\r\nx\r\n".repeat(100_000);
    assert_eq!(decode(BodyDecoder::chunked(), small.as_bytes(), 4096).unwrap().data.len(), 100_000);
}

/// SECURITY case 7: RFC 9110 §6.5.1.
#[test]
fn trailers_that_change_the_message_are_dropped() {
    let text = b"0\r\nHost: b\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nTE: x\r\nAuthorization: x\r\n\
        Cookie: x\r\nX-Forwarded-For: x\r\nconnection: x\r\nContent_Length: 5\r\nSet-Cookie: x\r\ngrpc-status: 0\r\n\r\n";
    let trailers = decode(BodyDecoder::chunked(), text, 99).unwrap().trailers.unwrap();
    assert_eq!(trailers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["grpc-status"]);
    assert!(decode(BodyDecoder::chunked(), b"0\r\nHost: b\r\n\r\n", 99).unwrap().trailers.is_none());
}

#[test]
fn trailers_are_limited_and_well_formed() {
    check(&format!("0\r\nX: {}\r\n\r\n", "y".repeat(9 << 10)), BadBody::TooLarge);
    check(&format!("0\r\n{}\r\n", "X: y\r\n".repeat(33)), BadBody::TooLarge);
    check("0\r\nX : y\r\n\r\n", BadBody::Trailer);
    check("0\r\nX: y\r\n z\r\n\r\n", BadBody::Trailer);
    check("0\r\n: y\r\n\r\n", BadBody::Trailer);
}

#[test]
fn a_length_ends_where_it_says() {
    let outcome = decode(BodyDecoder::length(5), b"helloGET", 3).unwrap();
    assert_eq!((outcome.data.as_slice(), outcome.done), (&b"hello"[..], true));
    assert!(decode(BodyDecoder::length(0), b"GET", 9).unwrap().data.is_empty());
}

#[test]
fn a_close_ends_only_a_body_that_may_end_so() {
    assert_eq!(BodyDecoder::until_close().handle_close(), Ok(()));
    assert_eq!(BodyDecoder::length(0).handle_close(), Ok(()));
    assert_eq!(BodyDecoder::length(5).handle_close(), Err(BadBody::EndedEarly));
    assert_eq!(BodyDecoder::chunked().handle_close(), Err(BadBody::EndedEarly));
    let mut decoder = BodyDecoder::chunked();
    let _data = decoder.decode(&mut BytesMut::from("5\r\nhello\r\n0\r\n"));
    assert_eq!(decoder.handle_close(), Err(BadBody::EndedEarly));
}

proptest! {
    #[test]
    fn what_is_written_in_chunks_is_read_back(
        chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..50), 0..8),
        trailer in proptest::option::of("[a-z]{1,8}"),
        piece in 1usize..64,
    ) {
        let trailers = trailer.map(|value| {
            let mut map = HeaderMap::new();
            map.append("x-check", HeaderValue::from_str(&value).unwrap());
            map
        });
        let mut out = BytesMut::new();
        for chunk in &chunks {
            write_chunk_head(&mut out, chunk.len());
            out.extend_from_slice(chunk);
            out.extend_from_slice(b"\r\n");
        }
        write_last_chunk(&mut out, trailers.as_ref());
        out.extend_from_slice(b"NEXT");
        let outcome = decode(BodyDecoder::chunked(), &out, piece).unwrap();
        prop_assert!(outcome.done);
        prop_assert_eq!(outcome.data, chunks.concat());
        prop_assert_eq!(outcome.trailers, trailers);
    }

    #[test]
    fn pieces_make_no_difference(text in "([0-9a-f]{1,2}(;[a-z]{0,3})?\r?\n[ -~]{0,9}(\r\n)?){0,3}0\r\n(x: y\r?\n)?\r\n", piece in 1usize..9) {
        let whole = decode(BodyDecoder::chunked(), text.as_bytes(), text.len());
        let pieces = decode(BodyDecoder::chunked(), text.as_bytes(), piece);
        match (whole, pieces) {
            (Ok(whole), Ok(pieces)) => {
                prop_assert_eq!((whole.data, whole.trailers, whole.done), (pieces.data, pieces.trailers, pieces.done));
            }
            (whole, pieces) => prop_assert_eq!(whole.err(), pieces.err()),
        }
    }
}
