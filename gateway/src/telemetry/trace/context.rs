//! Where a request stands in its trace, and what its upstreams are told.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::id::{SpanId, TraceId};
use super::sample::{Ended, Sampling, Verdict};
use super::w3c::{self, Parent};
use crate::value::joined;

/// A request's place in its trace. Cheap: no allocation but the caller's
/// `tracestate`, which is shared with the header it came in.
#[derive(Debug, Clone)]
pub struct TraceContext {
    trace_id: TraceId,
    span_id: SpanId,
    parent: Option<SpanId>,
    sampled: bool,
    /// The rules for the end, where spans may be kept at all.
    rules: Option<Sampling>,
    state: Option<HeaderValue>,
    baggage: Option<HeaderValue>,
}

impl TraceContext {
    /// Continues what the headers say, or begins a new trace.
    ///
    /// `sampled` decides by the trace's id and the caller's `traceparent`
    /// whether this request's spans are kept from the start. Baggage is only
    /// taken from a trusted caller: applications act on it.
    pub fn new(
        headers: &HeaderMap,
        trusted: bool,
        sampled: impl FnOnce(TraceId, Option<&Parent>) -> bool,
    ) -> Self {
        let parent = parent(headers);
        let trace_id = parent.map_or_else(TraceId::random, |parent| parent.trace_id);
        let valid = |name: &HeaderName, valid: fn(&[u8]) -> bool| {
            joined(headers.get_all(name), ",").filter(|value| valid(value.as_bytes()))
        };
        TraceContext {
            trace_id,
            span_id: SpanId::random(),
            parent: parent.map(|parent| parent.span_id),
            sampled: sampled(trace_id, parent.as_ref()),
            rules: None,
            state: parent.and_then(|_| valid(&w3c::TRACESTATE, w3c::tracestate_is_valid)),
            baggage: if trusted { valid(&w3c::BAGGAGE, w3c::baggage_is_valid) } else { None },
        }
    }

    /// With the rules by which its spans may be kept when it has ended.
    pub(super) fn under(mut self, rules: Option<Sampling>) -> Self {
        self.rules = rules;
        self
    }

    /// Whether its spans may be kept, as far as the rules of its beginning say.
    pub(super) fn may_be_kept(&self, ended: &Ended) -> bool {
        self.rules.is_some_and(|rules| rules.at_end(self.sampled, ended, |_| true) != Verdict::Forget)
    }

    /// The trace.
    pub fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// The request's own (SERVER) span.
    pub fn span_id(&self) -> SpanId {
        self.span_id
    }

    /// The caller's span.
    pub fn parent(&self) -> Option<SpanId> {
        self.parent
    }

    /// Whether the spans are kept whatever happens, and upstreams told so.
    pub fn sampled(&self) -> bool {
        self.sampled
    }

    /// `traceparent` for whoever is called from this span.
    pub fn traceparent(&self, span_id: SpanId) -> HeaderValue {
        w3c::format_traceparent(&Parent { trace_id: self.trace_id, span_id, sampled: self.sampled })
    }

    /// The caller's `tracestate`, to be passed on as it is.
    pub fn tracestate(&self) -> Option<&HeaderValue> {
        self.state.as_ref()
    }

    /// Replaces the three headers by what a callee of this span is told.
    pub fn write(&self, span_id: SpanId, headers: &mut HeaderMap) {
        headers.insert(&w3c::TRACEPARENT, self.traceparent(span_id));
        for (name, value) in [(&w3c::TRACESTATE, &self.state), (&w3c::BAGGAGE, &self.baggage)] {
            match value {
                Some(value) => headers.insert(name, value.clone()),
                None => headers.remove(name),
            };
        }
    }
}

/// Two fields are as good as none: nobody knows which is meant.
fn parent(headers: &HeaderMap) -> Option<Parent> {
    let mut fields = headers.get_all(&w3c::TRACEPARENT).iter();
    let only = fields.next()?;
    if fields.next().is_some() {
        return None;
    }
    w3c::parse_traceparent(only.as_bytes())
}
