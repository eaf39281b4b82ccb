//! The real binary on free ports, asked over HTTP.
//!
//! What a single service computes is tested beside its code; here is what only
//! shows between processes: the wiring, placing orders, trouble, traces, and
//! starting and stopping.

#![allow(clippy::unwrap_used)]

mod collector;
mod life;
mod operations;
mod orders;
mod process;
mod reading;
mod tokens;
mod traces;
