//! Executes a plan: dataflow over its nodes.
//!
//! A node starts when the node that produces its parents has finished, all of
//! its calls included. By then every parent at its response position is known,
//! so batches are exact and no timer is needed; nodes that do not depend on
//! each other never wait for each other. Everything runs in the task of the
//! request, so a client that leaves drops it and with it every call under way,
//! but for mutations: those run in a task of their own and finish.
//!
//! A request is made when it is sent and not before: what waits is a number.
//! Long work lets other tasks of the thread have their turn: it yields, and
//! reads long bodies aside.

mod access;
mod arrive;
mod attach;
mod batch;
mod call;
mod fault;
mod groups;
mod key;
mod parents;
mod read;
mod settle;
mod slot;
mod text;
mod wait;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::mem::take;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::time::sleep_until;

use crate::aside::Aside;
use crate::code::Code;
use crate::coerce::{Coerced, Values};
use crate::fetch::{Fetch, FetchError, FetchRequest, FetchResponse, Room};
use crate::limits::Limits;
use crate::plan::{Conditions, NodeId, Plan};
use crate::report::FetchReport;
use crate::request::Context;
use crate::schema::Schema;

pub(crate) use access::Refusals;
pub(crate) use fault::Fault;
pub(crate) use slot::{Kind, Received, Slot, Store};
pub(crate) use text::{is_integer, unquoted};
pub(crate) use wait::YIELD_BYTES;

/// What an execution needs from outside; nothing of it changes meanwhile.
#[derive(Clone, Copy)]
pub(crate) struct Environment<'e> {
    pub(crate) schema: &'e Schema,
    pub(crate) limits: &'e Limits,
    pub(crate) context: &'e Context,
    pub(crate) fetch: &'e Arc<dyn Fetch>,
    pub(crate) aside: &'e Aside,
    pub(crate) variables: &'e Values,
    pub(crate) conditions: &'e Conditions,
    pub(crate) refusals: &'e Refusals,
}

/// An execution under way, and afterwards what it has read.
pub(crate) struct Run<'e> {
    env: Environment<'e>,
    pub(crate) plan: &'e Arc<Plan>,
    pub(crate) store: Store,
    pub(crate) faults: Vec<Fault>,
    pub(crate) fetches: Vec<FetchReport>,
    pub(crate) unmatched_rows: u32,
    pub(crate) surplus_rows: u32,
    nodes: Vec<Progress>,
    live: Vec<Option<Arc<[u32]>>>,
    calls: Vec<Call>,
    coerced: Coerced,
    /// Calls of reads by the hash of everything they send.
    memo: HashMap<[u8; 32], CallId>,
    /// Nodes whose parents are all known.
    ready: VecDeque<NodeId>,
    /// Jobs whose requests are still to be made.
    waiting: VecDeque<(NodeId, Job)>,
    in_flight: FuturesUnordered<BoxFuture<'static, Done>>,
    /// Calls that have ended, whose jobs are still to take the answer.
    answered: VecDeque<CallId>,
    rows_left: usize,
    room: Room,
    /// The fault of every call that is not made, once no more are: one for all,
    /// as there may be as many as parents.
    no_more_calls: Option<Slot>,
    /// Bytes worked on since other tasks had a chance.
    worked: usize,
}

/// Place in [`Run::calls`], and in [`Run::fetches`].
type CallId = usize;

/// How far a node is.
#[derive(Default)]
struct Progress {
    /// Jobs without an answer.
    open: usize,
    /// Calls that answers made necessary.
    extra: usize,
    parents: Arc<[u32]>,
    arguments: Arc<Values>,
    /// Without a batch: the parents, until the node has finished.
    groups: groups::Groups,
    batch: Option<batch::Batched>,
}

/// One request that was sent and the jobs that wait for its answer.
struct Call {
    source: Arc<str>,
    waiters: Vec<(NodeId, Job)>,
    answer: Option<Arc<Result<FetchResponse, Fault>>>,
}

/// What an answer is for.
#[derive(Debug, Clone, Copy)]
enum Job {
    /// A group of [`Progress::groups`].
    Parents(usize),
    /// A range of one group's keys.
    Keys { group: usize, from: usize, to: usize },
}

/// A call that has ended.
struct Done {
    call: CallId,
    started: Instant,
    answer: Result<FetchResponse, FetchError>,
}

impl<'e> Run<'e> {
    pub(crate) fn new(plan: &'e Arc<Plan>, env: Environment<'e>) -> Self {
        Self {
            env,
            plan,
            store: Store::new(plan),
            faults: Vec::new(),
            fetches: Vec::new(),
            unmatched_rows: 0,
            surplus_rows: 0,
            nodes: plan.nodes.iter().map(|_| Progress::default()).collect(),
            live: vec![None; plan.places.len()],
            calls: Vec::new(),
            coerced: Coerced::within(env.limits.argument_bytes()),
            memo: HashMap::new(),
            ready: VecDeque::new(),
            waiting: VecDeque::new(),
            in_flight: FuturesUnordered::new(),
            answered: VecDeque::new(),
            rows_left: env.limits.rows,
            room: Room::of(env.limits.held_bytes),
            no_more_calls: None,
            worked: 0,
        }
    }

