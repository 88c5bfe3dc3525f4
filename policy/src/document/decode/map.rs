//! Walks the entries of a map, past what was pruned.

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, MapAccess};

use super::{Cursor, DecodeError};
use crate::document::tree::{Entry, Step};

pub(super) struct MapReader<'t> {
    entries: std::slice::Iter<'t, Entry>,
    fields: &'static [&'static str],
    current: Option<&'t Entry>,
}

impl<'t> MapReader<'t> {
    /// Of a map whose keys are free.
    pub(super) fn open(entries: &'t [Entry]) -> Self {
        Self::of_fields(entries, &[])
    }

    /// Of a struct: known fields whose value is null count as left out.
    pub(super) fn of_fields(entries: &'t [Entry], fields: &'static [&'static str]) -> Self {
        Self { entries: entries.iter(), fields, current: None }
    }
}

impl<'de> MapAccess<'de> for MapReader<'_> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, DecodeError> {
        let fields = self.fields;
        let left_out = |entry: &Entry| entry.node.is_null() && fields.contains(&entry.key.as_str());
        self.current = self.entries.find(|entry| !entry.node.is_pruned() && !left_out(entry));
        let Some(entry) = self.current else { return Ok(None) };
        seed.deserialize(StrDeserializer::new(&entry.key))
            .map(Some)
            .map_err(|error: DecodeError| error.within(Step::Key(entry.key.clone()), entry.key_mark))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DecodeError> {
        let entry = self.current.take().expect("serde asks for a value only after a key");
        seed.deserialize(Cursor(&entry.node))
            .map_err(|error| error.within(Step::Key(entry.key.clone()), entry.node.mark))
    }
}
