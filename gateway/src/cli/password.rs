//! `glassgate password`: the hash of a password, for users of `basic`.

use std::{
    io::{BufRead, Write},
    process::ExitCode,
};

use clap::Args;

use super::apikey::random;
use crate::policy::authentication::SecretHash;

/// Longer lines are no passwords but files.
const LONGEST: usize = 1024;

/// There is nothing to choose.
#[derive(Debug, Args)]
pub struct Arguments {}

/// Reads a password from standard input and prints the line that keeps it.
pub fn run(_: &Arguments) -> ExitCode {
    let line = || {
        let hash = SecretHash::write_argon2id(line_of_input("password")?.as_bytes(), random()?);
        let line = format!("argon2id: {hash:?}\n");
        std::io::stdout().write_all(line.as_bytes()).map_err(|error| format!("cannot write: {error}"))
    };
    match line() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A line of standard input, without its end, for a subcommand. Secrets do not come as arguments: everybody on the
/// machine sees those.
pub fn line_of_input(command: &str) -> Result<String, String> {
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| format!("cannot read the secret: {error}"))?;
    let text = line.trim_end_matches(['\r', '\n']);
    match text.len() {
        0 => Err(format!(
            "there is no secret on standard input; pipe it in, as in `glassgate {command} < file`"
        )),
        length if length > LONGEST => Err("the secret is longer than 1024 bytes".into()),
        _ => Ok(text.into()),
    }
}
