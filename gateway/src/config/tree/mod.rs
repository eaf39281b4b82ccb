//! The located tree: a YAML document in which every key and value knows its line and column.
//!
//! Why not a YAML library's serde deserializer: those stop at the first problem. The tree is made once
//! ([`parse`]), and `de` then walks it as often as it needs to report everything that is wrong.
//! Nodes live in one arena; a [`NodeId`] is what the walkers remember about a node.

mod env;
mod parse;
mod scalar;
#[cfg(test)]
mod tests;
mod within;

use std::{collections::HashMap, fmt::Write, sync::Arc};

pub use parse::parse;
pub use scalar::Scalar;

use crate::value::Place;

/// Where the environment's variables come from: the process in production, a map in tests.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A problem of the document itself: where, what is wrong, what to do.
#[derive(Debug, Clone)]
pub struct Fault {
    pub place: Place,
    pub message: String,
    pub hint: Option<String>,
}

/// A position, both from 1; the column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    pub line: u32,
    pub column: u32,
}

/// A node of one tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(u32);

/// What a node is.
#[derive(Debug, Clone)]
pub enum Kind {
    /// Text before typing, see [`Tree::scalar`].
    Scalar {
        text: Arc<str>,
        plain: bool,
    },
    List(Vec<NodeId>),
    /// Keys are scalars, unique.
    Mapping(Vec<(NodeId, NodeId)>),
    /// Something that has already been reported.
    Broken,
}

/// How a node hangs on its parent.
#[derive(Debug, Clone, Copy)]
enum Step {
    Root,
    Index(NodeId, u32),
    /// The parent and the node of the key.
    Key(NodeId, NodeId),
}

#[derive(Debug, Clone)]
struct Node {
    kind: Kind,
    start: Mark,
    end: Mark,
    step: Step,
    /// The text as written, where the environment changed it.
    written: Option<Arc<str>>,
}

/// A parsed document.
#[derive(Debug)]
pub struct Tree {
    file: Arc<str>,
    source: Arc<str>,
    nodes: Vec<Node>,
    root: NodeId,
    /// The values of long mappings, by mapping and key; see [`Tree::index`].
    values: HashMap<(NodeId, Arc<str>), NodeId>,
}

/// A mapping with more entries is not searched from its beginning each time.
const LONG: usize = 16;

impl Tree {
    /// The document's only root.
    pub fn root(&self) -> NodeId {
        self.root
    }

    /// What the node is.
    pub fn kind(&self, id: NodeId) -> &Kind {
        &self.node(id).kind
    }

