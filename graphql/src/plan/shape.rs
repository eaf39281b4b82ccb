//! Shapes: which members of a JSON object are kept while a body is read.
//!
//! A shape belongs to a response position, not to a type: where several types
//! are possible, it holds the members of all of them. Members are found by
//! their JSON name; one that is needed both as a leaf and as an object stands
//! there twice, linked by [`Member::also`], and is then read twice.

use std::sync::Arc;

use super::{NodeId, ShapeId};
use crate::json_path::JsonPath;

/// How a value is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Read {
    /// Scalars by their place in the body, lists item by item, objects as they
    /// stand there.
    Leaf,
    /// Objects as rows of a shape, lists item by item.
    Object(ShapeId),
}

/// The members to keep of the objects at one position.
#[derive(Debug)]
pub(crate) struct Shape {
    /// The node whose bodies hold the objects; `None` for the root.
    pub(crate) node: Option<NodeId>,
    pub(crate) members: Vec<Member>,
    /// Members that are the result of a JSONPath on the whole object.
    pub(crate) computed: Vec<Computed>,
}

/// One member to keep.
#[derive(Debug)]
pub(crate) struct Member {
    /// Its name in the JSON; empty, and never matched, if it is computed.
    pub(crate) name: Arc<str>,
    pub(crate) read: Read,
    /// The next member with the same name, read in another way.
    pub(crate) also: Option<usize>,
    is_computed: bool,
}

/// A member that a JSONPath computes from the object.
#[derive(Debug)]
pub(crate) struct Computed {
    pub(crate) path: JsonPath,
    pub(crate) member: usize,
}

impl Shape {
    pub(super) fn new(node: Option<NodeId>) -> Self {
        Self { node, members: Vec::new(), computed: Vec::new() }
    }

    /// The member `name`, trying `hint` first: objects of a list mostly have
    /// their members in the same order.
    pub(crate) fn find(&self, name: &str, hint: usize) -> Option<usize> {
        let is = |member: &Member| !member.is_computed && *member.name == *name;
        if self.members.get(hint).is_some_and(is) {
            return Some(hint);
        }
        self.members.iter().position(is)
    }

    /// The member for a leaf, made where there is none.
    pub(super) fn leaf(&mut self, name: &Arc<str>) -> usize {
        self.exact(name, Read::Leaf).unwrap_or_else(|| self.push(name, Read::Leaf))
    }

    /// The member for objects of an exact shape, made where there is none.
    pub(super) fn object(&mut self, name: &Arc<str>, child: ShapeId) -> usize {
        let read = Read::Object(child);
        self.exact(name, read).unwrap_or_else(|| self.push(name, read))
    }

    /// The shape that objects under this name are read into already.
    pub(super) fn child(&self, name: &str) -> Option<ShapeId> {
        self.members.iter().find_map(|member| match member.read {
            Read::Object(child) if *member.name == *name && !member.is_computed => Some(child),
            _ => None,
        })
    }

    /// A member that `path` computes.
    pub(super) fn compute(&mut self, path: JsonPath, read: Read) -> usize {
        let member = self.members.len();
        self.members.push(Member { name: "".into(), read, also: None, is_computed: true });
        self.computed.push(Computed { path, member });
        member
    }

    fn exact(&self, name: &str, read: Read) -> Option<usize> {
        self.members.iter().position(|m| *m.name == *name && m.read == read && !m.is_computed)
    }

    fn push(&mut self, name: &Arc<str>, read: Read) -> usize {
        let member = self.members.len();
        // Linked behind the last of the same name, which `find` does not see.
        let last = self.members.iter_mut().rfind(|m| m.name == *name && !m.is_computed);
        if let Some(last) = last {
            last.also = Some(member);
        }
        self.members.push(Member { name: name.clone(), read, also: None, is_computed: false });
        member
    }
}
