//! The life of one certificate: from the store, from an issuer, and anew before it ends.

#![expect(clippy::wildcard_enum_match_arm, reason = "only secrets hold keys, and only orders carry problems")]

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use policy::id::{Kind, ResourceKey};
use policy::resource::issuer::{Acme, Challenge, Issuer};
use policy::resource::{ConditionStatus, Spec};
use policy::snapshot::{CertificateName, CertificateOrigin, IssuerPlan, WantedCertificate};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tracing::{info, warn};

use super::Shared;
use super::issued::{Issued, Usable};
use crate::acme::{self, OrderError};
use crate::core::renewal::{Lifetime, retry_after};
use crate::private_ca::PrivateCaError;
use crate::store::{Change, Expect, Key, Lease, Secrecy, Value as StoreValue};

/// An order takes seconds; a gateway that dies over one is waited for this long.
const LEASE: Duration = Duration::from_secs(300);
/// Between two looks at whether a renewal is due. Clocks jump, so it is asked again, not slept through.
const LOOK_INTERVAL: Duration = Duration::from_secs(3600);

/// Keeps one certificate.
pub(super) struct Keeper {
    shared: Arc<Shared>,
    name: CertificateName,
    wanted: WantedCertificate,
    renew: Arc<Notify>,
    steps: Vec<String>,
}

