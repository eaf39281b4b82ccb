//! What was read: flat tables of slots that point into the bodies they came from.
//!
//! A slot is a kind and two numbers, so it is copied freely and borrows
//! nothing across an await. Every shape has one table, every node the bodies
//! that its tables' spans point into; a node's bodies are numbered through as
//! if they were one text.

use std::borrow::Cow;

use bytes::Bytes;

use crate::plan::{NodeId, Path, Plan, ROOT, Shape, ShapeId, Step};

/// A value, by where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) kind: Kind,
    a: u32,
    b: u32,
}

/// What a slot holds, and so what its numbers mean.
///
/// As wide as the numbers: padding beside it would be copied byte by byte, which
/// made reading a slot back from the stack as dear as all the rest of a lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Kind {
    /// Nothing was there.
    Absent,
    Null,
    False,
    True,
    /// A number's text, from `a` to `b`.
    Number,
    /// A string's text with its quotes and escapes, from `a` to `b`.
    String,
    /// An object's or a deep list's text, from `a` to `b`.
    Json,
    /// Row `a` of its shape's table.
    Row,
    /// `b` rows from `a` on.
    Rows,
    /// `b` items from `a` on.
    List,
    /// A scalar where objects are read.
    Scalar,
    /// Fault number `a`.
    Fault,
}

impl Slot {
    pub(crate) const ABSENT: Slot = Slot::of(Kind::Absent, 0, 0);
    pub(crate) const NULL: Slot = Slot::of(Kind::Null, 0, 0);
    pub(crate) const EMPTY: Slot = Slot::of(Kind::List, 0, 0);

    pub(crate) const fn of(kind: Kind, a: u32, b: u32) -> Self {
        Self { kind, a, b }
    }

    pub(crate) const fn row(row: u32) -> Self {
        Self::of(Kind::Row, row, 0)
    }

    /// The row, the fault, or the first row or item of a list.
    pub(crate) fn index(self) -> usize {
        self.a as usize
    }

    /// How many rows or items a list has; `None` where this is no list.
    pub(crate) fn len(self) -> Option<usize> {
        matches!(self.kind, Kind::Rows | Kind::List).then_some(self.b as usize)
    }

    /// `len` items of a list from its item `from` on.
    pub(super) fn slice(self, from: usize, len: usize) -> Self {
        let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self::of(self.kind, self.a + small(from), small(len))
    }

    /// Whether there is no value.
    pub(crate) fn is_null(self) -> bool {
        matches!(self.kind, Kind::Null | Kind::Absent)
    }
}

/// The rows of one shape.
#[derive(Debug, Default)]
pub(crate) struct Table {
    node: Option<NodeId>,
    width: usize,
    rows: u32,
    slots: Vec<Slot>,
}

impl Table {
    pub(crate) fn rows(&self) -> usize {
        self.rows as usize
    }

    /// Adds a row of absent members.
    pub(crate) fn push(&mut self) -> u32 {
        let row = self.rows;
        self.rows += 1;
        self.slots.resize(self.slots.len() + self.width, Slot::ABSENT);
        row
    }

    pub(crate) fn get(&self, row: usize, member: usize) -> Slot {
        self.slots[row * self.width + member]
    }

    pub(crate) fn set(&mut self, row: u32, member: usize, slot: Slot) {
        self.slots[row as usize * self.width + member] = slot;
    }
}

/// What one node received.
#[derive(Debug, Default)]
pub(crate) struct Received {
    bodies: Vec<Bytes>,
    /// Where each body begins in the node's text.
    begins: Vec<u32>,
    end: u32,
    pub(crate) items: Vec<Slot>,
    /// The value for each row of the parents' table.
    pub(crate) results: Vec<Slot>,
}

impl Received {
    /// Where the next body will begin.
    pub(crate) fn end(&self) -> u32 {
        self.end
    }

    /// Where the text would end with a body of this length; `None` beyond 4 GiB,
    /// which positions do not reach.
    pub(crate) fn end_with(&self, len: usize) -> Option<u32> {
        self.end.checked_add(u32::try_from(len).ok()?)
    }

    /// Adds a body; `None` where positions do not reach its end.
    #[must_use]
    pub(crate) fn push(&mut self, body: Bytes) -> Option<()> {
        let end = self.end_with(body.len())?;
        self.begins.push(self.end);
        self.end = end;
        self.bodies.push(body);
        Some(())
    }

    /// The text of a number, string or JSON slot.
    pub(crate) fn text(&self, slot: Slot) -> &[u8] {
        let body = match self.begins.len() {
            1 => 0,
            _ => self.begins.partition_point(|begin| *begin <= slot.a).saturating_sub(1),
        };
        let begin = self.begins[body];
        &self.bodies[body][(slot.a - begin) as usize..(slot.b - begin) as usize]
    }

