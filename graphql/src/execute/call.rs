//! Starts nodes, and makes their requests or finds that an earlier one serves.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};

use super::access::check_claims;
use super::{Fault, Job, Received, Run, Slot};
use crate::code::Code;
use crate::coerce::{ArgumentError, Values};
use crate::fetch::FetchRequest;
use crate::plan::{Node, NodeId, Path};
use crate::schema::Rest;
use crate::template::{ExpandError, Reference, Scope, Value};

/// Longer path and query are split, where they can be, or not sent: common
/// servers and proxies refuse request lines from 8 KiB on.
const MAX_URI_BYTES: usize = 8000;

/// Making a request takes about as long as reading so many bytes.
const REQUEST_WORK: usize = 1 << 10;

/// Why no request can be made.
enum Unsendable {
    Value(ExpandError),
    /// Path and query are longer than [`MAX_URI_BYTES`].
    LongUri,
}

impl Unsendable {
    fn fault(&self, node: &Node) -> Fault {
        let code = Code::UnsendableValue;
        let message = match self {
            Unsendable::Value(error) => format!("{}: {error}", code.text()),
            Unsendable::LongUri => {
                format!("{}: path and query would be longer than {MAX_URI_BYTES} bytes", code.text())
            }
        };
        Fault::with(code, message).at_source(&node.rest.source)
    }
}

/// A value has at least so many bytes in a URI.
fn least_len(value: &serde_json::Value) -> usize {
    match value {
        serde_json::Value::String(text) => text.len(),
        serde_json::Value::Array(items) => {
            // Nulls are left out.
            items.iter().filter(|item| !item.is_null()).map(|item| 1 + least_len(item)).sum()
        }
        _ => 0,
    }
}

impl From<ExpandError> for Unsendable {
    fn from(error: ExpandError) -> Self {
        Self::Value(error)
    }
}

