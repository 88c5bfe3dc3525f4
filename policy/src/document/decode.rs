//! serde's `Deserializer` over the tree, with errors that know their field.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each function reads some kinds of node and hands the rest on"
)]

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Expected, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};

use super::suggest;
use super::tree::{Content, Node, Step};

/// Decodes a part of the tree.
pub(super) fn decode<T: DeserializeOwned>(node: &Node) -> Result<T, DecodeError> {
    T::deserialize(Tree(node))
}

/// What is wrong with one part.
#[derive(Debug)]
pub(super) struct DecodeError {
    /// From the part outwards, turned round when it is read.
    path: Vec<Step>,
    reason: String,
    fix: Option<String>,
}

impl DecodeError {
    /// The path from the top of the part that was decoded.
    pub(super) fn path(&self) -> &[Step] {
        &self.path
    }

    /// The path as it is written in messages.
    pub(super) fn field(&self) -> String {
        written(&self.path)
    }

    pub(super) fn reason(&self) -> String {
        self.reason.clone()
    }

    pub(super) fn fix(&self) -> Option<String> {
        self.fix.clone()
    }

    fn new(reason: impl Into<String>, fix: Option<String>) -> Self {
        Self { path: Vec::new(), reason: reason.into(), fix }
    }

    fn within(mut self, step: Step) -> Self {
        self.path.insert(0, step);
        self
    }
}

/// `ports[0].name`.
pub(super) fn written(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Field(name) if text.is_empty() => text.push_str(name),
            Step::Field(name) => {
                text.push('.');
                text.push_str(name);
            }
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for DecodeError {}

impl serde::de::Error for DecodeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        // The types write `reason; fix`.
        let message = message.to_string();
        match message.split_once("; ") {
            Some((reason, fix)) => Self::new(reason, Some(fix.to_owned())),
            None => Self::new(message, None),
        }
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match unexpected {
            Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
            other => other.to_string(),
        };
        Self::new(format!("this is {found}"), Some(format!("write {expected}")))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("{unexpected} cannot stand here"), Some(format!("write {expected}")))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let error =
            Self::new(format!("there is no field {field:?} here"), Some(suggest::field(field, expected)));
        error.within(Step::Field(field.to_owned()))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("{variant:?} is not known here"), Some(suggest::field(variant, expected)))
    }

    fn missing_field(field: &'static str) -> Self {
        let error = Self::new("the field is missing", Some(format!("add {field}:")));
        error.within(Step::Field(field.to_owned()))
    }
}

struct Tree<'n>(&'n Node);

impl<'de> Deserializer<'de> for Tree<'_> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.0.content {
            Content::Null | Content::Hole => visitor.visit_unit(),
            Content::Bool(value) => visitor.visit_bool(*value),
            Content::Integer(value) => match u64::try_from(*value) {
                Ok(value) => visitor.visit_u64(value),
                Err(_) => visitor.visit_i64(*value),
            },
            Content::Float(value) => visitor.visit_f64(*value),
            Content::Text(text) => visitor.visit_str(text),
            Content::List(items) => visitor.visit_seq(Items { items, index: 0 }),
            Content::Map(entries) => visitor.visit_map(Entries { entries, at: 0 }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.0.content {
            Content::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    /// Numbers and truth values that stand where a text is wanted are taken as they were written: a version `1.2` or a
    /// header value `true` need no quotes.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.0.content {
            Content::Integer(value) => visitor.visit_str(&value.to_string()),
            Content::Bool(value) => visitor.visit_str(&value.to_string()),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match &self.0.content {
            Content::Text(name) => visitor.visit_enum(Variant { name, content: None }),
            Content::Map(entries) => match entries.as_slice() {
                [(name, content)] => visitor.visit_enum(Variant { name, content: Some(content) }),
                entries => {
                    let fix = format!("write exactly one of: {}", variants.join(", "));
                    Err(DecodeError::new(format!("there are {} fields here", entries.len()), Some(fix)))
                }
            },
            _ => {
                let fix = format!("write one of: {}", variants.join(", "));
                Err(DecodeError::new(format!("this is {}", self.0.describe()), Some(fix)))
            }
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

struct Items<'n> {
    items: &'n [Node],
    index: usize,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        let next = self.items.iter().skip(self.index).position(|item| !matches!(item.content, Content::Hole));
        let Some(index) = next.map(|ahead| self.index + ahead) else { return Ok(None) };
        let item = &self.items[index];
        self.index = index + 1;
        seed.deserialize(Tree(item)).map(Some).map_err(|error| error.within(Step::Index(index)))
    }
}

struct Entries<'n> {
    entries: &'n [(String, Node)],
    at: usize,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, DecodeError> {
        let Some((key, _)) = self.entries.get(self.at) else { return Ok(None) };
        let deserializer: StrDeserializer<'_, DecodeError> =
            serde::de::IntoDeserializer::into_deserializer(key.as_str());
        seed.deserialize(deserializer).map(Some).map_err(|error| match error.path.is_empty() {
            // A key of a map of the writer's own (labels, claims, headers).
            true => error.within(Step::Field(key.clone())),
            false => error,
        })
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DecodeError> {
        let Some((key, value)) = self.entries.get(self.at) else {
            return Err(DecodeError::new("a value is missing", None));
        };
        self.at += 1;
        seed.deserialize(Tree(value)).map_err(|error| error.within(Step::Field(key.clone())))
    }
}

struct Variant<'n> {
    name: &'n str,
    content: Option<&'n Node>,
}

impl<'de, 'n> EnumAccess<'de> for Variant<'n> {
    type Error = DecodeError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), DecodeError> {
        let deserializer: StrDeserializer<'_, DecodeError> =
            serde::de::IntoDeserializer::into_deserializer(self.name);
        Ok((seed.deserialize(deserializer)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = DecodeError;

    fn unit_variant(self) -> Result<(), DecodeError> {
        match self.content.map(|content| &content.content) {
            None | Some(Content::Null) => Ok(()),
            Some(Content::Map(entries)) if entries.is_empty() => Ok(()),
            Some(_) => {
                let fix = format!("write {} alone", self.name);
                Err(DecodeError::new(format!("{} takes no settings", self.name), Some(fix)))
            }
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, DecodeError> {
        match self.content {
            Some(content) => seed
                .deserialize(Tree(content))
                .map_err(|error| error.within(Step::Field(self.name.to_owned()))),
            None => {
                let fix = format!("write {}: and what belongs to it", self.name);
                Err(DecodeError::new(format!("{} stands alone", self.name), Some(fix)))
            }
        }
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, DecodeError> {
        Err(DecodeError::new("a list cannot stand here", None))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match self.content {
            Some(content) => Tree(content).deserialize_any(visitor),
            None => Err(DecodeError::new(format!("{} stands alone", self.name), None)),
        }
    }
}
