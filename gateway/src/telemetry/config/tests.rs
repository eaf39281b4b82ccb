//! The section's defaults and refusals.

use std::path::PathBuf;

use serde_json::json;

use super::*;
use crate::value::Place;

fn read(section: serde_json::Value) -> Result<TelemetryConfig, String> {
    serde_json::from_value(section).map_err(|error| error.to_string())
}

#[test]
fn an_empty_section_logs_to_standard_output_and_exports_nothing() {
    let config = read(json!({})).expect("all keys have defaults");
    assert_eq!(*config.access_log.output, AccessLogOutput::Stdout);
    assert!(config.traces.otlp.is_none());
    assert_eq!(config.service_name, "glassgate");
    assert_eq!(config.traces.sample, Percent::from_percent(10));
}

#[test]
fn slow_requests_can_be_left_to_chance() {
    let config = read(json!({ "traces": { "keep": { "slower_than": null } } })).expect("valid");
    assert_eq!(config.traces.keep.slower_than, None);
    assert!(config.traces.keep.errors);
}

#[test]
fn a_collector_that_is_left_empty_is_none() {
    let config = read(json!({ "traces": { "otlp": { "endpoint": null, "protocol": "grpc" } } }));
    assert!(config.expect("valid").traces.otlp.expect("given").endpoint.is_none());
}

#[test]
fn what_cannot_work_is_refused_with_the_way_out() {
    for (section, expected) in [
        (json!({ "trace": {} }), "unknown field `trace`"),
        (json!({ "access_log": { "output": "syslog" } }), "`syslog` is no output; write `stdout`"),
        (json!({ "access_log": { "output": "file:" } }), "`file:` is no output"),
        (
            json!({ "traces": { "otlp": { "endpoint": "localhost:4317" } } }),
            "`localhost:4317` is not a collector's address; write scheme, host and port",
        ),
        (json!({ "traces": { "otlp": { "endpoint": "ftp://collector" } } }), "not a collector's address"),
        (json!({ "traces": { "otlp": { "endpoint": "http://user:word@c:4317" } } }), "contains credentials"),
        (
            json!({ "traces": { "otlp": { "endpoint": "http://c:1", "headers": { "a b": "x" } } } }),
            "`a b` is not a header name",
        ),
        (json!({ "traces": { "queue": 0 } }), "nonzero"),
    ] {
        let error = read(section.clone()).expect_err("refused");
        assert!(error.contains(expected), "{section}: {error}");
    }
}

#[test]
fn a_secret_is_shown_neither_when_it_is_read_nor_when_it_is_wrong() {
    let section = |value: &str| json!({ "traces": { "otlp": { "endpoint": "https://c:4317", "headers": { "X-Key": value } } } });
    let config = read(section("hush")).expect("valid");
    let shown = serde_json::to_string(&config).expect("serialises") + &format!("{config:?}");
    assert!(shown.contains("***") && !shown.contains("hush"), "{shown}");
    let otlp = config.traces.otlp.expect("given");
    let (name, value) = otlp.headers.first().expect("one");
    assert_eq!((name.get().as_str(), value.get().as_bytes()), ("x-key", b"hush".as_slice()));
    let error = read(section("hush\nhush")).expect_err("refused");
    assert!(!error.contains("hush"), "{error}");
}

#[test]
fn the_file_is_relative_to_the_configuration_that_names_it() {
    let place = Place { file: "/etc/glassgate/main.yaml".into(), ..Place::unknown() };
    let config = |path: &str| AccessLogConfig {
        output: Located::new(AccessLogOutput::File(path.into()), place.clone()),
        ..AccessLogConfig::default()
    };
    let resolved = |path| config(path).resolved_output();
    assert_eq!(resolved("log/a.log"), AccessLogOutput::File(PathBuf::from("/etc/glassgate/log/a.log")));
    assert_eq!(resolved("/var/log/a.log"), AccessLogOutput::File(PathBuf::from("/var/log/a.log")));
}
