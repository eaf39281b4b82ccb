//! `glassgate schema`: the configuration described, for editors and for people.

use std::{io::Write, process::ExitCode};

use clap::{Args, ValueEnum};

use crate::config;

#[derive(Debug, Args)]
pub struct Arguments {
    /// What to print.
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// JSON Schema (draft 2020-12).
    Json,
    /// The reference of every key, as in docs/configuration.md.
    Markdown,
}

pub fn run(arguments: &Arguments) -> ExitCode {
    let text = match arguments.format {
        Format::Json => config::schema_json(),
        Format::Markdown => config::reference(),
    };
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
