//! What DNS counts. Label values come from fixed sets: a client cannot make a series.

use std::sync::OnceLock;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use prometheus::core::Collector as _;
use prometheus::proto::MetricFamily;
use prometheus::{IntCounter, IntCounterVec, Opts};

use crate::message::Transport;

/// The counters.
#[derive(Debug)]
pub(crate) struct Metrics {
    queries: IntCounterVec,
    /// Each series once found, so that counting takes no lock.
    found: [[[OnceLock<IntCounter>; CODES.len()]; TYPES.len()]; TRANSPORTS.len()],
    truncated: IntCounter,
    dropped: IntCounter,
}

const TRANSPORTS: [&str; 2] = ["udp", "tcp"];
const TYPES: [&str; 15] = [
    "none", "A", "AAAA", "ANY", "AXFR", "CAA", "CNAME", "DS", "HTTPS", "IXFR", "MX", "NS", "SOA", "TXT",
    "other",
];
/// The last stands for all others.
const CODES: [&str; 8] =
    ["NOERROR", "FORMERR", "NXDOMAIN", "NOTIMP", "REFUSED", "NOTAUTH", "BADVERS", "other"];

impl Default for Metrics {
    fn default() -> Self {
        let queries = Opts::new("causeway_dns_queries_total", "Questions answered, by type and code.");
        let queries = IntCounterVec::new(queries, &["transport", "type", "rcode"]);
        let truncated = IntCounter::new(
            "causeway_dns_answers_truncated_total",
            "Answers that had no room and sent to TCP.",
        );
        let dropped = IntCounter::new("causeway_dns_dropped_total", "Messages that no answer was given to.");
        Self {
            queries: queries.expect("the name and labels are well formed"),
            found: Default::default(),
            truncated: truncated.expect("the name is well formed"),
            dropped: dropped.expect("the name is well formed"),
        }
    }
}

impl Metrics {
    pub(crate) fn answered(&self, transport: Transport, kind: Option<RecordType>, code: ResponseCode) {
        let transport = match transport {
            Transport::Udp => 0,
            Transport::Tcp => 1,
        };
        let (kind, code) = (type_index(kind), code_index(code));
        let series = self.found[transport][kind][code].get_or_init(|| {
            self.queries.with_label_values(&[TRANSPORTS[transport], TYPES[kind], CODES[code]])
        });
        series.inc();
    }

    pub(crate) fn truncated(&self) {
        self.truncated.inc();
    }

    pub(crate) fn dropped(&self) {
        self.dropped.inc();
    }

    pub(crate) fn gather(&self) -> Vec<MetricFamily> {
        [self.queries.collect(), self.truncated.collect(), self.dropped.collect()]
            .into_iter()
            .flatten()
            .collect()
    }
}

const fn type_index(kind: Option<RecordType>) -> usize {
    match kind {
        None => 0,
        Some(RecordType::A) => 1,
        Some(RecordType::AAAA) => 2,
        Some(RecordType::ANY) => 3,
        Some(RecordType::AXFR) => 4,
        Some(RecordType::CAA) => 5,
        Some(RecordType::CNAME) => 6,
        Some(RecordType::DS) => 7,
        Some(RecordType::HTTPS) => 8,
        Some(RecordType::IXFR) => 9,
        Some(RecordType::MX) => 10,
        Some(RecordType::NS) => 11,
        Some(RecordType::SOA) => 12,
        Some(RecordType::TXT) => 13,
        Some(_) => 14,
    }
}

fn code_index(code: ResponseCode) -> usize {
    let known = [
        ResponseCode::NoError,
        ResponseCode::FormErr,
        ResponseCode::NXDomain,
        ResponseCode::NotImp,
        ResponseCode::Refused,
        ResponseCode::NotAuth,
        ResponseCode::BADVERS,
    ];
    known.iter().position(|known| *known == code).unwrap_or(CODES.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_and_labels_are_these() {
        let metrics = Metrics::default();
        metrics.answered(Transport::Udp, Some(RecordType::A), ResponseCode::NXDomain);
        metrics.answered(Transport::Tcp, Some(RecordType::Unknown(4711)), ResponseCode::Unknown(77));
        metrics.answered(Transport::Tcp, None, ResponseCode::FormErr);
        let text = prometheus::TextEncoder::new().encode_to_string(&metrics.gather()).unwrap();
        let mut series: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        series.sort_unstable();
        assert_eq!(
            series,
            [
                "causeway_dns_answers_truncated_total 0",
                "causeway_dns_dropped_total 0",
                r#"causeway_dns_queries_total{rcode="FORMERR",transport="tcp",type="none"} 1"#,
                r#"causeway_dns_queries_total{rcode="NXDOMAIN",transport="udp",type="A"} 1"#,
                r#"causeway_dns_queries_total{rcode="other",transport="tcp",type="other"} 1"#,
            ]
        );
    }
}
