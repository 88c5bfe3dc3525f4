//! Response heads from backends. A backend is not trusted to frame its answers (SECURITY case 15).

use bytes::BytesMut;
use http::StatusCode;

use super::head::{
    self, ConnectionOptions, DeclaredFraming, Fields, FramingFault, FramingFields, HeadLimits, HeadScan,
    Line, ScanFault,
};

/// A response head, whole and free of ambiguity.
#[derive(Clone, Debug)]
pub struct ResponseHead {
    fields: Fields,
    status: StatusCode,
    framing: Framing,
    keeps_alive: bool,
    nominates: bool,
}

/// How long the body of a response is (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Framing {
    /// There is none.
    None,
    /// So many bytes.
    Length(u64),
    /// In chunks.
    Chunked,
    /// Until the backend closes.
    UntilClose,
}

/// Why a response head is refused (502).
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadResponse {
    /// Longer than allowed.
    #[error("the head is too large")]
    TooLarge,
    /// Not HTTP/1.
    #[error("the head is malformed")]
    Malformed,
    /// Content length and transfer coding malformed, doubled or both there.
    #[error("the framing is malformed or contradicts itself")]
    Framing,
    /// An interim response that nobody asked for (`101`).
    #[error("the backend switched protocols unasked")]
    UnaskedSwitch,
}

impl BadResponse {
    /// For metrics and logs.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::TooLarge => "backend_head_too_large",
            Self::Malformed => "backend_head_malformed",
            Self::Framing => "backend_framing",
            Self::UnaskedSwitch => "backend_unasked_switch",
        }
    }
}

impl From<ScanFault> for BadResponse {
    fn from(fault: ScanFault) -> Self {
        match fault {
            ScanFault::BareLineFeed => Self::Malformed,
            ScanFault::TooLarge => Self::TooLarge,
        }
    }
}

impl From<FramingFault> for BadResponse {
    fn from(_: FramingFault) -> Self {
        Self::Framing
    }
}

/// What was asked, as far as the framing of the answer depends on it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Asked {
    /// With `HEAD`: the answer has no body whatever its fields say.
    Head,
    /// To go on as WebSocket: `101` is an answer.
    Upgrade,
    /// With anything else.
    Plain,
}

/// More than the client side allows, since backends know no better than to send what they have.
const FIELD_SLOTS: usize = 200;

impl ResponseHead {
    /// Takes a head off the front of `buffer` once it is whole. Interim responses come out like others; see
    /// [`Self::is_interim`].
    ///
    /// # Errors
    /// When the head is refused; the connection must not be used again.
    pub fn take(
        buffer: &mut BytesMut,
        scan: &mut HeadScan,
        limits: &HeadLimits,
        asked: Asked,
    ) -> Result<Option<Self>, BadResponse> {
        match scan.find_end(buffer, limits.head_bytes_max)? {
            Some(length) => Self::parse(buffer, length, limits, asked).map(Some),
            None => Ok(None),
        }
    }

    fn parse(
        buffer: &mut BytesMut,
        length: usize,
        limits: &HeadLimits,
        asked: Asked,
    ) -> Result<Self, BadResponse> {
        let mut slots = [const { std::mem::MaybeUninit::uninit() }; FIELD_SLOTS];
        let mut parsed = httparse::Response::new(&mut []);
        let taken = httparse::ParserConfig::default().parse_response_with_uninit_headers(
            &mut parsed,
            &buffer[..length],
            &mut slots,
        );
        match taken {
            Ok(httparse::Status::Complete(taken)) if taken == length => {}
            Err(httparse::Error::TooManyHeaders) => return Err(BadResponse::TooLarge),
            Ok(_) | Err(_) => return Err(BadResponse::Malformed),
        }
        if parsed.headers.len() > limits.fields_max {
            return Err(BadResponse::TooLarge);
        }
        let (Some(version), Some(code)) = (parsed.version, parsed.code) else {
            return Err(BadResponse::Malformed);
        };
        // RFC 9110 §15: codes outside 100 to 599 are none.
        let code = Some(code).filter(|code| (100..600).contains(code)).ok_or(BadResponse::Malformed)?;
        let status = StatusCode::from_u16(code).map_err(|_out_of_range| BadResponse::Malformed)?;
        let place = |part: &[u8]| head::position(&buffer[..length], part);
        let lines = parsed
            .headers
            .iter()
            .map(|field| Line { name: place(field.name.as_bytes()), value: place(field.value) })
            .collect();
        let fields = Fields { lines, head: head::split_off(buffer, length) };
        Self::check(fields, status, version, asked)
    }

    fn check(fields: Fields, status: StatusCode, version: u8, asked: Asked) -> Result<Self, BadResponse> {
        let mut declared = FramingFields::default();
        let mut connection = ConnectionOptions::default();
        for field in fields.iter() {
            if field.is("connection") {
                connection.read(field.value);
            } else {
                declared.read(&field)?;
            }
        }
        let declared = declared.decide()?;
        let framing = match (status.as_u16(), declared) {
            (101, _) if asked != Asked::Upgrade => return Err(BadResponse::UnaskedSwitch),
            // RFC 9112 §6.1: HTTP/1.0 has no transfer codings, so what this one means is anyone's guess.
            (_, Some(DeclaredFraming::Chunked)) if version == 0 => return Err(BadResponse::Framing),
            // RFC 9112 §6.3 says that these have no body, whatever is declared. A backend that declares one is likely
            // to send it, and it would be read as the next client's answer.
            (100..=199 | 204, Some(DeclaredFraming::Chunked | DeclaredFraming::Length(1..))) => {
                return Err(BadResponse::Framing);
            }
            (100..=199 | 204 | 304, _) => Framing::None,
            _ if asked == Asked::Head => Framing::None,
            (_, Some(DeclaredFraming::Length(length))) => Framing::Length(length),
            (_, Some(DeclaredFraming::Chunked)) => Framing::Chunked,
            (_, None) => Framing::UntilClose,
        };
        let persistent = if version == 0 { connection.keep_alive } else { true };
        let keeps_alive = persistent && !connection.close && framing != Framing::UntilClose;
        Ok(Self { fields, status, framing, keeps_alive, nominates: connection.nominates })
    }

    /// The status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// How long the body is.
    #[must_use]
    pub const fn framing(&self) -> Framing {
        self.framing
    }

    /// The fields.
    #[must_use]
    pub const fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Whether the backend's connection can be used again once the body is read.
    #[must_use]
    pub const fn keeps_alive(&self) -> bool {
        self.keeps_alive
    }

    /// Whether the final answer is still to come (RFC 9110 §15.2).
    #[must_use]
    pub fn is_interim(&self) -> bool {
        self.status.is_informational() && self.status != StatusCode::SWITCHING_PROTOCOLS
    }

    /// Whether `Connection` names fields that must go no further.
    pub(super) const fn nominates(&self) -> bool {
        self.nominates
    }
}

#[cfg(test)]
mod tests;
