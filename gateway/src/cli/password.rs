//! `glassgate password`: the hash of a password, for users of `basic`.

use std::{
    io::{BufRead, BufReader, Read, Write, stdin},
    process::ExitCode,
};

use clap::Args;
use rustix::termios::{LocalModes, OptionalActions, Termios, isatty, tcgetattr, tcsetattr};

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
        let hash = SecretHash::write_argon2id(secret("password", "Password: ")?.as_bytes(), random()?);
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

/// A line of standard input, without its end; on a terminal the subcommand asks for it, and it is not
/// shown. Secrets do not come as arguments: everybody on the machine sees those.
pub fn secret(command: &str, prompt: &str) -> Result<String, String> {
    let Some(silence) = Silence::begin() else { return line(stdin().lock(), command) };
    eprint!("{prompt}");
    let line = line(stdin().lock(), command);
    drop(silence);
    // The end of the line was not shown either.
    eprintln!();
    line
}

fn line(input: impl Read, command: &str) -> Result<String, String> {
    let mut line = String::new();
    // Room for both characters of a line's end, and for one that is too many.
    BufReader::new(input.take(LONGEST as u64 + 3))
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

/// A terminal that does not show what is typed, until this is dropped.
struct Silence(Termios);

impl Silence {
    /// `None` where standard input is no terminal.
    fn begin() -> Option<Self> {
        let before = isatty(stdin()).then(|| tcgetattr(stdin()).ok()).flatten()?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(stdin(), OptionalActions::Flush, &silent).ok()?;
        Some(Self(before))
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // A terminal that has gone needs nothing any more.
        let _ = tcsetattr(stdin(), OptionalActions::Flush, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_the_first_line_and_not_longer_than_may_be() {
        let longest = "x".repeat(LONGEST);
        for (input, expected) in [
            ("a b\n", "a b"),
            ("a", "a"),
            ("a\r\nb\n", "a"),
            (format!("{longest}\r\n").as_str(), longest.as_str()),
        ] {
            assert_eq!(line(input.as_bytes(), "password").as_deref(), Ok(expected));
        }
        assert!(line(&b""[..], "password").is_err() && line(&b"\n"[..], "password").is_err());
        // Of what has no end only so much is read.
        assert!(line(std::io::repeat(b'x'), "password").unwrap_err().contains("1024"));
    }
}
