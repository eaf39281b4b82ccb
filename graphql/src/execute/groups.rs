//! The parents of a node without batch, those together whose calls are the same.

use std::collections::HashMap;

use super::wait::Steps;
use super::{Job, Run};
use crate::plan::NodeId;

/// Rows by their group: two lists, however many groups there are.
#[derive(Debug, Default)]
pub(super) struct Groups {
    rows: Vec<u32>,
    /// Where each group begins in `rows`, and where the last one ends.
    begins: Vec<usize>,
}

impl Groups {
    fn one(rows: &[u32]) -> Self {
        match rows {
            [] => Self::default(),
            rows => Self { rows: rows.to_vec(), begins: vec![0, rows.len()] },
        }
    }

    /// Sorts rows into `count` groups; `numbers` says each row's.
    fn sort(rows: &[u32], numbers: &[usize], count: usize) -> Self {
        let mut begins = vec![0; count + 1];
        for number in numbers {
            begins[number + 1] += 1;
        }
        for group in 0..count {
            begins[group + 1] += begins[group];
        }
        let mut next = begins.clone();
        let mut sorted = vec![0; rows.len()];
        for (row, number) in rows.iter().zip(numbers) {
            sorted[next[*number]] = *row;
            next[*number] += 1;
        }
        Self { rows: sorted, begins }
    }

    /// The rows of a group, of which there is at least one.
    pub(super) fn of(&self, group: usize) -> &[u32] {
        &self.rows[self.begins[group]..self.begins[group + 1]]
    }

    fn count(&self) -> usize {
        self.begins.len().saturating_sub(1)
    }
}

impl Run<'_> {
    /// Groups the parents, which then share one answer that is read once.
    pub(super) async fn groups(&mut self, node: NodeId) -> Vec<Job> {
        let at = &self.plan.nodes[node];
        let parents = self.nodes[node].parents.clone();
        let groups = match at.parents.is_empty() {
            true => Groups::one(&parents),
            false => {
                let mut group_of: HashMap<Vec<u8>, usize> = HashMap::new();
                let (mut numbers, mut steps) = (Vec::with_capacity(parents.len()), Steps::default());
                for parent in parents.iter() {
                    steps.more(1).await;
                    let count = group_of.len();
                    numbers.push(*group_of.entry(self.rest_of_template(at, *parent)).or_insert(count));
                }
                Groups::sort(&parents, &numbers, group_of.len())
            }
        };
        let jobs = (0..groups.count()).map(Job::Parents).collect();
        self.nodes[node].groups = groups;
        jobs
    }
}
