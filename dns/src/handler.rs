//! From a message to an answer: hickory's `RequestHandler`, a thin shell around [`crate::core`].

use std::sync::Arc;

use hickory_net::runtime::Time;
use hickory_net::xfer::Protocol;
use hickory_proto::op::{Edns, Header, HeaderCounts, MessageType, Metadata, OpCode, ResponseCode};
use hickory_proto::rr::{DNSClass, RecordType};
use hickory_proto::serialize::binary::{BinDecodable as _, BinDecoder, BinEncoder};
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;

use crate::core::answer::{Answer, answer};
use crate::zones::Zones;

/// What we take and send over UDP (DNS flag day 2020): it crosses every path unfragmented.
const UDP_BYTES_MAX: u16 = 1232;

/// Answers what hickory received.
pub(crate) struct Handler(pub(crate) Arc<Zones>);

#[async_trait::async_trait]
impl RequestHandler for Handler {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        mut response_handle: R,
    ) -> ResponseInfo {
        let Some(reply) = Reply::to(&self.0, request) else {
            self.0.metrics.dropped();
            return unanswered(request);
        };
        let transport = if request.protocol() == Protocol::Udp { "udp" } else { "tcp" };
        self.0.metrics.answered(transport, reply.kind, reply.answer.code);
        let mut builder = MessageResponseBuilder::from_message_request(request);
        if let Some(edns) = &reply.edns {
            builder.edns(edns);
        }
        let Answer { answers, authorities, additionals, .. } = &reply.answer;
        let response = builder.build(reply.metadata, answers, authorities, [], additionals);
        match response_handle.send_response(response).await {
            Ok(info) => info,
            Err(error) => {
                tracing::debug!(%error, "DNS answer could not be sent");
                unanswered(request)
            }
        }
    }
}

/// Answers one message, as the server would over UDP. `None` where the server would stay silent.
#[must_use]
pub fn answer_packet(zones: &Zones, packet: &[u8]) -> Option<Vec<u8>> {
    Header::read(&mut BinDecoder::new(packet)).ok()?;
    let source = std::net::SocketAddr::from(([127, 0, 0, 1], 53_000));
    let request = Request::from_bytes(packet.to_vec(), source, Protocol::Udp).ok()?;
    let reply = Reply::to(zones, &request)?;
    let mut builder = MessageResponseBuilder::from_message_request(&request);
    if let Some(edns) = &reply.edns {
        builder.edns(edns);
    }
    let Answer { answers, authorities, additionals, .. } = &reply.answer;
    let response = builder.build(reply.metadata, answers, authorities, [], additionals);
    let mut bytes = Vec::with_capacity(512);
    let mut encoder = BinEncoder::new(&mut bytes);
    encoder.set_max_size(reply.edns.as_ref().map_or(512, Edns::max_payload));
    response.destructive_emit(&mut encoder).ok()?;
    Some(bytes)
}

/// What is said to a message.
struct Reply {
    metadata: Metadata,
    edns: Option<Edns>,
    answer: Answer,
    kind: Option<RecordType>,
}

impl Reply {
    /// `None` for messages that must not be answered: an answer to an answer makes two servers talk for ever
    /// (CVE-2024-2169).
    fn to(zones: &Zones, request: &Request) -> Option<Self> {
        if request.metadata.message_type == MessageType::Response {
            return None;
        }
        let edns = request.edns.as_ref().map(|asked| {
            let mut edns = Edns::new();
            // Never more than the client takes, nor than crosses every path (RFC 6891 §6.2.3).
            edns.set_max_payload(asked.max_payload().clamp(512, UDP_BYTES_MAX));
            edns.set_version(0);
            edns
        });
        let mut kind = None;
        let answer = match refusal(request) {
            Some(code) => Answer::refusal(code),
            None => {
                let query = &request.queries.queries()[0];
                kind = Some(query.query_type());
                answer(&zones.load(), &zones.challenges().load(), query.original().name(), query.query_type())
            }
        };
        let mut metadata = Metadata::response_from_request(&request.metadata);
        metadata.response_code = answer.code;
        metadata.authoritative = answer.authoritative;
        metadata.recursion_available = false;
        Some(Self { metadata, edns, answer, kind })
    }
}

/// Why a message is refused before its question is looked at.
fn refusal(request: &Request) -> Option<ResponseCode> {
    if request.edns.as_ref().is_some_and(|edns| edns.version() > 0) {
        return Some(ResponseCode::BADVERS);
    }
    if request.metadata.op_code != OpCode::Query {
        return Some(ResponseCode::NotImp);
    }
    // One question a message (RFC 9619).
    let [query] = request.queries.queries() else { return Some(ResponseCode::FormErr) };
    (query.query_class() != DNSClass::IN).then_some(ResponseCode::Refused)
}

fn unanswered(request: &Request) -> ResponseInfo {
    let metadata = Metadata::new(request.metadata.id, MessageType::Response, request.metadata.op_code);
    ResponseInfo::from(Header { metadata, counts: HeaderCounts::default() })
}
