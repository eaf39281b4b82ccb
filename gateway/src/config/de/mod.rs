//! From the located tree to typed sections, reporting everything that is wrong and not only the first problem.
//!
//! serde's visitors stop at their first error, and they own the loop. Three things get the rest out of them:
//! - A struct's unknown keys are found here, before its visitor sees any, and are kept from it.
//! - What has been reported is *poisoned*: hidden from the visitors on the next walk. So [`read`] walks the tree
//!   again until a walk finds nothing new. A list made by [`each`] does so element by element, which keeps a file
//!   with thousands of routes linear.
//! - When a required key is missing, all missing ones are reported, as the section's JSON Schema knows them.
//!
//! A section that has problems may still come out, with defaults for what was refused: good enough to look for
//! more problems in, and nothing else. Whoever calls [`read`] must look at the problems first.
//!
//! Not supported, because they buffer values and lose their places: `flatten`, untagged and internally tagged enums.

mod access;
mod failure;
mod form;
mod required;
mod secret;
#[cfg(test)]
mod tests;

use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, HashSet},
    path::Path,
};

use serde::{Deserialize, Deserializer, de, forward_to_deserialize_any};

use failure::Failure;
pub use failure::split;
pub use secret::UNKNOWN;

use super::{
    masking::{self, Document},
    suggest,
    tree::{Fault, Kind, NodeId, Scalar, Tree},
};
use crate::value::{EACH_ENTRY, EACH_ITEM, LOCATED, Place, SECRET};

/// Reads a secret's file; the path is as written.
pub type ReadSecret<'a> = &'a dyn Fn(&Path) -> Result<String, String>;

/// What a walk over the tree found.
#[derive(Debug, Default)]
pub struct Findings {
    pub faults: Vec<Fault>,
    /// Nodes that hold secrets: never to be shown in a snippet.
    pub secrets: HashSet<NodeId>,
    /// Nodes of another type than what belongs there, each with what that is: `a mapping`.
    pub refused: HashMap<NodeId, String>,
    /// Mappings that are sections, with the keys that these know.
    pub sections: HashMap<NodeId, &'static [&'static str]>,
}

/// Deserialises the whole tree. `None` if too much is wrong for even a partial value.
pub fn read<'t, T: Deserialize<'t>>(
    tree: &'t Tree,
    document: Document,
    read_secret: ReadSecret<'t>,
) -> (Option<T>, Findings) {
    let state = State {
        tree,
        document,
        read_secret,
        faults: RefCell::default(),
        seen: RefCell::default(),
        poisoned: RefCell::default(),
        secrets: RefCell::default(),
        unknown: RefCell::default(),
        refused: RefCell::default(),
        sections: RefCell::default(),
        progress: Cell::new(0),
    };
    let value = loop {
        let before = state.progress.get();
        let value = T::deserialize(Reader { state: &state, node: tree.root() });
        let value = value.map_err(|failure| state.report(tree.root(), failure)).ok();
        if state.progress.get() == before {
            break value;
        }
    };
    let State { faults, secrets, refused, sections, .. } = state;
    let (faults, secrets) = (faults.into_inner(), secrets.into_inner());
    let (refused, sections) = (refused.into_inner(), sections.into_inner());
    (value, Findings { faults, secrets, refused, sections })
}

/// What the walks share.
struct State<'t> {
    tree: &'t Tree,
    document: Document,
    read_secret: ReadSecret<'t>,
    faults: RefCell<Vec<Fault>>,
    seen: RefCell<HashSet<(NodeId, String)>>,
    poisoned: RefCell<HashSet<NodeId>>,
    secrets: RefCell<HashSet<NodeId>>,
    /// Secrets that could not be read.
    unknown: RefCell<HashSet<NodeId>>,
    refused: RefCell<HashMap<NodeId, String>>,
    sections: RefCell<HashMap<NodeId, &'static [&'static str]>>,
    /// Counts new faults and newly poisoned nodes: a walk that does not raise it was the last.
    progress: Cell<usize>,
}

