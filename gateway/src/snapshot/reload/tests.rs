use std::cell::Cell;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_load_that_breaks_off_is_not_tried_without_end() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("glassgate.yaml");
    std::fs::write(&file, "routes: [").expect("writes");
    let inputs = config::load(&file).expect_err("a broken file").inputs().clone();
    let (_sender, receiver) = watch::channel(inputs);
    std::fs::write(&file, "routes: []").expect("writes");
    let loads = Cell::new(0);
    let following = follow(receiver, || async {
        loads.set(loads.get() + 1);
        assert!(loads.get() < 10, "it goes round and round");
    });
    let _ = time::timeout(AFTER_PANIC * 5 / 2, following).await;
    assert_eq!(loads.get(), 3, "one at once, then one after each pause");
}
