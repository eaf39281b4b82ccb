//! How often each method and route was asked: `/stats`.
//!
//! Tests count calls with it, so a request counts when it arrives: one that
//! hangs, fails or is given up by its client was a call all the same. Each
//! route keeps its counters itself; this list is only walked to tell them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::Method;
use serde::Serialize;

/// The name under which requests to no route are counted.
pub const UNMATCHED: &str = "(unmatched)";

const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "_OTHER"];

/// The method as a label; unknown ones are `_OTHER`, so labels stay bounded.
pub fn method_label(method: &Method) -> &'static str {
    METHODS[method_index(method)]
}

fn method_index(method: &Method) -> usize {
    METHODS.iter().position(|known| *known == method.as_str()).unwrap_or(METHODS.len() - 1)
}

/// The counters of one route.
#[derive(Debug)]
pub struct RouteStats {
    template: &'static str,
    counts: [AtomicU64; METHODS.len()],
}

impl RouteStats {
    /// Counts one request.
    pub fn count(&self, method: &Method) {
        self.counts[method_index(method)].fetch_add(1, Ordering::Relaxed);
    }
}

/// The counters of a service.
#[derive(Debug, Default)]
pub struct Stats {
    routes: Mutex<Vec<Arc<RouteStats>>>,
}

/// The answer of `/stats`.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    service: &'static str,
    requests: BTreeMap<String, u64>,
    total: u64,
}

impl Stats {
    /// Counters for one more route.
    pub fn route(&self, template: &'static str) -> Arc<RouteStats> {
        let route = Arc::new(RouteStats { template, counts: Default::default() });
        self.lock().push(route.clone());
        route
    }

    /// What was asked so far; routes that were not are left out.
    pub fn report(&self, service: &'static str) -> Report {
        let mut requests = BTreeMap::new();
        for route in self.lock().iter() {
            for (method, count) in METHODS.iter().zip(&route.counts) {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    requests.insert(format!("{method} {}", route.template), count);
                }
            }
        }
        let total = requests.values().sum();
        Report { service, requests, total }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<RouteStats>>> {
        // A push cannot leave the list half-made, so poison says nothing.
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_is_told_and_strange_methods_share_one_name() {
        let stats = Stats::default();
        let (users, user) = (stats.route("/users"), stats.route("/users/{id}"));
        stats.route("/never");
        users.count(&Method::GET);
        users.count(&Method::GET);
        user.count(&Method::from_bytes(b"BREW").expect("a token"));
        user.count(&Method::from_bytes(b"MELT").expect("a token"));
        let json = serde_json::to_value(stats.report("users")).expect("JSON");
        assert_eq!(
            json,
            serde_json::json!({
                "service": "users",
                "requests": {"GET /users": 2, "_OTHER /users/{id}": 2},
                "total": 4,
            })
        );
    }
}
