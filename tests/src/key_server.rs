//! Where a token issuer publishes its keys: plain HTTP on this machine.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A server of one text.
pub struct KeyServer {
    /// Where.
    pub uri: String,
    text: Arc<Mutex<String>>,
    asked: Arc<AtomicUsize>,
}

impl KeyServer {
    /// Starts it; it ends with the test.
    ///
    /// # Panics
    /// When there is no port.
    #[must_use]
    pub fn start(text: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let server = Self {
            uri: format!("http://{address}/keys"),
            text: Arc::new(Mutex::new(text)),
            asked: Arc::default(),
        };
        let (text, asked) = (Arc::clone(&server.text), Arc::clone(&server.asked));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let _head = stream.read(&mut [0; 4096]);
                asked.fetch_add(1, Ordering::SeqCst);
                let text = text.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let length = text.len();
                let _gone = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{text}"
                );
            }
        });
        server
    }

    /// Serves another text from now on.
    pub fn publish(&self, text: String) {
        *self.text.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }

    /// How often it was asked.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}
