//! `glassgate check`: what start-up does, short of binding, for people and for pipelines.

use std::{
    io::{IsTerminal, Write},
    path::Path,
    process::ExitCode,
};

use clap::{Args, ValueEnum};
use serde_json::json;

use super::ConfigFile;
use crate::config::{self, Checked, ConfigErrors, render_all};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    file: ConfigFile,
    /// How to print what was found.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// Prints what was found: problems to standard error, the good news to standard output, JSON always to the latter.
pub fn run(arguments: &Arguments) -> ExitCode {
    let path = &arguments.file.path;
    let result = config::load(path);
    let passed = result.is_ok();
    let to_output = passed || arguments.format == Format::Json;
    let terminal = if to_output { std::io::stdout().is_terminal() } else { std::io::stderr().is_terminal() };
    let colours = terminal && std::env::var_os("NO_COLOR").is_none();
    let text = report(path, &result, arguments.format, colours);
    // A reader that has gone (`| head`) is no reason to panic.
    let printed = match to_output {
        true => std::io::stdout().write_all(text.as_bytes()),
        false => std::io::stderr().write_all(text.as_bytes()),
    };
    if passed && printed.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What `glassgate check` prints about the outcome of loading `path`.
pub fn report(path: &Path, result: &Result<Checked, ConfigErrors>, format: Format, colours: bool) -> String {
    match format {
        Format::Json => report_json(path, result),
        Format::Text => match result {
            Ok(checked) => report_good(path, checked, colours),
            Err(errors) => {
                let summary = counted(errors.errors(), "error");
                format!("{}\n{summary} in {}\n", errors.render(colours), path.display())
            }
        },
    }
}

fn report_json(path: &Path, result: &Result<Checked, ConfigErrors>) -> String {
    let report = match result {
        Ok(checked) => {
            json!({ "ok": true, "file": path, "version": checked.version, "problems": checked.warnings })
        }
        Err(errors) => json!({ "ok": false, "file": path, "problems": errors }),
    };
    format!("{report:#}\n")
}

fn report_good(path: &Path, checked: &Checked, colours: bool) -> String {
    let mut text = render_all(&checked.warnings, colours);
    if !text.is_empty() {
        text.push('\n');
    }
    let parts = [
        counted(checked.config.listeners.len(), "listener"),
        counted(checked.upstreams.len(), "upstream"),
        counted(checked.routes.len(), "route"),
        counted(checked.graphql.len(), "composed API"),
    ];
    let warnings = match checked.warnings.len() {
        0 => String::new(),
        count => format!(", {}", counted(count, "warning")),
    };
    text.push_str(&format!("{} is good: {}{warnings}\n", path.display(), parts.join(", ")));
    text
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}
