//! From text to trees: documents are split, parsed each for itself, and built from the parser's events.
//!
//! Splitting first means that a syntax error in one document does not hide what is wrong with the next: the
//! parser cannot go on after an error, but a line that begins with `---` always begins a document
//! (YAML 1.2.2 §9.1.2). JSON takes the same way, since YAML 1.2 contains it.

mod builder;

use std::borrow::Cow;

use saphyr_parser::{Event, Marker, Parser};

use self::builder::Builder;
use super::budget::{BYTES_MAX, Spent};
use super::fault::Flaw;
use super::tree::{Mark, Node, Path};

/// One document: what could be read of it, and what is wrong with its form.
pub(super) struct Document {
    /// Absent when the text is no YAML.
    pub(super) root: Option<Node>,
    pub(super) flaws: Vec<Flaw>,
}

/// Reads every document of `text`.
pub(super) fn read(text: &str) -> Vec<Document> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() > BYTES_MAX {
        let reason = format!("the text has {} bytes; at most {BYTES_MAX} are read", text.len());
        return vec![broken(Mark::default(), reason, "split it into several files")];
    }
    if let Some(flaw) = forbidden_character(text) {
        return vec![Document { root: None, flaws: vec![flaw] }];
    }
    let text = joined_surrogates(text);
    let mut spent = Spent::default();
    let mut documents = Vec::new();
    for (line, chunk) in chunks(&text) {
        if read_chunk(line, chunk, &mut spent, &mut documents).is_err() {
            // The budget belongs to the whole text.
            break;
        }
    }
    documents
}

/// The budget of the text is used up.
struct Exhausted;

fn read_chunk(
    first_line: u32,
    chunk: &str,
    spent: &mut Spent,
    documents: &mut Vec<Document>,
) -> Result<(), Exhausted> {
    let mut builder = Builder::new();
    for event in Parser::new_from_str(chunk) {
        let (event, at) = match event {
            Ok((event, span)) => (event, mark(first_line, span.start)),
            Err(error) => {
                let mut document = broken(
                    mark(first_line, *error.marker()),
                    format!("this is no YAML: {}", error.info()),
                    syntax_fix(error.info(), line_of(chunk, *error.marker())),
                );
                let (_, mut flaws) = builder.finish();
                flaws.append(&mut document.flaws);
                documents.push(Document { root: None, flaws });
                return Ok(());
            }
        };
        let ends = matches!(event, Event::DocumentEnd);
        if let Err(reason) = builder.handle_event(event, at, spent) {
            documents.push(broken(at, reason, "write less, or split it into several files"));
            return Err(Exhausted);
        }
        if ends {
            let (root, flaws) = std::mem::replace(&mut builder, Builder::new()).finish();
            documents.push(Document { root, flaws });
        }
    }
    Ok(())
}

fn broken(mark: Mark, reason: String, fix: &str) -> Document {
    Document { root: None, flaws: vec![Flaw::new(mark, Path::default(), reason, fix)] }
}

fn mark(first_line: u32, marker: Marker) -> Mark {
    let line = u32::try_from(marker.line()).unwrap_or(u32::MAX);
    let column = u32::try_from(marker.col()).unwrap_or(u32::MAX);
    Mark { line: first_line.saturating_add(line.saturating_sub(1)), column: column.saturating_add(1) }
}

fn line_of(chunk: &str, marker: Marker) -> &str {
    chunk.lines().nth(marker.line().saturating_sub(1)).unwrap_or_default()
}

/// The likeliest cause of a syntax error, by what the parser says of it and what stands in the line.
fn syntax_fix(info: &str, line: &str) -> &'static str {
    let said = |words: &str| info.contains(words);
    if line.contains(":{") || line.contains(":[") {
        return "put a space after ':'";
    }
    if said("anchor") || said("alias") {
        "put quotes around a value that begins with '*' or '&', as in \"*.example.com\""
    } else if said("tab") {
        "indent with spaces, not with tabs"
    } else if said("mapping values are not allowed") {
        "indent every key of one map alike, and put quotes around a value that holds ': '"
    } else if said("flow") || said("',' or") {
        "close every [ and {, and put quotes around a value that holds [ ] { } or ','"
    } else {
        "check the indentation and the quotes here and in the line above"
    }
}

/// YAML forbids most control characters (§5.1), and some readers take NUL for the end of the text: what stands
/// behind it would be ignored in silence.
fn forbidden_character(text: &str) -> Option<Flaw> {
    let forbidden = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}');
    let at = text.find(forbidden)?;
    let before = &text[..at];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) + 1;
    let found = text[at..].chars().next()?;
    let mark = Mark {
        line: u32::try_from(line).unwrap_or(u32::MAX),
        column: u32::try_from(column).unwrap_or(u32::MAX),
    };
    let reason = format!("the control character {found:?} cannot stand in a document");
    Some(Flaw::new(mark, Path::default(), reason, "remove it"))
}

/// Splits at the lines that begin a document, each part with the number of its first line.
fn chunks(text: &str) -> Vec<(u32, &str)> {
    let mut chunks = Vec::new();
    let (mut start, mut start_line) = (0, 1);
    let mut offset = 0;
    for (line_number, line) in (1..).zip(text.split_inclusive('\n')) {
        let begins = line
            .strip_prefix("---")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']));
        if begins && offset > start {
            chunks.push((start_line, &text[start..offset]));
            (start, start_line) = (offset, line_number);
        }
        offset += line.len();
    }
    chunks.push((start_line, &text[start..]));
    for (_, chunk) in &mut chunks {
        *chunk = without_directives(chunk);
    }
    chunks.retain(|(_, chunk)| !chunk.is_empty());
    chunks
}

/// Cuts off directives (`%YAML 1.2`), which stand before the line that begins the next document. Of the two that
/// exist, one changes nothing that we read, and the other serves tags, which are refused.
fn without_directives(chunk: &str) -> &str {
    let mut end = chunk.len();
    let mut kept = end;
    for line in chunk.split_inclusive('\n').rev() {
        let blank = line.trim().is_empty() || line.starts_with('#');
        if !blank && !line.starts_with('%') {
            break;
        }
        end -= line.len();
        if line.starts_with('%') {
            kept = end;
        }
    }
    &chunk[..kept]
}

/// JSON writes characters beyond U+FFFF as two escapes (RFC 8259 §7), which YAML does not know; it writes the
/// same as `\U0001F600`.
fn joined_surrogates(text: &str) -> Cow<'_, str> {
    if !text.trim_start().starts_with(['{', '[']) || !text.contains("\\u") {
        return Cow::Borrowed(text);
    }
    let mut joined = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        joined.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(character) = surrogate_pair(rest) {
            joined.push_str(&format!("\\U{:08X}", u32::from(character)));
            rest = &rest[12..];
        } else {
            // An escape is at least two characters; the second may itself be a backslash.
            let length = 1 + rest[1..].chars().next().map_or(0, char::len_utf8);
            joined.push_str(&rest[..length]);
            rest = &rest[length..];
        }
    }
    joined.push_str(rest);
    Cow::Owned(joined)
}

fn surrogate_pair(text: &str) -> Option<char> {
    let unit = |range: std::ops::Range<usize>| {
        let digits = text.get(range)?;
        digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok()).flatten()
    };
    if text.get(..2)? != "\\u" || text.get(6..8)? != "\\u" {
        return None;
    }
    char::decode_utf16([unit(2..6)?, unit(8..12)?]).next()?.ok().filter(|c| u32::from(*c) > 0xffff)
}