    /// A scalar's value by the YAML core schema. Quoted ones are text, except what variables have filled in: within
    /// `[]` and `{}` a `${PORT}` must be quoted, and shall be a number all the same. `None` if the node is no scalar.
    pub fn scalar(&self, id: NodeId) -> Option<Scalar<'_>> {
        match self.kind(id) {
            Kind::Scalar { text, plain: true } => Some(scalar::resolve(text)),
            Kind::Scalar { text, .. } => Some(match scalar::resolve(text) {
                typed if self.written(id).is_some() && typed != Scalar::Nothing => typed,
                _ => Scalar::Text(text),
            }),
            _ => None,
        }
    }

    /// A scalar's text, whatever its type.
    pub fn text(&self, id: NodeId) -> Option<&str> {
        match self.kind(id) {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// A scalar's text as it stands in the file, if the environment changed it.
    pub fn written(&self, id: NodeId) -> Option<&str> {
        self.node(id).written.as_deref()
    }

    /// The value under a key of a mapping.
    pub fn get(&self, mapping: NodeId, key: &str) -> Option<NodeId> {
        let entries = self.entries(mapping);
        if entries.len() > LONG {
            return self.values.get(&(mapping, key.into())).copied();
        }
        entries.iter().find(|(k, _)| self.text(*k) == Some(key)).map(|(_, value)| *value)
    }

    /// Makes long mappings fast to search; once, when the tree is complete.
    fn index(&mut self) {
        for (id, node) in (0..).map(NodeId).zip(&self.nodes) {
            let Kind::Mapping(entries) = &node.kind else { continue };
            for (key, value) in entries.iter().filter(|_| entries.len() > LONG) {
                if let Kind::Scalar { text, .. } = self.kind(*key) {
                    self.values.insert((id, text.clone()), *value);
                }
            }
        }
    }

    /// A mapping's entries; none for anything else.
    pub fn entries(&self, mapping: NodeId) -> &[(NodeId, NodeId)] {
        match self.kind(mapping) {
            Kind::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// The key that a node is the value of.
    pub fn key(&self, id: NodeId) -> Option<&str> {
        match self.node(id).step {
            Step::Key(_, key) => self.text(key),
            Step::Root | Step::Index(..) => None,
        }
    }

    /// Whether an empty list is written at a key path.
    pub fn has_empty_list(&self, path: &str) -> bool {
        self.find(path).is_some_and(|node| matches!(self.kind(node), Kind::List(items) if items.is_empty()))
    }

    /// Where to point: for a mapping or list under a key at that key, since a block begins only on the next line.
    pub fn place(&self, id: NodeId) -> Place {
        let node = self.node(id);
        let mark = match (&node.kind, node.step) {
            (Kind::Scalar { text, .. }, Step::Key(_, key)) if text.is_empty() => self.node(key).start,
            (Kind::Mapping(_) | Kind::List(_), Step::Key(_, key)) => self.node(key).start,
            _ => node.start,
        };
        self.place_at(mark, self.path(id))
    }

    /// The key path of a node: `routes[2].upstream`; a key's is that of its value.
    pub fn path(&self, id: NodeId) -> String {
        let mut steps = Vec::new();
        let mut at = id;
        loop {
            match self.node(at).step {
                Step::Root => break,
                Step::Index(parent, _) | Step::Key(parent, _) => {
                    steps.push(self.node(at).step);
                    at = parent;
                }
            }
        }
        let mut path = String::new();
        for step in steps.iter().rev() {
            match step {
                Step::Root => {}
                // Writing to a String cannot fail.
                Step::Index(_, index) => drop(write!(path, "[{index}]")),
                Step::Key(_, key) => join(&mut path, self.text(*key).unwrap_or("?")),
            }
        }
        path
    }

    /// The place of a key path below a node (`health.path`, `endpoints[1].url`): that of its deepest part that exists.
    pub fn locate(&self, from: NodeId, path: &str) -> Place {
        let (at, _) = self.follow(from, path);
        let mut whole = self.path(from);
        if !path.is_empty() {
            whole.push_str(if path.starts_with('[') || whole.is_empty() { "" } else { "." });
            whole.push_str(path);
        }
        Place { path: whole, ..self.place(at) }
    }

    /// The node at a key path.
    fn find(&self, path: &str) -> Option<NodeId> {
        let (node, is_there) = self.follow(self.root, path);
        is_there.then_some(node)
    }

    /// The deepest part of a key path that exists, and whether that is all of it.
    fn follow(&self, from: NodeId, path: &str) -> (NodeId, bool) {
        let mut at = from;
        for step in path.split(['.', '[']).filter(|step| !step.is_empty()) {
            let next = match (self.kind(at), step.strip_suffix(']')) {
                (Kind::List(items), Some(index)) => {
                    index.parse::<usize>().ok().and_then(|index| items.get(index)).copied()
                }
                _ => self.get(at, step),
            };
            let Some(next) = next else { return (at, false) };
            at = next;
        }
        (at, true)
    }

    /// The lines and columns a node covers.
    pub fn extent(&self, id: NodeId) -> (Mark, Mark) {
        (self.node(id).start, self.node(id).end)
    }

    fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    fn place_at(&self, mark: Mark, path: String) -> Place {
        Place { file: self.file.clone(), line: mark.line, column: mark.column, path }
    }
}

/// Appends a key to a path; keys that would be ambiguous are quoted.
pub fn join(path: &mut String, key: &str) {
    if key.is_empty() || key.contains(['.', '[', ']', '"', ' ']) {
        // Writing to a String cannot fail.
        let _ = write!(path, "[{key:?}]");
        return;
    }
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(key);
}
