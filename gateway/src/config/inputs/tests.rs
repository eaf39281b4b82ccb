//! Patterns, and what makes a version.

use super::*;

#[test]
fn a_star_stands_for_any_part_of_a_file_name() {
    assert!(fits("*.graphql", "users.graphql"));
    assert!(fits("a*b*c", "a1b2c"));
    assert!(fits("a*", "a"));
    assert!(!fits("*.graphql", "users.graphql.bak"));
    assert!(!fits("*.graphql", ".users.graphql"));
    assert!(!fits("a*a", "a"));
    assert!(!fits("*b*b", "ab"));
}

#[test]
fn a_version_follows_content_and_not_the_machine() {
    let version = |content: &str| {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.yaml"), content).unwrap();
        let files = Files::new(folder.path().to_owned());
        drop(files.read(Path::new("a.yaml")));
        files.into_inputs().version(folder.path())
    };
    assert_eq!(version("x"), version("x"));
    assert_ne!(version("x"), version("y"));
    assert_eq!(version("x").len(), 16);
}