    /// Starts these nodes of the root and runs until nothing is left to do, or
    /// until the deadline.
    pub(crate) async fn run(&mut self, nodes: &[NodeId]) {
        // Another mutation may have changed what an earlier read saw.
        self.memo.clear();
        let Some(cutoff) = self.cutoff().filter(|cutoff| *cutoff > Instant::now()) else {
            return self.give_up().await;
        };
        self.ready.extend(nodes);
        let mut deadline = pin!(sleep_until(cutoff.into()));
        loop {
            if !self.advance(cutoff).await {
                return self.give_up().await;
            }
            tokio::select! {
                biased;
                done = self.in_flight.next() => match done {
                    Some(done) => self.arrive(done),
                    None => return,
                },
                () = &mut deadline => return self.give_up().await,
            }
        }
    }

    /// Hands out what has arrived, starts what can be started and sends what may
    /// be sent; `false` where the time is over.
    async fn advance(&mut self, cutoff: Instant) -> bool {
        loop {
            if let Some(call) = self.answered.pop_front() {
                if !self.hand_out(call, cutoff).await {
                    return false;
                }
            } else if self.waiting.is_empty()
                && let Some(node) = self.ready.pop_front()
            {
                // Only now, so that no more than one node's jobs lie here: its
                // calls would not leave earlier.
                self.start(node).await;
            } else if self.in_flight.len() < self.env.limits.concurrent_calls
                && let Some((node, job)) = self.waiting.pop_front()
            {
                self.issue(node, job).await;
            } else {
                return true;
            }
            if self.is_over(cutoff).await {
                return false;
            }
        }
    }

    /// Hands an answer to every job that waits for it; `false` where the time is
    /// over, and then the rest of them still wait.
    async fn hand_out(&mut self, call: CallId, cutoff: Instant) -> bool {
        let Some(answer) = self.calls[call].answer.clone() else {
            return true;
        };
        let mut waiters = take(&mut self.calls[call].waiters).into_iter();
        while let Some((node, job)) = waiters.next() {
            self.settle(node, job, &answer).await;
            if self.is_over(cutoff).await {
                self.calls[call].waiters = waiters.collect();
                return false;
            }
        }
        true
    }

    /// Sends a request, whose answer is for this job.
    fn send(&mut self, request: FetchRequest, node: NodeId, job: Job) {
        let call = self.calls.len();
        self.calls.push(Call { source: request.source.clone(), waiters: vec![(node, job)], answer: None });
        self.fetches.push(FetchReport {
            id: request.id,
            source: request.source.clone(),
            field: request.field.clone(),
            batch_size: request.batch_size,
            started: SystemTime::now(),
            duration: std::time::Duration::ZERO,
            status: None,
            error: None,
        });
        let fetch = self.env.fetch.clone();
        let started = Instant::now();
        let exchange = async move { fetch.fetch(request).await };
        let is_read = self.plan.nodes[node].is_read;
        self.in_flight.push(Box::pin(async move {
            let answer = if is_read {
                exchange.await
            } else {
                // A mutation that was sent is finished even if its client leaves.
                let task = tokio::spawn(exchange);
                task.await.unwrap_or(Err(FetchError::Failed(Code::Internal.word())))
            };
            Done { call, started, answer }
        }));
    }

    /// At the deadline: what has arrived is attached, the rest is at fault.
    async fn give_up(&mut self) {
        self.ready.clear();
        self.in_flight.clear();
        self.answered.clear();
        let late = self.fault(Fault::of(Code::DeadlineExceeded));
        for (call, report) in self.calls.iter().zip(&mut self.fetches) {
            if call.answer.is_none() {
                report.duration = report.started.elapsed().unwrap_or_default();
                report.error = Some(Code::DeadlineExceeded.word());
            }
        }
        let sent = self.calls.iter_mut().flat_map(|call| take(&mut call.waiters));
        let open: Vec<(NodeId, Job)> = sent.chain(take(&mut self.waiting)).collect();
        for (node, job) in open {
            self.blame(node, job, late);
        }
        for node in 0..self.nodes.len() {
            if take(&mut self.nodes[node].open) > 0 {
                self.attach(node).await;
            }
        }
    }

    fn fault(&mut self, fault: Fault) -> Slot {
        let index = u32::try_from(self.faults.len()).unwrap_or(u32::MAX);
        self.faults.push(fault);
        Slot::of(Kind::Fault, index, 0)
    }
}
