//! Lets go of what no longer runs.
//!
//! Requests that are under way keep their snapshot, and the last of them would free it: thousands of routes take
//! milliseconds, in which its thread serves nobody. So the reload keeps the old snapshot as well, looks from time to
//! time whether it is the only one left, and then frees it aside. Nobody can take up a snapshot that was replaced, so
//! who is alone with it stays alone.

use std::{sync::Arc, time::Duration};

use tokio::{task, time};

/// Until the second look. Most requests are done by then.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// From one look to the next at most: requests may stream for hours.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Ends when nobody has `old` any more.
pub async fn retire<T: Send + Sync + 'static>(mut old: Arc<T>) {
    let mut pause = FIRST_PAUSE;
    loop {
        old = match Arc::try_unwrap(old) {
            Ok(alone) => {
                // Fails only where the process ends.
                drop(task::spawn_blocking(move || drop(alone)).await);
                return;
            }
            Err(shared) => shared,
        };
        time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests;
