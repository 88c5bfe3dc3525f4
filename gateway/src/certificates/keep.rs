//! The life of one certificate: from the store, from an issuer, and anew before it ends.

#![expect(clippy::wildcard_enum_match_arm, reason = "only secrets hold keys, and only orders carry problems")]

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime};

use policy::id::{Kind, ResourceKey};
use policy::resource::issuer::{Acme, Challenge, Issuer};
use policy::resource::{ConditionStatus, Spec};
use policy::snapshot::{CertificateName, CertificateOrigin, IssuerPlan, WantedCertificate};
use rustls_pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Notify;
use tracing::{debug, info, warn};

use super::Shared;
use super::issued::{Issued, Usable};
use crate::acme::{self, FailedOrder, OrderError};
use crate::core::ca_budget::{CaBudget, Exhausted};
use crate::core::renewal::{Action, Schedule, retry_after};
use crate::private_ca::PrivateCaError;
use crate::store::{Change, Expect, Key, Lease, Secrecy, Value as StoreValue};

/// An order takes seconds; a gateway that dies over one is waited for this long.
const LEASE: Duration = Duration::from_secs(300);
/// Between two looks at whether a renewal is due. Clocks jump, so it is asked again, not slept through.
const LOOK_INTERVAL: Duration = Duration::from_secs(3600);
/// A budget that is full is looked at again no sooner.
const PAUSE_MIN: Duration = Duration::from_secs(5);

/// Keeps one certificate.
pub(super) struct Keeper {
    pub(super) shared: Arc<Shared>,
    pub(super) name: CertificateName,
    wanted: WantedCertificate,
    /// Of the resource that wants it.
    pub(super) generation: Arc<AtomicU64>,
    renew: Arc<Notify>,
    pub(super) steps: Vec<String>,
}

/// A certificate as the store keeps it.
#[derive(Deserialize, Serialize)]
struct Kept {
    #[serde(flatten)]
    issued: Issued,
    /// Who signed it.
    #[serde(default)]
    issuer: Option<ResourceKey>,
}

/// Below which the store keeps certificates, by the resource that wants them.
pub(crate) const PREFIX: &str = "acme/certificates/";

/// Whether this is a certificate as it is kept. Whether it still serves is asked when it is loaded.
pub(crate) fn check(bytes: &[u8]) -> Result<(), Malformed> {
    let kept: Kept = serde_json::from_slice(bytes)?;
    kept.issued.check(&[])?;
    Ok(())
}

