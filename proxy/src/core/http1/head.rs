//! What request and response heads share: finding the end, and the list of fields.

use std::ops::Range;

use bytes::{Buf as _, Bytes, BytesMut};
use http::header;

/// What a head may measure.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    /// Bytes of the whole head. 64 KiB holds the largest cookie jars that browsers send.
    pub head_bytes_max: usize,
    /// Fields.
    pub fields_max: usize,
    /// Bytes of the request target. 16 KiB is above what browsers and servers agree on.
    pub target_bytes_max: usize,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self { head_bytes_max: 64 << 10, fields_max: 100, target_bytes_max: 16 << 10 }
    }
}

/// Looks for the end of a head in a buffer that grows, without looking at any byte twice.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeadScan {
    /// Bytes that hold no line feed that was not looked at.
    seen: usize,
    /// Where the line under way begins.
    line_start: usize,
    /// An empty line before the head was skipped.
    skipped_line: bool,
}

/// Why a section of lines cannot end well.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ScanFault {
    /// A line feed without a carriage return before it. RFC 9112 §2.2 lets a recipient take it as a line end, and
    /// some do: an edge must not.
    BareLineFeed,
    /// Longer than allowed.
    TooLarge,
}

impl HeadScan {
    /// Returns the length of the section, its empty line included, once it is whole.
    ///
    /// A fault is told as soon as its byte is there, however the bytes arrive.
    pub(super) fn find_end(&mut self, buffer: &[u8], bytes_max: usize) -> Result<Option<usize>, ScanFault> {
        let within = &buffer[..buffer.len().min(bytes_max)];
        while let Some(offset) = memchr::memchr(b'\n', within.get(self.seen..).unwrap_or_default()) {
            let feed = self.seen + offset;
            if feed == self.line_start || within[feed - 1] != b'\r' {
                return Err(ScanFault::BareLineFeed);
            }
            let is_empty = feed - 1 == self.line_start;
            (self.seen, self.line_start) = (feed + 1, feed + 1);
            if is_empty {
                *self = Self::default();
                return Ok(Some(feed + 1));
            }
        }
        self.seen = within.len();
        if buffer.len() >= bytes_max { Err(ScanFault::TooLarge) } else { Ok(None) }
    }

    /// RFC 9112 §2.2: an empty line before a request line is forgiven; one, so that nobody is kept busy with them.
    /// Returns false while the buffer may hold the half of one.
    pub(super) fn skip_empty_line(&mut self, buffer: &mut BytesMut) -> bool {
        if self.seen > 0 || self.skipped_line || buffer.first() != Some(&b'\r') {
            return true;
        }
        if buffer.starts_with(b"\r\n") {
            buffer.advance(2);
            self.skipped_line = true;
        }
        buffer.len() != 1 || self.skipped_line
    }
}

/// One field line, as positions in the head.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) name: Range<u32>,
    pub(super) value: Range<u32>,
}

/// One field.
#[derive(Clone, Copy, Debug)]
pub struct Field<'h> {
    /// As it came; compare without regard to case.
    pub name: &'h [u8],
    /// Without the white space around it.
    pub value: &'h [u8],
}

impl Field<'_> {
    /// Whether this is the field of that name, given in lower case.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// The bytes of a head, and where its fields are.
#[derive(Clone, Debug)]
pub struct Fields {
    pub(super) head: Bytes,
    pub(super) lines: Vec<Line>,
}

impl Fields {
    /// Every field in the order sent.
    pub fn iter(&self) -> impl Iterator<Item = Field<'_>> {
        self.lines.iter().map(|line| self.field(line))
    }

    /// The first field of that name, given in lower case.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<&[u8]> {
        self.iter().find(|field| field.is(name)).map(|field| field.value)
    }

    /// The field of that name if there is exactly one.
    #[must_use]
    pub fn only(&self, name: &str) -> Option<&[u8]> {
        let mut fields = self.iter().filter(|field| field.is(name));
        let first = fields.next()?;
        fields.next().is_none().then_some(first.value)
    }

    /// A value out of these fields, sharing their memory.
    ///
    /// # Panics
    /// When the value is not one of these fields'.
    #[must_use]
    pub fn shared(&self, value: &[u8]) -> Bytes {
        self.head.slice_ref(value)
    }

    pub(super) fn field(&self, line: &Line) -> Field<'_> {
        Field { name: self.bytes(&line.name), value: self.bytes(&line.value) }
    }

    pub(super) fn bytes(&self, range: &Range<u32>) -> &[u8] {
        &self.head[range.start as usize..range.end as usize]
    }

    /// How many fields there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

