//! Reads a type from a tree, through serde, without losing where things stand.
//!
//! The deserializer is strict: text is not a number, a number is not text, one value is no list. The one
//! leniency is Kubernetes': a field of a struct whose value is null counts as left out.

mod error;
mod map;
mod variant;

use serde::Deserializer;
use serde::de::{DeserializeSeed, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

pub(super) use self::error::{DecodeError, Problem, lacks_space, unknown_field};
use self::map::MapReader;
use self::variant::VariantReader;
use super::tree::{Node, Step, Value};

/// Reads one value of a tree.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'t>(pub(super) &'t Node);

impl Cursor<'_> {
    fn mismatch(self, expected: &str) -> DecodeError {
        let found = &self.0.value;
        let fix = match found {
            Value::Null => Some("give it a value, or leave the field out".to_owned()),
            Value::Bool(_) | Value::Integer(_) | Value::Float(_) if expected == TEXT => {
                Some("put quotes around it".to_owned())
            }
            Value::Text(text) if expected == NUMBER && text.parse::<i64>().is_ok() => {
                Some("leave out the quotes".to_owned())
            }
            Value::Text(text)
                if expected == FLAG && matches!(&**text, "yes" | "no" | "on" | "off" | "true" | "false") =>
            {
                Some("write true or false, without quotes".to_owned())
            }
            Value::Text(text) if expected == LIST && text.len() <= SHOWN_BYTES_MAX => {
                Some(format!("write it as a list: [{text:?}]"))
            }
            Value::Map(_) if expected == LIST => Some("begin each of its elements with `- `".to_owned()),
            Value::List(_) if expected == MAP => Some("write its fields without the leading `- `".to_owned()),
            Value::Bool(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::List(_)
            | Value::Map(_)
            | Value::Pruned => None,
        };
        DecodeError::mismatch(format!("expected {expected}, found {}", found.describe()), fix)
    }

    fn text<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        if let Value::Text(text) = &self.0.value {
            return visitor.visit_str(text);
        }
        if let Value::Integer(number) = &self.0.value {
            // Quotes help only if what they hold is good then.
            visitor.visit_str::<DecodeError>(&number.to_string())?;
        }
        Err(self.mismatch(TEXT))
    }

    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let Value::Integer(number) = self.0.value else { return Err(self.mismatch(NUMBER)) };
        match (u64::try_from(number), i64::try_from(number)) {
            (Ok(number), _) => visitor.visit_u64(number),
            (Err(_), Ok(number)) => visitor.visit_i64(number),
            (Err(_), Err(_)) => visitor.visit_i128(number),
        }
    }
}

const TEXT: &str = "text";
const NUMBER: &str = "a whole number";
const FLAG: &str = "true or false";
const LIST: &str = "a list";
const MAP: &str = "a map of fields";

/// Longest text that a fix repeats.
const SHOWN_BYTES_MAX: usize = 80;

/// Numbers are all read alike; the visitor knows its range.
macro_rules! numbers {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            self.guard()?.number(visitor)
        })*
    };
}

impl Cursor<'_> {
    /// What was pruned was reported when it was.
    fn guard(self) -> Result<Self, DecodeError> {
        if self.0.is_pruned() { Err(DecodeError::pruned()) } else { Ok(self) }
    }
}

impl<'de> Deserializer<'de> for Cursor<'_> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.guard()?.0.value {
            Value::Null | Value::Pruned => visitor.visit_unit(),
            Value::Bool(flag) => visitor.visit_bool(*flag),
            Value::Integer(_) => self.number(visitor),
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Text(text) => visitor.visit_str(text),
            Value::List(items) => visitor.visit_seq(ListReader::new(items)),
            Value::Map(entries) => visitor.visit_map(MapReader::open(entries)),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let Value::Bool(flag) = self.guard()?.0.value else { return Err(self.mismatch(FLAG)) };
        visitor.visit_bool(flag)
    }

    numbers!(deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_i8 deserialize_i16
        deserialize_i32 deserialize_i64);

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.guard()?.text(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.guard()?.text(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let Value::List(items) = &self.guard()?.0.value else { return Err(self.mismatch(LIST)) };
        visitor.visit_seq(ListReader::new(items))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let Value::Map(entries) = &self.guard()?.0.value else { return Err(self.mismatch(MAP)) };
        visitor.visit_map(MapReader::open(entries))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let node = self.guard()?.0;
        if !node.is_null() && !matches!(node.value, Value::Map(_)) {
            let error = self.mismatch(MAP);
            return Err(match (&node.value, fields) {
                (Value::Text(text), ["name", ..]) if text.len() <= SHOWN_BYTES_MAX => {
                    error.or_fix(format!("write {{name: {text}}}"))
                }
                (_, _) => error,
            });
        }
        // `jwt:` alone has no entries: a struct of which every field is left out.
        let read = visitor.visit_map(MapReader::of_fields(node.entries(), fields));
        read.map_err(|error| error.in_struct(name, self.0.mark))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_enum(VariantReader::new(self.guard()?.0, variants)?)
    }

    forward_to_deserialize_any! {
        f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

/// Walks a list, past what was pruned.
struct ListReader<'t> {
    items: std::iter::Enumerate<std::slice::Iter<'t, Node>>,
}

impl<'t> ListReader<'t> {
    fn new(items: &'t [Node]) -> Self {
        Self { items: items.iter().enumerate() }
    }
}

impl<'de> SeqAccess<'de> for ListReader<'_> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        match self.items.find(|(_, item)| !item.is_pruned()) {
            Some((index, item)) => seed
                .deserialize(Cursor(item))
                .map(Some)
                .map_err(|error| error.within(Step::Index(index), item.mark)),
            None => Ok(None),
        }
    }
}
