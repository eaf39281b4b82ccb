//! One step of a request, as it will be shown.

use std::borrow::Cow;
use std::time::{Duration, Instant, SystemTime};

use http::Method;
use opentelemetry::{KeyValue, Value};

pub use opentelemetry::trace::SpanKind;

use super::id::SpanId;
use crate::telemetry::names::{METHODS, spans::attr};

/// Where the clock of the intervals stands in that of the calendar.
///
/// A request reads both once; its steps only read the former, and all their times fit together.
#[derive(Debug, Clone, Copy)]
pub struct Epoch {
    /// A moment.
    pub instant: Instant,
    /// The same.
    pub system: SystemTime,
}

impl Epoch {
    /// What the calendar says of a moment after the epoch.
    pub fn at(&self, instant: Instant) -> SystemTime {
        self.system + instant.saturating_duration_since(self.instant)
    }
}

/// A finished step of a request. Only made where spans may be kept.
#[derive(Debug, Clone)]
pub struct Span {
    /// This span.
    pub id: SpanId,
    /// The span it happened in.
    pub parent: Option<SpanId>,
    /// SERVER for the request, CLIENT for attempts, INTERNAL for the rest.
    pub kind: SpanKind,
    /// Bounded: made of a method and a name from the configuration.
    pub name: Cow<'static, str>,
    /// When it began.
    pub start: SystemTime,
    /// When it ended.
    pub end: SystemTime,
    /// Keys from [`crate::telemetry::names::spans::attr`].
    pub attributes: Vec<KeyValue>,
    /// What went wrong, in a word; an error by the conventions.
    pub error: Option<Cow<'static, str>>,
}

impl Span {
    /// A step that began at `start` and took `took`.
    pub fn new(
        id: SpanId,
        kind: SpanKind,
        name: impl Into<Cow<'static, str>>,
        start: SystemTime,
        took: Duration,
    ) -> Self {
        let name = name.into();
        Span {
            id,
            parent: None,
            kind,
            name,
            start,
            end: start + took,
            attributes: Vec::with_capacity(16),
            error: None,
        }
    }

    /// Within this span.
    pub fn within(mut self, parent: Option<SpanId>) -> Self {
        self.parent = parent;
        self
    }

    /// With this attribute.
    pub fn with(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.set(key, value);
        self
    }

    /// With this attribute, where there is a value.
    pub fn with_some(mut self, key: &'static str, value: Option<impl Into<Value>>) -> Self {
        if let Some(value) = value {
            self.set(key, value);
        }
        self
    }

    /// With the request's method by the semantic conventions: one that is not known is `_OTHER`, and what was sent
    /// stands beside it.
    pub fn with_method(self, method: &Method) -> Self {
        match method_name(method) {
            UNKNOWN_METHOD => self
                .with(attr::HTTP_REQUEST_METHOD, "_OTHER")
                .with(attr::HTTP_REQUEST_METHOD_ORIGINAL, method.to_string()),
            known => self.with(attr::HTTP_REQUEST_METHOD, known),
        }
    }

    /// With an error, where there is one: its word becomes `error.type` too.
    pub fn failed(mut self, error: Option<impl Into<Cow<'static, str>>>) -> Self {
        if let Some(error) = error {
            let error = error.into();
            self.set(attr::ERROR_TYPE, error.clone());
            self.error = Some(error);
        }
        self
    }

    /// Adds an attribute.
    pub fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        self.attributes.push(KeyValue::new(key, value));
    }
}

/// Spans of one request at most; a GraphQL operation may make many calls.
pub const MAX_SPANS: usize = 1000;

const UNKNOWN_METHOD: &str = "HTTP";

/// The method as spans are named after it: `HTTP` where it is not a known one,
/// since clients may invent any number of them (semantic conventions).
pub fn method_name(method: &Method) -> &'static str {
    let known = METHODS.iter().find(|known| **known == method.as_str() && **known != "_OTHER");
    known.copied().unwrap_or(UNKNOWN_METHOD)
}