impl<'t> State<'t> {
    /// Turns a failure at a node into a fault, unless it has been one already.
    fn report(&self, node: NodeId, failure: Failure) -> Failure {
        if matches!(failure, Failure::Reported) || self.is_unknown(node) {
            return Failure::Reported;
        }
        let mut form = None;
        if let Failure::Type { expected, .. } = &failure {
            let expected = failure::in_words(expected);
            form = form::hint(self.tree, self.document, node, &expected);
            self.refused.borrow_mut().insert(node, expected);
        }
        let (message, hint) = failure.into_text(self.tree.scalar(node));
        let hint = hint.or(form);
        self.fault(node, message, hint);
        if matches!(self.tree.kind(node), Kind::Scalar { .. }) {
            self.poison(node);
        }
        Failure::Reported
    }

    fn fault(&self, node: NodeId, message: String, hint: Option<String>) {
        self.fault_at(node, node, message, hint);
    }

    /// A fault with the key path of another node.
    fn fault_at(&self, node: NodeId, path: NodeId, message: String, hint: Option<String>) {
        let message = self.without_environment(node, message);
        let hint = hint.map(|hint| self.without_environment(node, hint));
        if self.seen.borrow_mut().insert((node, message.clone())) {
            self.advance();
            let place = Place { path: self.tree.path(path), ..self.tree.place(node) };
            self.faults.borrow_mut().push(Fault { place, message, hint });
        }
    }

    /// A variable's content may be a secret in the wrong place: messages show its name instead.
    fn without_environment(&self, node: NodeId, message: String) -> String {
        match (self.tree.written(node), self.tree.text(node)) {
            (Some(written), Some(text)) if !text.is_empty() => {
                let quoted = message.replace(&format!("`{text}"), &format!("`{written}"));
                quoted.replace(&format!("\"{text}"), &format!("\"{written}"))
            }
            _ => message,
        }
    }

    fn poison(&self, node: NodeId) {
        if self.poisoned.borrow_mut().insert(node) {
            self.advance();
        }
    }

    fn is_poisoned(&self, node: NodeId) -> bool {
        self.poisoned.borrow().contains(&node)
    }

    fn advance(&self) {
        self.progress.set(self.progress.get() + 1);
    }

    /// Runs one child; when it fails and nothing new came of it, there is nothing left to learn from it.
    fn child<T>(&self, node: NodeId, run: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
        let before = self.progress.get();
        run().map_err(|failure| {
            let failure = self.report(node, failure);
            if self.progress.get() == before {
                self.poison(node);
            }
            failure
        })
    }
}

/// The deserializer of one node.
#[derive(Clone, Copy)]
struct Reader<'s, 't> {
    state: &'s State<'t>,
    node: NodeId,
}

