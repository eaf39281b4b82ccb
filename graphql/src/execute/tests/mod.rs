//! The executor against fake services.

mod batching;
mod failing;
mod sending;
mod shaping;
mod writing;
