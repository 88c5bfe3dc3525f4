//! What the data plane counts. Each worker writes its own numbers; a scrape adds them up.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use prometheus::proto::{
    Bucket, Counter as ProtoCounter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};

use crate::tls::HandshakeFailure;

/// A number that one worker writes and scrapes read.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, more: u64) {
        // One writer, so that no locked instruction is needed.
        self.0.store(self.0.load(Ordering::Relaxed) + more, Ordering::Relaxed);
    }

    pub(crate) fn sub(&self, less: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).saturating_sub(less), Ordering::Relaxed);
    }

    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The numbers of one worker.
#[derive(Debug, Default)]
pub(crate) struct WorkerMetrics {
    pub(crate) connections: [Count; 2],
    pub(crate) connections_active: Count,
    pub(crate) connections_shed: Count,
    pub(crate) handshakes: Count,
    /// By [`HandshakeFailure`].
    handshake_failures: [Count; HandshakeFailure::ALL.len()],
    pub(crate) redirects: Count,
    pub(crate) log_dropped: Count,
    refusals: Mutex<BTreeMap<&'static str, u64>>,
    backends: Mutex<Vec<Weak<BackendMetrics>>>,
}

/// Upper bounds of the duration histogram, in microseconds.
const BUCKETS_US: [u64; 14] = [
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    10_000_000,
];

/// The numbers of one backend in one worker.
#[derive(Debug)]
pub(crate) struct BackendMetrics {
    name: String,
    /// By the first digit of the status, 1 to 5.
    classes: [Count; 5],
    buckets: [Count; BUCKETS_US.len()],
    duration_us: Count,
    requests: Count,
    pub(crate) bytes_in: Count,
    pub(crate) bytes_out: Count,
    pub(crate) connects: Count,
    pub(crate) connect_failures: Count,
}

impl WorkerMetrics {
    /// The numbers of a backend, from zero.
    pub(crate) fn backend(&self, name: &str) -> Arc<BackendMetrics> {
        let metrics = Arc::new(BackendMetrics {
            name: name.to_owned(),
            classes: Default::default(),
            buckets: Default::default(),
            duration_us: Count::default(),
            requests: Count::default(),
            bytes_in: Count::default(),
            bytes_out: Count::default(),
            connects: Count::default(),
            connect_failures: Count::default(),
        });
        let mut backends = self.backends.lock().unwrap_or_else(PoisonError::into_inner);
        backends.retain(|backend| backend.strong_count() > 0);
        backends.push(Arc::downgrade(&metrics));
        metrics
    }

    pub(crate) fn handshake_failed(&self, failure: HandshakeFailure) {
        self.handshake_failures[failure as usize].add(1);
    }

    /// Counts a refusal. Refusals are rare or an attack; a lock that nobody else holds is cheap enough.
    pub(crate) fn refused(&self, reason: &'static str) {
        *self.refusals.lock().unwrap_or_else(PoisonError::into_inner).entry(reason).or_default() += 1;
    }
}

impl BackendMetrics {
    pub(crate) fn answered(&self, status: u16, duration: Duration) {
        let class = usize::from(status / 100).clamp(1, 5) - 1;
        self.classes[class].add(1);
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.requests.add(1);
        self.duration_us.add(micros);
        if let Some(bucket) = BUCKETS_US.iter().position(|bound| micros <= *bound) {
            self.buckets[bucket].add(1);
        }
    }
}

/// How many endpoints of a backend can be tried, and how many cannot.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EndpointCounts {
    pub(crate) healthy: u64,
    pub(crate) unhealthy: u64,
}

/// Adds up the numbers of all workers.
pub(crate) fn gather(
    workers: &[Arc<WorkerMetrics>],
    endpoints: &BTreeMap<String, EndpointCounts>,
) -> Vec<MetricFamily> {
    let sum = |of: &dyn Fn(&WorkerMetrics) -> u64| workers.iter().map(|worker| of(worker)).sum::<u64>();
    let mut families = vec![
        counter(
            "causeway_ingress_connections_total",
            "Connections accepted.",
            vec![
                labelled(&[("listener", "http")], sum(&|w| w.connections[0].read())),
                labelled(&[("listener", "https")], sum(&|w| w.connections[1].read())),
            ],
        ),
        gauge(
            "causeway_ingress_connections",
            "Connections open now.",
            vec![value(&[], sum(&|w| w.connections_active.read()))],
        ),
        counter(
            "causeway_ingress_connections_shed_total",
            "Connections refused for want of room.",
            vec![labelled(&[], sum(&|w| w.connections_shed.read()))],
        ),
        counter(
            "causeway_tls_handshakes_total",
            "TLS handshakes by outcome.",
            vec![
                labelled(&[("outcome", "ok")], sum(&|w| w.handshakes.read())),
                labelled(
                    &[("outcome", "failed")],
                    sum(&|w| w.handshake_failures.iter().map(Count::read).sum()),
                ),
            ],
        ),
        counter(
            "causeway_tls_handshake_failures_total",
            "TLS handshakes that came to nothing, by reason.",
            HandshakeFailure::ALL
                .map(|failure| {
                    let count = sum(&|w| w.handshake_failures[failure as usize].read());
                    labelled(&[("reason", failure.reason())], count)
                })
                .into(),
        ),
        counter(
            "causeway_ingress_redirects_total",
            "Requests sent from http to https.",
            vec![labelled(&[], sum(&|w| w.redirects.read()))],
        ),
        counter(
            "causeway_access_log_dropped_total",
            "Access log lines lost because the log was too slow.",
            vec![labelled(&[], sum(&|w| w.log_dropped.read()))],
        ),
    ];
    families.push(refusals(workers));
    let states = endpoints.iter().flat_map(|(backend, counts)| {
        let backend = ("backend", backend.as_str());
        [
            value(&[backend, ("state", "healthy")], counts.healthy),
            value(&[backend, ("state", "unhealthy")], counts.unhealthy),
        ]
    });
    families.push(gauge("causeway_backend_endpoints", "Endpoints now, by health.", states.collect()));
    families.extend(backends(workers));
    families
}

