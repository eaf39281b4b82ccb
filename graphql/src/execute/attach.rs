//! Gives each parent its share of what its node's calls found.

use super::batch::{Batched, Group, Wish};
use super::wait::Steps;
use super::{Run, Slot};
use crate::plan::{Node, NodeId};

impl Run<'_> {
    /// Fills in the results of a batched node; a node without batch has them.
    pub(super) async fn attach(&mut self, node: NodeId) {
        let Some(mut batch) = self.nodes[node].batch.take() else {
            return;
        };
        let at = &self.plan.nodes[node];
        let take = self.take(node, at);
        let mut steps = Steps::default();
        let mut found = Vec::with_capacity(batch.groups.len());
        for group in &mut batch.groups {
            steps.more(1 + group.keys.len() + group.hits.len()).await;
            group.failed.sort_unstable_by_key(|(from, ..)| *from);
            found.push(self.sort(node, group));
        }
        if !at.is_list {
            let surplus: usize = found.iter().map(Sorted::surplus).sum();
            self.surplus_rows = self.surplus_rows.saturating_add(u32::try_from(surplus).unwrap_or(u32::MAX));
        }
        let parents = self.nodes[node].parents.clone();
        for (parent, wish) in parents.iter().zip(&batch.wishes) {
            let slot = match *wish {
                Wish::Fault(fault) => fault,
                Wish::Nothing if at.is_list => Slot::EMPTY,
                Wish::Nothing => Slot::NULL,
                Wish::Keys { group, from, to } => {
                    let keys = &batch.wished[from..to];
                    steps.more(1 + keys.len()).await;
                    match failure(&batch, group, keys) {
                        Some(fault) => fault,
                        None => self.share_of(node, &found[group], keys, at.is_list, take),
                    }
                }
            };
            self.store.received[node].results[*parent as usize] = slot;
        }
    }

    /// What is wrong with the argument that says how many rows each parent gets.
    pub(super) fn negative_take(&self, node: NodeId) -> Option<String> {
        let at = &self.plan.nodes[node];
        let (name, count) = self.taken(node, at)?;
        let is_negative = count < 0;
        is_negative.then(|| format!("Argument \"{name}\" of {} must not be negative.", at.rest.coordinate))
    }

    /// How many rows each parent gets at most.
    fn take(&self, node: NodeId, at: &Node) -> Option<usize> {
        let (_, count) = self.taken(node, at)?;
        usize::try_from(count).ok()
    }

    fn taken<'n>(&self, node: NodeId, at: &'n Node) -> Option<(&'n str, i64)> {
        let name = at.rest.batch.as_ref()?.take.as_ref()?;
        Some((name, self.nodes[node].arguments.get(&**name)?.as_i64()?))
    }

    /// Puts a group's rows in the order of their keys, within a key in the
    /// order in which the service gave them.
    fn sort(&mut self, node: NodeId, group: &Group) -> Sorted {
        let mut begins = vec![0; group.keys.len() + 1];
        for (key, _) in &group.hits {
            begins[*key as usize + 1] += 1;
        }
        for key in 0..group.keys.len() {
            begins[key + 1] += begins[key];
        }
        let mut rows = vec![Slot::NULL; group.hits.len()];
        let mut next = begins.clone();
        for (key, row) in &group.hits {
            let at: &mut usize = &mut next[*key as usize];
            rows[*at] = *row;
            *at += 1;
        }
        let list = self.store.received[node].push_list(&rows);
        Sorted { list, begins }
    }

    fn share_of(
        &mut self,
        node: NodeId,
        found: &Sorted,
        keys: &[u32],
        is_list: bool,
        take: Option<usize>,
    ) -> Slot {
        let received = &mut self.store.received[node];
        match keys {
            [key, ..] if !is_list => match found.of(*key, None).len() {
                Some(1..) => received.item(found.of(*key, None), 0),
                _ => Slot::NULL,
            },
            [key] => found.of(*key, take),
            keys => {
                let rows = keys.iter().flat_map(|key| received.list(found.of(*key, None)));
                let rows: Vec<Slot> = rows.take(take.unwrap_or(usize::MAX)).copied().collect();
                received.push_list(&rows)
            }
        }
    }
}

fn failure(batch: &Batched, group: usize, keys: &[u32]) -> Option<Slot> {
    let group = &batch.groups[group];
    match group.failed.is_empty() {
        true => None,
        false => keys.iter().find_map(|key| group.failure(*key as usize)),
    }
}

/// The rows of a group, by key.
struct Sorted {
    list: Slot,
    begins: Vec<usize>,
}

impl Sorted {
    fn of(&self, key: u32, take: Option<usize>) -> Slot {
        let (from, to) = (self.begins[key as usize], self.begins[key as usize + 1]);
        self.list.slice(from, (to - from).min(take.unwrap_or(usize::MAX)))
    }

    /// Rows beyond the first of each key.
    fn surplus(&self) -> usize {
        self.begins.windows(2).map(|pair| (pair[1] - pair[0]).saturating_sub(1)).sum()
    }
}
