//! Finds the parents of a node: the rows that are live at its place.
//!
//! A table may hold rows that no response position shows: rows that matched no
//! parent, rows cut by `take`, items that a JSONPath did not choose. So parents
//! are found by walking down from what was attached, and a row that several
//! positions share is found once.

use std::sync::Arc;

use super::{Kind, Run, Slot};
use crate::plan::{NodeId, Only, Origin, PlaceId, ROOT};

impl Run<'_> {
    /// Walks to the rows of a place.
    pub(super) fn find_rows(&mut self, place: PlaceId) -> Arc<[u32]> {
        let plan = self.plan;
        let at = &plan.places[place];
        let mut found = Rows { seen: vec![false; self.store.tables[at.shape].rows()], rows: Vec::new() };
        match &at.origin {
            Origin::Root => found.add(0),
            Origin::Fetched(node) => {
                for slot in &self.store.received[*node].results {
                    self.flatten(*slot, Some(*node), &mut found);
                }
            }
            Origin::Within(outer, path) => {
                let node = plan.shapes[at.shape].node;
                for row in self.rows(*outer).iter() {
                    let slot = self.store.follow(Slot::row(*row), path, node);
                    self.flatten(slot, node, &mut found);
                }
            }
        }
        if let Some(only) = &at.only {
            found.rows.retain(|row| self.is_of(*row, only, plan.shapes[at.shape].node));
        }
        debug_assert!(at.shape != ROOT || place == 0, "only the root has the root's shape");
        found.rows.into()
    }

    fn flatten(&self, slot: Slot, node: Option<NodeId>, found: &mut Rows) {
        match (slot.kind, node) {
            (Kind::Row, _) => found.add(slot.index()),
            (Kind::Rows, _) => {
                let first = slot.index();
                (first..first + slot.len().unwrap_or(0)).for_each(|row| found.add(row));
            }
            (Kind::List, Some(at)) => {
                for item in self.store.received[at].list(slot) {
                    self.flatten(*item, node, found);
                }
            }
            _ => {}
        }
    }

    fn is_of(&self, row: u32, only: &Only, node: Option<NodeId>) -> bool {
        let slot = self.store.follow(Slot::row(row), &only.discriminator, node);
        node.and_then(|node| {
            crate::project::concrete_type(self.env.schema, only.ty, &self.store.received[node], slot)
        }) == Some(only.concrete)
    }
}

struct Rows {
    seen: Vec<bool>,
    rows: Vec<u32>,
}

impl Rows {
    fn add(&mut self, row: usize) {
        if !std::mem::replace(&mut self.seen[row], true) {
            self.rows.push(u32::try_from(row).unwrap_or(u32::MAX));
        }
    }
}
