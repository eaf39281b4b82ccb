//! Where the binaries are that the tests start.

use std::path::PathBuf;

/// The binary called `name`, built in the same profile as this test.
pub(crate) fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test has a file");
    // target/PROFILE/deps/test -> target/PROFILE/name
    let profile = test.ancestors().nth(2).expect("a test lies in target/PROFILE/deps");
    profile.join(name)
}