impl Run<'_> {
    /// Starts a node whose parents are all known.
    pub(super) async fn start(&mut self, node: NodeId) {
        let plan = self.plan;
        let at = &plan.nodes[node];
        if self.env.conditions.first(&at.occurrences).is_none() || self.env.refusals.has_any(&at.gates) {
            return;
        }
        let parents = self.rows(at.place).await;
        let rows = self.store.tables[plan.places[at.place].shape].rows();
        self.store.received[node].results = vec![Slot::ABSENT; rows];
        self.nodes[node].parents = parents.clone();
        match self.arguments(node) {
            Ok(arguments) => self.nodes[node].arguments = arguments,
            Err(error) => return self.refuse(node, Fault::with(Code::ArgumentInvalid, error.0)),
        }
        if let Some(message) = self.negative_take(node) {
            return self.refuse(node, Fault::with(Code::ArgumentInvalid, message));
        }
        if let Err(fault) = check_claims(&at.rest, self.env.context.identity.as_deref()) {
            return self.refuse(node, fault);
        }
        if self.has_long_argument(node) {
            return self.refuse(node, Unsendable::LongUri.fault(at));
        }
        let jobs = match at.rest.batch {
            Some(_) => self.batch(node).await,
            None => self.groups(node).await,
        };
        self.nodes[node].open = jobs.len();
        match jobs.is_empty() {
            true => self.finish(node).await,
            false => self.waiting.extend(jobs.into_iter().map(|job| (node, job))),
        }
    }

    /// The node's arguments, coerced once for all places of its field.
    fn arguments(&mut self, node: NodeId) -> Result<Arc<Values>, ArgumentError> {
        let arguments = &self.plan.nodes[node].arguments;
        self.coerced.values(arguments, self.env.schema.apollo(), self.env.variables)
    }

    /// The node's arguments are wrong, for all of its parents.
    fn refuse(&mut self, node: NodeId, fault: Fault) {
        let fault = self.fault(fault);
        for row in self.nodes[node].parents.iter() {
            self.store.received[node].results[*row as usize] = fault;
        }
    }

    /// Whether an argument alone is too long for path and query. Found once, it
    /// need not be found again by expanding it for every parent.
    fn has_long_argument(&self, node: NodeId) -> bool {
        let arguments = &self.nodes[node].arguments;
        self.plan.nodes[node].rest.uri.references().any(|reference| {
            let Reference::Argument(path) = reference else {
                return false;
            };
            let value = path.split_first().and_then(|(name, path)| {
                path.iter().try_fold(arguments.get(&**name)?, |value, name| value.get(&**name))
            });
            value.is_some_and(|value| least_len(value) > MAX_URI_BYTES)
        })
    }

    /// Makes the call for a job, or lets it wait for one that sends the same.
    pub(super) async fn issue(&mut self, node: NodeId, job: Job) {
        // What is broken once stays so: nothing is made only to be refused.
        if let Some(fault) = self.no_more_calls {
            return self.failed_with(node, job, fault).await;
        }
        if self.room.is_exhausted() {
            return self.call_no_more(node, job, Code::TooManyBytes).await;
        }
        let request = match self.request(node, job) {
            Ok(request) => request,
            Err(Unsendable::LongUri) if self.fits_with_one_key(node, job) => return self.split(node, job),
            Err(error) => {
                self.worked += MAX_URI_BYTES;
                return self.failed(node, job, error.fault(&self.plan.nodes[node])).await;
            }
        };
        self.worked += REQUEST_WORK + request.body.as_ref().map_or(0, Bytes::len);
        let key = self.plan.nodes[node].is_read.then(|| memo_key(&request));
        if let Some(call) = key.as_ref().and_then(|key| self.memo.get(key)).copied() {
            match self.calls[call].answer.clone() {
                Some(answer) => self.settle(node, job, &answer).await,
                None => self.calls[call].waiters.push((node, job)),
            }
            return;
        }
        if self.calls.len() >= self.env.limits.calls {
            return self.call_no_more(node, job, Code::TooManyCalls).await;
        }
        if let Some(key) = key {
            self.memo.insert(key, self.calls.len());
        }
        self.send(request, node, job);
    }

    /// Neither this job's call is made nor any after it.
    async fn call_no_more(&mut self, node: NodeId, job: Job, code: Code) {
        let fault = self.fault(Fault::of(code));
        self.no_more_calls = Some(fault);
        self.failed_with(node, job, fault).await;
    }

    /// Whether splitting a job that is too long ends in calls that are not.
    fn fits_with_one_key(&self, node: NodeId, job: Job) -> bool {
        let (Job::Keys { group, from, to }, Some(batch)) = (job, &self.nodes[node].batch) else {
            return false;
        };
        let shortest = batch.groups[group].shortest(from, to);
        let one = Job::Keys { group, from: shortest, to: shortest + 1 };
        job.can_split() && !matches!(self.request(node, one), Err(Unsendable::LongUri))
    }

    /// Lets two calls carry the keys of one.
    pub(super) fn split(&mut self, node: NodeId, job: Job) {
        let Job::Keys { group, from, to } = job else {
            return;
        };
        let middle = from + (to - from) / 2;
        self.nodes[node].open += 1;
        self.waiting.push_front((node, Job::Keys { group, from: middle, to }));
        self.waiting.push_front((node, Job::Keys { group, from, to: middle }));
    }

    fn request(&self, node: NodeId, job: Job) -> Result<FetchRequest, Unsendable> {
        let at = &self.plan.nodes[node];
        let rest: &Rest = &at.rest;
        let progress = &self.nodes[node];
        let group = match (job, &progress.batch) {
            (Job::Keys { group, .. }, Some(batch)) => Some(&batch.groups[group]),
            _ => None,
        };
        let (parent, keys, batch_size) = match (job, group) {
            (Job::Keys { from, to, .. }, Some(group)) => {
                (group.parent, Some(group.values(from, to)), to - from)
            }
            (Job::Keys { .. }, None) => (0, None, 1),
            // Any of them: they send the same.
            (Job::Parents(group), _) => (progress.groups.of(group)[0], None, 1),
        };
        let scope = CallScope { run: self, node: at, arguments: &progress.arguments, parent, keys };
        let path_and_query = rest.uri.expand(&scope)?;
        if path_and_query.len() > MAX_URI_BYTES {
            return Err(Unsendable::LongUri);
        }
        let body = match &rest.body {
            Some(body) => body.expand(&scope)?.map(Bytes::from),
            None => None,
        };
        Ok(FetchRequest {
            id: u32::try_from(self.calls.len()).unwrap_or(u32::MAX),
            source: rest.source.clone(),
            field: rest.coordinate.clone(),
            batch_size: u32::try_from(batch_size).unwrap_or(u32::MAX),
            method: rest.method.clone(),
            path_and_query,
            headers: self.headers(rest, &scope, body.is_some())?,
            body,
            deadline: self.cutoff().unwrap_or(self.env.context.deadline),
            max_body_bytes: self.env.limits.body_bytes,
            room: self.room.clone(),
        })
    }

    fn headers(&self, rest: &Rest, scope: &CallScope<'_>, has_body: bool) -> Result<HeaderMap, ExpandError> {
        let mut headers = HeaderMap::with_capacity(2 + rest.headers.len() + rest.forward.len());
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if has_body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        for name in &rest.forward {
            for value in self.env.context.headers.get_all(name) {
                headers.append(name, value.clone());
            }
        }
        for template in &rest.headers {
            if let Some(value) = template.expand(scope)? {
                headers.insert(template.name(), value);
            }
        }
        Ok(headers)
    }

    /// A value in a parent's row of a node, and what holds its text.
    pub(super) fn of_parent(&self, node: &Node, parent: u32, path: &Path) -> (Slot, Option<&Received>) {
        let shape = self.plan.places[node.place].shape;
        let owner = self.plan.shapes[shape].node;
        (self.store.follow(Slot::row(parent), path, owner), self.store.received_of(shape))
    }
}

