//! The plan: everything about an operation that no request changes.
//!
//! Three tables that refer to each other by number. *Selections* say what to
//! write, in response order. *Nodes* say what to fetch and for which parents.
//! *Shapes* say which members to keep while a body is read; a member that
//! nothing selects, no key and no template needs is never stored. Variables
//! decide only three things later: conditions ([`Condition`]), argument values,
//! and what templates expand to. So one plan serves every request with the same
//! document, whatever its variables.
//!
//! Who asks is no part of it either: who may read a field is a gate, which is
//! looked at when the plan is executed.
//!
//! New directives have their place: what a call needs besides its templates
//! (`@cache`, `@fallback`) is read from [`Node::rest`]'s neighbours in the
//! schema model, and `@defer` splits [`Selection`]s.

mod bill;
mod cache;
mod collect;
mod compile;
mod condition;
mod introspect;
mod locate;
mod shape;
#[cfg(test)]
mod tests;
mod weight;

use std::sync::Arc;

use crate::coerce::Arguments;
use crate::document::Prepared;
use crate::execute::Refusals;
use crate::json_path::JsonPath;
use crate::schema::{Access, Rest, TypeId};

pub(crate) use bill::Ordered;
pub(crate) use cache::{PlanCache, PlanKey};
pub(crate) use compile::compile;
pub(crate) use condition::{Condition, Conditions};
pub(crate) use introspect::Introspect;
pub(crate) use shape::{Read, Shape};

/// Place of a [`Node`] in [`Plan::nodes`].
pub(crate) type NodeId = usize;
/// Place of a [`Selection`] in [`Plan::selections`].
pub(crate) type SelectionId = usize;
/// Place of a [`Shape`] in [`Plan::shapes`].
pub(crate) type ShapeId = usize;
/// Place of an [`Access`] in [`Plan::gates`].
pub(crate) type GateId = usize;
/// Place of a [`Place`] in [`Plan::places`].
pub(crate) type PlaceId = usize;

/// The shape of the operation's root: one row without members.
pub(crate) const ROOT: ShapeId = 0;

/// An operation, compiled.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The validated document: variables are declared there, and introspection
    /// runs on it.
    pub(crate) prepared: Prepared,
    /// What an operation's root writes.
    pub(crate) root: SelectionId,
    pub(crate) selections: Vec<Selection>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) places: Vec<Place>,
    pub(crate) shapes: Vec<Shape>,
    pub(crate) conditions: Vec<Condition>,
    /// What callers are asked for. Who they are, a plan never knows.
    pub(crate) gates: Vec<Arc<Access>>,
    /// Every `__schema` and `__type` of the operation, wherever they stand.
    pub(crate) introspection: Option<Introspect>,
}

impl Plan {
    /// Whether root fields run one after another.
    pub(crate) fn is_mutation(&self) -> bool {
        self.prepared.operation.is_mutation()
    }

    /// Places of the root fields that the caller may not read, up to one that must not be null: then `data` is null,
    /// whatever the others yield. `None` where there is no such field.
    pub(crate) fn doomed(&self, conditions: &Conditions, refusals: &Refusals) -> Option<Arc<[usize]>> {
        if refusals.is_empty() {
            return None;
        }
        let root = &self.selections[self.root];
        let mut refused = Vec::new();
        for place in root.order(conditions) {
            let field = &root.fields[place];
            if refusals.at(field.gate).is_some() {
                refused.push(place);
                if !field.nullable[0] {
                    return Some(refused.into());
                }
            }
        }
        None
    }
}

/// What one object type at one response position writes.
#[derive(Debug)]
pub(crate) struct Selection {
    /// In the order of their first occurrence in the document.
    pub(crate) fields: Vec<Field>,
    /// Whether conditions decide which fields are written, and in which order.
    pub(crate) conditional: bool,
}

/// One response key.
#[derive(Debug)]
pub(crate) struct Field {
    /// The key as it stands in paths.
    pub(crate) response_key: Arc<str>,
    /// The key as it is written: quoted and with its colon.
    pub(crate) key: Box<[u8]>,
    /// `Type.field`, for messages.
    pub(crate) coordinate: Arc<str>,
    /// Where the document selects it; it is written at the first that holds.
    pub(crate) occurrences: Vec<Occurrence>,
    /// Per level from the outside in, whether null is allowed; one level more
    /// than there are lists.
    pub(crate) nullable: Box<[bool]>,
    /// Who may read it; `None`: everybody.
    pub(crate) gate: Option<GateId>,
    /// Where the value is.
    pub(crate) value: FieldValue,
    /// What the innermost value is.
    pub(crate) output: Output,
}

/// One place in the document that selects a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Occurrence {
    /// Orders occurrences within their selection.
    pub(crate) position: u32,
    /// Index into [`Plan::conditions`]; `None` holds always.
    pub(crate) condition: Option<usize>,
    /// Line and column.
    pub(crate) location: Option<(u32, u32)>,
}

