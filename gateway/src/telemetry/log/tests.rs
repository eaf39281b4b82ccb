//! What is shown at which level, and how.

use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::*;

/// A log that can be read back.
#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("one thread").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn logged(config: &LogConfig, events: impl FnOnce()) -> String {
    let kept = Kept::default();
    let writer = kept.clone();
    let (subscriber, _log) = build(config, move || writer.clone());
    tracing::subscriber::with_default(subscriber, events);
    let bytes = kept.0.lock().expect("one thread").clone();
    String::from_utf8(bytes).expect("text")
}

fn at(level: LogLevel) -> LogConfig {
    LogConfig { level, format: LogFormat::Json }
}

#[test]
fn an_event_is_one_json_object_with_its_fields_beside_the_message() {
    let text = logged(&at(LogLevel::Info), || tracing::info!(address = "127.0.0.1:8080", "listening"));
    let event: Value = serde_json::from_str(&text).expect("one object");
    assert_eq!(event["message"], "listening");
    assert_eq!(event["address"], "127.0.0.1:8080");
    assert_eq!(event["level"], "INFO");
    assert!(event["timestamp"].is_string(), "{text}");
}

#[test]
fn an_event_of_a_client_cannot_forge_a_line() {
    for format in [LogFormat::Json, LogFormat::Text] {
        let config = LogConfig { level: LogLevel::Info, format };
        let text = logged(&config, || tracing::info!(error = "a\n{\"level\":\"ERROR\"}", "refused"));
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}

#[test]
fn failed_requests_are_not_told_twice() {
    let events = || {
        tracing::error!(target: "pingora_proxy", "Fail to proxy");
        tracing::warn!(target: "pingora_core::connectors", "connect failed");
        tracing::info!(target: "h2::client", "news");
        tracing::debug!(target: "pingora_proxy::proxy_h1", "Sending header to upstream, secrets and all");
        tracing::trace!(target: "hyper::proto::h1", "parsed headers, secrets and all");
        tracing::warn!(target: "h2::client", "trouble");
    };
    let shown = |level| logged(&at(level), events).lines().count();
    assert_eq!(shown(LogLevel::Info), 1);
    assert_eq!(shown(LogLevel::Error), 0);
    assert_eq!(shown(LogLevel::Debug), 3);
    assert_eq!(shown(LogLevel::Trace), 3);
}

#[test]
fn a_reload_changes_level_and_format_of_a_running_log() {
    let kept = Kept::default();
    let writer = kept.clone();
    let (subscriber, log) = build(&at(LogLevel::Warn), move || writer.clone());
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!("unseen");
        log.filter.reload(filter(LogLevel::Debug)).expect("still there");
        let writer = kept.clone();
        log.format.reload(format(LogFormat::Text, move || writer.clone())).expect("still there");
        tracing::debug!("seen");
    });
    let text = String::from_utf8(kept.0.lock().expect("one thread").clone()).expect("text");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("DEBUG") && text.contains("seen") && !text.starts_with('{'), "{text}");
}
