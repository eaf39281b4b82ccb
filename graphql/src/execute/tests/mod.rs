//! The executor against fake services.

mod access;
mod batching;
mod bounds;
mod claims;
mod failing;
mod sending;
mod shaping;
mod waiting;
mod writing;
