//! Lists and maps whose elements are read one by one, each with all its problems, however many there are.
//!
//! For the long collections of the file (`#[serde(deserialize_with = "each_item")]`); elsewhere serde's own `Vec`
//! will do. Elements that are refused are left out. The configuration's deserializer knows [`EACH_ITEM`] and
//! [`EACH_ENTRY`] by name, as it knows [`LOCATED`](super::LOCATED); any other format just gives the collection.

use std::{fmt, hash::Hash, marker::PhantomData};

use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, de};

/// The newtype name by which the reader recognises such a collection. Its loops stay at an element until there is
/// nothing more to report about it, so going on after an error ends.
pub const EACH_ITEM: &str = "$glassgate::each_item";
/// The same for maps.
pub const EACH_ENTRY: &str = "$glassgate::each_entry";

/// A list. For `deserialize_with`.
pub fn each_item<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    from.deserialize_newtype_struct(EACH_ITEM, Items(PhantomData))
}

/// A map in the order of the file. For `deserialize_with`.
pub fn each_entry<'de, D, K, V>(from: D) -> Result<IndexMap<K, V>, D::Error>
where
    D: Deserializer<'de>,
    K: Deserialize<'de> + Hash + Eq,
    V: Deserialize<'de>,
{
    from.deserialize_newtype_struct(EACH_ENTRY, Entries(PhantomData))
}

struct Items<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Items<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    /// Any other format.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, from: D) -> Result<Vec<T>, D::Error> {
        Vec::deserialize(from)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut items = Vec::with_capacity(list.size_hint().unwrap_or(0));
        loop {
            match list.next_element() {
                Ok(Some(item)) => items.push(item),
                Ok(None) => return Ok(items),
                // It has been reported, with its place.
                Err(_) => {}
            }
        }
    }
}

struct Entries<K, V>(PhantomData<(K, V)>);

impl<'de, K: Deserialize<'de> + Hash + Eq, V: Deserialize<'de>> de::Visitor<'de> for Entries<K, V> {
    type Value = IndexMap<K, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping")
    }

    /// Any other format.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, from: D) -> Result<IndexMap<K, V>, D::Error> {
        IndexMap::deserialize(from)
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut entries: A) -> Result<IndexMap<K, V>, A::Error> {
        let mut map = IndexMap::new();
        loop {
            match entries.next_entry() {
                Ok(Some((key, value))) => drop(map.insert(key, value)),
                Ok(None) => return Ok(map),
                // It has been reported, with its place.
                Err(_) => {}
            }
        }
    }
}
