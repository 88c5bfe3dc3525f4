//! Fetching one key set: over HTTPS, bounded in time and size, following nothing.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use proxy::jwt::{InvalidKeySet, KeySet};

/// For the whole fetch.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// Asks for key sets.
pub(super) struct Fetcher(Client<HttpsConnector<HttpConnector>, Empty<Bytes>>);

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("the system has no roots to check servers against")]
    NoRoots,
    #[error("the address is malformed")]
    Address(#[from] http::uri::InvalidUri),
    #[error("the server cannot be asked")]
    Request(#[from] hyper_util::client::legacy::Error),
    #[error("the server answered {0}")]
    Status(http::StatusCode),
    #[error("the answer is too large or broke off")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("no answer within {} s", FETCH_TIMEOUT.as_secs())]
    Timeout,
    #[error("the answer is no key set")]
    Keys(#[from] InvalidKeySet),
}

impl Fetcher {
    pub(super) fn new() -> Result<Self, FetchError> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err(FetchError::NoRoots);
        }
        let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        // Plain HTTP is allowed here because the resource's own check allows it to this machine alone.
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .build();
        Ok(Self(Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector)))
    }

    pub(super) async fn fetch(&self, uri: &str) -> Result<KeySet, FetchError> {
        let uri = uri.parse()?;
        let fetching = async {
            let response = self.0.get(uri).await?;
            // A redirect is an answer like any other that is not 200: keys come from where the operator said.
            if response.status() != http::StatusCode::OK {
                return Err(FetchError::Status(response.status()));
            }
            let body = Limited::new(response.into_body(), KeySet::BYTES_MAX).collect().await;
            Ok(KeySet::parse(&body.map_err(FetchError::Body)?.to_bytes())?)
        };
        tokio::time::timeout(FETCH_TIMEOUT, fetching).await.map_err(|_elapsed| FetchError::Timeout)?
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    const KEYS: &str =
        r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}"#;

    /// Asks a server that gives this answer, and is not to be asked twice.
    async fn ask(answer: Vec<u8>) -> Result<KeySet, FetchError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _head = stream.read(&mut [0; 4096]).await.unwrap();
            // Who has seen enough closes before all is sent.
            let _broken = stream.write_all(&answer).await;
            drop(stream);
            listener.accept().await.unwrap();
        };
        let _first_one_stays = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let fetcher = Fetcher::new().unwrap();
        let uri = format!("http://{address}/keys");
        tokio::select! {
            () = serving => panic!("asked twice"),
            fetched = fetcher.fetch(&uri) => fetched,
        }
    }

    fn answer(status: &str, body: &str) -> Vec<u8> {
        format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\nlocation: /elsewhere\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
        .into()
    }

    #[tokio::test]
    async fn keys_are_read_from_an_answer_that_is_200() {
        assert!(ask(answer("200 OK", KEYS)).await.is_ok());
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let fetched = ask(answer("302 Found", KEYS)).await;
        assert!(matches!(fetched, Err(FetchError::Status(status)) if status == 302));
    }

    #[tokio::test]
    async fn more_than_a_megabyte_is_no_key_set() {
        let fetched = ask(answer("200 OK", &format!("{KEYS}{}", " ".repeat(KeySet::BYTES_MAX)))).await;
        assert!(matches!(fetched, Err(FetchError::Body(_))), "{fetched:?}");
    }
}