/// Where a field's value is.
#[derive(Debug)]
pub(crate) enum FieldValue {
    /// The same for every object: a `__typename`, as JSON.
    Constant(Box<[u8]>),
    /// In the parent's row.
    Path(Path),
    /// What a node fetched for the parent's row.
    Fetch(NodeId),
    /// `__schema` or `__type`: this answer to [`Plan::introspection`].
    Introspection(usize),
}

/// What a field's innermost value is.
#[derive(Debug)]
pub(crate) enum Output {
    /// A scalar or enum.
    Leaf(TypeId),
    /// An object of one type.
    Object(SelectionId),
    /// An object of one of several types.
    Abstract(Abstract),
}

/// How an interface or union value finds its selection.
#[derive(Debug)]
pub(crate) struct Abstract {
    /// The interface or union.
    pub(crate) ty: TypeId,
    /// From the object's row to the text that names its type; `None` where
    /// only one type is possible.
    pub(crate) discriminator: Option<Path>,
    /// What each possible type writes.
    pub(crate) possible: Vec<Possible>,
}

/// One of the types that a value may have.
#[derive(Debug)]
pub(crate) struct Possible {
    pub(crate) ty: TypeId,
    pub(crate) selection: SelectionId,
    /// Who may read it; `None`: everybody.
    pub(crate) gate: Option<GateId>,
}

/// Steps from a row to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path(pub(crate) Box<[Step]>);

/// One step from a value to one within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// A member of an object; `instead` where `member` is absent.
    Member { shape: ShapeId, member: usize, instead: Option<usize> },
    /// An item of a list; negative counts from the end.
    Index(i64),
}

/// Objects of one type at one response position: the rows a node is run for.
#[derive(Debug)]
pub(crate) struct Place {
    /// Where their rows are.
    pub(crate) shape: ShapeId,
    /// What leads to them.
    pub(crate) origin: Origin,
    /// How many lists there are between what leads to them and the objects.
    pub(crate) lists: usize,
    /// Which of the objects there are meant, where several types are possible.
    pub(crate) only: Option<Only>,
}

/// What leads to the objects of a place.
#[derive(Debug)]
pub(crate) enum Origin {
    /// The one root.
    Root,
    /// Values within the rows of another place.
    Within(PlaceId, Path),
    /// What a node fetched.
    Fetched(NodeId),
}

/// One concrete type among those that are possible.
#[derive(Debug)]
pub(crate) struct Only {
    /// The interface or union.
    pub(crate) ty: TypeId,
    /// From the row to the text that names the type.
    pub(crate) discriminator: Path,
    /// The type that is meant.
    pub(crate) concrete: TypeId,
}

/// Calls for one response path, one concrete parent type and one set of
/// arguments: the unit of batching.
#[derive(Debug)]
pub(crate) struct Node {
    /// What to call.
    pub(crate) rest: Arc<Rest>,
    pub(crate) arguments: Arguments,
    /// The rows it is run for.
    pub(crate) place: PlaceId,
    /// Nodes whose parents this node produces.
    pub(crate) children: Vec<NodeId>,
    /// Where the document selects it; it runs if one of them holds.
    pub(crate) occurrences: Vec<Occurrence>,
    /// Its field's gate and those of the fields and types around it; it runs for
    /// callers whom all of them let through.
    pub(crate) gates: Box<[GateId]>,
    /// Per key part, where it is in the parent's row.
    pub(crate) keys: Vec<Path>,
    /// Per key part, where it is in a row of the answer.
    pub(crate) row_keys: Vec<Path>,
    /// Members of the parent that templates name.
    pub(crate) parents: Vec<(Vec<Arc<str>>, Path)>,
    /// How bodies are read, from their root.
    pub(crate) read: Read,
    /// From a body's root to the value.
    pub(crate) select: Select,
    /// Whether the field yields a list.
    pub(crate) is_list: bool,
    /// Whether the field may be null.
    pub(crate) is_nullable: bool,
    /// Whether calls may be repeated, shared and dropped.
    pub(crate) is_read: bool,
}

/// Which part of a body is the field's value.
#[derive(Debug)]
pub(crate) enum Select {
    /// One place; no steps where the whole body is.
    Path(Path),
    /// The list of nodes that the path yields.
    General(JsonPath),
}

impl Selection {
    /// Places of the fields that these conditions leave, in response order.
    pub(crate) fn order(&self, conditions: &Conditions) -> Vec<usize> {
        let mut order: Vec<(u32, usize)> = self
            .fields
            .iter()
            .enumerate()
            .filter_map(|(place, field)| Some((conditions.first(&field.occurrences)?.position, place)))
            .collect();
        order.sort_unstable();
        order.into_iter().map(|(_, place)| place).collect()
    }
}
