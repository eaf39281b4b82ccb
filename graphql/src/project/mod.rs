//! Writes the response: one pass over the plan's selections and what was read.
//!
//! Bytes are written in selection order as they will be sent. Every open object
//! and list remembers where its output began, so a value that must not be null
//! takes its ancestors back by truncating to the nearest one that may be.
//! The stack is explicit: a long response yields to other tasks on the way.

mod errors;
mod leaf;

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use errors::{Errors, Segment};

use crate::code::Code;
use crate::execute::{Environment, Fault, Kind, Received, Slot, Store, YIELD_BYTES};
use crate::plan::{Field, FieldValue, NodeId, Output, Plan, Possible, ROOT, Selection, SelectionId};
use crate::schema::{Schema, TypeId};

/// Answers to `__schema` and `__type` as JSON, by their number in the plan.
pub(crate) type Introspection = Vec<Bytes>;

/// What the response is written from.
#[derive(Clone, Copy)]
pub(crate) struct View<'v> {
    pub(crate) plan: &'v Plan,
    pub(crate) store: &'v Store,
    pub(crate) faults: &'v [Fault],
    pub(crate) env: Environment<'v>,
    pub(crate) introspection: &'v Introspection,
}

/// A response, written.
#[derive(Debug)]
pub(crate) struct Projected {
    pub(crate) body: Vec<u8>,
    /// Every error, the omitted ones included.
    pub(crate) errors: usize,
    /// Code of the first error.
    pub(crate) first_error: Option<&'static str>,
    /// Whether `data` is null.
    pub(crate) is_null: bool,
    /// `Type.field` of those that the caller may not read.
    pub(crate) refused_fields: Vec<Arc<str>>,
}

/// Writes the whole response; with `only`, of these places of the root's selection.
pub(crate) async fn project(view: View<'_>, only: Option<Arc<[usize]>>) -> Projected {
    write(view, only).await
}

/// Whether the root field at this place of the root's selection fails, so that
/// `data` is null.
pub(crate) async fn fails(view: View<'_>, field: usize) -> bool {
    write(view, Some([field].into())).await.is_null
}

async fn write(view: View<'_>, order: Option<Arc<[usize]>>) -> Projected {
    let mut projector = Projector {
        view,
        orders: vec![None; view.plan.selections.len()],
        out: Vec::with_capacity(4096),
        errors: Errors::new(view.env.limits.errors),
        stack: Vec::with_capacity(8),
        refused: BTreeSet::new(),
    };
    projector.out.extend_from_slice(b"{\"data\":");
    projector.open_root(order);
    let mut pause = YIELD_BYTES;
    while projector.step() {
        if projector.out.len() + projector.errors.len() > view.env.limits.response_bytes {
            return too_large();
        }
        if projector.out.len() >= pause {
            pause = projector.out.len() + YIELD_BYTES;
            tokio::task::yield_now().await;
        }
    }
    let Projector { mut out, errors, refused, .. } = projector;
    let is_null = out.ends_with(b":null");
    errors.finish(&mut out);
    let refused_fields = refused.into_iter().cloned().collect();
    Projected { errors: errors.count(), first_error: errors.first(), body: out, is_null, refused_fields }
}

fn too_large() -> Projected {
    let error = crate::error::RequestError::of(Code::ResponseTooLarge);
    let mut body = b"{\"data\":null,".to_vec();
    body.extend_from_slice(&error.body()[1..]);
    let first_error = Some(Code::ResponseTooLarge.word());
    Projected { body, errors: 1, first_error, is_null: true, refused_fields: Vec::new() }
}

/// The concrete type that a discriminator's text names.
pub(crate) fn concrete_type(schema: &Schema, ty: TypeId, received: &Received, slot: Slot) -> Option<TypeId> {
    let text = leaf::content(received, slot)?;
    schema.ty(ty).as_abstract()?.concrete(std::str::from_utf8(&text).ok()?)
}

struct Projector<'v> {
    view: View<'v>,
    /// Which fields of a conditional selection are written, once known.
    orders: Vec<Option<Arc<[usize]>>>,
    out: Vec<u8>,
    errors: Errors,
    stack: Vec<Frame<'v>>,
    refused: BTreeSet<&'v Arc<str>>,
}

/// An object or a list that is being written.
struct Frame<'v> {
    /// Where its output begins.
    start: usize,
    /// Whether null may stand in its place.
    nullable: bool,
    /// Its next field or item.
    next: usize,
    open: Open<'v>,
}

