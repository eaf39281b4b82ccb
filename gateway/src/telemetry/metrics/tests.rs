//! What `/metrics` shows is right, complete and bounded.

use std::collections::HashSet;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use http::Method;
use proptest::prelude::*;

use super::instrument::Histogram;
use super::*;
use crate::reason::{Reason, TABLE};
use crate::telemetry::names::{self, Buckets, METHODS};

fn request(method: &Method, status: u16) -> RequestRecord<'_> {
    RequestRecord {
        method,
        status,
        duration: Duration::from_millis(3),
        request_bytes: 0,
        response_bytes: 250,
        reason: None,
    }
}

/// A registry in which everything has happened that can.
fn populated() -> Arc<Metrics> {
    let metrics = Metrics::new();
    let route = metrics.route("users");
    for method in METHODS.iter().map(|m| Method::from_bytes(m.as_bytes()).expect("a token")) {
        route.record(&request(&method, 200));
    }
    for row in &TABLE {
        let reason = Some(row.reason);
        route.record(&RequestRecord { reason, ..request(&Method::GET, row.status) });
        metrics.upstream("users").connect_failed(row.reason);
    }
    metrics.unmatched().record(&request(&Method::GET, 404));
    let upstream = metrics.upstream("users");
    let attempt = AttemptRecord {
        method: &Method::GET,
        status: Some(200),
        error: None,
        duration: Duration::from_millis(2),
    };
    upstream.record_attempt(&attempt);
    upstream.record_attempt(&AttemptRecord { status: None, error: Some(Reason::UpstreamReset), ..attempt });
    upstream.connection_opened(Duration::from_micros(80));
    upstream.connection_reused();
    upstream.connect_retried();
    upstream.health_checked(Outcome::Failure);
    upstream.name_resolved(Outcome::Success);
    let listener = metrics.listener("public");
    listener.opened();
    listener.accept_failed();
    listener.rejected(Rejected::ConnectionLimit);
    listener.closed(Ending::HeadDeadline);
    listener.opened();
    listener.closed(Ending::TlsNotTls);
    let graphql = metrics.graphql("main");
    graphql.record_operation(&OperationRecord {
        operation_type: Some("query"),
        result: OperationResult::Partial,
        duration: Duration::from_millis(12),
        planning: Some(Duration::from_micros(300)),
        fetches: 4,
        cost: Some(5),
        error: Some("upstream_reset"),
        unmatched_rows: 1,
        surplus_rows: 1,
    });
    graphql.record_fetch(&FetchRecord {
        source: "users",
        duration: Duration::from_millis(1),
        keys: 50,
        failed: false,
    });
    metrics.introspection("opaque").count(Introspected::Accepted);
    metrics.introspection("opaque").asked(Duration::from_millis(3));
    metrics.rate_limit("users", "daily").decided(RateLimitResult::Refused);
    metrics.rate_limit_keys("", "per-client").remembered();
    metrics.rate_limit_keys("", "per-client").evicted();
    let users = metrics.authenticator("users");
    users.accepted();
    users.rejected(Reason::TokenExpired);
    users.token_was_known();
    users.token_was_new();
    metrics.redis().called(RedisCall::Late, Duration::from_millis(25));
    metrics.redis().degraded(true);
    graphql.refused("User.email");
    metrics.gateway().panicked();
    metrics.gateway().set_ready(true);
    metrics.gateway().config_in_use("3f2a", SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    metrics.route("users").preflight(PreflightResult::Allowed);
    metrics.gateway().reloaded(Reload::Refused);
    metrics.telemetry().trace_kept(Kept::Head);
    metrics.telemetry().spans_lost(SpanLoss::QueueFull, 3);
    metrics.telemetry().lines_lost(LineLoss::WriteFailed, 1);
    metrics
}

fn value(text: &str, series: &str) -> Option<f64> {
    let line =
        text.lines().find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[tokio::test]
async fn promtool_finds_nothing_to_complain_about() {
    let metrics = populated();
    metrics.watch_runtime("proxy", Handle::current());
    let _healthy = metrics.upstream("users").endpoint("http://127.0.0.1:7001");
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut promtool = promtool.expect("promtool is installed by `make test`");
    promtool.stdin.take().expect("piped").write_all(metrics.render().as_bytes()).expect("it reads");
    let output = promtool.wait_with_output().expect("it ends");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[tokio::test]
async fn every_metric_of_the_table_is_shown() {
    let metrics = populated();
    metrics.watch_runtime("proxy", Handle::current());
    let _endpoint = metrics.upstream("users").endpoint("http://127.0.0.1:7001");
    let keys = metrics.authenticator("users").keys();
    let _shown = metrics.authenticator("users").shows_tokens(|| 1);
    keys.has(1, Some(Instant::now()));
    keys.attempted(0);
    let concurrency = metrics.route("users").concurrency();
    concurrency.entered();
    concurrency.shed(Shed::Displaced);
    concurrency.set_learned(Some(Latencies { rest: Some(0.1), latency: Some(0.2), measuring: false }));
    let text = metrics.render();
    for row in names::metrics::all() {
        assert!(text.contains(&format!("# HELP {} {}\n", row.name, row.help)), "{}", row.name);
    }
    let shown: HashSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    for row in names::metrics::all() {
        assert!(shown.contains(row.name), "{} is not shown", row.name);
    }
    let known: HashSet<&str> = names::metrics::all().map(|row| row.name).collect();
    for name in shown {
        assert!(known.contains(name), "{name} is not in the table");
    }
}

#[test]
fn keys_are_told_of_as_long_as_there_is_who_fetches_them_and_their_age_from_the_first_ones_on() {
    let metrics = Metrics::new();
    let told =
        |name: &str| value(&metrics.render(), &format!("gateway_jwks_{name}{{authenticator=\"users\"}}"));
    let down = || value(&metrics.render(), "gateway_degraded{component=\"issuer\"}");
    let keys = metrics.authenticator("users").keys();
    keys.has(0, None);
    keys.attempted(3);
    assert_eq!(
        (told("keys"), told("consecutive_failures"), told("age_seconds")),
        (Some(0.0), Some(3.0), None)
    );
    assert_eq!(down(), Some(1.0));
    let others = metrics.authenticator("partners").keys();
    others.attempted(1);
    assert_eq!(down(), Some(2.0));
    drop(others);
    keys.has(2, Some(Instant::now() - Duration::from_secs(100)));
    keys.attempted(0);
    assert_eq!((told("keys"), told("consecutive_failures"), down()), (Some(2.0), Some(0.0), Some(0.0)));
    assert!(told("age_seconds").is_some_and(|age| (100.0..200.0).contains(&age)), "older than what shows it");
    drop(keys);
    assert_eq!((told("keys"), told("consecutive_failures"), told("age_seconds")), (None, None, None));
}

#[test]
fn remembered_tokens_are_counted_when_they_are_shown_and_as_long_as_there_is_who_remembers() {
    let metrics = Metrics::new();
    let shown = || value(&metrics.render(), "gateway_token_cache_entries{authenticator=\"users\"}");
    let tokens = Arc::new(AtomicU64::new(1));
    let counted = tokens.clone();
    let first = metrics.authenticator("users").shows_tokens(move || counted.load(Ordering::Relaxed));
    tokens.store(7, Ordering::Relaxed);
    assert_eq!(shown(), Some(7.0));
    let second = metrics.authenticator("users").shows_tokens(|| 2);
    drop(first);
    assert_eq!(shown(), Some(2.0), "what takes its place stays");
    drop(second);
    assert_eq!(shown(), None);
}

#[test]
fn a_request_is_counted_under_its_method_route_and_status() {
    let metrics = Metrics::new();
    metrics.route("users").record(&request(&Method::GET, 200));
    metrics.route("users").record(&request(&Method::GET, 200));
    let text = metrics.render();
    let labels = r#"http_request_method="GET",http_route="users",http_response_status_code="200""#;
    let name = "http_server_request_duration_seconds";
    assert_eq!(value(&text, &format!("{name}_count{{{labels}}}")), Some(2.0));
    assert_eq!(value(&text, &format!("{name}_sum{{{labels}}}")), Some(0.006));
    assert_eq!(value(&text, &format!("{name}_bucket{{{labels},le=\"0.0025\"}}")), Some(0.0));
    assert_eq!(value(&text, &format!("{name}_bucket{{{labels},le=\"0.005\"}}")), Some(2.0));
}

#[test]
fn unknown_methods_and_statuses_make_no_new_series() {
    let metrics = Metrics::new();
    for n in 0..100 {
        let method = Method::from_bytes(format!("BREW{n}").as_bytes()).expect("a token");
        metrics.route("pot").record(&request(&method, 430 + n));
    }
    let text = metrics.render();
    let series = text.lines().filter(|l| l.starts_with("http_server_request_duration_seconds_count")).count();
    // 431, 451, 499, 500..=508, 510, 511 and the classes 4xx and 5xx.
    assert_eq!(series, 3 + 9 + 2 + 2);
    assert!(!text.contains("BREW"));
}

#[test]
fn routes_cost_no_series_until_they_are_used() {
    let metrics = Metrics::new();
    let routes: Vec<_> = (0..10_000).map(|n| metrics.route(&format!("route-{n}"))).collect();
    assert!(!metrics.render().contains("route-"));
    routes[7].record(&request(&Method::GET, 200));
    assert!(metrics.render().contains("route-7"));
    assert!(!metrics.render().contains("route-8"));
}

#[test]
fn names_that_run_together_alike_stay_apart() {
    let metrics = Metrics::new();
    let _one = metrics.upstream("a").endpoint("bc");
    let two = metrics.upstream("ab").endpoint("c");
    two.set_healthy(true);
    let text = metrics.render();
    assert_eq!(value(&text, r#"gateway_upstream_endpoint_healthy{upstream="a",endpoint="bc"}"#), Some(0.0));
    assert_eq!(value(&text, r#"gateway_upstream_endpoint_healthy{upstream="ab",endpoint="c"}"#), Some(1.0));
}

#[test]
fn a_handle_asked_for_again_goes_on_counting() {
    let metrics = Metrics::new();
    metrics.route("users").record(&request(&Method::GET, 200));
    let again = metrics.route("users");
    again.record(&request(&Method::GET, 200));
    assert!(metrics.render().contains(r#"http_response_status_code="200"} 2"#));
}

#[test]
fn an_endpoint_that_is_gone_leaves_unless_another_generation_holds_it() {
    let metrics = Metrics::new();
    let upstream = metrics.upstream("users");
    let old = upstream.endpoint("http://127.0.0.1:7001");
    let new = upstream.endpoint("http://127.0.0.1:7001");
    drop(old);
    assert!(metrics.render().contains("gateway_upstream_endpoint_healthy{"));
    drop(new);
    assert!(!metrics.render().contains("gateway_upstream_endpoint_healthy{"));
}

#[test]
fn a_request_counts_as_handled_until_it_has_ended() {
    let metrics = Metrics::new();
    let route = metrics.route("users");
    let series = r#"http_server_active_requests{http_request_method="GET",http_route="users"}"#;
    route.began(&Method::GET);
    assert_eq!(value(&metrics.render(), series), Some(1.0));
    route.ended(&Method::GET);
    assert_eq!(value(&metrics.render(), series), Some(0.0));
}

#[test]
fn only_the_configuration_that_runs_is_shown() {
    let metrics = Metrics::new();
    metrics.gateway().config_in_use("one", SystemTime::now());
    metrics.gateway().config_in_use("two", SystemTime::now());
    let text = metrics.render();
    assert!(text.contains(r#"gateway_config_info{version="two"} 1"#));
    assert!(!text.contains(r#"version="one""#));
}

#[test]
fn what_many_threads_record_adds_up() {
    let histogram = Histogram::new(Buckets::Count);
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| (0..1000).for_each(|n| histogram.observe(n)));
        }
    });
    assert_eq!(histogram.count(), 20_000);
}

proptest! {
    #[test]
    fn every_status_has_a_slot_whose_label_is_the_code_or_its_class(status: u16) {
        let slot = slot::of_status(status);
        prop_assert!(slot < slot::STATUS_SLOTS);
        let label = slot::status_label(slot);
        let class = format!("{}xx", status / 100);
        let fits = label == status.to_string()
            || (label == class && (100..600).contains(&status))
            || (label == "_OTHER" && !(100..600).contains(&status));
        prop_assert!(fits, "{} became {}", status, label);
    }

    #[test]
    fn a_value_lands_in_the_first_bucket_that_holds_it(value in 0u64..2_000) {
        let histogram = Histogram::new(Buckets::Count);
        histogram.observe(value);
        let mut metric = prometheus::proto::Metric::default();
        instrument::Instrument::read(&histogram, &mut metric);
        for bucket in metric.get_histogram().get_bucket() {
            let expected = u64::from(value as f64 <= bucket.upper_bound());
            prop_assert_eq!(bucket.cumulative_count(), expected);
        }
    }
}
