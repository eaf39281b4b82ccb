//! The programs that the tests start: where they are, and what they do not inherit.

use std::path::PathBuf;
use std::process::Command;

/// The folder of the binaries that were built in the same profile as this test.
pub fn binaries() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a file");
    // target/PROFILE/deps/test -> target/PROFILE
    test.ancestors().nth(2).expect("a test lies in target/PROFILE/deps").to_owned()
}

/// A command without what the developer's own shell says to the gateway and to
/// the services: a collector or a number of threads of theirs would be tested with.
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let shown = name.to_string_lossy();
        if ["OTEL_", "GLASSGATE_", "DEMO_"].iter().any(|prefix| shown.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    command
}

/// The same for the binary called `name`.
pub(crate) fn binary(name: &str) -> Command {
    command(binaries().join(name))
}
