//! Bodies: framing read strictly, and written.

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::head::{HeadScan, ScanFault};

/// Reads a body off a buffer, without copying it.
#[derive(Debug)]
pub struct BodyDecoder {
    state: State,
    /// Bytes of chunk heads beyond what the data explains.
    overhead: u64,
}

#[derive(Debug)]
enum State {
    Length(u64),
    UntilClose,
    ChunkHead,
    ChunkData(u64),
    ChunkEnd,
    Trailers(HeadScan),
    Done,
}

/// A piece of a body.
#[derive(Debug)]
pub enum Decoded {
    /// Some of it.
    Data(Bytes),
    /// The end, with trailer fields if there were any.
    End(Option<HeaderMap>),
    /// More bytes must be read first.
    NeedMore,
}

/// Why a body is refused. The connection cannot be used again.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadBody {
    /// A chunk's size line is malformed (RFC 9112 §7.1).
    #[error("a chunk size is malformed")]
    ChunkSize,
    /// Chunk extensions or trailers longer than allowed.
    #[error("chunk extensions or trailers are too large")]
    TooLarge,
    /// A chunk does not end with CRLF.
    #[error("a chunk does not end with CRLF")]
    ChunkEnd,
    /// A trailer line is malformed.
    #[error("a trailer is malformed")]
    Trailer,
    /// The sender closed before the end.
    #[error("the body ended early")]
    EndedEarly,
}

impl BadBody {
    /// For metrics and logs.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::ChunkSize => "chunk_size",
            Self::TooLarge => "chunk_too_large",
            Self::ChunkEnd => "chunk_end",
            Self::Trailer => "trailer",
            Self::EndedEarly => "body_ended_early",
        }
    }
}

/// A chunk's size line with its extensions, which nobody reads.
const CHUNK_LINE_BYTES_MAX: usize = 256;
/// A chunk's size line up to this long is no burden. With the chunk's own length it is taken off the overhead.
const CHUNK_LINE_BYTES_FREE: u64 = 16;
/// Chunk extensions beyond the data they stand by, over a whole body: else one byte of data could cost 256 of ours,
/// without end (CVE-2023-39326 in Go).
const OVERHEAD_BYTES_MAX: u64 = 16 << 10;
/// All trailer lines together.
const TRAILER_BYTES_MAX: usize = 8 << 10;

impl BodyDecoder {
    const fn new(state: State) -> Self {
        Self { state, overhead: 0 }
    }

    /// A body of so many bytes.
    #[must_use]
    pub const fn length(bytes: u64) -> Self {
        Self::new(if bytes == 0 { State::Done } else { State::Length(bytes) })
    }

    /// A body in chunks.
    #[must_use]
    pub const fn chunked() -> Self {
        Self::new(State::ChunkHead)
    }

    /// A body that ends with the connection.
    #[must_use]
    pub const fn until_close() -> Self {
        Self::new(State::UntilClose)
    }

    /// Whether all of it was read.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Takes the next piece off the front of `buffer`.
    ///
    /// # Errors
    /// When the framing is malformed.
    pub fn decode(&mut self, buffer: &mut BytesMut) -> Result<Decoded, BadBody> {
        loop {
            match &mut self.state {
                State::Done => return Ok(Decoded::End(None)),
                State::UntilClose => {
                    let all = buffer.len();
                    return Ok(if all == 0 { Decoded::NeedMore } else { data(buffer, all) });
                }
                State::Length(left) => {
                    let taken = take_up_to(buffer, left);
                    if *left == 0 {
                        self.state = State::Done;
                    }
                    return Ok(taken);
                }
                State::ChunkData(left) => {
                    let taken = take_up_to(buffer, left);
                    if *left == 0 {
                        self.state = State::ChunkEnd;
                    }
                    return Ok(taken);
                }
                State::ChunkHead => {
                    let Some((size, line_bytes)) = chunk_size(buffer)? else { return Ok(Decoded::NeedMore) };
                    self.overhead = (self.overhead + line_bytes).saturating_sub(CHUNK_LINE_BYTES_FREE + size);
                    if self.overhead > OVERHEAD_BYTES_MAX {
                        return Err(BadBody::TooLarge);
                    }
                    self.state = match size {
                        0 => State::Trailers(HeadScan::default()),
                        size => State::ChunkData(size),
                    };
                }
                State::ChunkEnd => {
                    // The very next two bytes, or somebody downstream counts differently.
                    match (buffer.first(), buffer.get(1)) {
                        (Some(b'\r'), Some(b'\n')) => buffer.advance(2),
                        (None, _) | (Some(b'\r'), None) => return Ok(Decoded::NeedMore),
                        (Some(_), _) => return Err(BadBody::ChunkEnd),
                    }
                    self.state = State::ChunkHead;
                }
                State::Trailers(scan) => {
                    let Some(end) = scan.find_end(buffer, TRAILER_BYTES_MAX)? else {
                        return Ok(Decoded::NeedMore);
                    };
                    let trailers = parse_trailers(&buffer[..end])?;
                    buffer.advance(end);
                    self.state = State::Done;
                    return Ok(Decoded::End(trailers));
                }
            }
        }
    }

