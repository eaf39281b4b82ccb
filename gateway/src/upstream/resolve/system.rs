//! The operating system's way to resolve names: `/etc/hosts`, then the servers of `/etc/resolv.conf`.
//!
//! By hickory-resolver rather than `getaddrinfo`: it blocks no thread and tells how long an answer may be kept. It
//! reads both files once, so a new resolver is made when one of them has changed.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use futures::future::BoxFuture;
use hickory_resolver::{TokioResolver, config::LookupIpStrategy};

use super::{Addresses, Resolve};

const FILES: [&str; 2] = ["/etc/hosts", "/etc/resolv.conf"];

type Modified = [Option<SystemTime>; FILES.len()];

/// Resolves names as configured in the operating system.
#[derive(Default)]
pub struct SystemResolver {
    current: Mutex<Option<(Modified, TokioResolver)>>,
}

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Addresses, String>> {
        Box::pin(async move {
            let found = self.current()?.lookup_ip(name).await.map_err(|error| error.to_string())?;
            let valid_for = found.valid_until().saturating_duration_since(Instant::now());
            Ok(Addresses { addresses: found.iter().collect(), valid_for })
        })
    }
}

impl SystemResolver {
    fn current(&self) -> Result<TokioResolver, String> {
        let now = FILES.map(modified);
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((then, resolver)) = &*current
            && *then == now
        {
            return Ok(resolver.clone());
        }
        let resolver = build().map_err(|error| format!("no resolver: {error}"))?;
        *current = Some((now, resolver.clone()));
        Ok(resolver)
    }
}

fn modified(file: &str) -> Option<SystemTime> {
    Path::new(file).metadata().and_then(|file| file.modified()).ok()
}

fn build() -> Result<TokioResolver, hickory_resolver::net::NetError> {
    let mut builder = TokioResolver::builder_tokio()?;
    let options = builder.options_mut();
    // IPv6 only where there is no IPv4: every address becomes an endpoint, and one that cannot be routed fails.
    options.ip_strategy = LookupIpStrategy::Ipv4thenIpv6;
    // The tasks that ask keep to the time to live themselves; what fails may be asked again at once.
    options.cache_size = 0;
    options.timeout = Duration::from_secs(3);
    builder.build()
}
