//! Reads a body into slots, keeping only what the plan's shapes name.
//!
//! One pass of serde_json, driven by seeds: no tree is built, members that no
//! shape names are skipped, strings and numbers stay the text they are. Of
//! members that occur twice the last wins; what the first left in the tables is
//! then reachable from nowhere.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::slot::{Kind, Received, Slot, Table, push_list};
use crate::fetch::Room;
use crate::json_path::{Document, JsonPath};
use crate::plan::{NodeId, Plan, Read, Select, Shape, ShapeId};

/// Lists within lists that are read item by item; deeper ones stay text.
const MAX_LEAF_LISTS: usize = 8;

/// Why a body could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadError {
    NotJson,
    TooManyRows,
    /// What JSONPaths yielded is larger than what may be held.
    TooManyBytes,
    /// There was no thread for a long body in time.
    TooLate,
}

/// A body and where its values go: everything that reading it needs, so that
/// it can be done on another thread.
pub(super) struct Reading {
    pub(super) plan: Arc<Plan>,
    pub(super) node: NodeId,
    pub(super) body: Bytes,
    pub(super) tables: Vec<Table>,
    pub(super) received: Received,
    pub(super) rows_left: usize,
    pub(super) room: Room,
}

impl Reading {
    /// Reads the body, or what a general path selects of it.
    pub(super) fn run(mut self) -> (Self, Result<Slot, ReadError>) {
        let at = &self.plan.nodes[self.node];
        let mut target = Target {
            shapes: &self.plan.shapes,
            tables: &mut self.tables,
            received: &mut self.received,
            rows_left: &mut self.rows_left,
            room: &self.room,
        };
        let value = match &at.select {
            Select::Path(_) => read(&mut target, self.body.clone(), at.read),
            Select::General(path) => read_selected(&mut target, &self.body, path, at.read),
        };
        (self, value)
    }
}

/// Where the values of a body go.
struct Target<'t> {
    shapes: &'t [Shape],
    tables: &'t mut [Table],
    received: &'t mut Received,
    rows_left: &'t mut usize,
    room: &'t Room,
}

/// Reads the whole body.
fn read(target: &mut Target<'_>, body: Bytes, read: Read) -> Result<Slot, ReadError> {
    let text = std::str::from_utf8(&body).map_err(|_| ReadError::NotJson)?;
    let begin = target.received.end();
    target.received.end_with(body.len()).ok_or(ReadError::TooManyBytes)?;
    let mut reader = Reader {
        shapes: target.shapes,
        tables: &mut *target.tables,
        items: &mut target.received.items,
        rows_left: &mut *target.rows_left,
        origin: text.as_ptr() as usize,
        begin,
        computed: Vec::new(),
        out_of_rows: false,
    };
    let mut json = serde_json::Deserializer::from_str(text);
    let slot = Seed { reader: &mut reader, read }.deserialize(&mut json);
    let Reader { computed, out_of_rows, .. } = reader;
    if out_of_rows {
        return Err(ReadError::TooManyRows);
    }
    let slot = slot.and_then(|slot| json.end().map(|()| slot)).map_err(|_| ReadError::NotJson)?;
    target.received.push(body).ok_or(ReadError::TooManyBytes)?;
    for Computed { shape, row, member, text } in computed {
        let read_as = target.shapes[shape].members[member].read;
        let slot = match text {
            Some(text) => read_yielded(target, text, read_as)?,
            None => Slot::ABSENT,
        };
        target.tables[shape].set(row, member, slot);
    }
    Ok(slot)
}

/// Reads what `path` yields of the body.
fn read_selected(
    target: &mut Target<'_>,
    body: &Bytes,
    path: &JsonPath,
    read: Read,
) -> Result<Slot, ReadError> {
    let json = std::str::from_utf8(body).map_err(|_| ReadError::NotJson)?;
    let yielded = Document::new(json).and_then(|document| path.evaluate(&document));
    match yielded.map_err(|_| ReadError::NotJson)? {
        Some(text) => read_yielded(target, Bytes::from(text), read),
        None => Ok(Slot::NULL),
    }
}

