//! Lines are valid JSON whatever clients send; nothing blocks; losses are counted.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::num::NonZeroUsize;
use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::reason::Reason;
use crate::telemetry::trace::TraceId;
use crate::value::Located;

fn entry<'a>(path: &'a [u8]) -> Entry<'a> {
    Entry {
        time: std::time::UNIX_EPOCH + Duration::from_millis(1_700_000_000_042),
        request_id: "018bcfe5-6800-7000-8000-000000000000",
        trace_id: TraceId::new(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c).expect("not zero"),
        client: Some("2001:db8::1".parse().expect("an address")),
        listener: "public",
        protocol: "HTTP/1.1",
        method: "GET",
        host: Some(b"api.example.com"),
        path,
        route: Some("users"),
        status: 200,
        reason: None,
        error: None,
        rate_limit: None,
        request_bytes: 0,
        response_bytes: 1234,
        duration: Duration::from_micros(12_345),
        queue_wait: None,
        upstream: Some("users"),
        endpoint: Some("http://127.0.0.1:7001"),
        attempts: 1,
        authenticator: Some("users"),
        subject: Some("7"),
        key_id: None,
        user_agent: None,
        graphql: None,
    }
}

fn line(entry: &Entry<'_>) -> String {
    let mut buffer = Vec::new();
    entry.write(&mut buffer);
    String::from_utf8(buffer).expect("JSON is UTF-8")
}

fn config(output: AccessLogOutput, queue: usize) -> AccessLogConfig {
    AccessLogConfig { output: Located::from(output), queue: NonZeroUsize::new(queue).expect("not zero") }
}

fn to_file(path: &Path) -> AccessLogConfig {
    config(AccessLogOutput::File(path.to_owned()), 8192)
}

fn counted(metrics: &Metrics, series: &str) -> u64 {
    let text = metrics.render();
    let line = text.lines().find(|line| line.starts_with(&format!("{series} "))).expect("shown");
    line.rsplit(' ').next().and_then(|value| value.parse().ok()).expect("a number")
}

/// A pipe that nobody reads until told to: where a writer gets stuck.
fn fifo(directory: &Path) -> std::path::PathBuf {
    let path = directory.join("log.fifo");
    let made = std::process::Command::new("mkfifo").arg(&path).status().expect("coreutils");
    assert!(made.success());
    path
}

/// With everything that a line can tell.
fn whole() -> Entry<'static> {
    Entry {
        reason: Some(Reason::UpstreamReset),
        error: Some("Connection reset by peer"),
        queue_wait: Some(Duration::from_millis(3)),
        rate_limit: Some("per-user"),
        key_id: Some("gg_k3vq7wz5xn2d"),
        user_agent: Some(b"curl/8"),
        graphql: Some(GraphqlEntry {
            operation_type: Some("query"),
            operation_name: Some("Shop"),
            cost: Some(5),
            fetches: 4,
            errors: 1,
            first_error: Some("upstream_reset"),
            refused_fields: 2,
        }),
        ..entry(b"/api/users/1")
    }
}

#[test]
fn a_line_tells_everything_about_a_request() {
    let whole: Value = serde_json::from_str(&line(&whole())).expect("valid JSON");
    let expected = json!({
        "time": "2023-11-14T22:13:20.042Z",
        "request_id": "018bcfe5-6800-7000-8000-000000000000",
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "client": "2001:db8::1",
        "listener": "public",
        "protocol": "HTTP/1.1",
        "method": "GET",
        "host": "api.example.com",
        "path": "/api/users/1",
        "route": "users",
        "status": 200,
        "reason": "upstream_reset",
        "error": "Connection reset by peer",
        "rate_limit": "per-user",
        "request_bytes": 0,
        "response_bytes": 1234,
        "duration_ms": 12.345,
        "queue_ms": 3.0,
        "upstream": "users",
        "endpoint": "http://127.0.0.1:7001",
        "attempts": 1,
        "authenticator": "users",
        "subject": "7",
        "key_id": "gg_k3vq7wz5xn2d",
        "user_agent": "curl/8",
        "graphql_operation_type": "query",
        "graphql_operation_name": "Shop",
        "graphql_cost": 5,
        "graphql_fetches": 4,
        "graphql_errors": 1,
        "graphql_first_error": "upstream_reset",
        "graphql_refused_fields": 2,
    });
    assert_eq!(whole, expected);
}

