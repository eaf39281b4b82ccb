//! Traces: where a request stands in one, and which spans are shown.
//!
//! A request carries a [`TraceContext`] of a few words. Spans are only built
//! when the request has ended and [`Tracer::finish`] has decided to keep them,
//! so a request that nobody will look at costs no allocation. Kept spans wait
//! in a bounded queue for a thread of their own, which speaks OTLP.
//!
//! The OpenTelemetry SDK's tracer is not used: it decides at the start only,
//! and pays for every span. Its exporter is.

mod context;
mod export;
mod id;
mod otlp;
mod sample;
mod span;
mod tracer;
pub mod w3c;

pub use context::TraceContext;
pub(crate) use id::random_u64;
pub use id::{SpanId, TraceId};
pub use sample::Ended;
pub use span::{Epoch, MAX_SPANS, Span, SpanKind, method_name};
pub use tracer::Tracer;

#[cfg(test)]
mod tests;
