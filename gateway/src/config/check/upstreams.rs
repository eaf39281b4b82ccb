//! Upstreams: each by its owner, then what looks odd.

use super::{Check, Named, policies};
use crate::{
    config::file::Config,
    policy::concurrency::config::ConcurrencyConfig,
    upstream::{Settings, UpstreamConfig},
};

pub fn check(check: &mut Check<'_>, config: &Config) -> Named<Settings> {
    let mut all = Named::new();
    for (name, upstream) in &config.upstreams {
        let path = format!("upstreams.{name}");
        if let Some(ca) = upstream.tls.as_ref().and_then(|tls| tls.ca.as_ref()) {
            // The upstream reads it itself; this remembers it for the watch and the version.
            drop(check.files.read(ca));
        }
        let settings = Settings::check(name, upstream, check.files.base());
        if let Ok(Settings { concurrency: Some(limit), timeouts, .. }) = &settings {
            policies::check_wait(check, limit, timeouts.total, &format!("{path}.concurrency"));
        }
        all.insert(
            name.clone(),
            settings
                .map_err(|problems| {
                    for problem in problems {
                        let place = check.place(&format!("{path}.{}", problem.key));
                        check.error(place, problem.text);
                    }
                })
                .ok(),
        );
        odd(check, &path, upstream);
    }
    all
}

fn odd(check: &mut Check<'_>, path: &str, upstream: &UpstreamConfig) {
    let (read, total) = (upstream.timeouts.read, upstream.timeouts.total);
    let read_key = format!("{path}.timeouts.read");
    if !total.is_zero() && read > total && check.is_written(&read_key) {
        let place = check.place(&read_key);
        check.warning(
            place,
            format!("`read` ({read}) is longer than `total` ({total}) and never reached; lower it"),
        );
    }
    if upstream.health.as_ref().is_some_and(|health| health.path.is_none()) {
        for key in ["expect", "host"].map(|key| format!("{path}.health.{key}")) {
            if check.is_written(&key) {
                let place = check.place(&key);
                check.warning(place, "only a check with `path` sends a request; add `path`, or remove this");
            }
        }
    }
    let concurrency = format!("{path}.concurrency");
    policies::odd_concurrency(check, &upstream.concurrency, &concurrency);
    if upstream.concurrency == ConcurrencyConfig::default() && check.is_written(&concurrency) {
        let place = check.place(&concurrency);
        check.warning(place, "it sets no limit; add `max` or `adaptive`, or remove it");
    }
    if upstream.tls.as_ref().is_some_and(|tls| tls.insecure_skip_verify) {
        let place = check.place(&format!("{path}.tls.insecure_skip_verify"));
        check.warning(
            place,
            "anybody in between can pretend to be this service; name its authority in `ca` instead",
        );
    }
}