fn refusals(workers: &[Arc<WorkerMetrics>]) -> MetricFamily {
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    for worker in workers {
        for (reason, count) in &*worker.refusals.lock().unwrap_or_else(PoisonError::into_inner) {
            *reasons.entry(reason).or_default() += count;
        }
    }
    let metrics = reasons.into_iter().map(|(reason, count)| labelled(&[("reason", reason)], count)).collect();
    counter("causeway_ingress_refusals_total", "Requests refused, by reason.", metrics)
}

#[derive(Default)]
struct BackendSum {
    classes: [u64; 5],
    buckets: [u64; BUCKETS_US.len()],
    duration_us: u64,
    requests: u64,
    bytes_in: u64,
    bytes_out: u64,
    connects: u64,
    connect_failures: u64,
}

fn backends(workers: &[Arc<WorkerMetrics>]) -> Vec<MetricFamily> {
    let mut sums: BTreeMap<String, BackendSum> = BTreeMap::new();
    for worker in workers {
        let backends = worker.backends.lock().unwrap_or_else(PoisonError::into_inner);
        for backend in backends.iter().filter_map(Weak::upgrade) {
            let sum = sums.entry(backend.name.clone()).or_default();
            for (sum, count) in sum.classes.iter_mut().zip(&backend.classes) {
                *sum += count.read();
            }
            for (sum, count) in sum.buckets.iter_mut().zip(&backend.buckets) {
                *sum += count.read();
            }
            sum.duration_us += backend.duration_us.read();
            sum.requests += backend.requests.read();
            sum.bytes_in += backend.bytes_in.read();
            sum.bytes_out += backend.bytes_out.read();
            sum.connects += backend.connects.read();
            sum.connect_failures += backend.connect_failures.read();
        }
    }
    let each = |of: &dyn Fn(&BackendSum) -> u64| {
        sums.iter().map(|(name, sum)| labelled(&[("backend", name)], of(sum))).collect::<Vec<_>>()
    };
    let classes = sums.iter().flat_map(|(name, sum)| {
        let digits = ["1xx", "2xx", "3xx", "4xx", "5xx"];
        sum.classes
            .iter()
            .zip(digits)
            .map(move |(count, class)| labelled(&[("backend", name.as_str()), ("code", class)], *count))
    });
    vec![
        counter(
            "causeway_ingress_requests_total",
            "Requests answered, by backend and class.",
            classes.collect(),
        ),
        histogram(&sums),
        counter("causeway_ingress_request_bytes_total", "Body bytes from clients.", each(&|s| s.bytes_in)),
        counter("causeway_ingress_response_bytes_total", "Body bytes to clients.", each(&|s| s.bytes_out)),
        counter("causeway_backend_connects_total", "Connections opened to endpoints.", each(&|s| s.connects)),
        counter(
            "causeway_backend_connect_failures_total",
            "Connections to endpoints that failed.",
            each(&|s| s.connect_failures),
        ),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus counts in floating point")]
fn histogram(sums: &BTreeMap<String, BackendSum>) -> MetricFamily {
    let metrics = sums.iter().map(|(name, sum)| {
        let mut histogram = Histogram::default();
        let mut below = 0;
        let buckets = BUCKETS_US.iter().zip(sum.buckets).map(|(bound, count)| {
            below += count;
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(*bound as f64 / 1e6);
            bucket.set_cumulative_count(below);
            bucket
        });
        histogram.set_bucket(buckets.collect());
        histogram.set_sample_count(sum.requests);
        histogram.set_sample_sum(sum.duration_us as f64 / 1e6);
        let mut metric = Metric::from_label(labels(&[("backend", name)]));
        metric.set_histogram(histogram);
        metric
    });
    let help = "From the request head to the last byte of the answer.";
    family("causeway_ingress_request_duration_seconds", help, MetricType::HISTOGRAM, metrics.collect())
}

fn labels(pairs: &[(&str, &str)]) -> Vec<LabelPair> {
    let pair = |(name, value): &(&str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    };
    pairs.iter().map(pair).collect()
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus counts in floating point")]
fn labelled(pairs: &[(&str, &str)], value: u64) -> Metric {
    let mut metric = Metric::from_label(labels(pairs));
    let mut counter = ProtoCounter::default();
    counter.set_value(value as f64);
    metric.set_counter(counter);
    metric
}

fn counter(name: &str, help: &str, metrics: Vec<Metric>) -> MetricFamily {
    family(name, help, MetricType::COUNTER, metrics)
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus counts in floating point")]
fn value(pairs: &[(&str, &str)], value: u64) -> Metric {
    let mut metric = Metric::from_label(labels(pairs));
    let mut gauge = Gauge::default();
    gauge.set_value(value as f64);
    metric.set_gauge(gauge);
    metric
}

fn gauge(name: &str, help: &str, metrics: Vec<Metric>) -> MetricFamily {
    family(name, help, MetricType::GAUGE, metrics)
}

fn family(name: &str, help: &str, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}
