//! Takes answers in: a value, nothing, a fault, or a reason to ask again.

use std::mem::take;

use bytes::Bytes;
use http::Method;

use super::batch::key_of_row;
use super::groups::Groups;
use super::read::{ReadError, Reading};
use super::wait::Steps;
use super::{Fault, Job, Kind, Run, Slot};
use crate::code::Code;
use crate::fetch::FetchResponse;
use crate::plan::{Node, NodeId, Select};

/// Calls that refused batches may cause, per node.
const MAX_EXTRA_CALLS: usize = 8;

/// Longer bodies are read aside: that takes milliseconds.
const LONG_ANSWER: usize = 1 << 20;

/// How many times longer a body takes where general JSONPaths need it as a tree.
const TREE_COST: usize = 8;

/// A longer body of an error is not shown.
const MAX_PROBLEM_BYTES: usize = 64 << 10;

/// What an answer means for a job.
enum Verdict {
    Body,
    Nothing,
    Split,
    Fault(Fault),
}

impl Run<'_> {
    /// Takes the answer for one job.
    pub(super) async fn settle(&mut self, node: NodeId, job: Job, answer: &Result<FetchResponse, Fault>) {
        let response = match answer {
            Ok(response) => response,
            Err(fault) => return self.failed(node, job, fault.clone()).await,
        };
        let at = &self.plan.nodes[node];
        match verdict(at, job, response, self.nodes[node].extra) {
            Verdict::Fault(fault) => self.failed(node, job, fault).await,
            Verdict::Nothing => {
                if let Job::Parents(group) = job {
                    self.share_out(node, group, Slot::NULL);
                }
                self.close(node).await;
            }
            Verdict::Split => {
                self.nodes[node].extra += 2;
                self.split(node, job);
            }
            Verdict::Body => match self.read(node, &response.body).await {
                Ok(slot) => self.arrived(node, job, slot).await,
                Err(error) => {
                    let code = match error {
                        ReadError::NotJson => Code::UpstreamInvalidBody,
                        ReadError::TooManyRows => Code::TooManyRows,
                        ReadError::TooManyBytes => Code::TooManyBytes,
                        ReadError::TooLate => Code::DeadlineExceeded,
                    };
                    let fault = Fault::status(code, &at.rest.source, response.status);
                    self.failed(node, job, fault).await;
                }
            },
        }
    }

    /// Reads a body and finds the value in it.
    async fn read(&mut self, node: NodeId, body: &Bytes) -> Result<Slot, ReadError> {
        let turn = match self.is_long(node, body.len()) {
            true => Some(self.turn().await.ok_or(ReadError::TooLate)?),
            false => None,
        };
        let reading = Reading {
            plan: self.plan.clone(),
            node,
            body: body.clone(),
            tables: take(&mut self.store.tables),
            received: take(&mut self.store.received[node]),
            rows_left: self.rows_left,
            room: self.room.clone(),
        };
        let (reading, value) = match turn {
            Some(turn) => self.aside(turn, || reading.run()).await,
            None => {
                self.worked += body.len();
                reading.run()
            }
        };
        self.store.tables = reading.tables;
        self.store.received[node] = reading.received;
        self.rows_left = reading.rows_left;
        match &self.plan.nodes[node].select {
            Select::Path(path) => Ok(self.store.follow(value?, path, Some(node))),
            Select::General(_) => value,
        }
    }

    /// Whether reading a body of this length would hold up the thread.
    fn is_long(&self, node: NodeId, len: usize) -> bool {
        let needs_tree = || {
            let general = matches!(self.plan.nodes[node].select, Select::General(_));
            let mut shapes = self.plan.shapes.iter().filter(|shape| shape.node == Some(node));
            general || shapes.any(|shape| !shape.computed.is_empty())
        };
        len > LONG_ANSWER || (len > LONG_ANSWER / TREE_COST && needs_tree())
    }

    async fn arrived(&mut self, node: NodeId, job: Job, value: Slot) {
        match job {
            Job::Parents(group) => {
                self.share_out(node, group, value);
                self.close(node).await;
            }
            Job::Keys { .. } if self.is_capped(node, value) => match job.can_split() {
                // Bounded by the calls an operation may make.
                true => self.split(node, job),
                false => {
                    let source = &self.plan.nodes[node].rest.source;
                    self.failed(node, job, Fault::of(Code::RowsCapped).at_source(source)).await;
                }
            },
            Job::Keys { group, from, to } => match self.match_rows(node, value, group, from, to).await {
                Ok(()) => self.close(node).await,
                Err(code) => {
                    let source = &self.plan.nodes[node].rest.source;
                    self.failed(node, job, Fault::of(code).at_source(source)).await;
                }
            },
        }
    }

    /// Gives all parents of a group the same value, or the same fault.
    fn share_out(&mut self, node: NodeId, group: usize, value: Slot) {
        for row in self.nodes[node].groups.of(group) {
            self.store.received[node].results[*row as usize] = value;
        }
    }

    /// Whether the answer has as many rows as the service ever gives.
    fn is_capped(&self, node: NodeId, value: Slot) -> bool {
        let cap = self.plan.nodes[node].rest.batch.as_ref().and_then(|batch| batch.rows);
        cap.is_some_and(|cap| value.len().unwrap_or(0) >= cap)
    }

    /// Finds the key of every row, among those that the call carried.
    async fn match_rows(
        &mut self,
        node: NodeId,
        rows: Slot,
        group: usize,
        from: usize,
        to: usize,
    ) -> Result<(), Code> {
        let count = rows.len().ok_or(Code::UpstreamInvalidBody)?;
        let Some(mut batch) = self.nodes[node].batch.take() else {
            return Err(Code::Internal);
        };
        let (mut bytes, mut hint, mut unmatched) = (Vec::new(), from, 0);
        let (mut result, mut steps) = (Ok(()), Steps::default());
        for index in 0..count {
            steps.more(1).await;
            let row = self.store.received[node].item(rows, index);
            if !matches!(row.kind, Kind::Row | Kind::Null) {
                result = Err(Code::UpstreamInvalidBody);
                break;
            }
            match key_of_row(self, node, row, &mut bytes) {
                Ok(Some(())) => match batch.groups[group].find(&bytes, from, to, hint) {
                    Some(key) => {
                        hint = key;
                        batch.groups[group].hits.push((u32::try_from(key).unwrap_or(u32::MAX), row));
                    }
                    None => unmatched += 1,
                },
                Ok(None) => unmatched += 1,
                Err(_) => {
                    result = Err(Code::InvalidKey);
                    break;
                }
            }
        }
        self.unmatched_rows = self.unmatched_rows.saturating_add(unmatched);
        self.nodes[node].batch = Some(batch);
        result
    }

    /// Everything that waited for this job is at fault.
    pub(super) async fn failed(&mut self, node: NodeId, job: Job, fault: Fault) {
        let fault = self.fault(fault);
        self.failed_with(node, job, fault).await;
    }

    /// The same, of a fault that is known.
    pub(super) async fn failed_with(&mut self, node: NodeId, job: Job, fault: Slot) {
        self.blame(node, job, fault);
        self.close(node).await;
    }

    pub(super) fn blame(&mut self, node: NodeId, job: Job, fault: Slot) {
        match (job, &mut self.nodes[node].batch) {
            (Job::Parents(group), _) => self.share_out(node, group, fault),
            (Job::Keys { group, from, to }, Some(batch)) => {
                batch.groups[group].failed.push((from, to, fault));
            }
            (Job::Keys { .. }, None) => {}
        }
    }

    /// One job less; with the last one the node has finished.
    async fn close(&mut self, node: NodeId) {
        self.nodes[node].open -= 1;
        if self.nodes[node].open == 0 {
            self.finish(node).await;
        }
    }

    /// Attaches what was found, and the nodes that waited for it are ready.
    pub(super) async fn finish(&mut self, node: NodeId) {
        self.nodes[node].groups = Groups::default();
        self.attach(node).await;
        let plan = self.plan;
        self.ready.extend(&plan.nodes[node].children);
    }
}

