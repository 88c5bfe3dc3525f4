//! A server that takes connections and says nothing, as a half-dead CA does.

use std::net::TcpListener;

/// Where it listens. It ends with the test.
///
/// # Panics
/// When there is no port.
#[must_use]
pub fn start() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound socket").to_string();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming() {
            held.extend(stream);
        }
    });
    address
}
