//! The loops that serde's visitors drive: list items, mapping entries, enum variants, (place, value) pairs.
//!
//! Poisoned nodes are left out; everything else about reporting is in the parent module.

use serde::de::{self, DeserializeSeed, IntoDeserializer, value};

use super::{Reader, State, failure::Failure};
use crate::config::{
    suggest,
    tree::{Kind, NodeId},
};
use crate::value::Place;

/// The items of a list. After an error the same item comes again, until it is poisoned.
pub struct Items<'s, 't> {
    state: &'s State<'t>,
    rest: &'t [NodeId],
}

impl<'s, 't> Items<'s, 't> {
    pub fn new(state: &'s State<'t>, items: &'t [NodeId]) -> Self {
        Self { state, rest: items }
    }
}

impl<'t> de::SeqAccess<'t> for Items<'_, 't> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'t>>(&mut self, seed: T) -> Result<Option<T::Value>, Failure> {
        let state = self.state;
        while let [node, rest @ ..] = self.rest {
            if state.is_poisoned(*node) {
                self.rest = rest;
                continue;
            }
            let item = state.child(*node, || seed.deserialize(Reader { state, node: *node }))?;
            self.rest = rest;
            return Ok(Some(item));
        }
        Ok(None)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// The entries of a mapping; with `fields` only those. After an error the same entry comes again, until it is poisoned.
pub struct Entries<'s, 't> {
    state: &'s State<'t>,
    rest: &'t [(NodeId, NodeId)],
    fields: Option<&'static [&'static str]>,
}

impl<'s, 't> Entries<'s, 't> {
    pub fn new(state: &'s State<'t>, mapping: NodeId, fields: Option<&'static [&'static str]>) -> Self {
        Self { state, rest: state.tree.entries(mapping), fields }
    }

    fn wanted(&self, (key, value): (NodeId, NodeId)) -> bool {
        let name = self.state.tree.text(key).unwrap_or_default();
        let known = self.fields.is_none_or(|fields| fields.contains(&name));
        known && !self.state.is_poisoned(key) && !self.state.is_poisoned(value)
    }
}

impl<'t> de::MapAccess<'t> for Entries<'_, 't> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'t>>(&mut self, seed: K) -> Result<Option<K::Value>, Failure> {
        let state = self.state;
        while let [entry, rest @ ..] = self.rest {
            if self.wanted(*entry) {
                let node = entry.0;
                return state.child(node, || seed.deserialize(Reader { state, node })).map(Some);
            }
            self.rest = rest;
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'t>>(&mut self, seed: V) -> Result<V::Value, Failure> {
        let [(_, node), rest @ ..] = self.rest else {
            return Err(de::Error::custom("a value was asked for before its key"));
        };
        let state = self.state;
        let value = state.child(*node, || seed.deserialize(Reader { state, node: *node }))?;
        self.rest = rest;
        Ok(value)
    }
}

/// What a `Located` is made of.
pub struct Pair<'s, 't> {
    state: &'s State<'t>,
    node: NodeId,
    place: Option<Place>,
}

impl<'s, 't> Pair<'s, 't> {
    pub fn new(state: &'s State<'t>, node: NodeId) -> Self {
        Self { state, node, place: Some(state.tree.place(node)) }
    }
}

impl<'t> de::SeqAccess<'t> for Pair<'_, 't> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'t>>(&mut self, seed: T) -> Result<Option<T::Value>, Failure> {
        let Some(place) = self.place.take() else {
            return seed.deserialize(Reader { state: self.state, node: self.node }).map(Some);
        };
        let parts = [
            ("file", PlacePart::Text(place.file.to_string())),
            ("line", PlacePart::Number(place.line)),
            ("column", PlacePart::Number(place.column)),
            ("path", PlacePart::Text(place.path)),
        ];
        seed.deserialize(value::MapDeserializer::new(parts.into_iter())).map(Some)
    }
}

enum PlacePart {
    Text(String),
    Number(u32),
}

impl<'de> IntoDeserializer<'de, Failure> for PlacePart {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> de::Deserializer<'de> for PlacePart {
    type Error = Failure;

    fn deserialize_any<V: de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self {
            Self::Text(text) => visitor.visit_string(text),
            Self::Number(number) => visitor.visit_u32(number),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'t> Reader<'_, 't> {
    /// A variant is a text, or a mapping with the variant as its only key.
    pub fn variant<V: de::Visitor<'t>>(self, variants: &[&str], visitor: V) -> Result<V::Value, Failure> {
        let tree = self.state.tree;
        let (tag, content) = match self.kind() {
            Kind::Scalar { .. } if !self.is_nothing() => (self.node, None),
            Kind::Mapping(entries) => match entries.as_slice() {
                [(key, value)] => (*key, Some(*value)),
                _ => {
                    return Err(Failure::Text(format!(
                        "give exactly one of {}",
                        suggest::list(variants.iter().copied())
                    )));
                }
            },
            _ => {
                return self
                    .expected(&format!("one of {}", suggest::list(variants.iter().copied())).as_str());
            }
        };
        let name = tree.text(tag).unwrap_or_default();
        if !variants.contains(&name) {
            let hint = suggest::among(name, variants.iter().copied());
            let what = if content.is_some() { "unknown key" } else { "unknown value" };
            self.state.fault(tag, format!("{what} `{name}`"), Some(hint));
            self.state.poison(self.node);
            return Err(Failure::Reported);
        }
        visitor.visit_enum(Variant { state: self.state, tag, content })
    }
}

struct Variant<'s, 't> {
    state: &'s State<'t>,
    tag: NodeId,
    content: Option<NodeId>,
}

impl<'t> de::EnumAccess<'t> for Variant<'_, 't> {
    type Error = Failure;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'t>>(self, seed: V) -> Result<(V::Value, Self), Failure> {
        let variant = seed.deserialize(Reader { state: self.state, node: self.tag })?;
        Ok((variant, self))
    }
}

impl<'s, 't> Variant<'s, 't> {
    fn content(&self) -> Result<Reader<'s, 't>, Failure> {
        let name = self.state.tree.text(self.tag).unwrap_or_default();
        let missing = || Failure::Text(format!("`{name}` needs a value; write `{name}: ...`"));
        Ok(Reader { state: self.state, node: self.content.ok_or_else(missing)? })
    }
}

impl<'t> de::VariantAccess<'t> for Variant<'_, 't> {
    type Error = Failure;

    fn unit_variant(self) -> Result<(), Failure> {
        match self.content {
            None => Ok(()),
            Some(content) => {
                let name = self.state.tree.text(self.tag).unwrap_or_default();
                let text = format!("`{name}` takes no value; write just `{name}`");
                Err(self.state.report(content, Failure::Text(text)))
            }
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'t>>(self, seed: T) -> Result<T::Value, Failure> {
        let reader = self.content()?;
        self.state.child(reader.node, || seed.deserialize(reader))
    }

    fn tuple_variant<V: de::Visitor<'t>>(self, _len: usize, visitor: V) -> Result<V::Value, Failure> {
        de::Deserializer::deserialize_seq(self.content()?, visitor)
    }

    fn struct_variant<V: de::Visitor<'t>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        de::Deserializer::deserialize_struct(self.content()?, "", fields, visitor)
    }
}
