//! The binary: parses the command line and hands over.

use std::process::ExitCode;

use clap::Parser;
use glassgate::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