impl<'s, 't> Reader<'s, 't> {
    fn kind(self) -> &'t Kind {
        self.state.tree.kind(self.node)
    }

    fn is_nothing(self) -> bool {
        self.state.tree.scalar(self.node) == Some(Scalar::Nothing)
    }

    fn placed<T>(self, result: Result<T, Failure>) -> Result<T, Failure> {
        result.map_err(|failure| self.state.report(self.node, failure))
    }

    fn expected<T>(self, what: &dyn de::Expected) -> Result<T, Failure> {
        let found = match self.kind() {
            Kind::Scalar { .. } => self.state.tree.scalar(self.node).map_or("nothing", Scalar::noun),
            Kind::List(_) => "a list",
            Kind::Mapping(_) => "a mapping",
            Kind::Broken => return Err(Failure::Reported),
        };
        Err(Failure::Type { expected: what.to_string(), found })
    }

    fn any<V: de::Visitor<'t>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.kind() {
            Kind::Scalar { .. } => match self.state.tree.scalar(self.node).unwrap_or(Scalar::Nothing) {
                Scalar::Nothing => visitor.visit_unit(),
                Scalar::Flag(flag) => visitor.visit_bool(flag),
                Scalar::Unsigned(number) => visitor.visit_u64(number),
                Scalar::Signed(number) => visitor.visit_i64(number),
                Scalar::Float(number) => visitor.visit_f64(number),
                Scalar::Text(text) => visitor.visit_str(text),
            },
            Kind::List(items) => visitor.visit_seq(access::Items::new(self.state, items)),
            Kind::Mapping(_) => visitor.visit_map(access::Entries::new(self.state, self.node, None)),
            Kind::Broken => Err(Failure::Reported),
        }
    }

    /// Text is what was written: `version: 1.2` is the text `1.2`, and Norway's country code is `no`.
    fn text<V: de::Visitor<'t>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.kind() {
            // A variable may be empty: that is an empty text and not a missing value.
            Kind::Scalar { text, .. }
                if !self.is_nothing() || self.state.tree.written(self.node).is_some() =>
            {
                visitor.visit_str(text)
            }
            _ => self.expected(&visitor),
        }
    }

    fn list<V: de::Visitor<'t>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.kind() {
            Kind::List(items) => visitor.visit_seq(access::Items::new(self.state, items)),
            _ if self.is_nothing() => visitor.visit_seq(access::Items::new(self.state, &[])),
            _ => self.expected(&visitor),
        }
    }

    /// A section with nothing below it has only defaults.
    fn mapping<V: de::Visitor<'t>>(
        self,
        fields: Option<&'static [&'static str]>,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        match self.kind() {
            Kind::Mapping(_) => visitor.visit_map(access::Entries::new(self.state, self.node, fields)),
            _ if self.is_nothing() => visitor.visit_map(access::Entries::new(self.state, self.node, fields)),
            _ => self.expected(&visitor),
        }
    }

    /// Reports every key that is none of `fields`.
    fn unknown_keys(self, fields: &[&str]) {
        let tree = self.state.tree;
        for (key, value) in tree.entries(self.node) {
            let name = tree.text(*key).unwrap_or_default();
            if fields.contains(&name) || is_extension(tree, self.node, name) {
                continue;
            }
            let hint = Some(suggest::among(name, fields.iter().copied()));
            let is_sensitive = || self.state.document.is_sensitive(tree, self.node);
            if masking::may_show_key(tree, *key, *value, fields) || !is_sensitive() {
                self.state.fault(*key, format!("unknown key `{name}`"), hint);
            } else {
                // Its path would show it too.
                let text = "unknown key, which is not shown since it may be a secret";
                self.state.fault_at(*key, self.node, text.into(), hint);
            }
        }
    }

    /// Keys that are missing because their values were refused are not missing.
    fn missing_keys(self, fields: &[&str], first: &str) {
        let tree = self.state.tree;
        let given: Vec<&str> =
            tree.entries(self.node).iter().filter_map(|(key, _)| tree.text(*key)).collect();
        for key in required::of(fields, first).into_iter().filter(|key| !given.contains(&key.as_str())) {
            self.state.fault(self.node, format!("the key `{key}` is missing"), None);
        }
    }
}

/// `x-...` at the top level is the operator's own: a home for anchors.
pub fn is_extension(tree: &Tree, mapping: NodeId, key: &str) -> bool {
    mapping == tree.root() && key.starts_with("x-")
}

impl<'t> Deserializer<'t> for Reader<'_, 't> {
    type Error = Failure;

    fn deserialize_any<V: de::Visitor<'t>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.placed(self.any(visitor))
    }

    fn deserialize_str<V: de::Visitor<'t>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.placed(self.text(visitor))
    }

    fn deserialize_string<V: de::Visitor<'t>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.placed(self.text(visitor))
    }

    fn deserialize_identifier<V: de::Visitor<'t>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.placed(self.text(visitor))
    }

    fn deserialize_option<V: de::Visitor<'t>>(self, visitor: V) -> Result<V::Value, Failure> {
        if self.is_nothing() { visitor.visit_none() } else { self.placed(visitor.visit_some(self)) }
    }

    fn deserialize_newtype_struct<V: de::Visitor<'t>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let result = match name {
            LOCATED => visitor.visit_seq(access::Pair::new(self.state, self.node)),
            SECRET => self.secret(visitor),
            EACH_ITEM => self.list(visitor),
            EACH_ENTRY => self.mapping(None, visitor),
            _ => visitor.visit_newtype_struct(self),
        };
        self.placed(result)
    }

    fn deserialize_seq<V: de::Visitor<'t>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.placed(self.list(visitor))
    }

    fn deserialize_map<V: de::Visitor<'t>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.placed(self.mapping(None, visitor))
    }

    fn deserialize_struct<V: de::Visitor<'t>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.state.sections.borrow_mut().insert(self.node, fields);
        self.unknown_keys(fields);
        match self.mapping(Some(fields), visitor) {
            Err(Failure::Missing(first)) => {
                self.missing_keys(fields, first);
                Err(Failure::Reported)
            }
            other => self.placed(other),
        }
    }

    fn deserialize_enum<V: de::Visitor<'t>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.placed(self.variant(variants, visitor))
    }

    fn deserialize_ignored_any<V: de::Visitor<'t>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        <W: Visitor<'t>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct
    }
}
