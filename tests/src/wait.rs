//! Waiting with a deadline.
//!
//! The one place in the tests where time is slept away: between two looks at a
//! condition that nothing announces. Deadlines are generous, since a loaded
//! machine is slow and only a failing test waits for one.

use std::time::{Duration, Instant};

/// How long a test waits for anything that should happen at once.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Waits for `future`; panics with `what` if it takes longer than `deadline`.
pub async fn within<T>(what: &str, deadline: Duration, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(deadline, future).await {
        Ok(value) => value,
        Err(_) => panic!("not within {deadline:?}: {what}"),
    }
}

/// Looks again and again until `look` finds something; panics with `what` if
/// it finds nothing within `deadline`.
pub async fn eventually<T>(what: &str, deadline: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    let mut pause = Duration::from_millis(2);
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begin.elapsed() < deadline, "not within {deadline:?}: {what}");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}