#[test]
fn the_documentation_names_exactly_the_fields_of_a_line() {
    let page = include_str!("../../../../docs/access-log.md");
    let (_, table) = page.split_once("| --- | --- |\n").expect("there is a table");
    let names =
        table.lines().take_while(|line| line.starts_with('|')).filter_map(|row| row.split('|').nth(1));
    let documented: BTreeSet<&str> = names.flat_map(|names| names.split('`').skip(1).step_by(2)).collect();
    let line: serde_json::Map<String, Value> = serde_json::from_str(&line(&whole())).expect("valid JSON");
    assert_eq!(documented, line.keys().map(String::as_str).collect());
}

#[test]
fn what_is_not_known_is_left_out() {
    let bare = Entry { client: None, host: None, route: None, upstream: None, endpoint: None, ..entry(b"/") };
    let value: Value = serde_json::from_str(&line(&bare)).expect("valid JSON");
    for key in ["client", "host", "route", "upstream", "endpoint", "reason", "user_agent"] {
        assert!(value.get(key).is_none(), "{key}");
    }
}

#[test]
fn a_hostile_path_stays_inside_its_string() {
    let path = b"/\",\"status\":200,\"x\":\"\r\n\x00\x1b[2J\x7f\xff\xe2\x80\xa8\\";
    let text = line(&entry(path));
    assert_eq!(text.matches('\n').count(), 1, "one line: {text:?}");
    assert!(text.bytes().all(|byte| byte == b'\n' || (byte >= 0x20 && byte != 0x7f)), "{text:?}");
    let value: Value = serde_json::from_str(&text).expect("valid JSON");
    assert_eq!(value["path"], *String::from_utf8_lossy(path));
}

#[test]
fn every_byte_is_escaped_wherever_it_stands() {
    for byte in 0..=0x7f_u8 {
        for place in 0..20 {
            let mut path = [b'a'; 20];
            path[place] = byte;
            let text = line(&entry(&path));
            let raw = text.trim_end().bytes().any(|byte| byte < 0x20 || byte == 0x7f);
            let value: Value = serde_json::from_str(&text).expect("valid JSON");
            assert!(!raw && value["path"] == *String::from_utf8_lossy(&path), "{byte:#x} at {place}");
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_make_one_line_of_json(path: Vec<u8>, agent: Vec<u8>) {
        let text = line(&Entry { user_agent: Some(&agent), ..entry(&path) });
        prop_assert_eq!(text.matches('\n').count(), 1);
        let value: Value = serde_json::from_str(&text).expect("valid JSON");
        prop_assert_eq!(&value["path"], &*String::from_utf8_lossy(&path));
        prop_assert_eq!(&value["user_agent"], &*String::from_utf8_lossy(&agent));
    }

    #[test]
    fn any_duration_is_a_number_of_milliseconds(micros in 0u64..10_000_000_000) {
        let duration = Duration::from_micros(micros);
        let value: Value = serde_json::from_str(&line(&Entry { duration, ..entry(b"/") })).expect("valid JSON");
        let shown = value["duration_ms"].as_f64().expect("a number");
        prop_assert!((shown - micros as f64 / 1000.0).abs() < 1e-3);
    }
}

#[test]
fn every_line_of_many_threads_reaches_the_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("access.log");
    let metrics = Metrics::new();
    let log = AccessLog::start(&to_file(&path), &metrics).expect("starts");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..500).for_each(|_| log.write(&entry(b"/"))));
        }
    });
    assert!(log.shutdown(Duration::from_secs(10)));
    let text = fs::read_to_string(&path).expect("written");
    assert_eq!(text.lines().count(), 4000);
    assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
    assert_eq!(counted(&metrics, "gateway_access_log_lines_total"), 4000);
}

