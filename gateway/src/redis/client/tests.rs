use std::path::Path;

use super::*;
use crate::telemetry::metrics::Metrics;

fn degraded(metrics: &Metrics) -> bool {
    metrics.render().lines().any(|line| line == "gateway_degraded{component=\"redis\"} 1")
}

/// On no thread at all.
fn client(metrics: &Metrics) -> Arc<Client> {
    let config = serde_json::from_value(serde_json::json!({ "url": "redis://127.0.0.1:1" }));
    let settings = Settings::check(&config.expect("a section"), Path::new(".")).expect("a store");
    Client::start(settings, &Threads::new(std::iter::empty()), metrics.redis().clone())
}

#[test]
fn a_store_that_was_replaced_is_told_of_no_more() {
    let metrics = Metrics::new();
    let (old, new) = (client(&metrics), client(&metrics));
    let fail = |client: &Client| (0..5).for_each(|_| client.failed(&Trouble::Late(Duration::ZERO)));
    fail(&old);
    assert!(degraded(&metrics));
    old.retire(Some(&new));
    assert!(!degraded(&metrics));
    fail(&new);
    assert!(degraded(&metrics));
    new.retire(None);
    assert!(!degraded(&metrics));
    let (old, new) = (client(&metrics), client(&metrics));
    old.retire(Some(&new));
    fail(&old);
    assert!(old.outage().is_some() && !degraded(&metrics));
}
