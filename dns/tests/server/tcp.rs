//! Clients that use TCP as they may, and as they should not (SECURITY: a server must not be emptied by the idle).

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::hostile::question;
use super::served::Served;

/// A message with its length in front.
fn framed(message: &[u8]) -> Vec<u8> {
    [&u16::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
}

fn read(stream: &mut TcpStream) -> Vec<u8> {
    let mut len = [0; 2];
    stream.read_exact(&mut len).unwrap();
    let mut message = vec![0; u16::from_be_bytes(len).into()];
    stream.read_exact(&mut message).unwrap();
    message
}

/// Whether the server closed, once it has.
fn is_closed(stream: &mut TcpStream) -> bool {
    // A reset says the same.
    !matches!(stream.read(&mut [0]), Ok(1..))
}

#[test]
fn questions_sent_at_once_are_answered_in_order() {
    let served = Served::start();
    let mut stream = served.tcp();
    let many: Vec<u8> = (0..200).flat_map(|id| framed(&question(id, "big.example.com", 16))).collect();
    stream.write_all(&many).unwrap();
    for id in 0..200_u16 {
        assert_eq!(read(&mut stream)[..2], id.to_be_bytes());
    }
}

#[test]
fn a_question_sent_byte_by_byte_is_answered() {
    let served = Served::start();
    let mut stream = served.tcp();
    stream.set_nodelay(true).unwrap();
    for byte in framed(&question(7, "shop.example.com", 1)) {
        stream.write_all(&[byte]).unwrap();
    }
    assert_eq!(read(&mut stream)[..2], [0, 7]);
}

#[test]
fn two_hundred_idle_connections_do_not_keep_a_new_client_out() {
    let served = Served::start();
    let idle: Vec<TcpStream> = (0..200).map(|_| served.tcp()).collect();
    let mut stream = served.tcp();
    stream.write_all(&framed(&question(1, "shop.example.com", 1))).unwrap();
    assert_eq!(read(&mut stream)[..2], [0, 1]);
    drop(idle);
}

#[test]
fn more_connections_than_are_held_cost_their_owner_the_oldest() {
    let served = Served::start();
    let mut idle: Vec<TcpStream> = (0..600).map(|_| served.tcp()).collect();
    let mut stream = served.tcp();
    stream.write_all(&framed(&question(1, "shop.example.com", 1))).unwrap();
    assert_eq!(read(&mut stream)[..2], [0, 1], "the newcomer is served");
    assert!(is_closed(&mut idle[0]), "the oldest has made room");
}

#[test]
fn a_client_that_says_nothing_is_closed() {
    let served = Served::start();
    let mut silent = served.tcp();
    let mut trickling = served.tcp();
    trickling.write_all(&[0]).unwrap();
    assert!(is_closed(&mut silent));
    assert!(is_closed(&mut trickling), "one byte wins no time");
}

#[test]
fn a_client_that_is_done_is_closed_at_once() {
    let served = Served::start();
    let mut stream = served.tcp();
    stream.write_all(&framed(&question(1, "shop.example.com", 1))).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(read(&mut stream)[..2], [0, 1]);
    assert!(is_closed(&mut stream));
}

#[test]
fn a_message_too_long_or_too_short_closes_only_its_connection() {
    let served = Served::start();
    for hostile in [vec![0xFF, 0xFF], framed(&[]), framed(&[0; 11]), framed(&[0xFF; 40])] {
        let mut stream = served.tcp();
        stream.write_all(&hostile).unwrap();
        assert!(is_closed(&mut stream), "{hostile:?}");
    }
    let mut stream = served.tcp();
    stream.write_all(&framed(&question(1, "shop.example.com", 1))).unwrap();
    assert_eq!(read(&mut stream)[..2], [0, 1]);
}
