//! Certificates from an ACME server (RFC 8555).
//!
//! An account is made from an e-mail address alone; an order proves control of each name by the challenge that the
//! issuer's resource names, and its steps are told as they happen.

#![expect(clippy::wildcard_enum_match_arm, reason = "only these failures carry the words of the CA")]

mod account;
mod http_client;
mod present;

use std::sync::Arc;
use std::time::Duration;

pub use account::Accounts;
use instant_acme::{AuthorizationStatus, ChallengeType, Identifier, NewOrder, OrderStatus, RetryPolicy};
use policy::id::Domain;
use policy::resource::issuer::{Acme, Challenge};
pub use present::{PresentError, Presenter};
use serde_json::{Value, json};

use crate::certificates::issued::Issued;

/// Why an order brought no certificate.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// The CA refused, or could not be asked.
    #[error("the CA refused or cannot be asked")]
    Acme(#[from] instant_acme::Error),
    /// The CA found that a challenge was not met.
    #[error("the CA could not verify {domain} by {challenge}")]
    Validation {
        /// Which name.
        domain: String,
        /// By which challenge.
        challenge: &'static str,
        /// The CA's problem document, as it came.
        problem: Value,
    },
    /// The CA does not offer the challenge for a name.
    #[error("the CA does not offer {challenge} for {domain}")]
    NotOffered {
        /// Which name.
        domain: String,
        /// Which challenge.
        challenge: &'static str,
    },
    /// The order ended otherwise than in a certificate.
    #[error("the order ended as {0:?}")]
    Ended(OrderStatus),
    /// A key or request could not be made.
    #[error("making the request")]
    Request(#[from] rcgen::Error),
    /// The account's external key is missing or malformed.
    #[error("the external account key is not base64url text in the secret's hmacKey")]
    ExternalKey,
    /// The account could not be kept.
    #[error("keeping the account")]
    Store(#[from] crate::store::CommitError),
    /// The issuer's own roots cannot be read, or the system has none.
    #[error("the roots that the CA's server is checked against cannot be read")]
    Trust,
    /// The challenge's answer could not be put in place.
    #[error("putting the answer to the challenge in place")]
    Present(#[from] PresentError),
}

impl OrderError {
    /// The CA's own words.
    #[must_use]
    pub fn problem(&self) -> Option<Value> {
        match self {
            Self::Validation { problem, .. } => Some(problem.clone()),
            Self::Acme(instant_acme::Error::Api(problem)) => Some(problem_json(problem)),
            _ => None,
        }
    }
}

fn problem_json(problem: &instant_acme::Problem) -> Value {
    json!({"type": problem.r#type, "detail": problem.detail, "status": problem.status})
}

/// How long a CA may take to look at a challenge, and to sign. DNS-01 is looked at from several places in turn.
const POLL: RetryPolicy = RetryPolicy::new()
    .initial_delay(Duration::from_millis(100))
    .backoff(1.5)
    .timeout(Duration::from_secs(120));

/// Orders one certificate, proving control `by` one challenge. `step` hears how far it has come.
///
/// # Errors
/// When any step fails; answers to challenges are taken back either way.
pub async fn order(
    accounts: &Accounts,
    presenter: &Arc<Presenter>,
    acme: &Acme,
    by: Challenge,
    external_key: Option<&str>,
    domains: &[Domain],
    mut step: impl FnMut(&str) + Send,
) -> Result<Issued, OrderError> {
    step("account");
    let account = accounts.account(acme, external_key).await?;
    let identifiers: Vec<Identifier> =
        domains.iter().map(|domain| Identifier::Dns(domain.to_string())).collect();
    let mut order = account.new_order(&NewOrder::new(&identifiers)).await?;
    step("order placed");
    let mut presented = present::Presented::new(Arc::clone(presenter));
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        let domain = authorization.identifier().to_string();
        match authorization.status {
            AuthorizationStatus::Valid => continue,
            AuthorizationStatus::Pending => {}
            AuthorizationStatus::Invalid
            | AuthorizationStatus::Revoked
            | AuthorizationStatus::Expired
            | AuthorizationStatus::Deactivated => return Err(OrderError::Ended(OrderStatus::Invalid)),
        }
        let (kind, name) = challenge_type(by);
        let mut challenge = authorization
            .challenge(kind)
            .ok_or_else(|| OrderError::NotOffered { domain: domain.clone(), challenge: name })?;
        let key = challenge.key_authorization();
        presented.add(by, &domain, &challenge.token, &key)?;
        challenge.set_ready().await?;
        step(&format!("authorization of {domain} pending"));
    }
    let status = order.poll_ready(&POLL).await?;
    if status != OrderStatus::Ready {
        return Err(failed_validation(&mut order, by).await.unwrap_or(OrderError::Ended(status)));
    }
    step("finalizing");
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let names: Vec<String> = domains.iter().map(ToString::to_string).collect();
    let request = rcgen::CertificateParams::new(names)?.serialize_request(&key)?;
    order.finalize_csr(request.der()).await?;
    let chain = order.poll_certificate(&POLL).await?;
    step("issued");
    Ok(Issued { chain_pem: chain, key_pem: key.serialize_pem() })
}

/// Finds out which name failed, and what the CA said.
async fn failed_validation(order: &mut instant_acme::Order, challenge: Challenge) -> Option<OrderError> {
    let (kind, name) = challenge_type(challenge);
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let domain = authorization.identifier().to_string();
        let state = authorization.refresh().await.ok()?;
        if state.status != AuthorizationStatus::Invalid {
            continue;
        }
        let tried = state.challenges.iter().find(|challenge| challenge.r#type == kind);
        let problem = tried.and_then(|tried| tried.error.as_ref()).map_or(Value::Null, problem_json);
        return Some(OrderError::Validation { domain, challenge: name, problem });
    }
    None
}

const fn challenge_type(challenge: Challenge) -> (ChallengeType, &'static str) {
    match challenge {
        Challenge::Http01 => (ChallengeType::Http01, "http-01"),
        Challenge::TlsAlpn01 => (ChallengeType::TlsAlpn01, "tls-alpn-01"),
        Challenge::Dns01 => (ChallengeType::Dns01, "dns-01"),
    }
}
