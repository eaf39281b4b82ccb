//! The executor against fake services.

mod batching;
mod bounds;
mod failing;
mod sending;
mod shaping;
mod waiting;
mod writing;
