//! How the command line talks to a gateway.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use serde_json::Value;
use tokio::net::{TcpStream, UnixStream};

use crate::arguments::Connection;

/// A gateway's API.
pub(crate) struct Client(Connection);

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("no gateway answers at {}; is `causeway run` running? (--socket or CAUSEWAY_SOCKET names another)", path.display())]
    Socket {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{server} is no address such as https://edge-1:8443")]
    Server { server: String },
    #[error("{server} cannot be reached")]
    Connect {
        server: String,
        #[source]
        source: std::io::Error,
    },
    #[error("--server needs --token-file")]
    NoToken,
    #[error("reading {}", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the roots cannot be read")]
    Roots,
    #[error("talking to the gateway")]
    Http(#[from] hyper::Error),
    #[error("the gateway did not answer within {} s", CALL_TIMEOUT.as_secs())]
    TimedOut,
    #[error("the request is malformed")]
    Request(#[from] http::Error),
    #[error("the gateway's answer is not understood")]
    Answer(#[from] serde_json::Error),
    #[error("{message}")]
    Refused { status: StatusCode, message: String, causes: Vec<Value> },
}

/// For one call, from connecting to the last byte: more than the largest set of resources takes.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

impl Client {
    pub(crate) const fn new(connection: Connection) -> Self {
        Self(connection)
    }

    /// Calls and reads JSON.
    pub(crate) async fn json(&self, method: Method, path: &str, body: String) -> Result<Value, ClientError> {
        Ok(serde_json::from_str(&self.text(method, path, body, None).await?)?)
    }

    /// Calls and reads text.
    pub(crate) async fn text(
        &self,
        method: Method,
        path: &str,
        body: String,
        passphrase: Option<&str>,
    ) -> Result<String, ClientError> {
        let exchange = async { read_all(self.open(method, path, body, passphrase).await?).await };
        let exchange = tokio::time::timeout(CALL_TIMEOUT, exchange).await;
        let (status, text) = exchange.map_err(|_elapsed| ClientError::TimedOut)??;
        if status.is_success() { Ok(text) } else { Err(Self::refused(status, &text)) }
    }

    /// Calls and reads JSON line by line, until the gateway ends it or `each` does.
    pub(crate) async fn lines<E: From<ClientError>>(
        &self,
        path: &str,
        mut each: impl FnMut(Value) -> Result<(), E>,
    ) -> Result<(), E> {
        let open = self.open(Method::GET, path, String::new(), None);
        let response = tokio::time::timeout(CALL_TIMEOUT, open).await;
        let response = response.map_err(|_elapsed| ClientError::TimedOut)??;
        if !response.status().is_success() {
            let (status, text) = read_all(response).await?;
            return Err(Self::refused(status, &text).into());
        }
        let mut body = response.into_body();
        let mut kept = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(ClientError::Http)?;
            kept.extend_from_slice(frame.data_ref().map_or(&[], |data| data.as_ref()));
            while let Some(end) = kept.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = kept.drain(..=end).collect();
                each(serde_json::from_slice(&line).map_err(ClientError::Answer)?)?;
            }
        }
        Ok(())
    }

    fn refused(status: StatusCode, text: &str) -> ClientError {
        let answer: Value = serde_json::from_str(text).unwrap_or_default();
        let message = answer["message"].as_str().map_or_else(|| format!("{status}: {text}"), str::to_owned);
        let causes = answer["details"]["causes"].as_array().cloned().unwrap_or_default();
        ClientError::Refused { status, message, causes }
    }

    async fn open(
        &self,
        method: Method,
        path: &str,
        body: String,
        passphrase: Option<&str>,
    ) -> Result<Response<Incoming>, ClientError> {
        let mut request =
            Request::builder().method(method).uri(path).header("content-type", "application/json");
        if let Some(passphrase) = passphrase {
            request = request.header("causeway-passphrase", passphrase);
        }
        match &self.0.server {
            None => {
                let path = &self.0.socket;
                let stream = UnixStream::connect(path).await;
                let stream = stream.map_err(|source| ClientError::Socket { path: path.clone(), source })?;
                let request = request.header("host", "localhost").body(Full::new(Bytes::from(body)))?;
                call(TokioIo::new(stream), request).await
            }
            Some(server) => {
                let (host, stream) = self.connect(server).await?;
                let request = request.header("host", host).header("authorization", self.bearer()?);
                call(TokioIo::new(stream), request.body(Full::new(Bytes::from(body)))?).await
            }
        }
    }

    fn bearer(&self) -> Result<String, ClientError> {
        let path = self.0.token_file.as_ref().ok_or(ClientError::NoToken)?;
        Ok(format!("Bearer {}", read(path)?.trim()))
    }

    async fn connect(
        &self,
        server: &str,
    ) -> Result<(String, tokio_rustls::client::TlsStream<TcpStream>), ClientError> {
        let malformed = || ClientError::Server { server: server.to_owned() };
        let uri: http::Uri = server.parse().map_err(|_| malformed())?;
        let host = uri.host().filter(|_| uri.scheme_str() == Some("https")).ok_or_else(malformed)?;
        let name = ServerName::try_from(host.to_owned()).map_err(|_| malformed())?;
        let mut roots = rustls::RootCertStore::empty();
        match &self.0.ca_file {
            Some(path) => {
                let pem = read(path)?;
                for root in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                    roots.add(root.map_err(|_| ClientError::Roots)?).map_err(|_| ClientError::Roots)?;
                }
            }
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let failed = |source| ClientError::Connect { server: server.to_owned(), source };
        let stream = TcpStream::connect((host, uri.port_u16().unwrap_or(443))).await.map_err(failed)?;
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        Ok((host.to_owned(), connector.connect(name, stream).await.map_err(failed)?))
    }
}

fn read(path: &PathBuf) -> Result<String, ClientError> {
    std::fs::read_to_string(path).map_err(|source| ClientError::File { path: path.clone(), source })
}

async fn call<I>(io: I, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, ClientError>
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
    tokio::spawn(async move {
        // The answer, or its absence, says what went wrong.
        let _ended = connection.await;
    });
    Ok(sender.send_request(request).await?)
}

async fn read_all(response: Response<Incoming>) -> Result<(StatusCode, String), ClientError> {
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}