impl Job {
    /// Whether two calls could carry what one does.
    pub(super) fn can_split(self) -> bool {
        matches!(self, Job::Keys { from, to, .. } if to - from > 1)
    }
}

/// The hash of everything a read sends: two that are the same get the same
/// answer, and neither has to be kept for it.
fn memo_key(request: &FetchRequest) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update(bytes.len().to_le_bytes());
        hash.update(bytes);
    };
    part(request.source.as_bytes());
    part(request.method.as_str().as_bytes());
    part(request.path_and_query.as_bytes());
    part(request.body.as_deref().unwrap_or_default());
    for (name, value) in &request.headers {
        part(name.as_str().as_bytes());
        part(value.as_bytes());
    }
    hash.finalize().into()
}

/// Where the templates of one call find their values.
struct CallScope<'s> {
    run: &'s Run<'s>,
    node: &'s Node,
    arguments: &'s Arc<Values>,
    parent: u32,
    keys: Option<Value<'s>>,
}

impl Scope for CallScope<'_> {
    fn value(&self, reference: &Reference) -> Option<Value<'_>> {
        let context = self.run.env.context;
        match reference {
            Reference::Argument(path) => member(self.arguments.get(&**path.first()?)?, path.get(1..)?),
            Reference::Claim(path) => {
                Some(Value::Json(Cow::Borrowed(context.identity.as_ref()?.claim(path)?)))
            }
            Reference::Header(name) => {
                Some(Value::Text(Cow::Borrowed(context.headers.get(name)?.to_str().ok()?)))
            }
            Reference::Keys => self.keys.clone(),
            Reference::Parent(names) => {
                let (_, path) = self.node.parents.iter().find(|(known, _)| known == names)?;
                let (slot, received) = self.run.of_parent(self.node, self.parent, path);
                if slot == Slot::ABSENT {
                    return None;
                }
                let json = match received?.json(slot) {
                    Cow::Borrowed(text) => Cow::Borrowed(std::str::from_utf8(text).ok()?),
                    Cow::Owned(text) => Cow::Owned(String::from_utf8(text).ok()?),
                };
                Some(Value::Raw(json))
            }
        }
    }
}

fn member<'v>(value: &'v serde_json::Value, path: &[Arc<str>]) -> Option<Value<'v>> {
    let found = path.iter().try_fold(value, |value, name| value.get(&**name))?;
    Some(Value::Json(Cow::Borrowed(found)))
}
