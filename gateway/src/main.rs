//! The binary: parses the command line and hands over.

use std::process::ExitCode;

use clap::Parser;
use glassgate::cli::Cli;

/// Faster than the system's with many small allocations on several threads, which is what requests are.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    Cli::parse().run()
}
