//! What `/metrics` tells, with the names of the OpenTelemetry conventions.
//!
//! A registry per service: with `all`, four services share one process, and
//! each must still answer with its own figures only.

use std::time::Duration;

use prometheus::process_collector::ProcessCollector;
use prometheus::{HistogramOpts, HistogramVec, IntGauge, Registry, TextEncoder};

const BUCKETS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The metrics of one service.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    server_duration: HistogramVec,
    client_duration: HistogramVec,
    active: IntGauge,
}

impl Metrics {
    /// Metrics that have seen nothing yet.
    pub fn new() -> Metrics {
        let registry = Registry::new();
        let server_duration = histogram(
            "http_server_request_duration_seconds",
            "Duration of requests to this service.",
            &["http_request_method", "http_route", "http_response_status_code"],
        );
        let client_duration = histogram(
            "http_client_request_duration_seconds",
            "Duration of calls from this service to others; status 0 is no answer.",
            &["server", "http_request_method", "http_response_status_code"],
        );
        let active = IntGauge::new("http_server_active_requests", "Requests to this service under way.")
            .expect("a valid name");
        for collector in [
            Box::new(server_duration.clone()) as Box<dyn prometheus::core::Collector>,
            Box::new(client_duration.clone()),
            Box::new(active.clone()),
            Box::new(ProcessCollector::for_self()),
        ] {
            registry.register(collector).expect("each name once");
        }
        Metrics { registry, server_duration, client_duration, active }
    }

    /// A request arrived.
    pub fn began(&self) {
        self.active.inc();
    }

    /// A request that arrived is answered, or given up.
    pub fn ended(&self, method: &str, route: &str, status: &str, duration: Duration) {
        self.active.dec();
        self.server_duration.with_label_values(&[method, route, status]).observe(duration.as_secs_f64());
    }

    /// A call to another service ended.
    pub fn called(&self, server: &str, method: &str, status: &str, duration: Duration) {
        self.client_duration.with_label_values(&[server, method, status]).observe(duration.as_secs_f64());
    }

    /// The Prometheus text format.
    pub fn render(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

fn histogram(name: &str, help: &str, labels: &[&str]) -> HistogramVec {
    let options = HistogramOpts::new(name, help).buckets(BUCKETS.to_vec());
    HistogramVec::new(options, labels).expect("valid names")
}
