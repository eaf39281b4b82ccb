//! Every file a configuration is made of, as it was when it was read: YAML, schemas, certificates, secrets.
//!
//! Two uses: the version (a digest of all content), and telling whether anything has changed since. A file that
//! could not be read counts too: when it appears, that is a change.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

type Hash = [u8; 32];

/// The files, and the patterns by which some were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inputs {
    /// Content by path; `None` for what could not be read.
    files: BTreeMap<PathBuf, Option<Hash>>,
    /// What a pattern named.
    patterns: BTreeMap<PathBuf, Vec<PathBuf>>,
}

impl Inputs {
    /// The folders in which a change may matter.
    pub fn folders(&self) -> impl Iterator<Item = PathBuf> {
        let paths = self.files.keys().chain(self.patterns.keys());
        let mut folders: Vec<PathBuf> = paths.flat_map(|path| folders_of(path)).collect();
        folders.sort();
        folders.dedup();
        folders.into_iter()
    }

    /// Reads everything again and compares. Blocks.
    pub fn have_changed(&self) -> bool {
        let file_changed =
            |(path, hash): (&PathBuf, &Option<Hash>)| fs::read(path).ok().map(hash_of) != *hash;
        let found_changed = |(pattern, found): (&PathBuf, &Vec<PathBuf>)| matching(pattern) != *found;
        self.files.iter().any(file_changed) || self.patterns.iter().any(found_changed)
    }

    /// A digest of all content, 16 hexadecimal digits. Paths count relative to `base`, so that it is the same on
    /// every machine that has the same files.
    pub fn version(&self, base: &Path) -> String {
        let mut hasher = Sha256::new();
        for (path, hash) in &self.files {
            let path = path.strip_prefix(base).unwrap_or(path).to_string_lossy().into_owned();
            hasher.update((path.len() as u64).to_be_bytes());
            hasher.update(path);
            hasher.update(hash.unwrap_or_default());
        }
        hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Reads files and remembers them.
#[derive(Debug)]
pub struct Files {
    base: PathBuf,
    inputs: RefCell<Inputs>,
}

impl Files {
    /// Relative paths start from `base`.
    pub fn new(base: PathBuf) -> Self {
        Self { base, inputs: RefCell::default() }
    }

    /// Where relative paths start.
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// The path from the process's own folder.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.base.join(path)
    }

    /// A file's content.
    pub fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.read_resolved(self.resolve(path))
    }

    /// A file's content, if it is text.
    pub fn read_text(&self, path: &Path) -> io::Result<String> {
        self.read_found(&self.resolve(path))
    }

    /// The same for a path that [`Self::matching`] gave.
    pub fn read_found(&self, path: &Path) -> io::Result<String> {
        String::from_utf8(self.read_resolved(path.to_owned())?)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))
    }

    fn read_resolved(&self, path: PathBuf) -> io::Result<Vec<u8>> {
        let content = fs::read(&path);
        let hash = content.as_ref().ok().map(hash_of);
        self.inputs.borrow_mut().files.insert(path, hash);
        content
    }

    /// The files a pattern names, sorted. `*` stands for any part of a file name, and for no part of a folder's.
    pub fn matching(&self, pattern: &str) -> Vec<PathBuf> {
        let pattern = self.resolve(Path::new(pattern));
        let found = matching(&pattern);
        self.inputs.borrow_mut().patterns.insert(pattern, found.clone());
        found
    }

    /// Everything that was read.
    pub fn into_inputs(self) -> Inputs {
        self.inputs.into_inner()
    }
}

/// In words for a message.
pub fn why(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".into(),
        io::ErrorKind::PermissionDenied => "permission denied".into(),
        io::ErrorKind::IsADirectory => "it is a folder".into(),
        _ => error.to_string(),
    }
}

/// What to do about it, where that can be said.
pub fn way_out(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "; paths are relative to this file",
        io::ErrorKind::PermissionDenied => "; let the user read it whom the gateway runs as",
        io::ErrorKind::IsADirectory => "; name a file in it",
        _ => "",
    }
}

fn hash_of(content: impl AsRef<[u8]>) -> Hash {
    Sha256::digest(content).into()
}

/// The folder of a path as it is written, and that of the file behind the symbolic links.
fn folders_of(path: &Path) -> Vec<PathBuf> {
    let parent = |path: &Path| match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
        Some(parent) => parent.to_owned(),
        None => path.to_owned(),
    };
    let behind = path.canonicalize().ok().map(|path| parent(&path));
    let written = parent(path);
    let same = behind.is_some() && written.canonicalize().ok() == behind;
    [Some(written), behind.filter(|_| !same)].into_iter().flatten().collect()
}

fn matching(pattern: &Path) -> Vec<PathBuf> {
    let (Some(folder), Some(name)) = (pattern.parent(), pattern.file_name().and_then(|name| name.to_str()))
    else {
        return Vec::new();
    };
    if !name.contains('*') {
        return vec![pattern.to_owned()];
    }
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    // A folder that cannot be read holds no file we could use; the caller reports that there is none.
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let fits = |entry: &fs::DirEntry| entry.file_name().to_str().is_some_and(|found| fits(name, found));
    let mut found: Vec<PathBuf> =
        entries.filter(fits).map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    found.sort();
    found
}

/// Like a shell, `*` does not match a leading dot.
fn fits(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

#[cfg(test)]
mod tests;
