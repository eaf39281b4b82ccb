//! What an operation did, told to whoever embeds the engine.
//!
//! The engine records no telemetry itself: it returns this report with every
//! response, and the embedder makes spans, metrics and log fields of it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Everything worth telling about one executed operation.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// `query` or `mutation`; `None` where the document could not be read.
    pub operation_type: Option<&'static str>,
    /// The operation's name, as the document gives it.
    pub operation_name: Option<Arc<str>>,
    /// Whether the plan came from the plan cache.
    pub plan_cached: bool,
    /// Parsing, validation and planning took this long.
    pub planning: Duration,
    /// What it costs: the calls to services that it may need, at least 1. 0 where nothing would be executed.
    pub cost: u32,
    /// Running fetches and writing the response took this long.
    pub execution: Duration,
    /// One entry per call that left, in the order they started.
    pub fetches: Vec<FetchReport>,
    /// Whether the response has data; without, `data` is null or absent.
    pub has_data: bool,
    /// Errors in the response, the omitted ones included.
    pub errors: u32,
    /// The code of the first error, if any.
    pub first_error: Option<&'static str>,
    /// `Type.field` of those that the caller may not read, each once: where it
    /// selected them and something stands in their place.
    pub refused_fields: Vec<Arc<str>>,
    /// Rows of batch answers that had no parent.
    pub unmatched_rows: u32,
    /// Further rows of a batch answer for a field that takes one.
    pub surplus_rows: u32,
}

/// One call to a service.
#[derive(Debug, Clone)]
pub struct FetchReport {
    /// The same number as in [`crate::fetch::FetchRequest::id`].
    pub id: u32,
    /// The source's name.
    pub source: Arc<str>,
    /// `Type.field`.
    pub field: Arc<str>,
    /// Keys carried; 1 where the call is not batched.
    pub batch_size: u32,
    /// When it started.
    pub started: SystemTime,
    /// How long it took.
    pub duration: Duration,
    /// The answer's status, if one came.
    pub status: Option<u16>,
    /// The error's code, if it failed.
    pub error: Option<&'static str>,
}
