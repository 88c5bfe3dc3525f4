//! An app that does what a test tells it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// An app on a port of its own, one thread a connection.
pub(crate) struct App {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl App {
    /// Runs `serve` for each connection, with the connection's number from 0.
    pub(crate) fn start(serve: impl Fn(usize, TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (count, serve) = (Arc::clone(&connections), Arc::new(serve));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let number = count.fetch_add(1, Ordering::SeqCst);
                let serve = Arc::clone(&serve);
                std::thread::spawn(move || serve(number, stream.unwrap()));
            }
        });
        Self { address, connections }
    }

    /// Answers each request with what came: its head, then its body, as text.
    pub(crate) fn echo() -> Self {
        Self::start(|_, mut stream| {
            while let Some(head) = read_head(&mut stream) {
                let body = read_body(&mut stream, &head);
                let text = [head.as_bytes(), &body].concat();
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", text.len());
                if stream.write_all(&[answer.as_bytes(), &text].concat()).is_err() {
                    return;
                }
            }
        })
    }

    /// How many connections it was given.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Reads up to the empty line; `None` at the end of the stream.
pub(crate) fn read_head(stream: &mut impl std::io::Read) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    Some(String::from_utf8(head).unwrap())
}

/// Reads the body that `head` announces, chunks put together.
pub(crate) fn read_body(stream: &mut impl std::io::Read, head: &str) -> Vec<u8> {
    if field(head, "transfer-encoding") == Some("chunked") {
        let mut body = Vec::new();
        loop {
            let size = usize::from_str_radix(read_line(stream).trim(), 16).unwrap();
            if size == 0 {
                while read_line(stream) != "\r\n" {}
                return body;
            }
            let mut chunk = vec![0; size + 2];
            stream.read_exact(&mut chunk).unwrap();
            body.extend_from_slice(&chunk[..size]);
        }
    }
    let length = field(head, "content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    body
}

fn read_line(stream: &mut impl std::io::Read) -> String {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        line.push(byte[0]);
    }
    String::from_utf8(line).unwrap()
}

/// The value of a field of a head.
pub(crate) fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(own, _)| own.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

/// Answers once with `text`.
pub(crate) fn answer(stream: &mut TcpStream, text: &str) {
    try_answer(stream, text).unwrap();
}

/// The same, for when nobody may read it.
pub(crate) fn try_answer(stream: &mut TcpStream, text: &str) -> std::io::Result<()> {
    stream.write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len()).as_bytes())
}

/// Reads until the other side ends.
pub(crate) fn read_to_end(stream: &mut impl std::io::Read) -> Vec<u8> {
    let mut all = Vec::new();
    let _cut = stream.take(1 << 20).read_to_end(&mut all);
    all
}
