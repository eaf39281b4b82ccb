//! From a path to a configuration that can run: what start-up, reload and `glassgate check` all do.

use std::{
    env, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    check::{self, Checked},
    de,
    error::{ConfigErrors, Problem, Problems, Severity},
    file::Config,
    inputs::{Files, way_out, why},
    masking::{self, Document},
    snippet::Source,
    tree::{self, Environment, Fault},
};
use crate::value::{Place, Secret};

/// More is no configuration but an accident.
pub(super) const MAX_BYTES: usize = 16 << 20;

/// Loads with the process's environment. Blocks on files; nothing is connected to and nothing bound.
pub fn load(path: &Path) -> Result<Checked, ConfigErrors> {
    load_with(path, &|name| env::var(name).ok())
}

/// Loads with another environment.
pub fn load_with(path: &Path, environment: Environment<'_>) -> Result<Checked, ConfigErrors> {
    let base = path.parent().map(PathBuf::from).unwrap_or_default();
    let files = Files::new(base);
    let mut problems = Problems::default();
    let checked = read(path, environment, &files, &mut problems);
    let checked = checked.filter(|_| !problems.has_errors());
    let inputs = files.into_inputs();
    match (problems.finish(), checked) {
        (Ok(warnings), Some(parts)) => Ok(Checked::new(path, parts, warnings, inputs)),
        (Ok(problems), None) | (Err(problems), _) => Err(ConfigErrors::new(problems, inputs)),
    }
}

fn read(
    path: &Path,
    environment: Environment<'_>,
    files: &Files,
    problems: &mut Problems,
) -> Option<check::Parts> {
    let file: Arc<str> = path.to_string_lossy().into();
    let text = match text_of(path, files) {
        Ok(text) => text,
        Err(error) => {
            let place = Place { file, line: 0, column: 0, path: String::new() };
            let text = format!(
                "cannot read the configuration: {}; name it with `-c FILE` or GLASSGATE_CONFIG",
                why(&error)
            );
            problems.push(Problem::error(place, text));
            return None;
        }
    };
    let (tree, faults) = tree::parse(file.clone(), &text, environment);
    // Of a section that cannot be read nobody knows where its secrets are.
    if !faults.iter().any(|fault| masking::is_sensitive_line(&text, fault.place.line)) {
        problems.source(file.clone(), Source::unread(text.as_str()));
    }
    let broken = !faults.is_empty();
    add(problems, faults);
    let tree = tree?;
    if broken && tree.entries(tree.root()).is_empty() {
        return None;
    }
    let read_secret = |path: &Path| read_secret(path, files);
    let (config, findings) = de::read::<Config>(&tree, Document::Configuration, &read_secret);
    let hidden = masking::hidden(&tree, &findings, Document::Configuration);
    problems.source(file, Source::new(text.as_str(), hidden));
    add(problems, findings.faults);
    check::check(config?, &tree, files, environment, problems)
}

fn text_of(path: &Path, files: &Files) -> io::Result<String> {
    // The file's folder is the base, so its name is all that is left to resolve.
    let text = files.read_text(Path::new(path.file_name().ok_or(io::ErrorKind::IsADirectory)?))?;
    if text.len() > MAX_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 16 MiB"));
    }
    Ok(text)
}

pub(super) fn read_secret(path: &Path, files: &Files) -> Result<String, String> {
    let refused =
        |why: String| format!("cannot read the secret from `{}`: {why}", files.resolve(path).display());
    let text =
        files.read_text(path).map_err(|error| refused(format!("{}{}", why(&error), way_out(&error))))?;
    let secret = Secret::trimmed(&text);
    if secret.is_empty() {
        Err(refused("the file is empty; write the secret into it".into()))
    } else {
        Ok(secret.into())
    }
}

fn add(problems: &mut Problems, faults: Vec<Fault>) {
    for Fault { place, message, hint } in faults {
        problems.push(Problem { severity: Severity::Error, place, message, hint, snippet: None });
    }
}
