//! Decisions about requests, one folder each.
//!
//! A policy is told values and the time, and gives a typed verdict. It knows no session, no file and no other
//! policy; the stages of `proxy/` ask it and act on what it says.

pub mod authentication;
pub mod authorization;
pub mod concurrency;
pub mod cors;
pub mod forwarding;
pub mod ip_filter;
pub mod limits;
pub mod rate_limit;
