//! Certificates from an ACME server (RFC 8555).
//!
//! An account is made from an e-mail address alone; an order proves control of each name by the challenge that the
//! issuer's resource names, and its steps are told as they happen.

#![expect(clippy::wildcard_enum_match_arm, reason = "only these failures carry the words of the CA")]

pub(crate) mod account;
mod http_client;
mod present;
mod renewal_window;

use std::sync::Arc;
use std::time::Duration;

pub use account::Accounts;
use http_client::RetryAfter;
use instant_acme::{
    Account, AuthorizationStatus, CertificateIdentifier, ChallengeType, Identifier, NewOrder, OrderStatus,
    RetryPolicy,
};
use policy::id::Domain;
use policy::resource::issuer::{Acme, Challenge};
pub use present::{PresentError, Presenter};
pub use renewal_window::{Suggestion, renewal_window};
use rustls_pki_types::CertificateDer;
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
    /// The CA answers, but comes to no end.
    #[error("the order was not done within {} s", .0.as_secs())]
    Overdue(Duration),
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

impl OrderError {
    /// Whether the order is put off rather than failed: the CA's limits are used up (RFC 8555 §6.6).
    #[must_use]
    pub fn is_rate_limited(&self) -> bool {
        matches!(self, Self::Acme(error) if is_rate_limited(error))
    }
}

fn is_rate_limited(error: &instant_acme::Error) -> bool {
    let instant_acme::Error::Api(problem) = error else { return false };
    problem.status == Some(429) || problem.r#type.as_deref() == Some("urn:ietf:params:acme:error:rateLimited")
}

fn problem_json(problem: &instant_acme::Problem) -> Value {
    let mut document = json!({"type": problem.r#type, "detail": problem.detail, "status": problem.status});
    // RFC 8555 §6.7.1: which name it is about.
    if !problem.subproblems.is_empty() {
        let each = problem.subproblems.iter().map(|sub| {
            let identifier =
                sub.identifier.as_ref().map(|identifier| identifier.authorized(false).to_string());
            json!({"type": sub.r#type, "detail": sub.detail, "identifier": identifier})
        });
        document["subproblems"] = each.collect();
    }
    document
}

/// How long a CA may take to look at a challenge, and to sign. DNS-01 is looked at from several places in turn.
const POLL: RetryPolicy = RetryPolicy::new()
    .initial_delay(Duration::from_millis(100))
    .backoff(1.5)
    .timeout(Duration::from_secs(120));

/// What is asked of a CA.
pub struct Request<'r> {
    /// The issuer.
    pub acme: &'r Acme,
    /// Its external account's key.
    pub external_key: Option<&'r str>,
    /// How control is proven.
    pub by: Challenge,
    /// What the certificate is for.
    pub domains: &'r [Domain],
    /// The certificate that this one replaces, if the same CA signed it.
    pub replaces: Option<&'r CertificateDer<'static>>,
}

/// An order that brought no certificate.
#[derive(Debug, thiserror::Error)]
#[error("ACME order")]
pub struct FailedOrder {
    /// Why.
    #[source]
    pub error: OrderError,
    /// What this CA asked to wait.
    pub wait: Option<Duration>,
}

/// Orders one certificate. `step` hears how far it has come.
///
/// # Errors
/// When any step fails, or all of them take too long; answers to challenges are taken back either way.
pub async fn order(
    accounts: &Accounts,
    presenter: &Arc<Presenter>,
    request: &Request<'_>,
    step: impl FnMut(&str) + Send,
) -> Result<Issued, FailedOrder> {
    let told = Arc::<RetryAfter>::default();
    let limit = accounts.patience().order;
    let ordered = tokio::time::timeout(limit, take_steps(accounts, presenter, request, &told, step)).await;
    let ordered = ordered.unwrap_or(Err(OrderError::Overdue(limit)));
    ordered.map_err(|error| FailedOrder { error, wait: told.take() })
}

async fn take_steps(
    accounts: &Accounts,
    presenter: &Arc<Presenter>,
    request: &Request<'_>,
    told: &Arc<RetryAfter>,
    mut step: impl FnMut(&str) + Send,
) -> Result<Issued, OrderError> {
    let Request { by, domains, .. } = *request;
    step("account");
    let account = accounts.account(request.acme, request.external_key, told).await?;
    let mut order = place(&account, request, &mut step).await?;
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

/// Places the order, and says which certificate it replaces (RFC 9773 §5) if the CA wants to know.
async fn place(
    account: &Account,
    request: &Request<'_>,
    step: &mut (impl FnMut(&str) + Send),
) -> Result<instant_acme::Order, OrderError> {
    let identifiers: Vec<Identifier> =
        request.domains.iter().map(|domain| Identifier::Dns(domain.to_string())).collect();
    let replaced = request.replaces.and_then(|leaf| CertificateIdentifier::try_from(leaf).ok());
    if let Some(replaced) = replaced {
        match account.new_order(&NewOrder::new(&identifiers).replaces(replaced)).await {
            Ok(order) => {
                step("order placed, as a replacement");
                return Ok(order);
            }
            Err(error) if is_rate_limited(&error) => return Err(error.into()),
            // It knows of no replacements, or not of this one: then it is an order like any other.
            Err(error) => tracing::debug!(error = crate::chain(&error), "not taken as a replacement"),
        }
    }
    let order = account.new_order(&NewOrder::new(&identifiers)).await?;
    step("order placed");
    Ok(order)
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
