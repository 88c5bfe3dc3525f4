//! From a message to its answer: bytes in, bytes out. hickory reads and writes the wire format; [`crate::core`] says
//! what is answered.
//!
//! hickory's own server is not used for this, because it answers a response that it cannot read (FORMERR), which two
//! servers can be made to do to each other for ever (CVE-2024-2169), and holds TCP connections without a limit.

use std::net::{Ipv4Addr, SocketAddr};

use hickory_proto::op::{
    Edns, Header, HeaderCounts, LowerQuery, MessageType, Metadata, OpCode, ResponseCode,
};
use hickory_proto::rr::{DNSClass, Record, RecordType};
use hickory_proto::serialize::binary::{BinDecodable as _, BinDecoder, BinEncodable as _, BinEncoder};
use hickory_server::net::xfer::Protocol;
use hickory_server::server::Request;
use hickory_server::zone_handler::MessageResponseBuilder;

use crate::core::answer::{Answer, answer};
use crate::zones::Zones;

/// What we take and send over UDP (DNS flag day 2020): it crosses every path unfragmented.
const UDP_BYTES_MAX: u16 = 1232;
/// What every client takes over UDP (RFC 1035 §4.2.1), and the least that one may ask for (RFC 6891 §6.2.3).
const UDP_BYTES_MIN: u16 = 512;
/// The shortest question: root name, type, class.
const QUESTION_BYTES_MIN: usize = 5;
/// The shortest record: root name, type, class, time to live, length of nothing.
const RECORD_BYTES_MIN: usize = 11;
const HEADER_BYTES: usize = 12;

/// What a message came by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Transport {
    /// Answers are cut to what the client takes.
    Udp,
    /// Answers have all the room that a length of two bytes gives.
    Tcp,
}

/// Answers one message as it came over UDP. `None` where the server stays silent.
#[must_use]
pub fn answer_packet(zones: &Zones, packet: &[u8]) -> Option<Vec<u8>> {
    respond(zones, packet, Transport::Udp)
}

/// Answers one message, or stays silent: to what has no header, and to answers.
pub(crate) fn respond(zones: &Zones, message: &[u8], transport: Transport) -> Option<Vec<u8>> {
    let reply = Reply::to(zones, message, transport);
    let Some(reply) = reply else {
        zones.metrics.dropped();
        return None;
    };
    zones.metrics.answered(transport, reply.kind, reply.code);
    if reply.truncated {
        zones.metrics.truncated();
    }
    Some(reply.bytes)
}

struct Reply {
    bytes: Vec<u8>,
    code: ResponseCode,
    kind: Option<RecordType>,
    truncated: bool,
}

impl Reply {
    fn to(zones: &Zones, message: &[u8], transport: Transport) -> Option<Self> {
        let header = Header::read(&mut BinDecoder::new(message)).ok()?;
        if header.metadata.message_type == MessageType::Response {
            return None;
        }
        // Counts are looked at first: hickory makes room for as many questions as a header claims.
        if !fits(&header.counts, message.len()) {
            return Self::unreadable(&header.metadata);
        }
        let client = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        match Request::from_bytes(message.to_vec(), client, Protocol::Udp) {
            Ok(request) => Self::to_request(zones, &request, transport),
            Err(error) => {
                tracing::debug!(%error, "DNS message cannot be read");
                Self::unreadable(&header.metadata)
            }
        }
    }

    /// Says so in twelve bytes, which is never more than was sent.
    fn unreadable(asked: &Metadata) -> Option<Self> {
        let code = if asked.op_code == OpCode::Query { ResponseCode::FormErr } else { ResponseCode::NotImp };
        let mut metadata = Metadata::response_from_request(asked);
        metadata.response_code = code;
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        Header { metadata, counts: HeaderCounts::default() }.emit(&mut BinEncoder::new(&mut bytes)).ok()?;
        Some(Self { bytes, code, kind: None, truncated: false })
    }

