//! Which configurations are refused, and what counts as a change.

use serde_json::{Value, from_value, json};

use super::*;

fn check(value: Value) -> Result<Settings, Vec<String>> {
    let config: UpstreamConfig = from_value(value).unwrap();
    Settings::check(&"orders".parse().unwrap(), &config, Path::new("/nowhere"))
        .map_err(|problems| problems.into_iter().map(|p| format!("{}: {}", p.key, p.text)).collect())
}

#[track_caller]
fn refused(value: Value, expected: &[&str]) {
    assert_eq!(check(value).unwrap_err(), expected);
}

#[test]
fn every_problem_is_reported_with_its_key() {
    refused(
        json!({
            "endpoints": ["http://a", "https://b", "http://a"],
            "connect_retries": 2,
            "timeouts": { "connect": "0s" },
            "health": { "path": "health", "interval": "1ms", "healthy_after": 0, "expect": [], "host": "a b" },
            "tls": { "ca": "ca.pem" },
        }),
        &[
            "endpoints[1]: `http://` and `https://` are mixed in one upstream; make two upstreams",
            "endpoints[2]: the same endpoint as `endpoints[0]`; give one a `weight` instead",
            "connect_retries: more than one retry is not supported; write 0 or 1",
            "timeouts.connect: a connection needs a time limit; write for example `2s`",
            "health.path: `health` is not a path; write for example `/health`",
            "health.interval: checks less than 10ms apart are a load test; write for example `5s`",
            "health.healthy_after: no check can decide nothing; write 1 or more",
            "health.expect: no status means healthy; write for example `[200-299]`",
            "health.host: `a b` is not a host; write `name` or `name:port`",
            "tls: TLS settings for `http://` endpoints; write `https://` or remove `tls`",
            "tls.ca: cannot use `/nowhere/ca.pem`: No such file or directory (os error 2); check the path",
        ],
    );
}

#[test]
fn an_upstream_needs_an_endpoint() {
    refused(
        json!({ "endpoints": [] }),
        &["endpoints: the upstream has no endpoint; write at least one `http://host:port`"],
    );
}

#[test]
fn a_file_without_certificates_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    for (content, why) in [
        ("", "it contains no certificate"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "a certificate in it cannot be used",
        ),
        ("-----BEGIN CERTIFICATE-----\n", "it is not valid PEM"),
    ] {
        std::fs::write(&ca, content).unwrap();
        let problems = check(json!({ "endpoints": ["https://a"], "tls": { "ca": ca } })).unwrap_err();
        assert!(problems[0].contains(why), "{problems:?}");
    }
}

#[test]
fn zero_means_no_limit() {
    let settings = check(json!({ "endpoints": ["http://a"], "timeouts": { "read": "0s", "total": "0s" } }));
    let timeouts = settings.unwrap().timeouts;
    assert_eq!((timeouts.read, timeouts.total), (None, None));
    let minute = Duration::from_secs(60);
    assert_eq!(timeouts.overridden(Some(minute), None).read, Some(minute));
    assert_eq!(timeouts.overridden(Some(minute), None).overridden(Some(Duration::ZERO), None).read, None);
}

#[test]
fn no_wait_outlasts_what_is_left_of_the_total_time() {
    let second = Duration::from_secs(1);
    for (read, left, expected) in [
        (Some(30 * second), Some(second), (second, Some(second))),
        (Some(30 * second), Some(40 * second), (2 * second, Some(30 * second))),
        (None, Some(second), (second, Some(second))),
        (None, None, (2 * second, None)),
        (Some(second), None, (2 * second, Some(second))),
    ] {
        let timeouts = Timeouts { connect: 2 * second, read, total: Some(60 * second) };
        let bounded = timeouts.within(left);
        assert_eq!((bounded.connect, bounded.read), expected, "{read:?} {left:?}");
    }
}

#[test]
fn a_change_of_any_key_is_a_change_but_only_some_part_connections() {
    let before = check(json!({ "endpoints": ["https://a"] })).unwrap();
    for (change, connections_stay) in [
        (json!({ "endpoints": ["https://a"] }), true),
        (json!({ "endpoints": ["https://a"], "balance": "least_request" }), true),
        (json!({ "endpoints": [{ "url": "https://a", "weight": 2 }] }), true),
        (json!({ "endpoints": ["https://a"], "timeouts": { "read": "1s" } }), true),
        (json!({ "endpoints": ["https://a"], "http2": true }), false),
        (json!({ "endpoints": ["https://a"], "tls": { "server_name": "b" } }), false),
        (json!({ "endpoints": ["https://a"], "tls": { "insecure_skip_verify": true } }), false),
    ] {
        let after = check(change.clone()).unwrap();
        let same = change == json!({ "endpoints": ["https://a"] });
        assert_eq!(before.fingerprint == after.fingerprint, same, "{change}");
        assert_eq!(before.connection.group == after.connection.group, connections_stay, "{change}");
    }
}

#[test]
fn upstreams_of_different_names_share_no_connection() {
    let config: UpstreamConfig = from_value(json!({ "endpoints": ["http://a"] })).unwrap();
    let group = |name: &str| {
        Settings::check(&name.parse().unwrap(), &config, Path::new("/")).unwrap().connection.group
    };
    assert_ne!(group("a"), group("b"));
}
