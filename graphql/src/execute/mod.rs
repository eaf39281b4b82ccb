//! Executes a plan: dataflow over its nodes.
//!
//! A node starts when the node that produces its parents has finished, all of
//! its calls included. By then every parent at its response position is known,
//! so batches are exact and no timer is needed; nodes that do not depend on
//! each other never wait for each other. Everything runs in the task of the
//! request, so a client that leaves drops it and with it every call under way,
//! but for mutations: those run in a task of their own and finish.

mod attach;
mod batch;
mod call;
mod fault;
mod key;
mod parents;
mod read;
mod settle;
mod slot;
mod text;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::time::sleep_until;

use crate::code::Code;
use crate::coerce::Values;
use crate::fetch::{Fetch, FetchError, FetchRequest, FetchResponse};
use crate::limits::Limits;
use crate::plan::{Conditions, NodeId, PlaceId, Plan};
use crate::report::FetchReport;
use crate::request::Context;
use crate::schema::Schema;

pub(crate) use fault::Fault;
pub(crate) use slot::{Kind, Received, Slot, Store};
pub(crate) use text::{is_integer, unquoted};

/// What an execution needs from outside; nothing of it changes meanwhile.
#[derive(Clone, Copy)]
pub(crate) struct Environment<'e> {
    pub(crate) schema: &'e Schema,
    pub(crate) limits: &'e Limits,
    pub(crate) context: &'e Context,
    pub(crate) fetch: &'e Arc<dyn Fetch>,
    pub(crate) variables: &'e Values,
    pub(crate) conditions: &'e Conditions,
}

/// An execution under way, and afterwards what it has read.
pub(crate) struct Run<'e> {
    env: Environment<'e>,
    pub(crate) plan: &'e Plan,
    pub(crate) store: Store,
    pub(crate) faults: Vec<Fault>,
    pub(crate) fetches: Vec<FetchReport>,
    pub(crate) unmatched_rows: u32,
    pub(crate) surplus_rows: u32,
    nodes: Vec<Progress>,
    live: Vec<Option<Arc<[u32]>>>,
    calls: Vec<Call>,
    /// Calls of reads by everything they send.
    memo: HashMap<Vec<u8>, CallId>,
    waiting: VecDeque<CallId>,
    in_flight: FuturesUnordered<BoxFuture<'static, Done>>,
    rows_left: usize,
    bytes_left: usize,
}

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
    batch: Option<batch::Batched>,
}

/// One request to a service and the jobs that wait for its answer.
struct Call {
    source: Arc<str>,
    /// Taken when it is sent.
    request: Option<FetchRequest>,
    is_read: bool,
    waiters: Vec<(NodeId, Job)>,
    answer: Option<Arc<Result<FetchResponse, Fault>>>,
}