/// Reads what a JSONPath yielded: text beside the body, and held like it.
fn read_yielded(target: &mut Target<'_>, text: Bytes, read: Read) -> Result<Slot, ReadError> {
    if !target.room.take(text.len()) {
        return Err(ReadError::TooManyBytes);
    }
    self::read(target, text, read)
}

/// A member to be read from what a JSONPath yielded.
struct Computed {
    shape: ShapeId,
    row: u32,
    member: usize,
    text: Option<Bytes>,
}

struct Reader<'r> {
    shapes: &'r [Shape],
    tables: &'r mut [Table],
    items: &'r mut Vec<Slot>,
    rows_left: &'r mut usize,
    /// Address of the text's first byte: spans are differences to it.
    origin: usize,
    begin: u32,
    computed: Vec<Computed>,
    out_of_rows: bool,
}

impl Reader<'_> {
    fn span(&self, kind: Kind, text: &str) -> Slot {
        // The end was found to be within reach before.
        let start = u32::try_from(text.as_ptr() as usize - self.origin).unwrap_or(u32::MAX);
        let len = u32::try_from(text.len()).unwrap_or(u32::MAX);
        Slot::of(kind, self.begin + start, self.begin + start + len)
    }

    fn leaf(&mut self, text: &str, lists: usize) -> Result<Slot, serde_json::Error> {
        Ok(match text.as_bytes().first() {
            Some(b'"') => self.span(Kind::String, text),
            Some(b'n') => Slot::NULL,
            Some(b't') => Slot::of(Kind::True, 0, 0),
            Some(b'f') => Slot::of(Kind::False, 0, 0),
            Some(b'[') if lists < MAX_LEAF_LISTS => {
                let items: Vec<&RawValue> = serde_json::from_str(text)?;
                let items: Vec<Slot> =
                    items.iter().map(|item| self.leaf(item.get(), lists + 1)).collect::<Result<_, _>>()?;
                push_list(self.items, &items)
            }
            Some(b'[' | b'{') => self.span(Kind::Json, text),
            _ => self.span(Kind::Number, text),
        })
    }

    /// Evaluates the shape's JSONPaths on an object that was read as `slot`.
    fn compute(&mut self, shape: ShapeId, slot: Slot, text: &str) -> Result<(), serde_json::Error> {
        if slot.kind != Kind::Row {
            return Ok(());
        }
        let document = Document::new(text)?;
        let row = u32::try_from(slot.index()).unwrap_or(u32::MAX);
        for computed in &self.shapes[shape].computed {
            let text = computed.path.evaluate(&document)?.map(Bytes::from);
            self.computed.push(Computed { shape, row, member: computed.member, text });
        }
        Ok(())
    }
}

/// Reads one value.
struct Seed<'x, 'r> {
    reader: &'x mut Reader<'r>,
    read: Read,
}

impl<'de> DeserializeSeed<'de> for Seed<'_, '_> {
    type Value = Slot;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Slot, D::Error> {
        match self.read {
            Read::Leaf => {
                let text = <&RawValue as serde::Deserialize>::deserialize(json)?;
                self.reader.leaf(text.get(), 0).map_err(D::Error::custom)
            }
            Read::Object(shape) if self.reader.shapes[shape].computed.is_empty() => {
                json.deserialize_any(Objects { reader: self.reader, shape })
            }
            Read::Object(shape) => {
                let text = <&RawValue as serde::Deserialize>::deserialize(json)?.get();
                whole_objects(self.reader, shape, text, 0).map_err(D::Error::custom)
            }
        }
    }
}