#[test]
fn an_output_that_is_stuck_costs_lines_and_no_time() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = fifo(directory.path());
    // A reader that does not read: the pipe's 64 KiB fill up.
    let holder = fs::OpenOptions::new().read(true).write(true).open(&path).expect("opens");
    let metrics = Metrics::new();
    let log = AccessLog::start(&config(AccessLogOutput::File(path), 100), &metrics).expect("starts");
    for _ in 0..5000 {
        log.write(&entry(b"/"));
    }
    let lost = counted(&metrics, r#"gateway_access_log_lines_dropped_total{cause="queue_full"}"#);
    assert!(lost > 4000, "{lost} of 5000 lost");
    assert!(!log.shutdown(Duration::from_millis(20)), "the writer is stuck");
    let mut first = String::new();
    BufReader::new(holder).read_line(&mut first).expect("reads");
    assert!(serde_json::from_str::<Value>(&first).is_ok(), "{first}");
}

#[test]
fn a_line_that_cannot_be_written_is_counted() {
    let metrics = Metrics::new();
    let log = AccessLog::start(&to_file(Path::new("/dev/full")), &metrics).expect("starts");
    log.write(&entry(b"/"));
    assert!(log.shutdown(Duration::from_secs(10)));
    assert_eq!(counted(&metrics, r#"gateway_access_log_lines_dropped_total{cause="write_failed"}"#), 1);
    assert_eq!(counted(&metrics, "gateway_access_log_lines_total"), 0);
}

#[test]
fn a_reload_moves_the_log_between_two_lines() {
    let directory = tempfile::tempdir().expect("a directory");
    let (one, two) = (directory.path().join("one.log"), directory.path().join("two.log"));
    let log = AccessLog::start(&to_file(&one), &Metrics::new()).expect("starts");
    log.write(&entry(b"/first"));
    log.prepare(&to_file(&two)).map(|change| log.apply(change)).expect("opens");
    log.write(&entry(b"/second"));
    assert!(log.shutdown(Duration::from_secs(10)));
    let shown = |path| fs::read_to_string(path).expect("written");
    assert!(shown(&one).contains("/first") && !shown(&one).contains("/second"));
    assert!(shown(&two).contains("/second") && !shown(&two).contains("/first"));
}

#[test]
fn an_output_that_cannot_be_opened_leaves_the_old_one() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("access.log");
    let log = AccessLog::start(&to_file(&path), &Metrics::new()).expect("starts");
    assert!(log.prepare(&to_file(Path::new("/nowhere/access.log"))).is_err());
    log.write(&entry(b"/still"));
    assert!(log.shutdown(Duration::from_secs(10)));
    assert!(fs::read_to_string(&path).expect("written").contains("/still"));
}

#[test]
fn switching_off_and_on_again_loses_only_what_came_between() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("access.log");
    let log = AccessLog::start(&to_file(&path), &Metrics::new()).expect("starts");
    log.prepare(&config(AccessLogOutput::Off, 10)).map(|change| log.apply(change)).expect("always works");
    log.write(&entry(b"/unseen"));
    log.prepare(&to_file(&path)).map(|change| log.apply(change)).expect("opens");
    log.write(&entry(b"/seen"));
    assert!(log.shutdown(Duration::from_secs(10)));
    let text = fs::read_to_string(&path).expect("written");
    assert!(text.contains("/seen") && !text.contains("/unseen"), "{text}");
}

#[test]
fn a_file_that_was_moved_away_is_opened_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let (path, moved) = (directory.path().join("access.log"), directory.path().join("access.log.1"));
    let log = AccessLog::start(&to_file(&path), &Metrics::new()).expect("starts");
    fs::rename(&path, &moved).expect("moves");
    log.reopen();
    let deadline = Instant::now() + Duration::from_secs(10);
    while !path.exists() {
        assert!(Instant::now() < deadline, "not opened again");
        std::thread::yield_now();
    }
    log.write(&entry(b"/new"));
    assert!(log.shutdown(Duration::from_secs(10)));
    assert!(fs::read_to_string(&path).expect("written").contains("/new"));
}
