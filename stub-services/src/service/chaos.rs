//! Trouble on demand: delay, errors, hanging, bad health.
//!
//! Errors are spread evenly, not drawn: at a rate of 0.2 exactly every fifth
//! request fails, so that a test can say what it expects. A request that hangs
//! goes on when the hang ends.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::StatusCode;
use serde::Serialize;
use tokio::sync::watch;

use super::input::Input;
use super::problem::Problem;

/// The longest delay that can be asked for.
pub const MAX_LATENCY: Duration = Duration::from_secs(600);

/// What goes wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Trouble {
    /// Every answer waits this long.
    pub latency_ms: u64,
    /// This share of the requests is answered with 500; 0 to 1.
    pub error_rate: f64,
    /// Requests wait until this ends.
    pub hang: bool,
    /// `/health` answers 503.
    pub unhealthy: bool,
}

impl Trouble {
    /// Reads the body of `PUT /chaos`; what it leaves out is off.
    pub fn read(body: &[u8]) -> Result<Trouble, Problem> {
        let mut input = Input::read(body)?;
        let longest = i64::try_from(MAX_LATENCY.as_millis()).unwrap_or(i64::MAX);
        let latency = input.optional("latency_ms", |field| field.integer(0..=longest));
        let error_rate = input.optional("error_rate", |field| field.number(0.0..=1.0));
        let hang = input.optional("hang", |field| field.boolean());
        let unhealthy = input.optional("unhealthy", |field| field.boolean());
        input.finish(Some(Trouble {
            latency_ms: latency.map_or(0, i64::unsigned_abs),
            error_rate: error_rate.unwrap_or(0.0),
            hang: hang.unwrap_or(false),
            unhealthy: unhealthy.unwrap_or(false),
        }))
    }
}

/// The trouble a service makes at the moment.
#[derive(Debug)]
pub struct Chaos {
    trouble: watch::Sender<Trouble>,
    met: AtomicU64,
}

impl Chaos {
    /// Begins with `trouble`.
    pub fn new(trouble: Trouble) -> Chaos {
        Chaos { trouble: watch::Sender::new(trouble), met: AtomicU64::new(0) }
    }

    /// What goes wrong now.
    pub fn current(&self) -> Trouble {
        *self.trouble.borrow()
    }

    /// Makes this trouble instead of what was; hanging requests may go on.
    pub fn set(&self, trouble: Trouble) {
        self.met.store(0, Ordering::Relaxed);
        self.trouble.send_replace(trouble);
    }

    /// What a request meets before it is served: nothing, a delay, or an error.
    pub async fn meet(&self) -> Result<(), Problem> {
        let trouble = self.current();
        if trouble.latency_ms > 0 {
            tokio::time::sleep(Duration::from_millis(trouble.latency_ms)).await;
        }
        if trouble.hang {
            // Fails only when the sender is gone, and `self` is the sender.
            let _ = self.trouble.subscribe().wait_for(|now| !now.hang).await;
        }
        if trouble.error_rate > 0.0 && self.is_next_to_fail(trouble.error_rate) {
            return Err(Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "this error was asked for (error_rate)",
            ));
        }
        Ok(())
    }

    /// Whether the whole part of `requests x rate` grows with this request.
    fn is_next_to_fail(&self, rate: f64) -> bool {
        // Exact up to 2^53 requests.
        let before = self.met.fetch_add(1, Ordering::Relaxed) as f64;
        // The nudge keeps 10 x 0.1 from ending below 1 by rounding.
        let whole = |requests: f64| (requests * rate + 1e-9).floor();
        whole(before + 1.0) > whole(before)
    }
}

#[cfg(test)]
mod tests;