    /// The slot as JSON text; rows do not occur where it is asked for.
    pub(crate) fn json(&self, slot: Slot) -> Cow<'_, [u8]> {
        match slot.kind {
            Kind::Number | Kind::String | Kind::Json => Cow::Borrowed(self.text(slot)),
            Kind::True => Cow::Borrowed(b"true"),
            Kind::False => Cow::Borrowed(b"false"),
            Kind::List => {
                let mut text = vec![b'['];
                for (index, item) in self.list(slot).iter().enumerate() {
                    if index > 0 {
                        text.push(b',');
                    }
                    text.extend_from_slice(&self.json(*item));
                }
                text.push(b']');
                Cow::Owned(text)
            }
            _ => Cow::Borrowed(b"null"),
        }
    }

    /// The items of a list that is not of rows.
    pub(crate) fn list(&self, slot: Slot) -> &[Slot] {
        match slot.kind {
            Kind::List => &self.items[slot.a as usize..(slot.a + slot.b) as usize],
            _ => &[],
        }
    }

    /// One item of any list.
    pub(crate) fn item(&self, slot: Slot, index: usize) -> Slot {
        match slot.kind {
            Kind::Rows => Slot::row(slot.a + u32::try_from(index).unwrap_or(u32::MAX)),
            _ => self.list(slot).get(index).copied().unwrap_or(Slot::ABSENT),
        }
    }

    /// Adds a list of these items.
    pub(crate) fn push_list(&mut self, items: &[Slot]) -> Slot {
        push_list(&mut self.items, items)
    }
}

/// Adds a list of these items to `all`.
pub(super) fn push_list(all: &mut Vec<Slot>, items: &[Slot]) -> Slot {
    let start = u32::try_from(all.len()).unwrap_or(u32::MAX);
    all.extend_from_slice(items);
    Slot::of(Kind::List, start, u32::try_from(items.len()).unwrap_or(u32::MAX))
}

/// Everything an operation has read.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) tables: Vec<Table>,
    pub(crate) received: Vec<Received>,
}

impl Store {
    /// Empty tables, but for the one row of the root.
    pub(crate) fn new(plan: &Plan) -> Self {
        let table =
            |shape: &Shape| Table { node: shape.node, width: shape.members.len(), ..Table::default() };
        let mut tables: Vec<Table> = plan.shapes.iter().map(table).collect();
        tables[ROOT].push();
        let received = plan.nodes.iter().map(|_| Received::default()).collect();
        Self { tables, received }
    }

    /// What the node that fills this shape's table received; the root has none.
    pub(crate) fn received_of(&self, shape: ShapeId) -> Option<&Received> {
        self.tables[shape].node.map(|node| &self.received[node])
    }

    /// The value that `path` leads to from `from`, a value of node `node`.
    #[inline]
    pub(crate) fn follow(&self, from: Slot, path: &Path, node: Option<NodeId>) -> Slot {
        path.0.iter().fold(from, |slot, step| self.go(slot, step, node))
    }

    fn go(&self, from: Slot, step: &Step, node: Option<NodeId>) -> Slot {
        match (step, from.kind) {
            (Step::Member { shape, member, instead }, Kind::Row) => {
                let table = &self.tables[*shape];
                match (table.get(from.index(), *member), instead) {
                    (found, Some(instead)) if found.kind == Kind::Absent => table.get(from.index(), *instead),
                    (found, _) => found,
                }
            }
            (Step::Index(index), Kind::Rows | Kind::List) => self.item(from, *index, node),
            _ => Slot::ABSENT,
        }
    }

    fn item(&self, slot: Slot, index: i64, node: Option<NodeId>) -> Slot {
        let len = i64::from(slot.b);
        let index = if index < 0 { index.saturating_add(len) } else { index };
        match (usize::try_from(index), node) {
            (Ok(at), Some(node)) if index < len => self.received[node].item(slot, at),
            _ => Slot::ABSENT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_never_run_over() {
        let mut received = Received { end: u32::MAX - 4, ..Received::default() };
        assert_eq!(received.push(Bytes::from_static(b"12345")), None);
        assert_eq!(received.push(Bytes::from_static(b"1234")), Some(()));
        assert_eq!(received.text(Slot::of(Kind::Number, u32::MAX - 4, u32::MAX)), b"1234");
        assert_eq!(received.push(Bytes::from_static(b"1")), None);
        assert_eq!(received.end_with(usize::MAX), None);
    }
}