    fn to_request(zones: &Zones, request: &Request, transport: Transport) -> Option<Self> {
        let question = judge(request);
        let answer = match question {
            Ok(query) => {
                let name = query.original().name();
                answer(&zones.load(), &zones.challenges().load(), name, query.query_type())
            }
            Err(code) => Answer::refusal(code),
        };
        let bytes_max = match transport {
            Transport::Udp => request.max_payload().clamp(UDP_BYTES_MIN, UDP_BYTES_MAX),
            Transport::Tcp => u16::MAX,
        };
        let edns = request.edns.as_ref().map(edns);
        let (bytes, truncated) = Draft { request, edns: edns.as_ref(), answer: &answer }.write(bytes_max)?;
        let kind = question.ok().map(LowerQuery::query_type);
        Some(Self { bytes, code: answer.code, kind, truncated })
    }
}

/// Whether a message of this length can hold what its header claims.
fn fits(counts: &HeaderCounts, len_bytes: usize) -> bool {
    let records = [counts.answers, counts.authorities, counts.additionals].map(usize::from);
    let least = usize::from(counts.queries) * QUESTION_BYTES_MIN
        + records.iter().sum::<usize>() * RECORD_BYTES_MIN
        + HEADER_BYTES;
    least <= len_bytes
}

/// The question, or why a message is refused before its question is looked at.
fn judge(request: &Request) -> Result<&LowerQuery, ResponseCode> {
    // RFC 6891 §6.1.3.
    if request.edns.as_ref().is_some_and(|edns| edns.version() > 0) {
        return Err(ResponseCode::BADVERS);
    }
    if request.metadata.op_code != OpCode::Query {
        return Err(ResponseCode::NotImp);
    }
    // One question a message (RFC 9619 §4).
    let [query] = request.queries.queries() else { return Err(ResponseCode::FormErr) };
    // We share no keys, so every signature is by one that we do not know (RFC 8945 §5.2.1).
    if request.additionals.iter().any(|record| record.record_type() == RecordType::TSIG) {
        return Err(ResponseCode::NotAuth);
    }
    if query.query_class() != DNSClass::IN {
        return Err(ResponseCode::Refused);
    }
    Ok(query)
}

/// Our side of EDNS: version 0, no options, the DO bit as it came (RFC 3225 §3).
fn edns(asked: &Edns) -> Edns {
    let mut edns = Edns::new();
    edns.set_max_payload(UDP_BYTES_MAX);
    edns.set_version(0);
    edns.flags_mut().dnssec_ok = asked.flags().dnssec_ok;
    edns
}

/// A response that is not bytes yet.
struct Draft<'a> {
    request: &'a Request,
    edns: Option<&'a Edns>,
    answer: &'a Answer,
}

impl Draft<'_> {
    /// Writes as much as there is room for, and whether that was less than the answer (TC).
    fn write(&self, bytes_max: u16) -> Option<(Vec<u8>, bool)> {
        let Answer { answers, authorities, additionals, authoritative, .. } = self.answer;
        if let Some((bytes, false)) = self.encode(bytes_max, [answers, authorities, additionals]) {
            return Some((bytes, false));
        }
        // Addresses that nobody asked for are left out first, and in silence (RFC 2181 §9); those of a delegation are
        // not (RFC 9471 §3).
        if *authoritative && let Some((bytes, false)) = self.encode(bytes_max, [answers, authorities, &[]]) {
            return Some((bytes, false));
        }
        // Half an answer is of no use, and the OPT record must be there (RFC 6891 §7).
        let (mut bytes, _) = self.encode(bytes_max, [&[], &[], &[]])?;
        *bytes.get_mut(2)? |= 0b10;
        Some((bytes, true))
    }

    fn encode(
        &self,
        bytes_max: u16,
        [answers, authorities, additionals]: [&[Record]; 3],
    ) -> Option<(Vec<u8>, bool)> {
        let mut metadata = Metadata::response_from_request(&self.request.metadata);
        metadata.response_code = self.answer.code;
        metadata.authoritative = self.answer.authoritative;
        let mut builder = MessageResponseBuilder::from_message_request(self.request);
        if let Some(edns) = self.edns {
            builder.edns(edns);
        }
        let mut bytes = Vec::with_capacity(usize::from(UDP_BYTES_MIN));
        let mut encoder = BinEncoder::new(&mut bytes);
        encoder.set_max_size(bytes_max);
        let message = builder.build(metadata, answers, authorities, [], additionals);
        let info = message.destructive_emit(&mut encoder).ok()?;
        Some((bytes, info.truncation))
    }
}

#[cfg(test)]
mod tests;
