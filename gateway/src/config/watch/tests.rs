//! A change is seen, whatever the way it was made; what is no change is not.

use std::{fs, path::Path, time::Duration};

use tokio::time::timeout;

use super::*;
use crate::config::inputs::Files;

fn inputs(folder: &Path) -> Inputs {
    let files = Files::new(folder.to_owned());
    // A file that is not there is an input too.
    for name in ["glassgate.yaml", "certificate.pem"] {
        drop(files.read(Path::new(name)));
    }
    files.matching("schema/*.graphql");
    files.into_inputs()
}

/// Long enough for a slow machine, shorter than the poll: a change must be seen by its event.
async fn sees_a_change(watch: &mut Watch) -> bool {
    timeout(POLL - Duration::from_secs(1), watch.changed()).await.is_ok()
}

#[tokio::test]
async fn a_file_that_is_written_or_replaced_or_appears_is_a_change() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("schema")).unwrap();
    fs::write(path("glassgate.yaml"), "a").unwrap();
    let mut watch = Watch::new(inputs(folder.path())).await;

    fs::write(path("glassgate.yaml"), "b").unwrap();
    assert!(sees_a_change(&mut watch).await, "written");

    watch.look_at(inputs(folder.path())).await;
    fs::write(path(".glassgate.yaml.swp"), "c").unwrap();
    fs::rename(path(".glassgate.yaml.swp"), path("glassgate.yaml")).unwrap();
    assert!(sees_a_change(&mut watch).await, "replaced");

    watch.look_at(inputs(folder.path())).await;
    fs::write(path("certificate.pem"), "d").unwrap();
    assert!(sees_a_change(&mut watch).await, "appeared");

    watch.look_at(inputs(folder.path())).await;
    fs::write(path("schema/users.graphql"), "e").unwrap();
    assert!(sees_a_change(&mut watch).await, "found by a pattern");

    watch.look_at(inputs(folder.path())).await;
    fs::remove_file(path("glassgate.yaml")).unwrap();
    assert!(sees_a_change(&mut watch).await, "gone");
}

#[cfg(unix)]
#[tokio::test]
async fn a_symbolic_link_that_is_swapped_is_a_change() {
    use std::os::unix::fs::symlink;

    // As Kubernetes mounts a ConfigMap: glassgate.yaml -> ..data/glassgate.yaml, ..data -> ..1
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for (version, content) in [("..1", "old"), ("..2", "new")] {
        fs::create_dir(path(version)).unwrap();
        fs::write(path(version).join("glassgate.yaml"), content).unwrap();
    }
    symlink("..1", path("..data")).unwrap();
    symlink("..data/glassgate.yaml", path("glassgate.yaml")).unwrap();
    let mut watch = Watch::new(inputs(folder.path())).await;
    symlink("..2", path("..data_tmp")).unwrap();
    fs::rename(path("..data_tmp"), path("..data")).unwrap();
    assert!(sees_a_change(&mut watch).await);
}

#[tokio::test]
async fn a_change_between_loading_and_watching_is_not_missed() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("glassgate.yaml"), "a").unwrap();
    let loaded = inputs(folder.path());
    fs::write(folder.path().join("glassgate.yaml"), "b").unwrap();
    assert!(sees_a_change(&mut Watch::new(loaded).await).await);
}

#[tokio::test]
async fn content_that_stays_the_same_is_no_change() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("glassgate.yaml");
    fs::write(&path, "a").unwrap();
    let mut watch = Watch::new(inputs(folder.path())).await;
    fs::write(&path, "a").unwrap();
    fs::write(folder.path().join("other"), "x").unwrap();
    // The event and its debounce are over long before.
    assert!(timeout(DEBOUNCE * 5, watch.changed()).await.is_err());
}
