//! Further YAML files that the configuration names: read like the configuration itself, so that every mistake has its
//! place and the files are watched.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::de::DeserializeOwned;

use super::{Check, at_and_above};
use crate::{
    config::{
        de,
        error::{Problem, Severity},
        inputs::{way_out, why},
        load,
        masking::{self, Document},
        snippet::Source,
        tree::{self, Fault},
    },
    value::{Located, Place},
};

/// What a file holds.
pub struct Read<T> {
    /// Its content, without what was refused.
    pub value: T,
    /// Key paths at or below which there is a problem.
    pub broken: HashSet<String>,
}

/// Reads a file of keys or users, which are a list under `key`, and reports what is wrong with it. `None` if too much is
/// wrong for even a partial value.
pub fn read<T: DeserializeOwned>(
    check: &mut Check<'_>,
    path: &Located<PathBuf>,
    key: &'static str,
) -> Option<Read<T>> {
    let file: Arc<str> = check.files.resolve(path).to_string_lossy().into();
    let text = match check.files.read_text(path) {
        Ok(text) if text.len() <= load::MAX_BYTES => text,
        Ok(_) => {
            let text = format!("cannot use `{file}`: it is larger than 16 MiB; use several files");
            check.error(path.place().clone(), text);
            return None;
        }
        Err(error) => {
            let text = format!("cannot read `{file}`: {}{}", why(&error), way_out(&error));
            check.error(path.place().clone(), text);
            return None;
        }
    };
    if is_empty(&text) {
        let place = Place { file, line: 1, column: 1, path: String::new() };
        let text = format!("the file is empty; begin with `{key}:`");
        check.problems.push(Problem::error(place, text));
        return None;
    }
    let (tree, mut faults) = tree::parse(file.clone(), &text, check.environment);
    // Without a tree no line is shown: nobody knows where the secrets are.
    let Some(tree) = tree else {
        report(check, faults);
        return None;
    };
    let files = check.files;
    let read_secret = |path: &Path| load::read_secret(path, files);
    let document = Document::Accounts(key);
    let (value, findings) = de::read::<T>(&tree, document, &read_secret);
    let hidden = masking::hidden(&tree, &findings, document);
    check.problems.source(file, Source::new(text.as_str(), hidden));
    faults.extend(findings.faults);
    let broken = faults.iter().flat_map(|fault| at_and_above(&fault.place.path).map(str::to_owned)).collect();
    report(check, faults);
    Some(Read { value: value?, broken })
}

/// Whether there is nothing but comments.
fn is_empty(text: &str) -> bool {
    text.lines().map(str::trim_start).all(|line| line.is_empty() || line.starts_with('#'))
}

fn report(check: &mut Check<'_>, faults: Vec<Fault>) {
    for Fault { place, message, hint } in faults {
        check.problems.push(Problem { severity: Severity::Error, place, message, hint, snippet: None });
    }
}
