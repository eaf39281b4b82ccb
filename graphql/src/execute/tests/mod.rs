//! The executor against fake services.

mod batching;
mod failing;
mod shaping;
mod writing;
