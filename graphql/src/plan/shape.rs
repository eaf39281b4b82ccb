//! Shapes: which members of a JSON object are kept while a body is read.
//!
//! A shape belongs to a response position, not to a type: where several types
//! are possible, it holds the members of all of them. Members are found by
//! their JSON name; one that is needed both as a leaf and as an object stands
//! there twice, linked by [`Member::also`], and is then read twice. Only the
//! first of such a chain is ever found: a reader that began in its middle would
//! leave the others absent.

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
    /// Its name in the JSON; empty if it is computed.
    pub(crate) name: Arc<str>,
    pub(crate) read: Read,
    /// The next member with the same name, read in another way.
    pub(crate) also: Option<usize>,
    reached: Reached,
}

/// What leads a reader to a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    /// Its name.
    Name,
    /// Another member of its name, through [`Member::also`].
    Link,
    /// A JSONPath: it is [`Computed`].
    Path,
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
        let is = |member: &Member| member.reached == Reached::Name && *member.name == *name;
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
            Read::Object(child) if member.is_called(name) => Some(child),
            _ => None,
        })
    }

    /// A member that `path` computes.
    pub(super) fn compute(&mut self, path: JsonPath, read: Read) -> usize {
        let member = self.members.len();
        self.members.push(Member { name: "".into(), read, also: None, reached: Reached::Path });
        self.computed.push(Computed { path, member });
        member
    }

    fn exact(&self, name: &str, read: Read) -> Option<usize> {
        self.members.iter().position(|member| member.is_called(name) && member.read == read)
    }

    fn push(&mut self, name: &Arc<str>, read: Read) -> usize {
        let member = self.members.len();
        let reached = match self.members.iter_mut().rfind(|known| known.is_called(name)) {
            Some(last) => {
                last.also = Some(member);
                Reached::Link
            }
            None => Reached::Name,
        };
        self.members.push(Member { name: name.clone(), read, also: None, reached });
        member
    }
}

impl Member {
    /// Whether it is the JSON's member of this name.
    fn is_called(&self, name: &str) -> bool {
        self.reached != Reached::Path && *self.name == *name
    }
}