/// Why what is kept is no certificate.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("it is not in the form of a kept certificate")]
    Form(#[from] serde_json::Error),
    #[error(transparent)]
    Unusable(#[from] super::issued::Unusable),
}

/// A certificate that is served.
struct Held {
    schedule: Schedule,
    leaf: CertificateDer<'static>,
    issuer: Option<ResourceKey>,
}

/// Why an issuer delivered nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Order(#[from] FailedOrder),
    #[error("private CA")]
    PrivateCa(#[from] PrivateCaError),
    #[error("what was issued cannot be served")]
    Unusable(#[from] super::issued::Unusable),
    #[error("the order could not be kept")]
    Store(#[from] crate::store::CommitError),
    #[error("{0} is ordering it")]
    Leased(String),
    #[error("no order is placed now")]
    Exhausted(#[from] Exhausted),
}

impl Failure {
    /// What the CA that failed asked to wait.
    fn told(&self) -> Option<Duration> {
        match self {
            Self::Order(failed) => failed.wait,
            _ => None,
        }
    }

    /// Whether it is put off rather than failed.
    pub(super) fn is_deferred(&self) -> bool {
        match self {
            Self::Exhausted(_) | Self::Leased(_) => true,
            Self::Order(failed) => failed.error.is_rate_limited(),
            Self::PrivateCa(_) | Self::Unusable(_) | Self::Store(_) => false,
        }
    }
}

impl Keeper {
    pub(super) fn new(
        shared: Arc<Shared>,
        name: CertificateName,
        wanted: WantedCertificate,
        generation: Arc<AtomicU64>,
        renew: Arc<Notify>,
    ) -> Self {
        Self { shared, name, wanted, generation, renew, steps: Vec::new() }
    }

    pub(super) async fn run(mut self) {
        let plans = match self.wanted.origin.clone() {
            CertificateOrigin::Secret(key) => return self.follow_secret(&key).await,
            CertificateOrigin::Issuers(plans) => plans,
        };
        let mut held = match self.stored().await {
            Some((usable, issuer)) if self.is_wanted(&usable) => Some(self.hold(usable, issuer, &plans)),
            Some((usable, _)) => {
                // For the names that it covers it is better than none, until its successor is there.
                self.hand_over(usable);
                None
            }
            None => None,
        };
        self.shared.loading.send_modify(|loading| *loading = loading.saturating_sub(1));
        let mut failures = 0;
        loop {
            if let Some(held) = &mut held {
                self.wait_for_renewal(held, &plans).await;
            }
            // Another gateway may have been quicker.
            let ours = held.as_ref().map(|held| &held.leaf);
            if let Some((usable, issuer)) = self.newer(ours).await {
                (failures, held) = (0, Some(self.hold(usable, issuer, &plans)));
                continue;
            }
            match self.obtain(&plans, held.as_ref()).await {
                Ok(new) => {
                    failures = 0;
                    self.shared.metrics.ordered("issued");
                    held = Some(new);
                }
                Err(failure) => {
                    let now = self.shared.clock.now();
                    let wait = match &failure {
                        Failure::Exhausted(exhausted) => {
                            exhausted.until().duration_since(now).unwrap_or_default().max(PAUSE_MIN)
                        }
                        _ => {
                            failures += 1;
                            retry_after(failures, failure.told(), self.seed())
                        }
                    };
                    self.shared.metrics.ordered(if failure.is_deferred() { "deferred" } else { "failed" });
                    self.report_failure(&failure, wait, held.is_some());
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// Returns when the certificate is to be renewed: its time has come, its CA says so, or somebody asks for it.
    async fn wait_for_renewal(&self, held: &mut Held, plans: &[IssuerPlan]) {
        loop {
            let now = self.shared.clock.now();
            match held.schedule.poll_action(now) {
                Some(Action::Renew) => return,
                Some(Action::AskCa) => self.ask_ca(held, plans).await,
                None => {
                    let due = held.schedule.poll_timeout();
                    let wait = due.duration_since(now).unwrap_or_default().min(LOOK_INTERVAL);
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        () = self.renew.notified() => return,
                    }
                }
            }
        }
    }

    async fn ask_ca(&self, held: &mut Held, plans: &[IssuerPlan]) {
        let now = self.shared.clock.now();
        let mut explanation = None;
        match acme_of(held.issuer.as_ref(), plans) {
            None => held.schedule.handle_no_window(now),
            Some((key, acme)) => {
                let external_key = self.external_key(key, acme);
                let accounts = &self.shared.accounts;
                match acme::renewal_window(accounts, acme, external_key.as_deref(), &held.leaf).await {
                    Ok(suggestion) => {
                        held.schedule.handle_window(suggestion.window, suggestion.ask_after, now);
                        explanation = suggestion.explanation;
                    }
                    Err(error) => {
                        debug!(certificate = %self.name, error = crate::chain(&error), "no renewal window");
                        held.schedule.handle_no_window(now);
                    }
                }
            }
        }
        self.report_renewal(&held.schedule, explanation.as_deref());
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

    /// What another gateway has put in the place of `ours`.
    async fn newer(&self, ours: Option<&CertificateDer<'static>>) -> Option<(Usable, Option<ResourceKey>)> {
        let stored = self.stored().await;
        stored.filter(|(found, _)| self.is_wanted(found) && ours != Some(&found.leaf))
    }

    /// Whether it is for every name. One that was ordered for other names is ordered anew.
    fn is_wanted(&self, usable: &Usable) -> bool {
        self.wanted.domains.iter().all(|domain| usable.covers(domain))
    }

    /// The certificate that the store has, if it can be served.
    async fn stored(&self) -> Option<(Usable, Option<ResourceKey>)> {
        let entry = self.shared.store.entry(&self.store_key()).await.ok()??;
        let kept: Kept = serde_json::from_slice(&entry.value).ok()?;
        let usable = kept.issued.open().ok()?;
        usable.lifetime.is_valid(self.shared.clock.now()).then_some((usable, kept.issuer))
    }

    /// Serves it from now on.
    fn hold(&self, usable: Usable, issuer: Option<ResourceKey>, plans: &[IssuerPlan]) -> Held {
        let (lifetime, leaf) = (usable.lifetime, usable.leaf.clone());
        self.serve(usable);
        let schedule = match acme_of(issuer.as_ref(), plans) {
            Some(_) => Schedule::asking(lifetime, self.seed(), self.shared.clock.now()),
            None => Schedule::by_life(lifetime, self.seed()),
        };
        self.report_renewal(&schedule, None);
        Held { schedule, leaf, issuer }
    }

    /// Asks each issuer in turn.
    async fn obtain(&mut self, plans: &[IssuerPlan], held: Option<&Held>) -> Result<Held, Failure> {
        let lease_name = self.store_key().to_string();
        let mut last = Err(Failure::Leased("nobody".into()));
        for plan in plans {
            let now = self.shared.clock.now();
            // For each anew: an order takes no longer than a lease, but two may.
            match self.shared.store.lease(&lease_name, &self.shared.holder, LEASE, now).await? {
                Lease::Granted { .. } => {}
                Lease::Held { by, .. } => return Err(Failure::Leased(by)),
            }
            self.steps.clear();
            last = self.obtain_from(plan, held, now).await.map(|issued| (issued, plan.key.clone()));
            match &last {
                Ok(_) => break,
                Err(failure) => {
                    warn!(certificate = %self.name, issuer = %plan.key, error = crate::chain(failure), "no certificate");
                }
            }
        }
        let ((issued, usable), issuer) = last?;
        let kept = Kept { issued, issuer: Some(issuer) };
        let bytes = serde_json::to_vec(&kept).expect("texts have a JSON form");
        let value = Some(StoreValue { bytes, secrecy: Secrecy::Sealed });
        let change = Change { key: self.store_key(), expect: Expect::Any, value };
        self.shared.store.commit(vec![change]).await?;
        info!(certificate = %self.name, "certificate issued");
        Ok(self.hold(usable, kept.issuer, plans))
    }

    async fn obtain_from(
        &mut self,
        plan: &IssuerPlan,
        held: Option<&Held>,
        now: SystemTime,
    ) -> Result<(Issued, Usable), Failure> {
        let issued = match &plan.issuer {
            Issuer::PrivateCa(_) => {
                let signed = self.shared.private_cas.sign(&plan.key, &self.wanted.domains, now).await?;
                let (issued, root) = signed;
                self.shared.status.note(&plan.key, "rootCertificate", json!(root));
                self.steps.push("issued".into());
                issued
            }
            Issuer::Acme(acme) => self.order(plan, acme, held, now).await?,
        };
        let usable = issued.check(&self.wanted.domains)?;
        Ok((issued, usable))
    }

    /// Orders within what the CA lets the account do.
    async fn order(
        &mut self,
        plan: &IssuerPlan,
        acme: &Acme,
        held: Option<&Held>,
        now: SystemTime,
    ) -> Result<Issued, Failure> {
        let names: Vec<String> = self.wanted.domains.iter().map(ToString::to_string).collect();
        let life = held.map(|held| held.schedule.lifetime().length());
        let shared = Arc::clone(&self.shared);
        let accounts = &shared.accounts;
        let count = |act: &dyn Fn(&mut CaBudget)| {
            let shown = accounts.budget(acme, |budget| {
                act(budget);
                crate::status::budget(budget, now)
            });
            shared.status.note(&plan.key, "budget", shown);
        };
        accounts.budget(acme, |budget| budget.check(&names, life, now))?;
        count(&|budget| budget.handle_order(now));
        let secret = self.external_key(&plan.key, acme);
        let (steps, name) = (&mut self.steps, &self.name);
        let step = |step: &str| {
            steps.push(step.to_owned());
            shared.status.note(&name.0, "certificateOrder", json!({"steps": steps}));
        };
        let replaces = held.filter(|held| held.issuer.as_ref() == Some(&plan.key)).map(|held| &held.leaf);
        let request = acme::Request {
            acme,
            external_key: secret.as_deref(),
            by: plan.challenge.unwrap_or(Challenge::Dns01),
            domains: &self.wanted.domains,
            replaces,
        };
        let ordered = acme::order(accounts, &shared.presenter, &request, step).await;
        count(&|budget| match &ordered {
            Ok(_) => budget.handle_issued(&names, now),
            Err(FailedOrder { error, wait }) => {
                if let OrderError::Validation { domain, .. } = error {
                    budget.handle_failed_validation(domain, now);
                }
                if let Some(wait) = wait {
                    budget.handle_told(*wait, now);
                }
            }
        });
        Ok(ordered?)
    }

    fn external_key(&self, issuer: &ResourceKey, acme: &Acme) -> Option<String> {
        let name = acme.external_account.as_ref()?.secret.clone();
        let key = ResourceKey { kind: Kind::Secret, namespace: issuer.namespace.clone(), name };
        match &self.shared.resources.borrow().resources.get(&key)?.spec {
            Spec::Secret(secret) => Some(secret.string_data.get("hmacKey")?.reveal().to_owned()),
            _ => None,
        }
    }

    fn store_key(&self) -> Key {
        let ResourceKey { kind, namespace, name } = &self.name.0;
        Key::new(format!("{PREFIX}{kind}/{namespace}/{name}")).expect("names hold only what keys may hold")
    }

    /// The same for one certificate at one gateway, so that a restart does not move its renewal.
    fn seed(&self) -> u64 {
        let name = self.name.to_string();
        name.bytes()
            .fold(self.shared.seed, |seed, byte| (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }
}

/// The ACME issuer that signed a certificate, if it still may.
fn acme_of<'p>(issuer: Option<&ResourceKey>, plans: &'p [IssuerPlan]) -> Option<(&'p ResourceKey, &'p Acme)> {
    let plan = plans.iter().find(|plan| Some(&plan.key) == issuer)?;
    match &plan.issuer {
        Issuer::Acme(acme) => Some((&plan.key, acme)),
        Issuer::PrivateCa(_) => None,
    }
}
