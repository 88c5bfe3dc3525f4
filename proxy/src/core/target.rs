//! The one form of a path (invariant 3: what is checked is what is sent).
//!
//! Routing, authentication, logging and the backend all read the result of [`Target::canonical`]. Percent escapes of
//! characters that need none are decoded, the other escapes are written in capitals; whatever two servers could
//! read in two ways is refused: empty and dot segments, `;`, backslashes, encoded slashes, question marks and
//! number signs, control characters, double encodings, and escapes that are no UTF-8.

use std::borrow::Cow;

/// Path and query, each in its one form.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Target<'t> {
    path: Cow<'t, str>,
    query: Option<&'t str>,
}

/// Why a target is refused (400).
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadTarget {
    /// It does not begin with a slash.
    #[error("the path does not begin with '/'")]
    Relative,
    /// A character that RFC 3986 §3.3 does not allow unescaped, or `#`, `;` or a backslash.
    #[error("a character cannot stand in a path")]
    Character,
    /// `%` without two hexadecimal digits.
    #[error("a percent escape is malformed")]
    Escape,
    /// An escape of `/ \ ? # ;` or of a control character.
    #[error("an escaped character cannot stand in a path")]
    EscapedDelimiter,
    /// `%25` followed by what would be an escape once decoded.
    #[error("the path is encoded twice")]
    DoubleEncoding,
    /// `//`, or a segment `.` or `..` in any spelling.
    #[error("a segment is empty or made of dots")]
    Segment,
    /// Escapes that do not decode to UTF-8, overlong forms among them.
    #[error("the escapes are not UTF-8")]
    Utf8,
    /// A control character, a space, or a byte above 126 in the query.
    #[error("a character cannot stand in a query")]
    Query,
}

impl BadTarget {
    /// For metrics and logs.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Relative => "path_relative",
            Self::Character => "path_character",
            Self::Escape => "path_escape",
            Self::EscapedDelimiter => "path_escaped_delimiter",
            Self::DoubleEncoding => "path_double_encoding",
            Self::Segment => "path_segment",
            Self::Utf8 => "path_utf8",
            Self::Query => "query_character",
        }
    }
}

impl<'t> Target<'t> {
    /// Brings path and query into their one form; borrows where nothing changes, which is nearly always.
    ///
    /// # Errors
    /// When the target could be read in two ways.
    pub fn canonical(raw: &'t [u8]) -> Result<Self, BadTarget> {
        let split = raw.iter().position(|byte| *byte == b'?');
        let (path, query) = match split {
            Some(at) => (&raw[..at], Some(&raw[at + 1..])),
            None => (raw, None),
        };
        let query = query.map(check_query).transpose()?;
        let path = if path.contains(&b'%') { Cow::Owned(decode(path)?) } else { Cow::Borrowed(plain(path)?) };
        check_segments(&path)?;
        Ok(Self { path, query })
    }

    /// The path: begins with a slash.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The query, without the question mark, as it came.
    #[must_use]
    pub const fn query(&self) -> Option<&'t str> {
        self.query
    }

    /// Whether the canonical form is byte for byte what came.
    #[must_use]
    pub const fn is_unchanged(&self) -> bool {
        matches!(self.path, Cow::Borrowed(_))
    }
}

/// What may stand unescaped in a path: `pchar` (RFC 3986 §3.3) less `;`, and the slash.
const fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b'='
                | b':'
                | b'@'
                | b'/'
        )
}

fn plain(path: &[u8]) -> Result<&str, BadTarget> {
    if path.first() != Some(&b'/') {
        return Err(BadTarget::Relative);
    }
    if !path.iter().all(|byte| is_path_byte(*byte)) {
        return Err(BadTarget::Character);
    }
    std::str::from_utf8(path).map_err(|_not_ascii| BadTarget::Character)
}

fn decode(path: &[u8]) -> Result<String, BadTarget> {
    if path.first() != Some(&b'/') {
        return Err(BadTarget::Relative);
    }
    let mut canonical = String::with_capacity(path.len());
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((byte, after)) = rest.split_first() {
        if *byte != b'%' {
            if !is_path_byte(*byte) {
                return Err(BadTarget::Character);
            }
            canonical.push(char::from(*byte));
            decoded.push(*byte);
            rest = after;
            continue;
        }
        let value = escape_value(after).ok_or(BadTarget::Escape)?;
        rest = &after[2..];
        match value {
            b'/' | b'\\' | b'?' | b'#' | b';' | 0..=0x1f | 0x7f => return Err(BadTarget::EscapedDelimiter),
            _ if is_path_byte(value) => canonical.push(char::from(value)),
            _ => {
                canonical.push('%');
                canonical.push(hex_digit(value >> 4));
                canonical.push(hex_digit(value & 0xf));
            }
        }
        decoded.push(value);
    }
    std::str::from_utf8(&decoded).map_err(|_not_utf8| BadTarget::Utf8)?;
    if is_encoded_twice(&canonical) { Err(BadTarget::DoubleEncoding) } else { Ok(canonical) }
}

/// Whether a percent sign stands before what would be an escape once it is decoded. Looks at the canonical form, since
/// what follows the sign may itself have been escaped (`%254%31`).
fn is_encoded_twice(canonical: &str) -> bool {
    canonical.match_indices("%25").any(|(at, sign)| {
        let rest = &canonical.as_bytes()[at + sign.len()..];
        escape_value(rest).is_some() || matches!(rest.first(), Some(b'%' | b'u' | b'U'))
    })
}

fn escape_value(text: &[u8]) -> Option<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(text.first()?)? << 4 | digit(text.get(1)?)?)
}

fn hex_digit(value: u8) -> char {
    char::from_digit(u32::from(value), 16).map_or('0', |digit| digit.to_ascii_uppercase())
}

fn check_segments(path: &str) -> Result<(), BadTarget> {
    // Most paths hold neither; looking for them costs less than splitting.
    if !path.contains("//") && !path.contains("/.") {
        return Ok(());
    }
    let mut segments = path[1..].split('/').peekable();
    while let Some(segment) = segments.next() {
        let is_inner = segments.peek().is_some();
        if (segment.is_empty() && is_inner) || segment == "." || segment == ".." {
            return Err(BadTarget::Segment);
        }
    }
    Ok(())
}

/// A query is for the app alone and goes on as it came, but it may hold nothing that ends a line or a request.
fn check_query(query: &[u8]) -> Result<&str, BadTarget> {
    if !query.iter().all(|byte| matches!(byte, 0x21..=0x7e) && *byte != b'#') {
        return Err(BadTarget::Query);
    }
    std::str::from_utf8(query).map_err(|_not_ascii| BadTarget::Query)
}

#[cfg(test)]
mod tests;