/// Splits a whole head off a buffer and turns httparse's slices into positions.
pub(super) fn split_off(buffer: &mut BytesMut, length: usize) -> Bytes {
    buffer.split_to(length).freeze()
}

/// The position of `part` in `head`, of which it is a slice.
pub(super) fn position(head: &[u8], part: &[u8]) -> Range<u32> {
    let start = (part.as_ptr() as usize).saturating_sub(head.as_ptr() as usize);
    // Heads are limited to far less than 4 GiB.
    let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    if part.is_empty() { 0..0 } else { narrow(start)..narrow(start + part.len()) }
}

/// Whether a field is about one connection alone (RFC 9110 §7.6.1), whoever sends it.
#[must_use]
pub fn is_hop_by_hop(name: impl AsRef<[u8]>) -> bool {
    const NAMES: [&str; 11] = [
        "http2-settings",
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authentication-info",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    let name = name.as_ref();
    NAMES.iter().any(|own| name.eq_ignore_ascii_case(own.as_bytes()))
}

/// What `Connection` says (RFC 9110 §7.6.1).
#[derive(Clone, Debug, Default)]
pub(super) struct ConnectionOptions {
    pub(super) close: bool,
    pub(super) keep_alive: bool,
    pub(super) upgrade: bool,
    /// Nominates other fields, which then go no further.
    pub(super) nominates: bool,
}

impl ConnectionOptions {
    pub(super) fn read(&mut self, value: &[u8]) {
        for option in value.split(|byte| *byte == b',') {
            let option = option.trim_ascii();
            if option.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if option.eq_ignore_ascii_case(b"keep-alive") {
                self.keep_alive = true;
            } else if option.eq_ignore_ascii_case(b"upgrade") {
                self.upgrade = true;
            } else if !option.is_empty() {
                self.nominates = true;
            }
        }
    }
}

/// What the framing fields said so far (RFC 9112 §6).
#[derive(Clone, Debug, Default)]
pub(super) struct FramingFields {
    length: Option<u64>,
    chunked: bool,
}

/// Why framing fields are refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum FramingFault {
    LengthForm,
    LengthTwice,
    Coding,
    Both,
}

impl FramingFields {
    pub(super) fn read(&mut self, field: &Field<'_>) -> Result<(), FramingFault> {
        if field.is(header::CONTENT_LENGTH.as_str()) {
            if self.length.is_some() {
                return Err(FramingFault::LengthTwice);
            }
            self.length = Some(content_length(field.value).ok_or(FramingFault::LengthForm)?);
        } else if field.is(header::TRANSFER_ENCODING.as_str()) {
            if self.chunked || !field.value.eq_ignore_ascii_case(b"chunked") {
                return Err(FramingFault::Coding);
            }
            self.chunked = true;
        }
        Ok(())
    }

    pub(super) const fn decide(&self) -> Result<Option<DeclaredFraming>, FramingFault> {
        match (self.length, self.chunked) {
            (Some(_), true) => Err(FramingFault::Both),
            (Some(length), false) => Ok(Some(DeclaredFraming::Length(length))),
            (None, true) => Ok(Some(DeclaredFraming::Chunked)),
            (None, false) => Ok(None),
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) enum DeclaredFraming {
    Length(u64),
    Chunked,
}

/// Digits only, at most 19 of them (RFC 9110 §8.6): no sign, list, blank, hexadecimal or overflow.
fn content_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 19 || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}
