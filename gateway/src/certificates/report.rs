//! What the keeper of a certificate says of it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use policy::id::Kind;
use policy::resource::ConditionStatus;
use serde_json::{Value, json};

use super::issued::Usable;
use super::keep::{Failure, Keeper};
use crate::core::renewal::Schedule;
use crate::status::{Subject, rfc3339};

impl Keeper {
    /// Serves it: it is what is wanted.
    pub(super) fn serve(&self, usable: Usable) {
        let until = rfc3339(usable.lifetime.not_after);
        self.hand_over(usable);
        self.tell(ConditionStatus::True, "Issued", &format!("valid until {until}"));
    }

    /// Hands it to the data plane, whether it is all that is wanted or not.
    pub(super) fn hand_over(&self, usable: Usable) {
        self.shared.presenter.certificates.set(&self.name, usable.key);
        self.shared.metrics.serves(&self.name, usable.lifetime.not_after);
        self.shared.ready.send_if_modified(|ready| {
            let before = ready.insert(self.name.clone(), usable.names.clone());
            before.as_ref() != Some(&usable.names)
        });
    }

    /// Says when it is renewed, and who wants it then.
    pub(super) fn report_renewal(&self, schedule: &Schedule, explanation: Option<&str>) {
        let (at, reason) = (rfc3339(schedule.renew_at()), schedule.reason().as_str());
        let mut renewal = json!({"at": at, "reason": reason});
        if let Some(page) = explanation {
            renewal["explanation"] = json!(page);
        }
        self.shared.status.note(&self.name.0, "certificateRenewal", renewal);
        self.set("Renewal", ConditionStatus::True, "Scheduled", &format!("renewed at {at} ({reason})"));
    }

    pub(super) fn report_failure(&self, failure: &Failure, wait: Duration, serving: bool) {
        let problem = match failure {
            Failure::Order(failed) => failed.error.problem(),
            Failure::PrivateCa(_)
            | Failure::Unusable(_)
            | Failure::Store(_)
            | Failure::Leased(_)
            | Failure::Exhausted(_) => None,
        };
        let order = json!({"steps": self.steps, "problem": problem.unwrap_or(Value::Null)});
        self.shared.status.note(&self.name.0, "certificateOrder", order);
        let message = format!("{}; tried again in {} s", crate::chain(failure), wait.as_secs());
        // A CA whose limits are used up has refused nothing.
        let reason = if failure.is_deferred() { "Deferred" } else { "OrderFailed" };
        if serving {
            self.set("Renewal", ConditionStatus::False, reason, &message);
        } else {
            self.tell(ConditionStatus::False, reason, &message);
        }
    }

    pub(super) fn tell(&self, status: ConditionStatus, reason: &str, message: &str) {
        self.set("CertificateReady", status, reason, message);
        if self.name.0.kind == Kind::Certificate {
            self.set("Ready", status, reason, message);
        }
    }

    fn set(&self, kind: &'static str, status: ConditionStatus, reason: &str, message: &str) {
        let generation = self.generation.load(Ordering::Relaxed);
        self.shared.status.set(Subject { key: &self.name.0, generation }, kind, status, reason, message);
    }
}
