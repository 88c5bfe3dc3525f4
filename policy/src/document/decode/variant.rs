//! Reads enums: `none`, or a map with exactly one key, as in `{exact: /x}`.

use serde::Deserializer;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, EnumAccess, VariantAccess, Visitor};

use super::{Cursor, DecodeError};
use crate::document::nearest::alternatives;
use crate::document::tree::{Entry, Mark, Node, Step, Value};

pub(super) enum VariantReader<'t> {
    Word { word: &'t str, mark: Mark },
    Entry(&'t Entry),
}

impl<'t> VariantReader<'t> {
    pub(super) fn new(node: &'t Node, variants: &'static [&'static str]) -> Result<Self, DecodeError> {
        let expected = || format!("expected one of {}", alternatives(variants));
        let one = || Some("write one of them".to_owned());
        match &node.value {
            Value::Text(word) => Ok(Self::Word { word, mark: node.mark }),
            // One of its entries was reported; which one was meant cannot be told any more.
            Value::Map(entries) if entries.iter().any(|entry| entry.node.is_pruned()) => {
                Err(DecodeError::pruned())
            }
            Value::Map(entries) => match entries.as_slice() {
                [entry] => Ok(Self::Entry(entry)),
                [] => Err(DecodeError::mismatch(format!("{}, found an empty map", expected()), one())),
                [_, second, ..] => {
                    let found: Vec<&str> = entries.iter().take(8).map(|entry| entry.key.as_str()).collect();
                    let reason = format!("{}, found {}", expected(), found.join(" and "));
                    let fix = format!("keep one of {}", alternatives(&found));
                    Err(DecodeError::mismatch(reason, Some(fix)).at(second.key_mark))
                }
            },
            Value::Null => {
                let fix = "give it a value, or leave the field out".to_owned();
                Err(DecodeError::mismatch(format!("{}, found nothing", expected()), Some(fix)))
            }
            other @ (Value::Bool(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::List(_)
            | Value::Pruned) => {
                Err(DecodeError::mismatch(format!("{}, found {}", expected(), other.describe()), one()))
            }
        }
    }
}

impl<'de, 't> EnumAccess<'de> for VariantReader<'t> {
    type Error = DecodeError;
    type Variant = Payload<'t>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self::Variant), DecodeError> {
        match self {
            Self::Word { word, mark } => {
                let variant = seed.deserialize(StrDeserializer::new(word));
                Ok((variant.map_err(|error: DecodeError| error.at(mark))?, Payload::None(word)))
            }
            Self::Entry(entry) => {
                let variant = seed.deserialize(StrDeserializer::new(&entry.key));
                let variant = variant.map_err(|error: DecodeError| {
                    error.within(Step::Key(entry.key.clone()), entry.key_mark)
                })?;
                Ok((variant, Payload::Some(entry)))
            }
        }
    }
}

/// What stands beside the variant's name.
pub(super) enum Payload<'t> {
    None(&'t str),
    Some(&'t Entry),
}

impl<'t> Payload<'t> {
    fn read<T>(self, read: impl FnOnce(Cursor<'t>) -> Result<T, DecodeError>) -> Result<T, DecodeError> {
        match self {
            Self::Some(entry) => read(Cursor(&entry.node))
                .map_err(|error| error.within(Step::Key(entry.key.clone()), entry.node.mark)),
            Self::None(word) => {
                let reason = format!("`{word}` needs a value");
                Err(DecodeError::mismatch(reason, Some(format!("write `{word}: …` with its value"))))
            }
        }
    }
}

impl<'de> VariantAccess<'de> for Payload<'_> {
    type Error = DecodeError;

    fn unit_variant(self) -> Result<(), DecodeError> {
        let Self::Some(entry) = self else { return Ok(()) };
        if entry.node.is_null() || matches!(&entry.node.value, Value::Map(entries) if entries.is_empty()) {
            return Ok(());
        }
        let fix = format!("write just `{}`", entry.key);
        let error = DecodeError::mismatch(format!("`{}` takes no value", entry.key), Some(fix));
        Err(error.within(Step::Key(entry.key.clone()), entry.node.mark))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, DecodeError> {
        self.read(|cursor| seed.deserialize(cursor))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, DecodeError> {
        self.read(|cursor| cursor.deserialize_seq(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.read(|cursor| cursor.deserialize_struct("", fields, visitor))
    }
}
