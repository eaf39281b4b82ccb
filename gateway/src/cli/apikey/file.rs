//! Appends to a file of keys. Nothing is written before it is certain that the file then holds all that it held, and the
//! entry.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write},
    path::Path,
};

use super::entry::Entry;
use crate::config::ids_of_keys;

/// How far the list under `keys:` is indented if nothing says otherwise.
pub const USUAL_INDENT: usize = 2;

/// Appends an entry; makes the file if there is none.
///
/// # Errors
/// The file cannot be read or written, or has another form, or has this id.
pub fn append(path: &Path, id: &str, entry: &Entry) -> Result<(), String> {
    let shown = path.display();
    let before = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(format!("cannot read `{shown}`: {error}")),
    };
    let added = addition(&before, id, entry).map_err(|why| format!("cannot add to `{shown}`: {why}"))?;
    // In one go and at the end: who else appends at the same time loses nothing, and nobody reads half an entry.
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(|error| format!("cannot open `{shown}`: {error}"))?;
    file.write_all(added.as_bytes()).map_err(|error| format!("cannot write to `{shown}`: {error}"))
}

/// What has to come after what is there.
fn addition(before: &str, id: &str, entry: &Entry) -> Result<String, String> {
    let mut expected = match before.trim().is_empty() || before.trim() == "keys:" {
        true => Vec::new(),
        false => ids_of_keys(before)?,
    };
    if expected.iter().any(|other| other == id) {
        return Err(format!("it has a key `{id}`; remove that one first"));
    }
    expected.push(id.to_owned());
    let begin = match before {
        "" => "keys:\n",
        text if text.ends_with('\n') => "",
        _ => "\n",
    };
    let added = format!("{begin}{}", entry.yaml(indent(before)));
    match ids_of_keys(&format!("{before}{added}")) {
        Ok(ids) if ids == expected => Ok(added),
        _ => {
            Err("its end is not that of a list under `keys:` with an entry to a line; add the entry by hand"
                .into())
        }
    }
}

/// As far as the first item of the list.
fn indent(text: &str) -> usize {
    let item = text.lines().find(|line| line.trim_start().starts_with("- "));
    item.map_or(USUAL_INDENT, |line| line.len() - line.trim_start().len())
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use clap::Parser;

    use super::*;
    use crate::{cli::apikey::entry::EntryArguments, policy::authentication::api_keys::Key};

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        entry: EntryArguments,
    }

    fn entry(arguments: &[&str]) -> Entry {
        let all = ["apikey"].iter().chain(arguments);
        let arguments = Command::try_parse_from(all).unwrap().entry;
        Entry::new(&Key::read(&b"new.secret"[..]).unwrap(), &arguments, SystemTime::UNIX_EPOCH).unwrap()
    }

    const SHA: &str = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8";

    #[test]
    fn an_entry_is_appended_to_whatever_list_there_is() {
        let everything = [
            "--owner=a \"b\": ${C} #d",
            "--scope=x:1",
            "--claim=tenant=${T}=1",
            "--limit=calls=10/m",
            "--expires-in=90d",
        ];
        for arguments in [&[][..], &everything] {
            let entry = entry(arguments);
            for (before, ids) in [
                ("", vec!["new"]),
                ("keys:", vec!["new"]),
                ("keys:\n", vec!["new"]),
                (format!("keys:\n  - id: a\n    sha256: {SHA}").as_str(), vec!["a", "new"]),
                (format!("# ours\nkeys:\n- id: a\n  sha256: {SHA}\n\n").as_str(), vec!["a", "new"]),
                (format!("keys:\n      - sha256: {SHA}\n        id: a\n# end\n").as_str(), vec!["a", "new"]),
            ] {
                let added = addition(before, "new", &entry).unwrap();
                assert_eq!(ids_of_keys(&format!("{before}{added}")).unwrap(), ids, "{before}{added}");
            }
        }
    }

    #[test]
    fn a_file_of_another_form_is_left_alone() {
        for before in [
            "keys: []\n",
            "keys: [{ id: a }]\n",
            "keys:\n  - id: new\n",
            "users:\n  - name: a\n",
            "keys:\n  - id: a\nothers: 1\n",
            "keys: {\n",
            "{\"keys\": [{\"id\": \"a\"}]}",
        ] {
            assert!(addition(before, "new", &entry(&[])).is_err(), "{before}");
        }
    }

    #[test]
    fn what_the_file_would_refuse_is_refused() {
        for argument in [
            "--scope=a b",
            "--scope=",
            "--scope=\"",
            "--owner=",
            "--owner= a",
            "--expires-in=0s",
            "--expires-in=1",
            "--claim=sub=a",
            "--claim=scope=a",
            "--claim=key_id=a",
            "--claim==a",
            "--claim=a",
            "--limit=calls",
            "--limit=calls=10",
            "--limit=a b=10/s",
        ] {
            assert!(Command::try_parse_from(["apikey", argument]).is_err(), "{argument}");
        }
        let twice = Command::try_parse_from(["apikey", "--claim=a=1", "--claim=a=2"]).unwrap().entry;
        let key = Key::read(&b"new.secret"[..]).unwrap();
        assert!(Entry::new(&key, &twice, SystemTime::UNIX_EPOCH).is_err());
    }
}
