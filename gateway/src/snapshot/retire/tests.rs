//! Who frees what.

use std::{
    sync::mpsc,
    thread::{self, ThreadId},
};

use super::*;

/// Tells which thread frees it.
struct Costly(mpsc::Sender<ThreadId>);

impl Drop for Costly {
    fn drop(&mut self) {
        let _ = self.0.send(thread::current().id());
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_request_does_not_free_it() {
    let (sender, freed) = mpsc::channel();
    let old = Arc::new(Costly(sender));
    let request = old.clone();
    let retiring = tokio::spawn(retire(old));
    time::sleep(LONGEST_PAUSE * 5).await;
    assert!(freed.try_recv().is_err(), "a request has it");
    drop(request);
    assert!(freed.try_recv().is_err(), "the request has freed it");
    retiring.await.expect("no panic");
    assert_ne!(freed.try_recv().expect("freed"), thread::current().id());
}