    /// Takes in that the sender closed.
    ///
    /// # Errors
    /// When the body was not over.
    pub fn handle_close(&mut self) -> Result<(), BadBody> {
        match self.state {
            State::UntilClose | State::Done => {
                self.state = State::Done;
                Ok(())
            }
            State::Length(_)
            | State::ChunkHead
            | State::ChunkData(_)
            | State::ChunkEnd
            | State::Trailers(_) => Err(BadBody::EndedEarly),
        }
    }
}

fn data(buffer: &mut BytesMut, length: usize) -> Decoded {
    Decoded::Data(buffer.split_to(length).freeze())
}

fn take_up_to(buffer: &mut BytesMut, left: &mut u64) -> Decoded {
    let length = buffer.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
    if length == 0 {
        return Decoded::NeedMore;
    }
    *left -= length as u64;
    data(buffer, length)
}

/// The size of the next chunk, and how long the line is that says so.
fn chunk_size(buffer: &mut BytesMut) -> Result<Option<(u64, u64)>, BadBody> {
    let Some(end) = memchr::memchr(b'\n', buffer) else {
        return if buffer.len() > CHUNK_LINE_BYTES_MAX { Err(BadBody::TooLarge) } else { Ok(None) };
    };
    if end > CHUNK_LINE_BYTES_MAX {
        return Err(BadBody::TooLarge);
    }
    let line = buffer[..end].strip_suffix(b"\r").ok_or(BadBody::ChunkSize)?;
    let digits = line.iter().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(line.len());
    // 15 digits stay below 2^60; a sign, a prefix or a blank is no digit.
    if digits == 0 || digits > 15 {
        return Err(BadBody::ChunkSize);
    }
    // Extensions begin right there with a semicolon and hold visible text (RFC 9112 §7.1.1).
    let extension = &line[digits..];
    let visible = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~');
    if !(extension.is_empty() || (extension[0] == b';' && extension.iter().all(visible))) {
        return Err(BadBody::ChunkSize);
    }
    let text = std::str::from_utf8(&line[..digits]).map_err(|_not_ascii| BadBody::ChunkSize)?;
    let size = u64::from_str_radix(text, 16).map_err(|_too_large| BadBody::ChunkSize)?;
    buffer.advance(end + 1);
    Ok(Some((size, end as u64)))
}

impl From<ScanFault> for BadBody {
    fn from(fault: ScanFault) -> Self {
        match fault {
            ScanFault::BareLineFeed => Self::Trailer,
            ScanFault::TooLarge => Self::TooLarge,
        }
    }
}

/// Trailers that may go on. Those that would change framing, routing or identity are dropped (RFC 9110 §6.5.1).
fn parse_trailers(block: &[u8]) -> Result<Option<HeaderMap>, BadBody> {
    if block == b"\r\n" {
        return Ok(None);
    }
    let mut slots = [httparse::EMPTY_HEADER; 32];
    let parsed = match httparse::parse_headers(block, &mut slots) {
        Ok(httparse::Status::Complete((taken, parsed))) if taken == block.len() => parsed,
        Ok(_) => return Err(BadBody::Trailer),
        Err(httparse::Error::TooManyHeaders) => return Err(BadBody::TooLarge),
        Err(_malformed) => return Err(BadBody::Trailer),
    };
    let mut trailers = HeaderMap::new();
    for field in parsed.iter().filter(|field| may_trail(field.name)) {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_no_token| BadBody::Trailer)?;
        let value = HeaderValue::from_bytes(field.value).map_err(|_control| BadBody::Trailer)?;
        trailers.append(name, value);
    }
    Ok((!trailers.is_empty()).then_some(trailers))
}

/// Whether a field may stand in a trailer.
#[must_use]
pub fn may_trail(name: impl AsRef<[u8]>) -> bool {
    let name = name.as_ref();
    const FORBIDDEN: [&str; 22] = [
        "age",
        "authorization",
        "cache-control",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "cookie",
        "date",
        "expect",
        "expires",
        "host",
        "if-match",
        "if-none-match",
        "location",
        "max-forwards",
        "pragma",
        "range",
        "retry-after",
        "set-cookie",
        "strict-transport-security",
        "www-authenticate",
    ];
    !super::head::is_hop_by_hop(name)
        && crate::core::fields::may_client_say(name)
        && !FORBIDDEN.iter().any(|own| name.eq_ignore_ascii_case(own.as_bytes()))
}

/// Writes the head of a chunk of so many bytes.
pub fn write_chunk_head(out: &mut BytesMut, length: usize) {
    let mut digits = [0u8; 16];
    let mut at = digits.len();
    let mut rest = length;
    loop {
        at -= 1;
        digits[at] = b"0123456789abcdef"[rest & 0xf];
        rest >>= 4;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
    out.extend_from_slice(b"\r\n");
}

/// Writes the last chunk and the trailers.
pub fn write_last_chunk(out: &mut BytesMut, trailers: Option<&HeaderMap>) {
    out.extend_from_slice(b"0\r\n");
    for (name, value) in trailers.into_iter().flatten().filter(|(name, _)| may_trail(name.as_str())) {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests;
