//! `glassgate run`: the gateway itself.

use std::{io::IsTerminal, num::NonZeroUsize, process::ExitCode};

use clap::Args;

use super::ConfigFile;
use crate::app::{self, Ended, StartError};

/// What to run, and how.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    file: ConfigFile,
    /// Threads that serve; as many as there are cores (or the container may use) without it.
    #[arg(long, value_name = "N", env = "GLASSGATE_THREADS")]
    threads: Option<NonZeroUsize>,
}

/// Runs until a signal ends it.
pub fn run(arguments: Arguments) -> ExitCode {
    let path = arguments.file.path;
    match app::run(path.clone(), arguments.threads) {
        Ok(Ended::Drained) => ExitCode::SUCCESS,
        Ok(Ended::Cut) => ExitCode::from(3),
        // As if the signal had ended it: 128 + SIGINT.
        Ok(Ended::Interrupted) => ExitCode::from(130),
        Err(StartError::Config(errors)) => {
            let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            eprint!("{}", super::check::report(&path, &Err(errors), super::check::Format::Text, colours));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
