//! What the calls of one request came to, until it is known whether anybody wants to see it.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{
    telemetry::{
        names::spans::attr,
        trace::{Epoch, MAX_SPANS, Span, SpanId},
    },
    upstream::{attempt::Finished, gate::Refused},
};

/// One attempt of a call.
#[derive(Debug, Clone)]
pub struct Call {
    /// Number of the fetch within its operation; several attempts of one fetch share it.
    pub fetch: u32,
    /// How it went.
    pub attempt: Finished,
    /// What was asked for, without the query.
    pub path: String,
    /// `Type.field` it was made for.
    pub field: Arc<str>,
    /// Keys it carried.
    pub batch_size: u32,
}

impl Call {
    /// The CLIENT span.
    pub fn span(&self, parent: SpanId, epoch: &Epoch) -> Span {
        self.attempt
            .span(parent, &self.path, epoch)
            .with(attr::GRAPHQL_FIELD, self.field.to_string())
            .with(attr::GRAPHQL_BATCH_SIZE, i64::from(self.batch_size))
    }
}

/// The calls of one request, in the order in which they ended.
///
/// The request's context holds it, and so does whoever makes the calls.
#[derive(Debug, Default)]
pub struct CallLog(Mutex<Calls>);

#[derive(Debug, Default)]
struct Calls {
    kept: Vec<Call>,
    lost: u64,
    /// Why the first one got no place that got none.
    refused: Option<Box<str>>,
}

impl CallLog {
    /// Adds a call, or only counts it where there are as many as a trace may have spans.
    pub(super) fn push(&self, call: Call) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.kept.len() < MAX_SPANS {
            calls.kept.push(call);
        } else {
            calls.lost += 1;
        }
    }

    /// Notes that a call got no place within its upstream's limit. The first one tells enough.
    pub(super) fn refuse(&self, upstream: &str, refused: &Refused) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.refused.get_or_insert_with(|| format!("{upstream}: {refused}").into());
    }

    /// Why the first call got no place that got none; before [`Self::take`].
    pub fn refused(&self) -> Option<Box<str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).refused.clone()
    }

    /// Takes the calls, and how many more there were.
    pub fn take(&self) -> (Vec<Call>, u64) {
        let Calls { kept, lost, refused: _ } =
            std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        (kept, lost)
    }
}
