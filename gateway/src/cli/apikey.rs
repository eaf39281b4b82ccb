//! `glassgate apikey`: makes API keys, and the entries of a file of keys.
//!
//! A key is shown once, on standard error; the entry goes to standard output and holds only its hash. So `glassgate
//! apikey new >> keys.yaml` puts the one where it belongs, and leaves the other to the person who asked.

use std::{io::Write, process::ExitCode, time::SystemTime};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::{Args, Subcommand, ValueEnum};
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Map, Value, json};

use super::password::line_of_input;
use crate::{
    policy::authentication::{SecretHash, api_keys::Key},
    value::{Duration, Timestamp},
};

/// Begins every key's id, so that tools that look for leaked secrets find them.
const PREFIX: &str = "gg_";

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a key; print it on standard error, and its entry for the file of keys on standard output.
    New(EntryArguments),
    /// Read a key (ID.SECRET) from standard input, and print its entry for the file of keys.
    Hash(EntryArguments),
}

/// What an entry says beyond the key.
#[derive(Debug, Args)]
struct EntryArguments {
    /// Whose key it is.
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// What it may do; may be given several times.
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// For how long it counts, as in 90d.
    #[arg(long, value_name = "DURATION", value_parser = span)]
    expires_in: Option<Duration>,
    /// Hash with Argon2id in place of SHA-256, which is enough for keys made here.
    #[arg(long)]
    argon2: bool,
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
        Command::New(entry) => new_key().and_then(|key| print(&key, true, entry)),
        Command::Hash(entry) => line_of_input("apikey hash").and_then(|key| print(&key, false, entry)),
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

fn print(key: &str, is_new: bool, arguments: &EntryArguments) -> Result<(), String> {
    let read = Key::read(key.as_bytes());
    let read =
        read.ok_or("this is no key: it has the form ID.SECRET, the id of letters, digits, `_` and `-`")?;
    let entry = entry(read, arguments)?;
    let json = || entry.iter().cloned().map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>();
    let text = match arguments.format {
        Format::Yaml => yaml(&entry),
        Format::Json if is_new => format!("{:#}\n", json!({ "key": key, "entry": json() })),
        Format::Json => format!("{:#}\n", json!({ "entry": json() })),
    };
    if is_new && arguments.format == Format::Yaml {
        eprintln!("The key, shown this once:\n\n  {key}\n\nIts entry for the file of keys:\n");
    }
    std::io::stdout().write_all(text.as_bytes()).map_err(|error| format!("cannot write: {error}"))
}

/// The keys of an entry, in the order in which one reads them.
type Entry = Vec<(&'static str, Value)>;

fn entry(key: Key<'_>, arguments: &EntryArguments) -> Result<Entry, String> {
    let EntryArguments { owner, scopes, expires_in, argon2, format: _ } = arguments;
    let secret = key.secret().as_bytes();
    let hash = match argon2 {
        true => ("argon2id", SecretHash::write_argon2id(secret, random()?)),
        false => ("sha256", SecretHash::write_sha256(secret)),
    };
    let mut entry: Entry = vec![("id", key.id().into()), (hash.0, hash.1.into())];
    entry.extend(owner.as_ref().map(|owner| ("owner", owner.as_str().into())));
    if !scopes.is_empty() {
        entry.push(("scopes", json!(scopes)));
    }
    entry.extend(expires_in.map(|span| ("expires", expiry(span).to_string().into())));
    Ok(entry)
}

/// A duration whose units are those of keys.
fn span(text: &str) -> Result<Duration, String> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("the duration has no unit; write `{text}d` for days"));
    }
    text.parse::<Duration>().map_err(|invalid| invalid.to_string())
}

/// To the second: finer is only harder to read.
fn expiry(span: Duration) -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default() + span.get();
    (SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(since.as_secs())).into()
}

/// An item of a list: JSON is YAML, so values need no writer of their own.
fn yaml(entry: &Entry) -> String {
    let lines = entry.iter().enumerate().map(|(index, (key, value))| {
        let lead = if index == 0 { "  - " } else { "    " };
        format!("{lead}{key}: {value}\n")
    });
    lines.collect()
}
