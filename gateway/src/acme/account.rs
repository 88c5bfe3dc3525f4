//! Accounts at ACME servers: made once, kept sealed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use instant_acme::{Account, AccountCredentials, ExternalAccountKey, NewAccount};
use policy::resource::issuer::Acme;
use tokio::sync::Mutex;

use super::OrderError;
use super::http_client::{Client, RetryAfter};
use crate::core::ca_budget::CaBudget;
use crate::store::embedded::SharedStore;
use crate::store::{Change, CommitError, Expect, Key, Secrecy, Value};

/// Below which the store keeps accounts.
pub(crate) const PREFIX: &str = "acme/accounts/";

/// Whether this is an account as it is kept.
pub(crate) fn check(bytes: &[u8]) -> Result<(), serde_json::Error> {
    serde_json::from_slice::<AccountCredentials>(bytes).map(|_read| ())
}

/// How long a CA is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// For one answer.
    pub(super) answer: Duration,
    /// For one order, from the account to the certificate.
    pub(super) order: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        // Two polls of two minutes each, and what comes before and after. Below the lease under which it is ordered.
        Self { answer: Duration::from_secs(30), order: Duration::from_secs(270) }
    }
}

/// The accounts of this gateway.
pub struct Accounts {
    store: SharedStore,
    patience: Patience,
    /// Each account is made once at a time, or two orders would make two. No account waits for another's CA.
    making: StdMutex<BTreeMap<Key, Arc<Mutex<()>>>>,
    budgets: StdMutex<BTreeMap<Key, CaBudget>>,
}

impl Accounts {
    /// Accounts that are kept in `store`.
    #[must_use]
    pub fn new(store: SharedStore) -> Self {
        Self::with_patience(store, Patience::default())
    }

    pub(super) fn with_patience(store: SharedStore, patience: Patience) -> Self {
        Self { store, patience, making: StdMutex::default(), budgets: StdMutex::default() }
    }

    pub(super) const fn patience(&self) -> Patience {
        self.patience
    }

    /// Looks at the budget of an issuer's account, or counts in it.
    pub fn budget<T>(&self, acme: &Acme, act: impl FnOnce(&mut CaBudget) -> T) -> T {
        let mut budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        act(budgets.entry(account_key(acme)).or_default())
    }

    /// The account for an issuer, made if there is none. `told` hears what the CA asks to wait, from now on.
    pub(super) async fn account(
        &self,
        acme: &Acme,
        external_key: Option<&str>,
        told: &Arc<RetryAfter>,
    ) -> Result<Account, OrderError> {
        let key = account_key(acme);
        let making = self.making(&key);
        let _making = making.lock().await;
        let client = || Client::new(acme.trust.as_deref(), self.patience.answer, Arc::clone(told));
        let stored = self.store.entry(&key).await.map_err(CommitError::Write)?;
        if let Some(credentials) = stored.and_then(|entry| serde_json::from_slice(&entry.value).ok()) {
            let builder = Account::builder_with_http(Box::new(client()?));
            return Ok(builder.from_credentials(credentials).await?);
        }
        let external = match (&acme.external_account, external_key) {
            (Some(account), Some(secret)) => {
                let secret = secret.trim().trim_end_matches('=');
                let secret = URL_SAFE_NO_PAD.decode(secret).map_err(|_malformed| OrderError::ExternalKey)?;
                Some(ExternalAccountKey::new(account.key_id.clone(), &secret))
            }
            (Some(_), None) => return Err(OrderError::ExternalKey),
            (None, _) => None,
        };
        let contact = format!("mailto:{}", acme.email);
        let wanted =
            NewAccount { contact: &[&contact], terms_of_service_agreed: true, only_return_existing: false };
        let builder = Account::builder_with_http(Box::new(client()?));
        let (account, credentials) =
            builder.create(&wanted, acme.server.to_string(), external.as_ref()).await?;
        let bytes = serde_json::to_vec(&credentials).map_err(instant_acme::Error::Json)?;
        let value = Some(Value { bytes, secrecy: Secrecy::Sealed });
        self.store.commit(vec![Change { key, expect: Expect::Any, value }]).await?;
        Ok(account)
    }

    fn making(&self, key: &Key) -> Arc<Mutex<()>> {
        let mut making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(making.entry(key.clone()).or_default())
    }
}

/// An account belongs to a server, an address and a binding.
fn account_key(acme: &Acme) -> Key {
    let binding = acme.external_account.as_ref().map_or("", |account| account.key_id.as_str());
    let text = format!("{}\n{}\n{binding}", acme.server, acme.email);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    Key::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(digest))).expect("base64url is a key")
}

#[cfg(test)]
mod tests;