/// What an answer is for.
#[derive(Debug, Clone, Copy)]
enum Job {
    /// One parent row.
    Parent(u32),
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
    pub(crate) fn new(plan: &'e Plan, env: Environment<'e>) -> Self {
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
            memo: HashMap::new(),
            waiting: VecDeque::new(),
            in_flight: FuturesUnordered::new(),
            rows_left: env.limits.rows,
            bytes_left: env.limits.held_bytes,
        }
    }

    /// Starts these nodes of the root and runs until nothing is left to do, or
    /// until the deadline.
    pub(crate) async fn run(&mut self, nodes: &[NodeId]) {
        // Another mutation may have changed what an earlier read saw.
        self.memo.clear();
        for node in nodes {
            self.start(*node);
        }
        let Some(cutoff) = self.cutoff().filter(|cutoff| *cutoff > Instant::now()) else {
            self.give_up();
            return;
        };
        let mut deadline = pin!(sleep_until(cutoff.into()));
        loop {
            while self.in_flight.len() < self.env.limits.concurrent_calls
                && let Some(call) = self.waiting.pop_front()
            {
                self.dispatch(call);
            }
            tokio::select! {
                biased;
                done = self.in_flight.next() => match done {
                    Some(done) => self.ended(done),
                    None => return,
                },
                () = &mut deadline => {
                    self.give_up();
                    return;
                }
            }
        }
    }

    /// When calls end, so that time is left to write the answer.
    fn cutoff(&self) -> Option<Instant> {
        self.env.context.deadline.checked_sub(self.env.limits.answer_time)
    }

    /// Sends a call.
    fn dispatch(&mut self, call: CallId) {
        let Some(request) = self.calls[call].request.take() else {
            return;
        };
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
        let is_read = self.calls[call].is_read;
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

    /// Hands an answer to every job that waits for it.
    fn ended(&mut self, done: Done) {
        let Done { call, started, answer } = done;
        self.report(call, started, &answer);
        let answer = Arc::new(self.hold(call, answer));
        // Before anything new starts, as that may want the same answer.
        self.calls[call].answer = Some(answer.clone());
        for (node, job) in std::mem::take(&mut self.calls[call].waiters) {
            self.settle(node, job, &answer);
        }
    }

    fn report(&mut self, call: CallId, started: Instant, answer: &Result<FetchResponse, FetchError>) {
        let id = u32::try_from(call).unwrap_or(u32::MAX);
        // Calls leave in the order of their numbers, or nearly so.
        let Some(report) = self.fetches.iter_mut().rfind(|report| report.id == id) else {
            return;
        };
        report.duration = started.elapsed();
        match answer {
            Ok(response) => {
                report.status = Some(response.status.as_u16());
                let failed = response.status.is_client_error() || response.status.is_server_error();
                report.error = failed.then(|| Code::UpstreamStatus.word());
            }
            Err(FetchError::Failed(code) | FetchError::TimedOut(code)) => report.error = Some(code),
            Err(FetchError::BodyTooLarge) => report.error = Some(Code::UpstreamBodyTooLarge.word()),
        }
    }

    /// Counts a body against the bytes an operation may hold.
    fn hold(
        &mut self,
        call: CallId,
        answer: Result<FetchResponse, FetchError>,
    ) -> Result<FetchResponse, Fault> {
        let source = &self.calls[call].source;
        let response = answer.map_err(|error| Fault::unfetched(&error, source))?;
        let len = response.body.len();
        if len > self.env.limits.body_bytes {
            return Err(Fault::unfetched(&FetchError::BodyTooLarge, source));
        }
        self.bytes_left = self.bytes_left.checked_sub(len).ok_or_else(|| Fault::of(Code::TooManyBytes))?;
        Ok(response)
    }

    /// At the deadline: what has arrived is attached, the rest is at fault.
    fn give_up(&mut self) {
        self.waiting.clear();
        self.in_flight.clear();
        let late = self.fault(Fault::of(Code::DeadlineExceeded));
        for report in &mut self.fetches {
            if self.calls.get(report.id as usize).is_some_and(|call| call.answer.is_none()) {
                report.duration = report.started.elapsed().unwrap_or_default();
                report.error = Some(Code::DeadlineExceeded.word());
            }
        }
        for call in 0..self.calls.len() {
            for (node, job) in std::mem::take(&mut self.calls[call].waiters) {
                self.blame(node, job, late);
            }
        }
        for node in 0..self.nodes.len() {
            if std::mem::take(&mut self.nodes[node].open) > 0 {
                self.attach(node);
            }
        }
    }

    fn fault(&mut self, fault: Fault) -> Slot {
        let index = u32::try_from(self.faults.len()).unwrap_or(u32::MAX);
        self.faults.push(fault);
        Slot::of(Kind::Fault, index, 0)
    }

    /// The live rows of a place, found once.
    fn rows(&mut self, place: PlaceId) -> Arc<[u32]> {
        if let Some(rows) = &self.live[place] {
            return rows.clone();
        }
        let rows = self.find_rows(place);
        self.live[place] = Some(rows.clone());
        rows
    }
}
