//! From names to addresses, in the background: never while a request waits.
//!
//! Every name has a task that looks it up again when the answer's time to live is over, at most [`LONGEST`] later. A
//! look-up that fails changes nothing but the upstream's status: the addresses from before stay in use, and it is
//! tried again soon.

mod system;

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use futures::future::BoxFuture;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{config::HostName, registry::Environment, state::Upstream};
use crate::telemetry::metrics::Outcome;

pub use system::SystemResolver;

/// A name's addresses are looked up again after this at the latest, however long they may be kept.
const LONGEST: Duration = Duration::from_secs(30);
/// And not earlier than this, however short.
const SHORTEST: Duration = Duration::from_secs(1);
/// One look-up may take this long.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// In no particular order.
    pub addresses: Vec<IpAddr>,
    /// How long they may be kept.
    pub valid_for: Duration,
}

/// Looks names up.
pub trait Resolve: Send + Sync {
    /// The addresses of a name, or why there are none, as text for the operator.
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Addresses, String>>;
}

/// Keeps the addresses of one configured endpoint current until `stop`. Returns at once for an IP literal.
pub(super) async fn follow(
    upstream: Arc<Upstream>,
    target: usize,
    environment: Arc<Environment>,
    stop: CancellationToken,
) {
    let HostName::Name(name) = upstream.settings().endpoints[target].url.host.clone() else { return };
    // RFC 6761 section 6.3: the name never reaches a resolver. Only IPv4: a service on ::1 says `[::1]`.
    if matches!(&*name, "localhost" | "localhost.") {
        upstream.name_resolved(target, Ok(vec![Ipv4Addr::LOCALHOST.into()]));
        return;
    }
    let mut failures = 0;
    let forever = async {
        loop {
            let result = look_up(environment.resolver(), &name).await;
            failures = if result.is_ok() { 0 } else { failures + 1 };
            let pause = match &result {
                Ok(found) => found.valid_for.clamp(SHORTEST, LONGEST),
                Err(_) => retry_after(failures),
            };
            note(&upstream, target, &name, result.map(|found| found.addresses));
            sleep(pause).await;
        }
    };
    stop.run_until_cancelled(forever).await;
}

async fn look_up(resolver: &dyn Resolve, name: &str) -> Result<Addresses, String> {
    let mut found = timeout(PATIENCE, resolver.resolve(name))
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}")))?;
    // Servers rotate their answers; a canonical order keeps that from looking like a change.
    found.addresses.sort_unstable();
    found.addresses.dedup();
    if found.addresses.is_empty() { Err("the name has no address".into()) } else { Ok(found) }
}

/// 1, 2, 4 ... seconds after the first, second, third ... failure in a row, at most [`LONGEST`].
fn retry_after(failures: u32) -> Duration {
    SHORTEST.saturating_mul(1 << failures.saturating_sub(1).min(5)).min(LONGEST)
}

fn note(upstream: &Upstream, target: usize, name: &str, result: Result<Vec<IpAddr>, String>) {
    let outcome = if result.is_ok() { Outcome::Success } else { Outcome::Failure };
    upstream.metrics().name_resolved(outcome);
    let shown =
        result.as_ref().map(|addresses| addresses.iter().map(ToString::to_string).collect::<Vec<_>>());
    let shown = shown.map(|addresses| addresses.join(" ")).map_err(Clone::clone);
    if !upstream.name_resolved(target, result) {
        return;
    }
    match shown {
        Ok(addresses) => {
            tracing::info!(upstream = %upstream.name(), host = name, address = %addresses, "name resolved");
        }
        Err(why) => {
            tracing::warn!(
                upstream = %upstream.name(), host = name, error = %why,
                "name could not be resolved; addresses from before, if any, stay in use"
            );
        }
    }
}

#[cfg(test)]
mod tests;
