//! What went wrong while a type was read: where, why, and the smallest change that would help.
//!
//! The error travels from the value at fault to the root. Each reader that it passes adds its step to the path,
//! and the first that knows a place sets it.

use std::fmt;

use serde::de::{Expected, Unexpected};

use crate::document::nearest::{alternatives, nearest};
use crate::document::tree::{Mark, Path, Step};

#[derive(Debug)]
pub(in crate::document) struct DecodeError(Box<Details>);

#[derive(Debug)]
struct Details {
    problem: Problem,
    mark: Option<Mark>,
    /// Innermost first.
    steps: Vec<Step>,
}

#[derive(Debug)]
pub(in crate::document) enum Problem {
    /// A value that cannot stand where it stands.
    Faulty { reason: String, fix: Option<String> },
    /// A struct lacks a field.
    Missing { field: &'static str, of: Option<&'static str> },
    /// Something in here was reported before.
    Pruned,
}

impl DecodeError {
    fn new(problem: Problem) -> Self {
        Self(Box::new(Details { problem, mark: None, steps: Vec::new() }))
    }

    pub(super) fn mismatch(reason: String, fix: Option<String>) -> Self {
        Self::new(Problem::Faulty { reason, fix })
    }

    pub(super) fn pruned() -> Self {
        Self::new(Problem::Pruned)
    }

    /// Sets the place, unless it is known.
    pub(in crate::document) fn at(mut self, mark: Mark) -> Self {
        self.0.mark.get_or_insert(mark);
        self
    }

    /// Says what to write, where nothing better is known.
    pub(super) fn or_fix(mut self, text: String) -> Self {
        if let Problem::Faulty { fix: fix @ None, .. } = &mut self.0.problem {
            *fix = Some(text);
        }
        self
    }

    /// Adds a step towards the root.
    pub(super) fn within(mut self, step: Step, mark: Mark) -> Self {
        self.0.steps.push(step);
        self.at(mark)
    }

    /// Says which struct lacks the field.
    pub(super) fn in_struct(mut self, name: &'static str, mark: Mark) -> Self {
        if let Problem::Missing { of: of @ None, .. } = &mut self.0.problem {
            *of = Some(name);
            return self.at(mark);
        }
        self
    }

    /// The problem, the way to it, and its place.
    pub(in crate::document) fn into_parts(self) -> (Problem, Path, Mark) {
        let Details { problem, mark, mut steps } = *self.0;
        steps.reverse();
        (problem, Path(steps), mark.unwrap_or_default())
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.problem {
            Problem::Faulty { reason, .. } => f.write_str(reason),
            Problem::Missing { field, .. } => write!(f, "`{field}` is missing"),
            Problem::Pruned => f.write_str("it holds a fault that was reported"),
        }
    }
}

impl std::error::Error for DecodeError {}

impl serde::de::Error for DecodeError {
    /// Our types say the reason and then, after a semicolon, the fix.
    fn custom<T: fmt::Display>(message: T) -> Self {
        let message = message.to_string();
        if let Some((_, reason, fix)) = FOREIGN.iter().find(|(foreign, _, _)| *foreign == message) {
            return Self::mismatch((*reason).into(), Some((*fix).into()));
        }
        match message.split_once("; ") {
            Some((reason, fix)) => Self::mismatch(reason.into(), Some(fix.into())),
            None => Self::mismatch(message, None),
        }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_value(found, expected)
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = in_words(&expected.to_string());
        Self::mismatch(format!("expected {expected}, found {}", found_in_words(&found)), None)
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        let expected = in_words(&expected.to_string());
        Self::mismatch(format!("expected {expected}, found {length} elements"), None)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let fix = match (nearest(variant, expected.iter().copied()), expected) {
            (_, _) if lacks_space(variant, expected) => SPACE.into(),
            (Some(meant), _) => format!("did you mean `{meant}`?"),
            // No name of a variant holds these: it is a value that lacks its key.
            (None, [first, ..]) if variant.contains(['/', '.', ':', ' ']) => {
                format!("say which it is, as in {{{first}: {variant}}}")
            }
            (None, _) => format!("write {}", alternatives(expected)),
        };
        let reason = format!("expected one of {}, found {variant:?}", alternatives(expected));
        Self::mismatch(reason, Some(fix))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let (reason, fix) = unknown_field(field, expected);
        Self::mismatch(reason, Some(fix))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Problem::Missing { field, of: None })
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::mismatch(
            format!("the key {field:?} stands here a second time"),
            Some("keep one of the two".into()),
        )
    }
}

const SPACE: &str = "put a space after ':'";

/// Whether a key is a known one and its value in one word, as in `issuer:le`: YAML ends a key with colon and space.
pub(in crate::document) fn lacks_space(key: &str, expected: &[&str]) -> bool {
    key.split_once(':').is_some_and(|(key, _)| expected.contains(&key))
}

/// Reason and fix for a field that nobody knows.
pub(in crate::document) fn unknown_field(field: &str, expected: &[&str]) -> (String, String) {
    let fix = match nearest(field, expected.iter().copied()) {
        _ if lacks_space(field, expected) => SPACE.into(),
        Some(meant) => format!("did you mean `{meant}`?"),
        None if expected.is_empty() => "remove it: no fields can stand here".into(),
        None => format!("remove it; the fields here are {}", expected.join(", ")),
    };
    (format!("there is no field `{field}`"), fix)
}

/// What the standard library says of addresses, and what to write instead.
const FOREIGN: [(&str, &str, &str); 3] = [
    (
        "invalid IP address syntax",
        "this is no IP address",
        "write an IPv4 or IPv6 address, as in 10.0.0.7 or 2001:db8::7",
    ),
    ("invalid IPv4 address syntax", "this is no IPv4 address", "write it as in 192.0.2.7"),
    ("invalid IPv6 address syntax", "this is no IPv6 address", "write it as in 2001:db8::7"),
];

/// Translates what serde's visitors say they expect.
fn in_words(expected: &str) -> String {
    let (nonzero, name) = match expected.strip_prefix("a nonzero ") {
        Some(name) => (true, name),
        None => (false, expected),
    };
    let max = match name {
        "u8" => u64::from(u8::MAX),
        "u16" => u64::from(u16::MAX),
        "u32" => u64::from(u32::MAX),
        "u64" => return format!("a whole number from {}", u8::from(nonzero)),
        _not_a_number => return expected.into(),
    };
    format!("a whole number from {} to {max}", u8::from(nonzero))
}

/// Numbers are shown; texts may be secrets, and are not.
fn found_in_words(found: &Unexpected<'_>) -> String {
    match found {
        Unexpected::Unsigned(number) => number.to_string(),
        Unexpected::Signed(number) => number.to_string(),
        Unexpected::Bool(flag) => flag.to_string(),
        Unexpected::Str(_) => "text".into(),
        Unexpected::Seq => "a list".into(),
        Unexpected::Map => "a map".into(),
        Unexpected::Unit | Unexpected::Option => "nothing".into(),
        Unexpected::Float(_)
        | Unexpected::Char(_)
        | Unexpected::Bytes(_)
        | Unexpected::NewtypeStruct
        | Unexpected::Enum
        | Unexpected::UnitVariant
        | Unexpected::NewtypeVariant
        | Unexpected::TupleVariant
        | Unexpected::StructVariant
        | Unexpected::Other(_) => "something else".into(),
    }
}
