//! `stub-services`: users, orders, products and payments, one or all of them.
//!
//! Real little REST services with deterministic data. The demo composes them,
//! the end-to-end tests count calls to them, the benchmark proxies to them; so
//! they answer quickly, tell what they served, and fail on demand.
//!
//! `docs/stub-services.md` says what each route takes and answers.

mod app;
mod cli;
mod orders;
mod payments;
mod products;
mod seed;
mod service;
mod users;

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let options = cli::Options::parse();
    service::log::init(options.log_level);
    match app::run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stub-services: {error}");
            ExitCode::FAILURE
        }
    }
}
