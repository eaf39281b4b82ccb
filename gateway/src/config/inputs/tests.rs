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

fn folder(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file).unwrap();
    }
    folder
}

fn names(found: &[PathBuf]) -> Vec<&str> {
    found.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect()
}

#[test]
fn a_pattern_finds_files_in_alphabetical_order_but_no_hidden_ones_and_no_folders() {
    let all =
        ["b.graphql", "a.graphql", ".a.graphql.swp", ".c.graphql", "d.graphql/x", "a.txt", "sub/e.graphql"];
    let folder = folder(&all);
    let files = Files::new(folder.path().to_owned());
    assert_eq!(names(&files.matching("*.graphql")), ["a.graphql", "b.graphql"]);
    assert_eq!(names(&files.matching(".*.graphql")), [".c.graphql"]);
    assert_eq!(names(&files.matching("sub/*")), ["e.graphql"]);
    assert!(files.matching("nowhere/*").is_empty());
}

#[test]
fn a_path_from_the_root_is_not_put_below_the_base() {
    let (base, other) = (folder(&[]), folder(&["a.txt"]));
    let files = Files::new(base.path().to_owned());
    let absolute = other.path().join("a.txt");
    assert_eq!(files.resolve(&absolute), absolute);
    assert_eq!(files.read_text(&absolute).unwrap(), "a.txt");
}

#[test]
fn a_change_is_seen_by_content_alone() {
    let folder = folder(&["a.txt"]);
    let path = folder.path().join("a.txt");
    let files = Files::new(folder.path().to_owned());
    files.read(Path::new("a.txt")).unwrap();
    let inputs = files.into_inputs();
    fs::write(&path, "a.txt").unwrap();
    assert!(!inputs.have_changed(), "written again with the same content");
    fs::write(&path, "other").unwrap();
    assert!(inputs.have_changed());
    fs::remove_file(&path).unwrap();
    assert!(inputs.have_changed());
}

#[test]
fn a_file_that_appears_is_a_change() {
    let folder = folder(&["a.graphql"]);
    let files = Files::new(folder.path().to_owned());
    assert!(files.read(Path::new("later.pem")).is_err());
    files.matching("*.graphql");
    let inputs = files.into_inputs();
    assert!(!inputs.have_changed());
    fs::write(folder.path().join(".b.graphql"), "").unwrap();
    assert!(!inputs.have_changed(), "a hidden file is an editor's");

    fs::write(folder.path().join("b.graphql"), "").unwrap();
    assert!(inputs.have_changed(), "one that a pattern finds");
    fs::remove_file(folder.path().join("b.graphql")).unwrap();
    assert!(!inputs.have_changed());
    fs::write(folder.path().join("later.pem"), "").unwrap();
    assert!(inputs.have_changed(), "one that could not be read before");
}

/// Kubernetes: `glassgate.yaml -> ..data/glassgate.yaml`, `..data -> ..2026_11`.
#[cfg(unix)]
#[test]
fn both_the_folder_of_a_link_and_that_of_its_file_are_watched() {
    use std::os::unix::fs::symlink;

    let folder = folder(&["..one/a.yaml", "..two/a.yaml"]);
    let root = folder.path().canonicalize().unwrap();
    symlink("..one", root.join("..data")).unwrap();
    symlink("..data/a.yaml", root.join("a.yaml")).unwrap();
    let files = Files::new(root.clone());
    files.read(Path::new("a.yaml")).unwrap();
    let inputs = files.into_inputs();
    assert_eq!(inputs.folders().collect::<Vec<_>>(), [root.clone(), root.join("..one")]);

    fs::remove_file(root.join("..data")).unwrap();
    symlink("..two", root.join("..data")).unwrap();
    assert!(inputs.have_changed(), "the link leads elsewhere now");
}

#[test]
fn a_file_that_is_named_without_a_folder_is_in_the_current_one() {
    assert_eq!(folders_of(Path::new("there-is-no-such.yaml")), [Path::new(".")]);
}

#[test]
fn what_cannot_be_read_says_why() {
    let folder = folder(&[]);
    fs::write(folder.path().join("a.bin"), [0xff, 0xfe]).unwrap();
    let files = Files::new(folder.path().to_owned());
    assert_eq!(why(&files.read_text(Path::new("a.bin")).unwrap_err()), "it is not UTF-8 text");
    assert_eq!(why(&files.read(Path::new("b")).unwrap_err()), "there is no such file");
    assert_eq!(why(&files.read(Path::new(".")).unwrap_err()), "it is a folder");
}

#[test]
fn a_version_knows_which_content_is_in_which_file() {
    let version = |files: &[(&str, &str)]| {
        let folder = tempfile::tempdir().unwrap();
        let read = Files::new(folder.path().to_owned());
        for (name, content) in files {
            fs::write(folder.path().join(name), content).unwrap();
            read.read(Path::new(name)).unwrap();
        }
        read.into_inputs().version(folder.path())
    };
    assert_eq!(version(&[("a", "1"), ("b", "2")]), version(&[("b", "2"), ("a", "1")]));
    assert_ne!(version(&[("a", "1"), ("b", "2")]), version(&[("a", "2"), ("b", "1")]));
    assert_ne!(version(&[("a", "1")]), version(&[("b", "1")]));
}
