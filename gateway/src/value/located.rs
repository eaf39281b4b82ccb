//! A value that remembers where it was written.
//!
//! serde has no notion of places. The trick is the one of `Spanned` in other crates: [`Located`] asks for a newtype
//! struct with a name that nobody else uses. The configuration's deserializer knows [`LOCATED`] and answers with
//! the pair (place, value); any other format just gives the value, and the place is unknown.

use std::{
    borrow::{Borrow, Cow},
    fmt,
    hash::{Hash, Hasher},
    marker::PhantomData,
    ops::Deref,
    path::{Path, PathBuf},
    sync::Arc,
};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Name;

/// The newtype name by which the configuration's deserializer recognises a [`Located`].
pub const LOCATED: &str = "$glassgate::Located";

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The file as it was named when it was loaded.
    pub file: Arc<str>,
    /// From 1; 0 if unknown.
    pub line: u32,
    /// In characters, from 1; 0 if unknown.
    pub column: u32,
    /// The path of the key: `routes[2].upstream`.
    pub path: String,
}

impl Place {
    /// Of values that come from no file: defaults, tests.
    pub fn unknown() -> Self {
        Self { file: "".into(), line: 0, column: 0, path: String::new() }
    }

    /// A path that stands here, which is relative to the file.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        Path::new(&*self.file).parent().map_or_else(|| path.to_owned(), |base| base.join(path))
    }

    /// True if a line is known.
    pub fn is_known(&self) -> bool {
        self.line > 0
    }
}

/// `file:line:column`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_known() {
            return f.write_str("(unknown place)");
        }
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A value and where it was written. Compared, hashed and serialised as the value alone.
#[derive(Clone)]
pub struct Located<T> {
    value: T,
    place: Place,
}

impl<T> Located<T> {
    /// Puts the two together.
    pub fn new(value: T, place: Place) -> Self {
        Self { value, place }
    }

    /// Where the value was written.
    pub fn place(&self) -> &Place {
        &self.place
    }
}

/// A value at an unknown place.
impl<T> From<T> for Located<T> {
    fn from(value: T) -> Self {
        Self::new(value, Place::unknown())
    }
}

impl<T: Default> Default for Located<T> {
    fn default() -> Self {
        T::default().into()
    }
}

impl<T> Deref for Located<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> Borrow<T> for Located<T> {
    fn borrow(&self) -> &T {
        &self.value
    }
}

/// Maps with `Located<Name>` keys are looked up by text.
impl Borrow<str> for Located<Name> {
    fn borrow(&self) -> &str {
        self.value.as_str()
    }
}

impl<T: PartialEq> PartialEq for Located<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Located<T> {}

impl<T: PartialOrd> PartialOrd for Located<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.value.partial_cmp(&other.value)
    }
}

impl<T: Ord> Ord for Located<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.value.cmp(&other.value)
    }
}

impl<T: Hash> Hash for Located<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.value.hash(state);
    }
}

impl<T: fmt::Debug> fmt::Debug for Located<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: fmt::Display> fmt::Display for Located<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: Serialize> Serialize for Located<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Located<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(LOCATED, Visitor(PhantomData))
    }
}

struct Visitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Visitor<T> {
    type Value = Located<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    /// Any other format.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Located<T>, D::Error> {
        T::deserialize(deserializer).map(Located::from)
    }

    /// The configuration's own deserializer.
    fn visit_seq<A: de::SeqAccess<'de>>(self, mut pair: A) -> Result<Located<T>, A::Error> {
        let missing = || de::Error::custom("a located value is the pair (place, value)");
        let place = pair.next_element()?.ok_or_else(missing)?;
        let value = pair.next_element()?.ok_or_else(missing)?;
        Ok(Located { value, place })
    }
}

impl<T: JsonSchema> JsonSchema for Located<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}
