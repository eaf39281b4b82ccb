//! The store that gateways share: by its owner, then what looks odd.

use super::{Check, Route, policies::NO_LEASE};
use crate::{
    config::file::Config,
    policy::rate_limit::counting::{Counting, Mode, OnFailure},
    redis::Settings,
};

/// `None` within the result: there is none. `None` outside: it could not be made.
pub fn check(check: &mut Check<'_>, config: &Config) -> Option<Option<Settings>> {
    let Some(redis) = &config.redis else { return Some(None) };
    if let Some(ca) = &redis.ca {
        // The owner reads it itself; this remembers it for the watch and the version.
        drop(check.files.read(ca));
    }
    if redis.rate_limits.lease.is_nothing() && redis.rate_limits.mode == Mode::Leased {
        let place = check.place("redis.rate_limits.lease");
        check.warning(place, NO_LEASE);
    }
    match Settings::check(redis, check.files.base()) {
        Ok(settings) => Some(Some(settings)),
        Err(faults) => {
            for fault in faults {
                let path = ["redis", &fault.key].join(if fault.key.is_empty() { "" } else { "." });
                let place = check.place(&path);
                check.error(place, fault.text);
            }
            None
        }
    }
}

/// What the limits of these routes make of it.
pub fn odd(check: &mut Check<'_>, routes: &[Route]) {
    if check.counting.is_none() {
        return;
    }
    let limits = routes.iter().flat_map(|route| &*route.policies.rate_limits);
    let together: Vec<OnFailure> = limits
        .filter_map(|limit| match limit.limit.counting {
            Counting::Together(together) => Some(together.on_failure),
            Counting::Local => None,
        })
        .collect();
    if together.is_empty() {
        let place = check.place("redis");
        check.warning(
            place,
            "no route has a rate limit that is counted here; add `rate_limits`, or remove this",
        );
    } else if together.contains(&OnFailure::Local) && !check.is_written("redis.rate_limits.instances") {
        let place = check.place("redis");
        let text = "while Redis is gone each gateway lets through the whole of every limit; say in \
                    `rate_limits.instances` how many gateways there are";
        check.warning(place, text);
    }
}
