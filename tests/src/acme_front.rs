//! An ACME server with renewal information (RFC 9773), which pebble has not: it stands before pebble, adds what is
//! missing, and hands on the rest.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use crate::pebble::{Pebble, api_certificate};

/// What it was told and what it saw.
#[derive(Default)]
struct State {
    /// From when until when all certificates are to be renewed (RFC 3339).
    window: (String, String),
    /// Those that have a window of their own, by their id.
    windows: Vec<(String, (String, String))>,
    asked: Vec<String>,
    replaced: Vec<String>,
    orders: usize,
    /// Orders are refused for so many seconds.
    limited: Option<u64>,
}

/// A running front.
pub struct AcmeFront {
    /// The ACME directory.
    pub directory: String,
    /// The root of its HTTPS certificate, in PEM.
    pub api_root: String,
    state: Arc<Mutex<State>>,
}

impl AcmeFront {
    /// Starts it before a pebble. Every certificate is to be renewed in `window`.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(pebble: &Pebble, window: (&str, &str)) -> Self {
        let _first = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let (api_root, certificate, key) = api_certificate();
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).expect("a certificate")];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
        let tls = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key);
        let tls = Arc::new(tls.expect("a pair"));
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(pebble.api_root.as_bytes()).expect("a certificate");
        roots.add(root).expect("a root");
        let behind = Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth());
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("a bound socket").port();
        let window = (window.0.to_owned(), window.1.to_owned());
        let state = Arc::new(Mutex::new(State { window, ..State::default() }));
        let front = Self { directory: format!("https://localhost:{port}/dir"), api_root, state };
        let (state, pebble) = (Arc::clone(&front.state), pebble.port());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (state, tls, behind) = (Arc::clone(&state), Arc::clone(&tls), Arc::clone(&behind));
                std::thread::spawn(move || {
                    // A client that goes away is no concern of the test.
                    let _gone = serve(client, tls, behind, pebble, port, &state);
                });
            }
        });
        front
    }

    /// Moves the window of one certificate.
    pub fn move_window(&self, id: &str, window: (&str, &str)) {
        self.lock().windows.push((id.to_owned(), (window.0.to_owned(), window.1.to_owned())));
    }

    /// Refuses orders for so many seconds, as a CA does whose limits are used up.
    pub fn limit_orders(&self, seconds: u64) {
        self.lock().limited = Some(seconds);
    }

    /// The certificates whose window was asked for.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.lock().asked.clone()
    }

    /// The certificates that orders said they replace.
    #[must_use]
    pub fn replaced(&self) -> Vec<String> {
        self.lock().replaced.clone()
    }

    /// How many orders there were.
    #[must_use]
    pub fn orders(&self) -> usize {
        self.lock().orders
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn serve(
    client: TcpStream,
    tls: Arc<ServerConfig>,
    behind: Arc<ClientConfig>,
    pebble: u16,
    port: u16,
    state: &Mutex<State>,
) -> std::io::Result<()> {
    let session = ServerConnection::new(tls).map_err(std::io::Error::other)?;
    let mut client = StreamOwned::new(session, client);
    let (head, body) = read_request(&mut client)?;
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let answer = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        own_answer(&path, &mut state)
    };
    let answer = match answer {
        Some(answer) => answer,
        None => changed(&path, &body, ask(&head, &body, behind, pebble)?, port, state),
    };
    client.write_all(&answer)?;
    client.conn.send_close_notify();
    client.flush()
}

/// What pebble is not asked.
fn own_answer(path: &str, state: &mut State) -> Option<Vec<u8>> {
    if let Some(id) = path.strip_prefix("/renewal-info/") {
        state.asked.push(id.to_owned());
        let own = state.windows.iter().rev().find(|(other, _)| other == id).map(|(_, window)| window);
        let (start, end) = own.unwrap_or(&state.window);
        let window = json!({"suggestedWindow": {"start": start, "end": end}, "explanationURL": "https://ca.example/why"});
        return Some(answer("200 OK", "retry-after: 21600\r\n", &window));
    }
    if path == "/order-plz" {
        let seconds = state.limited?;
        state.orders += 1;
        let problem =
            json!({"type": "urn:ietf:params:acme:error:rateLimited", "detail": "too many", "status": 429});
        return Some(answer("429 Too Many Requests", &format!("retry-after: {seconds}\r\n"), &problem));
    }
    None
}

fn answer(status: &str, fields: &str, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{fields}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
    .into()
}

/// Adds to pebble's answer what an ACME server with renewal information says.
fn changed(path: &str, request: &[u8], answer: Vec<u8>, port: u16, state: &Mutex<State>) -> Vec<u8> {
    let text = String::from_utf8_lossy(&answer).into_owned();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return answer };
    let Ok(mut body) = serde_json::from_str::<Value>(body) else { return answer };
    match path {
        "/dir" => body["renewalInfo"] = json!(format!("https://localhost:{port}/renewal-info")),
        // Pebble refuses every twentieth nonce, to see that clients try again; that was no order yet.
        "/order-plz" if body["type"] == "urn:ietf:params:acme:error:badNonce" => return answer,
        "/order-plz" => {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            state.orders += 1;
            let Some(replaced) = replaces(request) else { return answer };
            body["replaces"] = json!(replaced);
            state.replaced.push(replaced);
        }
        _ => return answer,
    }
    let body = body.to_string();
    let kept = head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("content-length:"));
    let head: Vec<&str> = kept.collect();
    format!("{}\r\ncontent-length: {}\r\n\r\n{body}", head.join("\r\n"), body.len()).into()
}

/// The certificate that a signed order names.
fn replaces(request: &[u8]) -> Option<String> {
    let signed: Value = serde_json::from_slice(request).ok()?;
    let payload = URL_SAFE_NO_PAD.decode(signed["payload"].as_str()?).ok()?;
    let order: Value = serde_json::from_slice(&payload).ok()?;
    Some(order["replaces"].as_str()?.to_owned())
}

fn read_request(client: &mut impl Read) -> std::io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
            });
            let end = end + 4 + length.unwrap_or(0);
            if bytes.len() >= end {
                let body = bytes[head.len() + 4..end].to_vec();
                return Ok((head, body));
            }
        }
        match client.read(&mut part)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            read => bytes.extend_from_slice(&part[..read]),
        }
    }
}

/// Asks pebble in HTTP/1.0, so that its answer ends with the connection.
fn ask(head: &str, body: &[u8], tls: Arc<ClientConfig>, pebble: u16) -> std::io::Result<Vec<u8>> {
    let name = ServerName::try_from("localhost").map_err(std::io::Error::other)?;
    let session = ClientConnection::new(tls, name).map_err(std::io::Error::other)?;
    let mut stream = StreamOwned::new(session, TcpStream::connect(("127.0.0.1", pebble))?);
    let head = head.replacen("HTTP/1.1", "HTTP/1.0", 1);
    stream.write_all(format!("{head}\r\n\r\n").as_bytes())?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        // A server may close without a farewell; the length says whether all is there.
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {}
        Err(error) => return Err(error),
    }
    Ok(answer)
}
