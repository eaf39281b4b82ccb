//! Starts nodes: makes their requests, or finds that an earlier one serves.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};

use super::{Call, CallId, Fault, Job, Received, Run, Slot};
use crate::code::Code;
use crate::coerce::Values;
use crate::fetch::FetchRequest;
use crate::plan::{Node, NodeId, Path};
use crate::schema::Rest;
use crate::template::{ExpandError, Reference, Scope, Value};

/// Longer path and query are split, where they can be: common servers and
/// proxies refuse request lines from 8 KiB on.
const MAX_URI_BYTES: usize = 8000;

impl Run<'_> {
    /// Starts a node whose parents are all known.
    pub(super) fn start(&mut self, node: NodeId) {
        let plan = self.plan;
        let at = &plan.nodes[node];
        if self.env.conditions.first(&at.occurrences).is_none() {
            return;
        }
        let parents = self.rows(at.place);
        let rows = self.store.tables[plan.places[at.place].shape].rows();
        self.store.received[node].results = vec![Slot::ABSENT; rows];
        self.nodes[node].parents = parents.clone();
        match at.arguments.values(self.env.schema.apollo(), self.env.variables) {
            Ok(arguments) => self.nodes[node].arguments = arguments,
            Err(error) => {
                let fault = self.fault(Fault::with(Code::ArgumentInvalid, error.0));
                for row in parents.iter() {
                    self.store.received[node].results[*row as usize] = fault;
                }
                return;
            }
        }
        let jobs = match at.rest.batch {
            Some(_) => self.batch(node),
            None => parents.iter().map(|row| Job::Parent(*row)).collect(),
        };
        if jobs.is_empty() {
            return self.finish(node);
        }
        // All at once: a job may be answered before the next one is issued.
        self.nodes[node].open = jobs.len();
        for job in jobs {
            self.issue(node, job);
        }
    }

    /// Makes the call for a job, or lets it wait for one that sends the same.
    pub(super) fn issue(&mut self, node: NodeId, job: Job) {
        let plan = self.plan;
        let at = &plan.nodes[node];
        let request = match self.request(node, job) {
            Ok(request) if request.path_and_query.len() > MAX_URI_BYTES && job.can_split() => {
                return self.split(node, job);
            }
            Ok(request) => request,
            Err(error) => {
                let message = format!("{}: {error}", Code::UnsendableValue.text());
                let fault = Fault::with(Code::UnsendableValue, message).at_source(&at.rest.source);
                return self.failed(node, job, fault);
            }
        };
        let key = at.is_read.then(|| memo_key(&request));
        if let Some(call) = key.as_ref().and_then(|key| self.memo.get(key)).copied() {
            return self.share(call, node, job);
        }
        if self.calls.len() >= self.env.limits.calls {
            return self.failed(node, job, Fault::of(Code::TooManyCalls));
        }
        let call = self.calls.len();
        if let Some(key) = key {
            self.memo.insert(key, call);
        }
        self.calls.push(Call {
            source: request.source.clone(),
            request: Some(request),
            is_read: at.is_read,
            waiters: vec![(node, job)],
            answer: None,
        });
        self.waiting.push_back(call);
    }

    fn share(&mut self, call: CallId, node: NodeId, job: Job) {
        match self.calls[call].answer.clone() {
            Some(answer) => self.settle(node, job, &answer),
            None => self.calls[call].waiters.push((node, job)),
        }
    }

    /// Lets two calls carry the keys of one.
    pub(super) fn split(&mut self, node: NodeId, job: Job) {
        let Job::Keys { group, from, to } = job else {
            return;
        };
        let middle = from + (to - from) / 2;
        self.nodes[node].open += 1;
        self.issue(node, Job::Keys { group, from, to: middle });
        self.issue(node, Job::Keys { group, from: middle, to });
    }

    fn request(&self, node: NodeId, job: Job) -> Result<FetchRequest, ExpandError> {
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
            (Job::Parent(row), _) => (row, None, 1),
        };
        let scope = CallScope { run: self, node: at, arguments: &progress.arguments, parent, keys };
        let path_and_query = rest.uri.expand(&scope)?;
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

/// Everything a read sends: two that are the same get the same answer.
fn memo_key(request: &FetchRequest) -> Vec<u8> {
    let mut key = Vec::with_capacity(64 + request.path_and_query.len());
    let mut part = |bytes: &[u8]| {
        key.extend_from_slice(&bytes.len().to_le_bytes());
        key.extend_from_slice(bytes);
    };
    part(request.source.as_bytes());
    part(request.method.as_str().as_bytes());
    part(request.path_and_query.as_bytes());
    part(request.body.as_deref().unwrap_or_default());
    for (name, value) in &request.headers {
        part(name.as_str().as_bytes());
        part(value.as_bytes());
    }
    key
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
            Reference::Claim(path) => member(context.claims.as_ref()?, path),
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
