use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::*;
use crate::acme::{FailedOrder, Presenter, Request, order};
use crate::store::embedded::Embedded;
use crate::store::seal::SealKey;

const SHORT: Duration = Duration::from_millis(50);
/// No test waits for it: what takes as long hangs.
const LONG: Duration = Duration::from_secs(60);

/// A CA that takes connections and says nothing.
async fn silent() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn acme(address: SocketAddr) -> Acme {
    let _first = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let key = rcgen::KeyPair::generate().unwrap();
    let root = rcgen::CertificateParams::new(vec!["ca.example".into()]).unwrap().self_signed(&key).unwrap();
    let text = serde_json::json!({
        "email": "ops@example.com", "server": format!("https://{address}/directory"), "trust": root.pem(),
    });
    serde_json::from_value(text).unwrap()
}

fn accounts(folder: &tempfile::TempDir, patience: Patience) -> Accounts {
    let store = Embedded::open(folder.path(), SealKey::from_bytes([1; 32])).unwrap();
    Accounts::with_patience(Arc::new(store), patience)
}

async fn ordered(accounts: &Accounts, acme: &Acme) -> FailedOrder {
    let domains = ["a.example.com".parse().unwrap()];
    let by = policy::resource::issuer::Challenge::Http01;
    let request = Request { acme, external_key: None, by, domains: &domains, replaces: None };
    let presenter = Arc::new(Presenter {
        http01: Arc::default(),
        certificates: Arc::default(),
        zones: Arc::new(dns::Zones::with_serial(1)),
    });
    let ordered = order(accounts, &presenter, &request, |_step| {});
    tokio::time::timeout(LONG / 2, ordered).await.expect("it gives up in time").unwrap_err()
}

#[tokio::test]
async fn a_ca_that_says_nothing_is_given_up() {
    let (folder, (_listener, address)) = (tempfile::tempdir().unwrap(), silent().await);
    let accounts = accounts(&folder, Patience { answer: SHORT, order: LONG });
    let failed = ordered(&accounts, &acme(address)).await;
    let message = crate::chain(&failed);
    assert!(message.contains("the CA did not answer within"), "{message}");
}

#[tokio::test]
async fn an_order_that_comes_to_no_end_is_given_up() {
    let (folder, (_listener, address)) = (tempfile::tempdir().unwrap(), silent().await);
    let accounts = accounts(&folder, Patience { answer: LONG, order: SHORT });
    let failed = ordered(&accounts, &acme(address)).await;
    assert!(matches!(failed.error, OrderError::Overdue(SHORT)), "{failed:?}");
}

#[tokio::test]
async fn no_account_waits_for_the_ca_of_another() {
    let (folder, (listener, address)) = (tempfile::tempdir().unwrap(), silent().await);
    let accounts = Arc::new(accounts(&folder, Patience { answer: LONG, order: LONG }));
    let hanging = Arc::clone(&accounts);
    let hangs = tokio::spawn(async move { ordered(&hanging, &acme(address)).await });
    // It is in the midst of making its account.
    let _held = listener.accept().await.unwrap();
    let (closed, nobody) = silent().await;
    drop(closed);
    let failed = ordered(&accounts, &acme(nobody)).await;
    assert!(matches!(failed.error, OrderError::Acme(_)), "{failed:?}");
    hangs.abort();
}
