//! The limit of open files: every connection is one, on both sides.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the limit to what the system allows, as every server does that holds connections: the default of 1,024 is
/// for programs that use `select`.
pub fn raise_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    let before = limit.current;
    limit.current = limit.maximum;
    match setrlimit(Resource::Nofile, limit) {
        Ok(()) => tracing::debug!(?before, now = ?limit.current, "raised the limit of open files"),
        // It is no reason not to start: the listener says so when it runs out.
        Err(error) => tracing::warn!(%error, "the limit of open files stays as it is"),
    }
}
