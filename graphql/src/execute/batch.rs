//! One call for many parents: their keys, and what was found for each.
//!
//! Parents are grouped by what their templates read of them besides the key,
//! one set of calls per group. Within a group keys are unique and sorted, so a
//! call carries a range of them, and splitting it is splitting the range.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use super::key::{InvalidKey, encode};
use super::wait::Steps;
use super::{Job, Kind, Received, Run, Slot};
use crate::code::Code;
use crate::execute::Fault;
use crate::plan::{Node, NodeId};
use crate::template::Value;

/// More keys are sorted aside: that takes milliseconds.
const MANY_KEYS: usize = 10_000;

/// A node's batches.
#[derive(Debug, Default)]
pub(super) struct Batched {
    pub(super) groups: Vec<Group>,
    /// Per parent, what it asked for.
    pub(super) wishes: Vec<Wish>,
    /// Keys of the parents with lists of them, as (group's) key numbers.
    pub(super) wished: Vec<u32>,
}

/// What one parent asked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wish {
    /// Its key is null.
    Nothing,
    /// Keys `from..to` of [`Batched::wished`], in `group`.
    Keys { group: usize, from: usize, to: usize },
    /// Its key is no key.
    Fault(Slot),
}

/// Parents whose calls differ in nothing but the keys.
#[derive(Debug)]
pub(super) struct Group {
    /// Any of its parents: templates read the rest from it.
    pub(super) parent: u32,
    /// Unique and sorted.
    pub(super) keys: Vec<Key>,
    /// Rows that answers held, with the number of the key they belong to.
    pub(super) hits: Vec<(u32, Slot)>,
    /// Ranges of keys whose call failed, sorted once all calls have ended.
    pub(super) failed: Vec<(usize, usize, Slot)>,
}

/// A key, as it compares and as it is sent.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) bytes: Box<[u8]>,
    json: Box<str>,
}

/// The parents' keys before they are unique, as they compare and as they are
/// sent. Most are repetitions, so their texts share two buffers.
#[derive(Default)]
struct Wanted {
    keys: Vec<WantedKey>,
    bytes: Vec<u8>,
    json: Vec<u8>,
}

/// Where a key is in the buffers.
struct WantedKey {
    group: usize,
    bytes: Range<usize>,
    json: Range<usize>,
}

impl Run<'_> {
    /// Collects the parents' keys and makes the jobs for them.
    pub(super) async fn batch(&mut self, node: NodeId) -> Vec<Job> {
        let plan = self.plan;
        let at = &plan.nodes[node];
        let Some(batch) = &at.rest.batch else {
            return Vec::new();
        };
        let parents = self.nodes[node].parents.clone();
        let mut batched = Batched::default();
        let mut wanted = Wanted::default();
        let mut group_of: HashMap<Vec<u8>, usize> = HashMap::new();
        let mut steps = Steps::default();
        for parent in parents.iter() {
            steps.more(1).await;
            let group = match at.parents.is_empty() {
                // One group; not worth a look-up per parent.
                true => 0,
                false => {
                    let count = group_of.len();
                    *group_of.entry(self.rest_of_template(at, *parent)).or_insert(count)
                }
            };
            if group == batched.groups.len() {
                batched.groups.push(Group {
                    parent: *parent,
                    keys: Vec::new(),
                    hits: Vec::new(),
                    failed: Vec::new(),
                });
            }
            let from = wanted.keys.len();
            let wish = match self.wanted(at, *parent, group, &mut wanted) {
                Ok(()) if wanted.keys.len() == from => Wish::Nothing,
                Ok(()) => Wish::Keys { group, from, to: wanted.keys.len() },
                Err(InvalidKey) => {
                    wanted.keys.truncate(from);
                    Wish::Fault(self.fault(Fault::of(Code::InvalidKey).at_source(&at.rest.source)))
                }
            };
            batched.wishes.push(wish);
        }
        let batched = self.unique(batched, wanted).await;
        let mut jobs = Vec::new();
        for (group, found) in batched.groups.iter().enumerate() {
            let max = batch.max.max(1);
            for from in (0..found.keys.len()).step_by(max) {
                jobs.push(Job::Keys { group, from, to: (from + max).min(found.keys.len()) });
            }
        }
        self.nodes[node].batch = Some(batched);
        jobs
    }

    /// Makes the keys unique; aside, where there are many.
    async fn unique(&mut self, mut batched: Batched, wanted: Wanted) -> Batched {
        if wanted.keys.len() <= MANY_KEYS {
            unique(&mut batched, &wanted);
            return batched;
        }
        let Some(turn) = self.turn().await else {
            return self.too_late(batched);
        };
        let unique = move || {
            unique(&mut batched, &wanted);
            batched
        };
        self.aside(turn, unique).await
    }

    /// No calls for keys that there was no time to sort.
    fn too_late(&mut self, mut batched: Batched) -> Batched {
        let late = self.fault(Fault::of(Code::DeadlineExceeded));
        batched.groups.clear();
        for wish in batched.wishes.iter_mut().filter(|wish| matches!(wish, Wish::Keys { .. })) {
            *wish = Wish::Fault(late);
        }
        batched
    }

    /// What a template reads of the parent besides a batch's key.
    pub(super) fn rest_of_template(&self, node: &Node, parent: u32) -> Vec<u8> {
        let mut text = Vec::new();
        for (_, path) in &node.parents {
            let (slot, received) = self.of_parent(node, parent, path);
            let json = received.map_or(Cow::Borrowed(&b"null"[..]), |received| received.json(slot));
            text.push(u8::from(slot.kind == Kind::Absent));
            text.extend_from_slice(&json.len().to_le_bytes());
            text.extend_from_slice(&json);
        }
        text
    }

    /// Appends the keys of one parent.
    fn wanted(&self, node: &Node, parent: u32, group: usize, wanted: &mut Wanted) -> Result<(), InvalidKey> {
        let [path] = &node.keys[..] else {
            return self.wanted_composite(node, parent, group, wanted);
        };
        let (slot, Some(received)) = self.of_parent(node, parent, path) else {
            return Ok(());
        };
        let items = match slot.kind {
            Kind::List => received.list(slot),
            _ => std::slice::from_ref(&slot),
        };
        for item in items.iter().filter(|item| !item.is_null()) {
            let begin = wanted.end();
            encode(received, *item, &mut wanted.bytes)?;
            wanted.json.extend_from_slice(&received.json(*item));
            wanted.push(group, begin);
        }
        Ok(())
    }

    fn wanted_composite(
        &self,
        node: &Node,
        parent: u32,
        group: usize,
        wanted: &mut Wanted,
    ) -> Result<(), InvalidKey> {
        let names = node.rest.batch.iter().flat_map(|batch| &batch.keys).map(|key| &key.name);
        let begin = wanted.end();
        wanted.json.push(b'{');
        for (at, (name, path)) in names.zip(&node.keys).enumerate() {
            let (slot, Some(received)) = self.of_parent(node, parent, path) else {
                return Ok(());
            };
            if slot.is_null() {
                return Ok(());
            }
            encode(received, slot, &mut wanted.bytes)?;
            if at > 0 {
                wanted.json.push(b',');
            }
            wanted.json.extend_from_slice(serde_json::Value::from(&**name).to_string().as_bytes());
            wanted.json.push(b':');
            wanted.json.extend_from_slice(&received.json(slot));
        }
        wanted.json.push(b'}');
        wanted.push(group, begin);
        Ok(())
    }
}

