//! What is counted of certificates.

use std::time::{SystemTime, UNIX_EPOCH};

use policy::snapshot::CertificateName;
use prometheus::{GaugeVec, IntCounterVec, Opts, Registry};

/// The series of certificates. Those of a certificate that is gone disappear.
#[derive(Clone)]
pub struct CertificateMetrics {
    expiry: GaugeVec,
    orders: IntCounterVec,
}

impl CertificateMetrics {
    /// Makes and registers them.
    ///
    /// # Errors
    /// When `registry` has metrics of these names already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let expiry =
            Opts::new("causeway_certificate_expiry_seconds", "When the certificate ends, in Unix time.");
        let expiry = GaugeVec::new(expiry, &["certificate"])?;
        let orders = Opts::new("causeway_acme_orders_total", "Orders of certificates, by outcome.");
        let orders = IntCounterVec::new(orders, &["outcome"])?;
        registry.register(Box::new(expiry.clone()))?;
        registry.register(Box::new(orders.clone()))?;
        Ok(Self { expiry, orders })
    }

    pub(super) fn serves(&self, name: &CertificateName, until: SystemTime) {
        let until = until.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        self.expiry.with_label_values(&[&name.to_string()]).set(until);
    }

    pub(super) fn forget(&self, name: &CertificateName) {
        let _was_there = self.expiry.remove_label_values(&[&name.to_string()]);
    }

    /// `issued`, `failed`, or `deferred`: the CA's limits, or another gateway's turn.
    pub(super) fn ordered(&self, outcome: &'static str) {
        self.orders.with_label_values(&[outcome]).inc();
    }
}
