//! The store that gateways share: by its owner, then what looks odd.

use super::{Check, policies::NO_LEASE};
use crate::{config::file::Config, policy::rate_limit::counting::Mode, redis::Settings};

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
