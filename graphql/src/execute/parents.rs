//! Finds the parents of a node: the rows that are live at its place.
//!
//! A table may hold rows that no response position shows: rows that matched no
//! parent, rows cut by `take`, items that a JSONPath did not choose. So parents
//! are found by walking down from what was attached, and a row that several
//! positions share is found once.

use std::sync::Arc;

use super::wait::Steps;
use super::{Kind, Run, Slot};
use crate::plan::{NodeId, Only, Origin, PlaceId, ROOT};

impl Run<'_> {
    /// The live rows of a place, found once.
    pub(super) async fn rows(&mut self, place: PlaceId) -> Arc<[u32]> {
        let mut missing = vec![place];
        while let Origin::Within(outer, _) = &self.plan.places[missing[missing.len() - 1]].origin
            && self.live[*outer].is_none()
        {
            missing.push(*outer);
        }
        for place in missing.into_iter().rev() {
            if self.live[place].is_none() {
                self.live[place] = Some(self.find_rows(place).await);
            }
        }
        self.live[place].clone().unwrap_or_default()
    }

    /// Walks to the rows of a place; those of the place around it are known.
    async fn find_rows(&mut self, place: PlaceId) -> Arc<[u32]> {
        let plan = self.plan;
        let at = &plan.places[place];
        let mut steps = Steps::default();
        let mut found = Rows { seen: vec![false; self.store.tables[at.shape].rows()], rows: Vec::new() };
        match &at.origin {
            Origin::Root => found.add(0),
            Origin::Fetched(node) => {
                for slot in &self.store.received[*node].results {
                    steps.more(1).await;
                    self.flatten(*slot, Some(*node), &mut found);
                }
            }
            Origin::Within(outer, path) => {
                let node = plan.shapes[at.shape].node;
                for row in self.live[*outer].iter().flat_map(|rows| rows.iter()) {
                    steps.more(1).await;
                    let slot = self.store.follow(Slot::row(*row), path, node);
                    self.flatten(slot, node, &mut found);
                }
            }
        }
        if let Some(only) = &at.only {
            let mut kept = Vec::new();
            for row in found.rows {
                steps.more(1).await;
                if self.is_of(row, only, plan.shapes[at.shape].node) {
                    kept.push(row);
                }
            }
            found.rows = kept;
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
