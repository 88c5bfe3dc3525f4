//! A client that says exactly what a test wants said.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::app::{field, read_body, read_head};

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        field(&self.head, name)
    }
}

/// A plain connection whose reads fail rather than hang.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

/// Reads one answer.
pub(crate) fn read(stream: &mut impl Read) -> Answer {
    let head = read_head(stream).expect("an answer");
    let status = head[9..12].parse().unwrap();
    let body = String::from_utf8(read_body(stream, &head)).unwrap();
    Answer { status, head, body }
}

/// Sends `request` and reads its answer.
pub(crate) fn ask(stream: &mut (impl Read + Write), request: &str) -> Answer {
    stream.write_all(request.as_bytes()).unwrap();
    read(stream)
}

/// A request without a body.
pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: shop.example.com\r\n\r\n")
}
