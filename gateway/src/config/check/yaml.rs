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
        inputs::why,
        load,
        snippet::Source,
        tree::{self, Fault},
    },
    value::Located,
};

/// What a file holds.
pub struct Read<T> {
    /// Its content, without what was refused.
    pub value: T,
    /// Key paths at or below which there is a problem.
    pub broken: HashSet<String>,
}

/// Reads a file and reports what is wrong with it. `None` if too much is wrong for even a partial value.
pub fn read<T: DeserializeOwned>(check: &mut Check<'_>, path: &Located<PathBuf>) -> Option<Read<T>> {
    let file: Arc<str> = check.files.resolve(path).to_string_lossy().into();
    let text = match check.files.read_text(path) {
        Ok(text) if text.len() <= load::MAX_BYTES => text,
        Ok(_) => {
            let text = format!("cannot use `{file}`: it is larger than 16 MiB; use several files");
            check.error(path.place().clone(), text);
            return None;
        }
        Err(error) => {
            let text = format!("cannot read `{file}`: {}; paths are relative to this file", why(&error));
            check.error(path.place().clone(), text);
            return None;
        }
    };
    let (tree, mut faults) = tree::parse(file.clone(), &text, check.environment);
    check.problems.source(file.clone(), Source::new(text.as_str(), Vec::new()));
    let Some(tree) = tree else {
        report(check, faults);
        return None;
    };
    let files = check.files;
    let read_secret = |path: &Path| load::read_secret(path, files);
    let (value, findings) = de::read::<T>(&tree, &read_secret);
    let secrets = findings.secrets.iter().map(|node| tree.extent(*node)).collect();
    check.problems.source(file, Source::new(text.as_str(), secrets));
    faults.extend(findings.faults);
    let broken = faults.iter().flat_map(|fault| at_and_above(&fault.place.path).map(str::to_owned)).collect();
    report(check, faults);
    Some(Read { value: value?, broken })
}

fn report(check: &mut Check<'_>, faults: Vec<Fault>) {
    for Fault { place, message, hint } in faults {
        check.problems.push(Problem { severity: Severity::Error, place, message, hint, snippet: None });
    }
}