impl Wanted {
    /// Where the next key begins in either buffer.
    fn end(&self) -> (usize, usize) {
        (self.bytes.len(), self.json.len())
    }

    /// Adds the key that was written since `begin`; one that is given up is not
    /// added and its text lies unused.
    fn push(&mut self, group: usize, begin: (usize, usize)) {
        let end = self.end();
        self.keys.push(WantedKey { group, bytes: begin.0..end.0, json: begin.1..end.1 });
    }

    fn bytes(&self, key: &WantedKey) -> &[u8] {
        &self.bytes[key.bytes.clone()]
    }

    fn json(&self, key: &WantedKey) -> &str {
        // Pieces of bodies, which are read as text.
        std::str::from_utf8(&self.json[key.json.clone()]).unwrap_or_default()
    }
}

/// Sorts the keys into their groups and drops repetitions; what parents wished
/// for becomes numbers of keys.
fn unique(batched: &mut Batched, wanted: &Wanted) {
    let mut order: Vec<usize> = (0..wanted.keys.len()).collect();
    // Stable, so that of equal keys the first one's spelling is sent.
    order.sort_by(|a, b| {
        let (a, b) = (&wanted.keys[*a], &wanted.keys[*b]);
        a.group.cmp(&b.group).then_with(|| wanted.bytes(a).cmp(wanted.bytes(b)))
    });
    batched.wished = vec![0; wanted.keys.len()];
    for at in order {
        let key = &wanted.keys[at];
        let (keys, bytes) = (&mut batched.groups[key.group].keys, wanted.bytes(key));
        if keys.last().is_none_or(|last| *last.bytes != *bytes) {
            keys.push(Key { bytes: bytes.into(), json: wanted.json(key).into() });
        }
        batched.wished[at] = u32::try_from(keys.len() - 1).unwrap_or(u32::MAX);
    }
}

impl Group {
    /// A range of keys as templates take it.
    pub(super) fn values(&self, from: usize, to: usize) -> Value<'_> {
        let keys = self.keys[from..to].iter();
        Value::List(keys.map(|key| Value::Raw(Cow::Borrowed(&*key.json))).collect())
    }

    /// The key of a range with the shortest text.
    pub(super) fn shortest(&self, from: usize, to: usize) -> usize {
        (from..to).min_by_key(|key| self.keys[*key].json.len()).unwrap_or(from)
    }

    /// Which key of a range a row belongs to.
    pub(super) fn find(&self, bytes: &[u8], from: usize, to: usize, hint: usize) -> Option<usize> {
        // Rows mostly come in the order of the keys that were sent.
        for at in [hint, hint + 1] {
            if (from..to).contains(&at) && *self.keys[at].bytes == *bytes {
                return Some(at);
            }
        }
        let found = self.keys[from..to].binary_search_by(|key| (*key.bytes).cmp(bytes));
        found.ok().map(|at| from + at)
    }

    /// The fault of the call that carried this key, if it failed.
    pub(super) fn failure(&self, key: usize) -> Option<Slot> {
        let after = self.failed.partition_point(|(from, ..)| *from <= key);
        let (_, to, fault) = self.failed[..after].last()?;
        (key < *to).then_some(*fault)
    }
}

/// The canonical key of a row: `Ok(None)` where a part is null or absent.
pub(super) fn key_of_row(
    run: &Run<'_>,
    node: NodeId,
    row: Slot,
    bytes: &mut Vec<u8>,
) -> Result<Option<()>, InvalidKey> {
    bytes.clear();
    let received: &Received = &run.store.received[node];
    for path in &run.plan.nodes[node].row_keys {
        let slot = run.store.follow(row, path, Some(node));
        if slot.is_null() {
            return Ok(None);
        }
        encode(received, slot, bytes)?;
    }
    Ok(Some(()))
}
