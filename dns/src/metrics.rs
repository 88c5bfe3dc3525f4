//! What DNS counts. Label values come from fixed sets: a client cannot make a series.

#![expect(clippy::wildcard_enum_match_arm, reason = "a closed set of labels over codes that may grow")]

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use prometheus::core::Collector as _;
use prometheus::proto::MetricFamily;
use prometheus::{IntCounter, IntCounterVec, Opts};

/// The counters.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    queries: IntCounterVec,
    dropped: IntCounter,
}

impl Default for Metrics {
    fn default() -> Self {
        let queries = Opts::new("causeway_dns_queries_total", "Questions answered, by type and code.");
        let queries = IntCounterVec::new(queries, &["transport", "type", "code"]);
        let dropped = IntCounter::new("causeway_dns_dropped_total", "Messages that no answer was given to.");
        Self {
            queries: queries.expect("the name and labels are well formed"),
            dropped: dropped.expect("the name is well formed"),
        }
    }
}

impl Metrics {
    pub(crate) fn answered(&self, transport: &str, kind: Option<RecordType>, code: ResponseCode) {
        self.queries.with_label_values(&[transport, type_label(kind), code_label(code)]).inc();
    }

    pub(crate) fn dropped(&self) {
        self.dropped.inc();
    }

    pub(crate) fn gather(&self) -> Vec<MetricFamily> {
        self.queries.collect().into_iter().chain(self.dropped.collect()).collect()
    }
}

const fn type_label(kind: Option<RecordType>) -> &'static str {
    match kind {
        Some(RecordType::A) => "A",
        Some(RecordType::AAAA) => "AAAA",
        Some(RecordType::CAA) => "CAA",
        Some(RecordType::CNAME) => "CNAME",
        Some(RecordType::HTTPS) => "HTTPS",
        Some(RecordType::MX) => "MX",
        Some(RecordType::NS) => "NS",
        Some(RecordType::SOA) => "SOA",
        Some(RecordType::TXT) => "TXT",
        Some(RecordType::ANY) => "ANY",
        Some(_) => "other",
        None => "none",
    }
}

const fn code_label(code: ResponseCode) -> &'static str {
    match code {
        ResponseCode::NoError => "NOERROR",
        ResponseCode::FormErr => "FORMERR",
        ResponseCode::NXDomain => "NXDOMAIN",
        ResponseCode::NotImp => "NOTIMP",
        ResponseCode::Refused => "REFUSED",
        ResponseCode::BADVERS => "BADVERS",
        _ => "other",
    }
}
