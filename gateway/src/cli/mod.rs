//! The command line: one file per subcommand.
//!
//! Exit codes:
//!
//! | code | meaning |
//! | --- | --- |
//! | 0 | all is well; after SIGTERM: every request was finished |
//! | 1 | the configuration is bad, the gateway could not start (a port is taken), or there is no secret to hash |
//! | 2 | the command line is wrong (clap's own) |
//! | 3 | requests were cut off when `drain.grace` was over |
//! | 130 | SIGINT |

mod apikey;
pub mod check;
mod password;
mod run;
mod schema;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

/// Glassgate: an observability-first API gateway with a GraphQL composition layer.
#[derive(Debug, Parser)]
#[command(name = "glassgate", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway.
    Run(run::Arguments),
    /// Check a configuration as start-up would, and exit with 0 or 1.
    Check(check::Arguments),
    /// Print the JSON Schema of the configuration, or its reference.
    Schema(schema::Arguments),
    /// Make API keys and hash those that exist.
    Apikey(apikey::Arguments),
    /// Hash a password for a user of `basic`: from standard input, or asked for on a terminal.
    Password(password::Arguments),
}

/// The file to load, for every subcommand that loads one.
#[derive(Debug, Args)]
pub struct ConfigFile {
    /// The configuration.
    #[arg(
        short = 'c',
        long = "config",
        value_name = "FILE",
        env = "GLASSGATE_CONFIG",
        default_value = "config/glassgate.yaml"
    )]
    pub path: PathBuf,
}

impl Cli {
    /// Runs the subcommand; the process ends with what it returns.
    pub fn run(self) -> ExitCode {
        match self.command {
            Command::Run(arguments) => run::run(arguments),
            Command::Check(arguments) => check::run(&arguments),
            Command::Schema(arguments) => schema::run(&arguments),
            Command::Apikey(arguments) => apikey::run(&arguments),
            Command::Password(arguments) => password::run(&arguments),
        }
    }
}