fn verdict(node: &Node, job: Job, response: &FetchResponse, extra: usize) -> Verdict {
    let (rest, status) = (&node.rest, response.status);
    let may_be_missing = match job {
        Job::Parents(_) => node.is_nullable,
        Job::Keys { .. } => !job.can_split() && (node.is_nullable || node.is_list),
    };
    match status.as_u16() {
        204 => Verdict::Nothing,
        200..=299 => Verdict::Body,
        404 | 410 if may_be_missing && rest.method == Method::GET => Verdict::Nothing,
        400 | 404 | 413 | 414 | 422 if job.can_split() && node.is_read && extra + 2 <= MAX_EXTRA_CALLS => {
            Verdict::Split
        }
        300..=399 => Verdict::Fault(Fault::status(Code::UpstreamRedirect, &rest.source, status)),
        _ => {
            let mut fault = Fault::status(Code::UpstreamStatus, &rest.source, status);
            let mut message = format!("{} with status {}", Code::UpstreamStatus.text(), status.as_u16());
            match problem(node, response) {
                Problem::None => {}
                Problem::Shown => fault.problem = Some(response.body.clone()),
                Problem::TooLong => message.push_str("; its body is longer than 64 KiB and left out"),
            }
            fault.message = message.into();
            Verdict::Fault(fault)
        }
    }
}

/// What the client sees of an error's body.
enum Problem {
    /// Nothing: the schema does not expose it, or it is no JSON.
    None,
    Shown,
    /// Nothing, as it is longer than [`MAX_PROBLEM_BYTES`].
    TooLong,
}

fn problem(node: &Node, response: &FetchResponse) -> Problem {
    let body = &response.body;
    let is_json = || serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok();
    let is_text = || std::str::from_utf8(body).is_ok();
    if !node.rest.expose.contains(&response.status.as_u16()) {
        Problem::None
    } else if body.len() > MAX_PROBLEM_BYTES {
        Problem::TooLong
    } else if is_text() && is_json() {
        Problem::Shown
    } else {
        Problem::None
    }
}
