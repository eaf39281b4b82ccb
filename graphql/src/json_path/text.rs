//! What paths yield, cut out of the text in which they find it.
//!
//! A tree of serde_json holds integers of up to 64 bits and rounds longer ones,
//! so an identifier of 20 digits would come back as another one, and a price of
//! `1.50` as `1.5`. The tree only says where the nodes are.

use std::cell::OnceCell;
use std::collections::HashMap;

use serde_json::Value;
use serde_json::value::RawValue;
use serde_json_path::{JsonPath, PathElement};

use super::Step;

/// A JSON text for any number of paths.
pub(crate) struct Document<'t> {
    text: Text<'t>,
    tree: OnceCell<Value>,
}

/// A piece of the text, and its parts once they were asked for.
struct Text<'t> {
    json: &'t str,
    parts: OnceCell<Parts<'t>>,
}

enum Parts<'t> {
    None,
    Items(Vec<Text<'t>>),
    Members(HashMap<String, Text<'t>>),
}

impl<'t> Document<'t> {
    pub(crate) fn new(json: &'t str) -> Result<Self, serde_json::Error> {
        Ok(Self { text: Text::of(serde_json::from_str(json)?), tree: OnceCell::new() })
    }

    /// The text a singular path leads to.
    pub(super) fn follow(&self, steps: &[Step]) -> Option<&'t str> {
        let mut text = &self.text;
        for step in steps {
            text = match step {
                Step::Name(name) => text.member(name)?,
                Step::Index(index) => text.item(*index)?,
            };
        }
        Some(text.json)
    }

    /// The list of the nodes a general path finds.
    pub(super) fn query(&self, path: &JsonPath) -> Result<String, serde_json::Error> {
        let tree = self.tree()?;
        let found = path.query_located(tree);
        let nodes: Vec<&str> = found.locations().filter_map(|place| self.at(place.iter())).collect();
        Ok(format!("[{}]", nodes.join(",")))
    }

    /// The text at a place in the tree.
    fn at<'p>(&self, place: impl IntoIterator<Item = &'p PathElement<'p>>) -> Option<&'t str> {
        let mut text = &self.text;
        for element in place {
            text = match element {
                PathElement::Name(name) => text.member(name)?,
                PathElement::Index(index) => text.item(i64::try_from(*index).ok()?)?,
            };
        }
        Some(text.json)
    }

    fn tree(&self) -> Result<&Value, serde_json::Error> {
        if let Some(tree) = self.tree.get() {
            return Ok(tree);
        }
        let tree = serde_json::from_str(self.text.json)?;
        Ok(self.tree.get_or_init(|| tree))
    }
}

impl<'t> Text<'t> {
    fn of(json: &'t RawValue) -> Self {
        Self { json: json.get(), parts: OnceCell::new() }
    }

    fn member(&self, name: &str) -> Option<&Text<'t>> {
        match self.parts() {
            Parts::Members(members) => members.get(name),
            _ => None,
        }
    }

    fn item(&self, index: i64) -> Option<&Text<'t>> {
        let Parts::Items(items) = self.parts() else {
            return None;
        };
        let from_end = || items.len().checked_sub(usize::try_from(index.unsigned_abs()).ok()?);
        items.get(usize::try_from(index).ok().or_else(from_end)?)
    }

    fn parts(&self) -> &Parts<'t> {
        // The text was read as JSON before.
        self.parts.get_or_init(|| match self.json.as_bytes().first() {
            Some(b'[') => serde_json::from_str::<Vec<&RawValue>>(self.json)
                .map_or(Parts::None, |items| Parts::Items(items.into_iter().map(Text::of).collect())),
            Some(b'{') => {
                let members = serde_json::from_str::<HashMap<String, &RawValue>>(self.json);
                members.map_or(Parts::None, |members| {
                    Parts::Members(members.into_iter().map(|(name, json)| (name, Text::of(json))).collect())
                })
            }
            _ => Parts::None,
        })
    }
}
