//! `glassgate apikey`: makes API keys, and the entries of a file of keys.
//!
//! A key is shown once, on standard error; the entry goes to standard output and holds only its hash. So `glassgate
//! apikey new >> keys.yaml` puts the one where it belongs, and leaves the other to the person who asked. With `--file`
//! the entry goes into the file, and the key alone to standard output.

mod entry;
mod file;

use std::{io::Write, path::PathBuf, process::ExitCode, time::SystemTime};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::{Args, Subcommand, ValueEnum};
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::json;

use self::entry::{Entry, EntryArguments};
use super::password::secret;
use crate::policy::authentication::api_keys::Key;

/// Begins every key's id, so that tools that look for leaked secrets find them.
const PREFIX: &str = "gg_";

/// Characters of a secret that nobody guesses, however fast the hash: 128 bits in base64, if it was made at random.
const STRONG: usize = 22;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a key; print it on standard error, and its entry for the file of keys on standard output.
    New(Output),
    /// Read a key (ID.SECRET) from standard input, and print its entry for the file of keys.
    Hash(Output),
}

/// What is made, and where it goes.
#[derive(Debug, Args)]
struct Output {
    #[command(flatten)]
    entry: EntryArguments,
    /// Append the entry to this file of keys, which is made if there is none; the new key goes to standard output.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Yaml)]
    format: Format,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// An entry to append to the file of keys.
    Yaml,
    /// One JSON object on standard output: the entry, and the key if it was made.
    Json,
}

pub fn run(arguments: &Arguments) -> ExitCode {
    let done = match &arguments.command {
        Command::New(output) => new_key().and_then(|key| give_out(&key, true, output)),
        Command::Hash(output) => secret("apikey hash", "Key: ").and_then(|key| give_out(&key, false, output)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// 60 bits of id, 256 of secret.
fn new_key() -> Result<String, String> {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let id: String = random::<12>()?.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect();
    Ok(format!("{PREFIX}{id}.{}", URL_SAFE_NO_PAD.encode(random::<32>()?)))
}

/// The system's randomness.
pub fn random<const COUNT: usize>() -> Result<[u8; COUNT], String> {
    let mut bytes = [0; COUNT];
    SystemRandom::new().fill(&mut bytes).map_err(|_| "the system has no randomness".to_owned())?;
    Ok(bytes)
}

fn give_out(text: &str, is_new: bool, output: &Output) -> Result<(), String> {
    let Output { entry: arguments, file, format } = output;
    let key = Key::read(text.as_bytes());
    let key =
        key.ok_or("this is no key: it has the form ID.SECRET, the id of letters, digits, `_` and `-`")?;
    let entry = Entry::new(&key, arguments, SystemTime::now())?;
    if !is_new && !arguments.argon2 && key.secret().chars().count() < STRONG {
        eprintln!(
            "warning: the secret is short enough to be guessed from its SHA-256; hash it with --argon2"
        );
    }
    if let Some(file) = file {
        file::append(file, key.id(), &entry)?;
    }
    let shown = match (format, file, is_new) {
        (Format::Json, _, true) => format!("{:#}\n", json!({ "key": text, "entry": entry.json() })),
        (Format::Json, _, false) => format!("{:#}\n", json!({ "entry": entry.json() })),
        (Format::Yaml, Some(file), _) => {
            eprintln!("The entry of `{}` was added to `{}`.", key.id(), file.display());
            if is_new { format!("{text}\n") } else { String::new() }
        }
        (Format::Yaml, None, _) => {
            if is_new {
                eprintln!("The key, shown this once:\n\n  {text}\n\nIts entry for the file of keys:\n");
            }
            entry.yaml(file::USUAL_INDENT)
        }
    };
    std::io::stdout().write_all(shown.as_bytes()).map_err(|error| format!("cannot write: {error}"))
}
