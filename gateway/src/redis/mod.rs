//! The store that several gateways share: Redis, asked in time or not at all.
//!
//! - `config` what the operator wrote, `url` where a server is, `settings` the same after every check;
//! - `script` what is asked and answered: tokens of buckets, decided by one script;
//! - `connection` one connection to a server or a cluster; `link` a thread's own, and the task that keeps it;
//! - `breaker` when it is not asked any more;
//! - `leases` tokens taken in advance;
//! - `client` all of it: an answer within the deadline, or the reason why there is none.
//!
//! It knows no limit and no request. What happens without an answer is decided by who asked. Everything that is kept in
//! Redis may be lost: it is counters, and they begin with full buckets.

mod breaker;
mod client;
pub mod config;
mod connection;
mod leases;
mod link;
mod script;
mod settings;
mod url;

pub use client::{Client, NoAnswer, Threads};
pub use leases::{Verdict, Want};
pub use script::Bucket;
pub use settings::Settings;
