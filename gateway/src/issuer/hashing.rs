//! Computes hashes that are costly on purpose, beside the threads that serve.
//!
//! A guess costs as much as a right secret, so this is what somebody would use to keep a gateway busy. Therefore half of
//! the cores at most compute at a time, and only so many wait: further ones are told at once that their secret cannot be
//! checked. The same secret sent many times at once is computed once.

use std::{
    sync::{Arc, LazyLock},
    thread::available_parallelism,
};

use tokio::{runtime::Handle, sync::Semaphore, task::spawn_blocking};

use super::flights::{Flights, Lost};
use crate::policy::authentication::{Accounts, Costly, Fingerprint};

/// Different secrets that are computed or wait at a time, in the whole process.
const MOST: usize = 64;

/// The cores for it, and who waits.
struct Hashing {
    cores: Arc<Semaphore>,
    /// Whether a secret is right; nothing where the work broke off.
    flights: Arc<Flights<Fingerprint, Option<bool>>>,
}

/// Whether a secret is right; the list remembers one that is.
///
/// # Errors
/// Too many wait already, or the work broke off.
pub async fn solve(accounts: &Arc<Accounts>, costly: Costly) -> Result<bool, Lost> {
    static ALL: LazyLock<Hashing> = LazyLock::new(|| Hashing {
        cores: Arc::new(Semaphore::new((available_parallelism().map_or(1, usize::from) / 2).max(1))),
        flights: Flights::new(MOST),
    });
    let fingerprint = costly.fingerprint;
    let known = || accounts.knows(fingerprint).then_some(Some(true));
    let work = || {
        let (cores, accounts) = (ALL.cores.clone(), accounts.clone());
        async move {
            // Never closed.
            let permit = cores.acquire_owned().await;
            let solved = spawn_blocking(move || {
                let _permit = permit;
                costly.solve()
            });
            let right = solved.await.ok()?;
            accounts.learn(fingerprint, right);
            Some(right)
        }
    };
    let right = ALL.flights.join(fingerprint, &Handle::current(), known, work).await?;
    right.ok_or(Lost::Broken)
}
