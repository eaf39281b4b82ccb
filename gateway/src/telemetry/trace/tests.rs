//! Trace context is read strictly, spans are kept by the rules, and no
//! collector, however dead, holds anybody up.

mod collector;
mod context;
mod export;
mod sample;