/// Why an issuer delivered nothing.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("ACME order")]
    Order(#[from] OrderError),
    #[error("private CA")]
    PrivateCa(#[from] PrivateCaError),
    #[error("what was issued cannot be served")]
    Unusable(#[from] super::issued::Unusable),
    #[error("the order could not be kept")]
    Store(#[from] crate::store::CommitError),
    #[error("{0} is ordering it")]
    Leased(String),
}

impl Keeper {
    pub(super) const fn new(
        shared: Arc<Shared>,
        name: CertificateName,
        wanted: WantedCertificate,
        renew: Arc<Notify>,
    ) -> Self {
        Self { shared, name, wanted, renew, steps: Vec::new() }
    }

    pub(super) async fn run(mut self) {
        let plans = match self.wanted.origin.clone() {
            CertificateOrigin::Secret(key) => return self.follow_secret(&key).await,
            CertificateOrigin::Issuers(plans) => plans,
        };
        let mut held = self.load().await;
        self.shared.loading.send_modify(|loading| *loading = loading.saturating_sub(1));
        let mut failures = 0;
        loop {
            let now = self.shared.clock.now();
            let due = held.map_or(now, |held: Lifetime| held.renew_at(None, self.seed()));
            if now < due {
                let wait = due.duration_since(now).unwrap_or_default().min(LOOK_INTERVAL);
                tokio::select! {
                    () = tokio::time::sleep(wait) => continue,
                    () = self.renew.notified() => {}
                }
            }
            match self.obtain(&plans).await {
                Ok(lifetime) => {
                    failures = 0;
                    held = Some(lifetime);
                    self.shared.metrics.ordered(true);
                }
                Err(failure) => {
                    failures += 1;
                    self.shared.metrics.ordered(false);
                    let wait = retry_after(failures, self.shared.accounts.take_retry_after(), self.seed());
                    self.report_failure(&failure, wait, held.is_some());
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// Serves what an operator gave, and follows it.
    async fn follow_secret(self, key: &ResourceKey) {
        let mut resources = self.shared.resources.clone();
        let mut first = true;
        loop {
            let given = {
                let set = resources.borrow_and_update();
                let text = |secret: &policy::resource::secret::Secret, part: &str| {
                    secret.string_data.get(part).map(|text| text.reveal().to_owned()).unwrap_or_default()
                };
                match set.resources.get(key).map(|resource| &resource.spec) {
                    Some(Spec::Secret(secret)) => {
                        Some(Issued { chain_pem: text(secret, "tls.crt"), key_pem: text(secret, "tls.key") })
                    }
                    Some(_) | None => None,
                }
            };
            if let Some(given) = given {
                match given.check(&self.wanted.domains) {
                    Ok(usable) => self.serve(usable),
                    Err(error) => {
                        let message = crate::chain(&error);
                        self.tell(ConditionStatus::False, "Unusable", &message);
                    }
                }
            }
            if std::mem::take(&mut first) {
                self.shared.loading.send_modify(|loading| *loading = loading.saturating_sub(1));
            }
            if resources.changed().await.is_err() {
                return;
            }
        }
    }

    async fn load(&self) -> Option<Lifetime> {
        let entry = self.shared.store.entry(&self.store_key()).await.ok()??;
        let issued: Issued = serde_json::from_slice(&entry.value).ok()?;
        // One that was ordered for other names, or has ended, is ordered anew.
        let usable = issued.check(&self.wanted.domains).ok()?;
        let lifetime = usable.lifetime;
        if !lifetime.is_valid(self.shared.clock.now()) {
            return None;
        }
        self.serve(usable);
        Some(lifetime)
    }

    /// Asks each issuer in turn.
    async fn obtain(&mut self, plans: &[IssuerPlan]) -> Result<Lifetime, Failure> {
        let lease_name = self.store_key().to_string();
        let now = self.shared.clock.now();
        match self.shared.store.lease(&lease_name, &self.shared.holder, LEASE, now).await? {
            Lease::Granted { .. } => {}
            Lease::Held { by, .. } => return Err(Failure::Leased(by)),
        }
        let mut last = Err(Failure::Leased("nobody".into()));
        for plan in plans {
            self.steps.clear();
            last = self.obtain_from(plan, now).await;
            match &last {
                Ok(_) => break,
                Err(failure) => {
                    warn!(certificate = %self.name, issuer = %plan.key, error = crate::chain(failure), "no certificate");
                }
            }
        }
        let (issued, usable) = last?;
        let bytes = serde_json::to_vec(&issued).expect("texts have a JSON form");
        let value = Some(StoreValue { bytes, secrecy: Secrecy::Sealed });
        let change = Change { key: self.store_key(), expect: Expect::Any, value };
        self.shared.store.commit(vec![change]).await?;
        let lifetime = usable.lifetime;
        self.serve(usable);
        info!(certificate = %self.name, "certificate issued");
        Ok(lifetime)
    }

    async fn obtain_from(&mut self, plan: &IssuerPlan, now: SystemTime) -> Result<(Issued, Usable), Failure> {
        let issued = match &plan.issuer {
            Issuer::PrivateCa(_) => {
                let signed = self.shared.private_cas.sign(&plan.key, &self.wanted.domains, now).await?;
                let (issued, root) = signed;
                self.shared.status.note(&plan.key, json!({"rootCertificate": root}));
                self.steps.push("issued".into());
                issued
            }
            Issuer::Acme(acme) => {
                let secret = self.external_key(&plan.key, acme);
                let shared = Arc::clone(&self.shared);
                let (steps, name) = (&mut self.steps, &self.name);
                let step = |step: &str| {
                    steps.push(step.to_owned());
                    shared.status.note(&name.0, json!({"certificateOrder": {"steps": steps}}));
                };
                let domains = &self.wanted.domains;
                let by = plan.challenge.unwrap_or(Challenge::Dns01);
                let (accounts, presenter) = (&shared.accounts, &shared.presenter);
                acme::order(accounts, presenter, acme, by, secret.as_deref(), domains, step).await?
            }
        };
        let usable = issued.check(&self.wanted.domains)?;
        Ok((issued, usable))
    }

    fn external_key(&self, issuer: &ResourceKey, acme: &Acme) -> Option<String> {
        let name = acme.external_account.as_ref()?.secret.clone();
        let key = ResourceKey { kind: Kind::Secret, namespace: issuer.namespace.clone(), name };
        match &self.shared.resources.borrow().resources.get(&key)?.spec {
            Spec::Secret(secret) => Some(secret.string_data.get("hmacKey")?.reveal().to_owned()),
            _ => None,
        }
    }

    fn serve(&self, usable: Usable) {
        self.shared.presenter.certificates.set(&self.name, usable.key);
        self.shared.metrics.serves(&self.name, usable.lifetime.not_after);
        let until = crate::status::rfc3339(usable.lifetime.not_after);
        self.tell(ConditionStatus::True, "Issued", &format!("valid until {until}"));
        self.shared.ready.send_if_modified(|ready| ready.insert(self.name.clone()));
    }

    fn report_failure(&self, failure: &Failure, wait: Duration, serving: bool) {
        let problem = match failure {
            Failure::Order(error) => error.problem(),
            _ => None,
        };
        let steps = &self.steps;
        let order = json!({"steps": steps, "problem": problem.unwrap_or(Value::Null)});
        self.shared.status.note(&self.name.0, json!({"certificateOrder": order}));
        let message = format!("{}; tried again in {} s", crate::chain(failure), wait.as_secs());
        if serving {
            self.shared.status.set(&self.name.0, "Renewal", ConditionStatus::False, "Failed", &message);
        } else {
            self.tell(ConditionStatus::False, "OrderFailed", &message);
        }
    }

    fn tell(&self, status: ConditionStatus, reason: &str, message: &str) {
        self.shared.status.set(&self.name.0, "CertificateReady", status, reason, message);
        if self.name.0.kind == Kind::Certificate {
            self.shared.status.set(&self.name.0, "Ready", status, reason, message);
        }
    }

    fn store_key(&self) -> Key {
        let ResourceKey { kind, namespace, name } = &self.name.0;
        Key::new(format!("acme/certificates/{kind}/{namespace}/{name}"))
            .expect("names hold only what keys may hold")
    }

    /// The same for one certificate at one gateway, so that a restart does not move its renewal.
    fn seed(&self) -> u64 {
        let name = self.name.to_string();
        name.bytes()
            .fold(self.shared.seed, |seed, byte| (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }
}