enum Open<'v> {
    Object {
        selection: &'v Selection,
        /// Places in the selection; all of them, in order, where `None`.
        order: Option<Arc<[usize]>>,
        row: Slot,
        node: Option<NodeId>,
    },
    List {
        field: &'v Field,
        level: usize,
        list: Slot,
        len: usize,
        node: NodeId,
    },
}

/// What the top of the stack has next.
enum Next<'v> {
    Value { field: &'v Field, level: usize, slot: Slot, node: Option<NodeId> },
    Refused { field: &'v Field, fault: &'v Fault },
    Constant(&'v [u8]),
    Introspection(usize),
    End(u8),
}

impl<'v> Projector<'v> {
    fn open_root(&mut self, order: Option<Arc<[usize]>>) {
        let root = self.view.plan.root;
        let order = order.or_else(|| self.order(root));
        self.open_object(root, order, Slot::row(0), None, true);
    }

    /// Writes one value, or the beginning or the end of one; `false` at the end.
    fn step(&mut self) -> bool {
        let Some(frame) = self.stack.last_mut() else {
            return false;
        };
        match frame.advance(self.view, &mut self.out) {
            Next::End(bracket) => {
                self.out.push(bracket);
                self.stack.pop();
            }
            Next::Constant(json) => self.out.extend_from_slice(json),
            Next::Introspection(answer) => {
                let answer = self.view.introspection.get(answer);
                self.out.extend_from_slice(answer.map_or(b"null", |json| json));
            }
            Next::Value { field, level, slot, node } => self.value(field, level, slot, node),
            Next::Refused { field, fault } => {
                self.refused.insert(&field.coordinate);
                self.fail(field, fault, field.nullable[0]);
            }
        }
        true
    }

    fn value(&mut self, field: &'v Field, level: usize, slot: Slot, node: Option<NodeId>) {
        let nullable = field.nullable[level];
        match slot.kind {
            Kind::Null | Kind::Absent if nullable => self.out.extend_from_slice(b"null"),
            Kind::Null | Kind::Absent => {
                let message = format!("Cannot return null for non-nullable field {}.", field.coordinate);
                self.fail(field, &Fault::with(Code::NullValue, message), nullable);
            }
            Kind::Fault => {
                let faults = self.view.faults;
                self.fail(field, &faults[slot.index()], nullable);
            }
            _ => {
                if let Err(fault) = self.present(field, level, slot, node) {
                    self.fail(field, &fault, nullable);
                }
            }
        }
    }

    /// Writes a value that is there.
    fn present(
        &mut self,
        field: &'v Field,
        level: usize,
        slot: Slot,
        node: Option<NodeId>,
    ) -> Result<(), Fault> {
        let nullable = field.nullable[level];
        // Only the root's fields have no node, and they are all fetched.
        let node = node.ok_or_else(|| Fault::of(Code::Internal))?;
        if level + 1 < field.nullable.len() {
            let len = slot.len().ok_or_else(|| misfit(field, "is no list"))?;
            let start = self.out.len();
            self.out.push(b'[');
            let open = Open::List { field, level: level + 1, list: slot, len, node };
            self.stack.push(Frame { start, nullable, next: 0, open });
            return Ok(());
        }
        let view = self.view;
        match &field.output {
            Output::Leaf(ty) => {
                let start = self.out.len();
                let received = &view.store.received[node];
                leaf::write(view.env.schema, *ty, received, slot, &mut self.out).map_err(|leaf::Misfit| {
                    self.out.truncate(start);
                    misfit(field, &format!("is no {}", view.env.schema.ty(*ty).name))
                })
            }
            _ if slot.kind != Kind::Row => Err(misfit(field, "is no object")),
            Output::Object(selection) => {
                let order = self.order(*selection);
                self.open_object(*selection, order, slot, Some(node), nullable);
                Ok(())
            }
            Output::Abstract(output) => {
                let concrete = match &output.discriminator {
                    None => output.possible.first(),
                    Some(path) => {
                        let text = view.store.follow(slot, path, Some(node));
                        let received = &view.store.received[node];
                        let ty = concrete_type(view.env.schema, output.ty, received, text);
                        output.possible.iter().find(|candidate| Some(candidate.ty) == ty)
                    }
                };
                let Possible { selection, gate, .. } =
                    *concrete.ok_or_else(|| Fault::of(Code::UnknownType))?;
                if let Some(fault) = view.env.refusals.at(gate) {
                    self.refused.insert(&field.coordinate);
                    return Err(fault.clone());
                }
                let order = self.order(selection);
                self.open_object(selection, order, slot, Some(node), nullable);
                Ok(())
            }
        }
    }

    fn open_object(
        &mut self,
        selection: SelectionId,
        order: Option<Arc<[usize]>>,
        row: Slot,
        node: Option<NodeId>,
        nullable: bool,
    ) {
        let start = self.out.len();
        self.out.push(b'{');
        let selection = &self.view.plan.selections[selection];
        let open = Open::Object { selection, order, row, node };
        self.stack.push(Frame { start, nullable, next: 0, open });
    }

    /// Which fields of a selection this request has, in response order.
    fn order(&mut self, id: SelectionId) -> Option<Arc<[usize]>> {
        let selection = &self.view.plan.selections[id];
        if !selection.conditional {
            return None;
        }
        let conditions = self.view.env.conditions;
        let order = self.orders[id].get_or_insert_with(|| selection.order(conditions).into());
        Some(order.clone())
    }

    /// Notes the error of the position being written, and puts null there or
    /// in place of the nearest ancestor that may be null.
    fn fail(&mut self, field: &Field, fault: &Fault, nullable: bool) {
        let path = self.stack.iter().map(Frame::segment);
        let occurrence = self.view.env.conditions.first(&field.occurrences);
        self.errors.push(fault, occurrence.and_then(|found| found.location), path);
        if !nullable {
            while let Some(frame) = self.stack.pop() {
                self.out.truncate(frame.start);
                if frame.nullable {
                    break;
                }
            }
        }
        self.out.extend_from_slice(b"null");
    }
}

impl<'v> Frame<'v> {
    /// Moves on to the next field or item and writes what stands before it.
    fn advance(&mut self, view: View<'v>, out: &mut Vec<u8>) -> Next<'v> {
        let at = self.next;
        self.next += 1;
        match &self.open {
            Open::List { len, .. } if at == *len => Next::End(b']'),
            Open::List { field, level, list, node, .. } => {
                if at > 0 {
                    out.push(b',');
                }
                let slot = view.store.received[*node].item(*list, at);
                Next::Value { field, level: *level, slot, node: Some(*node) }
            }
            Open::Object { selection, order, row, node } => {
                let place = match order {
                    None => at,
                    Some(order) => order.get(at).copied().unwrap_or(usize::MAX),
                };
                let Some(field) = selection.fields.get(place) else {
                    return Next::End(b'}');
                };
                if at > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(&field.key);
                if let Some(fault) = view.env.refusals.at(field.gate) {
                    return Next::Refused { field, fault };
                }
                match &field.value {
                    FieldValue::Constant(json) => Next::Constant(json),
                    FieldValue::Introspection(answer) => Next::Introspection(*answer),
                    FieldValue::Path(path) => {
                        let slot = view.store.follow(*row, path, *node);
                        Next::Value { field, level: 0, slot, node: *node }
                    }
                    FieldValue::Fetch(fetched) => {
                        let results = &view.store.received[*fetched].results;
                        // Without results the node was never started.
                        let slot = results.get(row.index()).copied().unwrap_or(view.unstarted());
                        Next::Value { field, level: 0, slot, node: Some(*fetched) }
                    }
                }
            }
        }
    }

    fn segment(&self) -> Segment<'_> {
        let at = self.next - 1;
        match &self.open {
            Open::List { .. } => Segment::Index(at),
            Open::Object { selection, order, .. } => {
                let place = order.as_ref().map_or(at, |order| order[at]);
                Segment::Key(&selection.fields[place].response_key)
            }
        }
    }
}

impl View<'_> {
    /// The fault of a node that was never started: the last one noted is the
    /// deadline's.
    fn unstarted(&self) -> Slot {
        match self.faults.len().checked_sub(1) {
            Some(last) => Slot::of(Kind::Fault, u32::try_from(last).unwrap_or(u32::MAX), 0),
            None => Slot::ABSENT,
        }
    }
}

fn misfit(field: &Field, what: &str) -> Fault {
    Fault::with(Code::InvalidValue, format!("The service's value for {} {what}", field.coordinate))
}

const _: () = assert!(ROOT == 0, "the root's row is row 0 of shape 0");
