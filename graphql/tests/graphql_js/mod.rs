//! Runs a script on graphql-js, the reference implementation.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// What the script prints, given this input.
pub fn run(script: &str, input: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let package = root.join("../target/node/node_modules/graphql");
    assert!(package.exists(), "graphql-js is missing: `make test` gets it with scripts/npm.sh");
    let mut node = Command::new("node")
        .arg(root.join("tests/graphql_js").join(script))
        .arg(package)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node starts");
    node.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("node reads");
    let output = node.wait_with_output().expect("node ends");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("text")
}
