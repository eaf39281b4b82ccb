//! Tells when any file of the configuration has changed.
//!
//! The folders are watched, not the files: editors replace files, and Kubernetes swaps a symbolic link (`..data`).
//! An event only means "look": content decides, so touching a file is no change, and a change is seen once. Where no
//! events come (network file systems, no inotify watches left), a slow poll finds the change.

use std::{path::PathBuf, sync::Arc, time::Duration};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::{sync::Notify, task, time};

use super::inputs::Inputs;

/// Quiet time after an event: a deployment writes more than one file.
const DEBOUNCE: Duration = Duration::from_millis(200);
/// A folder that never is quiet is looked at all the same.
const MOST_PATIENCE: Duration = Duration::from_secs(2);
/// The safety net.
const POLL: Duration = Duration::from_secs(10);

/// Looks at the files of one configuration after the other.
pub struct Watch {
    inputs: Arc<Inputs>,
    event: Arc<Notify>,
    folders: Folders,
}

/// The folders from which events come.
#[derive(Default)]
struct Folders {
    /// `None` where the system gives no events.
    watcher: Option<RecommendedWatcher>,
    watched: Vec<PathBuf>,
}

impl Watch {
    /// Begins to look at these files.
    pub async fn new(inputs: Inputs) -> Self {
        let event = Arc::new(Notify::new());
        let notify = event.clone();
        // The event's content does not matter, and an error (a queue that overflowed) is a reason to look as well.
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| event.kind.is_access()) {
                return;
            }
            notify.notify_one();
        });
        let watcher = watcher.inspect_err(polls_only).ok();
        let folders = Folders { watcher, watched: Vec::new() };
        let mut watch = Self { inputs: Arc::default(), event, folders };
        watch.look_at(inputs).await;
        watch
    }

    /// From now on looks at these files: those of the configuration that was loaded last, even in vain. Who cancels it
    /// has only the poll from then on.
    pub async fn look_at(&mut self, inputs: Inputs) {
        let inputs = Arc::new(inputs);
        self.inputs = inputs.clone();
        let mut folders = std::mem::take(&mut self.folders);
        // The disk they are on may hang.
        let looked = task::spawn_blocking(move || {
            folders.follow(&inputs);
            folders
        });
        self.folders = looked.await.unwrap_or_default();
    }

    /// Waits until some content differs from what was loaded. Cancelling is safe.
    pub async fn changed(&mut self) {
        loop {
            let inputs = self.inputs.clone();
            if task::spawn_blocking(move || inputs.have_changed()).await.unwrap_or(false) {
                return;
            }
            // Until the next poll or event.
            if time::timeout(POLL, self.event.notified()).await.is_ok() {
                self.quiet().await;
            }
        }
    }

    async fn quiet(&self) {
        let patience = time::Instant::now() + MOST_PATIENCE;
        while time::Instant::now() < patience && time::timeout(DEBOUNCE, self.event.notified()).await.is_ok()
        {
        }
    }
}

impl Folders {
    /// Events come from the folders of these files, and from no others. Blocks.
    fn follow(&mut self, inputs: &Inputs) {
        let folders: Vec<PathBuf> = inputs.folders().collect();
        let Some(watcher) = &mut self.watcher else { return };
        for old in self.watched.iter().filter(|old| !folders.contains(old)) {
            // Its folder may be gone, and the watch with it.
            drop(watcher.unwatch(old));
        }
        // Watching again what is watched costs nothing and catches a folder that was replaced.
        for folder in folders.iter().filter(|folder| folder.is_dir()) {
            if let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive) {
                polls_only(&error);
            }
        }
        self.watched = folders;
    }
}

fn polls_only(error: &notify::Error) {
    tracing::warn!(%error, every = ?POLL, "no file events, looking at the configuration's files from time to time");
}

#[cfg(test)]
mod tests;