/// Reads objects whose whole text is needed, alone or in lists.
fn whole_objects(
    reader: &mut Reader<'_>,
    shape: ShapeId,
    text: &str,
    lists: usize,
) -> Result<Slot, serde_json::Error> {
    if text.starts_with('[') {
        if lists == MAX_LEAF_LISTS {
            return Err(serde_json::Error::custom("lists nest too deep"));
        }
        let items: Vec<&RawValue> = serde_json::from_str(text)?;
        let items: Vec<Slot> = items
            .iter()
            .map(|item| whole_objects(reader, shape, item.get(), lists + 1))
            .collect::<Result<_, _>>()?;
        return Ok(push_list(reader.items, &items));
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let slot = json.deserialize_any(Objects { reader: &mut *reader, shape })?;
    reader.compute(shape, slot, text)?;
    Ok(slot)
}

/// Reads objects into rows, and lists of them.
struct Objects<'x, 'r> {
    reader: &'x mut Reader<'r>,
    shape: ShapeId,
}

impl<'de> Visitor<'de> for Objects<'_, '_> {
    type Value = Slot;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Slot, A::Error> {
        let Objects { reader, shape } = self;
        let Some(left) = reader.rows_left.checked_sub(1) else {
            reader.out_of_rows = true;
            return Err(A::Error::custom("too many rows"));
        };
        *reader.rows_left = left;
        let row = reader.tables[shape].push();
        let shapes = reader.shapes;
        let members = &shapes[shape].members;
        let mut hint = 0;
        while let Some(found) = map.next_key_seed(MemberName { shape: &shapes[shape], hint })? {
            let Some(first) = found else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            hint = first + 1;
            if members[first].also.is_none() {
                let slot = map.next_value_seed(Seed { reader: &mut *reader, read: members[first].read })?;
                reader.tables[shape].set(row, first, slot);
                continue;
            }
            let text = map.next_value::<&RawValue>()?.get();
            let mut next = Some(first);
            while let Some(member) = next {
                let seed = Seed { reader: &mut *reader, read: members[member].read };
                let mut json = serde_json::Deserializer::from_str(text);
                let slot = seed.deserialize(&mut json).map_err(A::Error::custom)?;
                reader.tables[shape].set(row, member, slot);
                next = members[member].also;
            }
        }
        Ok(Slot::row(row))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Slot, A::Error> {
        let Objects { reader, shape } = self;
        let read = Read::Object(shape);
        let first = u32::try_from(reader.tables[shape].rows()).unwrap_or(u32::MAX);
        let mut count = 0;
        // Rows of a list of objects follow each other; anything else in it
        // makes it a list of slots.
        let mut mixed: Option<Vec<Slot>> = None;
        while let Some(slot) = seq.next_element_seed(Seed { reader: &mut *reader, read })? {
            match &mut mixed {
                None if slot == Slot::row(first + count) => count += 1,
                None => {
                    let mut slots: Vec<Slot> = (0..count).map(|n| Slot::row(first + n)).collect();
                    slots.push(slot);
                    mixed = Some(slots);
                }
                Some(slots) => slots.push(slot),
            }
        }
        Ok(match mixed {
            None => Slot::of(Kind::Rows, first, count),
            Some(slots) => push_list(reader.items, &slots),
        })
    }

    fn visit_unit<E>(self) -> Result<Slot, E> {
        Ok(Slot::NULL)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Slot, E> {
        Ok(SCALAR)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Slot, E> {
        Ok(SCALAR)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Slot, E> {
        Ok(SCALAR)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Slot, E> {
        Ok(SCALAR)
    }

    fn visit_str<E>(self, _: &str) -> Result<Slot, E> {
        Ok(SCALAR)
    }
}

const SCALAR: Slot = Slot::of(Kind::Scalar, 0, 0);

/// Finds a member's place in the shape by its name.
struct MemberName<'s> {
    shape: &'s Shape,
    hint: usize,
}

impl<'de> DeserializeSeed<'de> for MemberName<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for MemberName<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.shape.find(name, self.hint))
    }
}
