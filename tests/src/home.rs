//! A temporary folder for configuration, schemas and certificates.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A folder that is removed when the test ends.
#[derive(Debug)]
pub struct Home(TempDir);

impl Home {
    /// A new, empty folder.
    #[expect(clippy::new_without_default, reason = "it makes a folder, which is no default value")]
    pub fn new() -> Self {
        Self(tempfile::Builder::new().prefix("glassgate-").tempdir().expect("a temporary folder"))
    }

    /// Where `name` is or would be.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, and the folders to it, replacing what was there at once:
    /// a reader sees the old or the new contents, never half of them.
    pub fn write(&self, name: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        let folder = path.parent().expect("a file has a folder");
        fs::create_dir_all(folder).expect("make a folder");
        let next = tempfile::NamedTempFile::new_in(folder).expect("make a file");
        fs::write(next.path(), contents).expect("write a file");
        next.persist(&path).expect("put a file in place");
        path
    }
}

/// Removes the indentation common to all lines, so that YAML and SDL can stand
/// indented in a test's source.
pub fn dedent(text: &str) -> String {
    let text = text.strip_prefix('\n').unwrap_or(text);
    let indentation = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let common = text.lines().filter(|line| !line.trim().is_empty()).map(indentation).min().unwrap_or(0);
    text.lines().map(|line| line.get(common..).unwrap_or("").to_owned() + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::dedent;

    #[test]
    fn only_the_common_indentation_goes() {
        assert_eq!(dedent("\n    a:\n\n      - b\n    c: 1\n    "), "a:\n\n  - b\nc: 1\n\n");
    }
}
