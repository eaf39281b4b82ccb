//! The `telemetry:` section: what is shown, how much of it, and where to.
//!
//! Everything here may change with a reload.

mod text;

use std::num::NonZeroUsize;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use text::{AccessLogOutput, OtlpEndpoint, OtlpHeaderName, OtlpHeaderValue};

use crate::value::{Duration, Located, Percent};

/// What the gateway shows of itself.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// The gateway's name in traces (`service.name`).
    pub service_name: String,
    /// Spans, sent to a collector.
    pub traces: TracesConfig,
    /// One JSON line per request.
    pub access_log: AccessLogConfig,
    /// What the gateway says about itself, on standard error.
    pub log: LogConfig,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        TelemetryConfig {
            service_name: "glassgate".to_owned(),
            traces: TracesConfig::default(),
            access_log: AccessLogConfig::default(),
            log: LogConfig::default(),
        }
    }
}

/// Spans, sent to a collector.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TracesConfig {
    /// The collector that gets them; absent: no spans are made, trace context is still passed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp: Option<OtlpConfig>,
    /// Share of requests that are traced from the start, by the services behind the gateway too. Where a trusted proxy
    /// has decided (`traceparent`), that stands instead.
    pub sample: Percent,
    /// Which of the other requests are kept once they have ended: with the gateway's spans alone, since the services
    /// were told not to trace.
    pub keep: KeepConfig,
    /// Spans that wait for the collector at most; one more is dropped and counted.
    pub queue: NonZeroUsize,
}

impl Default for TracesConfig {
    fn default() -> Self {
        TracesConfig {
            otlp: None,
            sample: Percent::from_percent(10),
            keep: KeepConfig::default(),
            queue: QUEUE,
        }
    }
}

/// Where spans are sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OtlpConfig {
    /// Where the collector is; empty (`${OTEL_EXPORTER_OTLP_ENDPOINT:-}` where that is not set): no export.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Located<OtlpEndpoint>>,
    /// How to speak to it.
    #[serde(default)]
    pub protocol: OtlpProtocol,
    /// Sent with every export, for authentication.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub headers: IndexMap<OtlpHeaderName, OtlpHeaderValue>,
    /// How long an export may take, repetitions included.
    #[serde(default = "ten_seconds")]
    pub timeout: Duration,
}

/// How to speak to the collector.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OtlpProtocol {
    /// OTLP over gRPC, by custom on port 4317.
    #[default]
    #[serde(rename = "grpc")]
    Grpc,
    /// OTLP over HTTP with protobuf bodies, by custom on port 4318.
    #[serde(rename = "http/protobuf")]
    HttpProtobuf,
}

/// Which requests' spans are kept though they were not traced from the start.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KeepConfig {
    /// Requests that were answered with a 5xx.
    pub errors: bool,
    /// Requests that took longer; `null`: however long they take.
    pub slower_than: Option<Duration>,
    /// Requests kept in a second at most, errors and slow ones together.
    pub per_second: u32,
}

impl Default for KeepConfig {
    fn default() -> Self {
        KeepConfig { errors: true, slower_than: Some(Duration::from_secs(1)), per_second: 100 }
    }
}

/// One JSON line per request.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AccessLogConfig {
    /// Where lines go.
    pub output: Located<AccessLogOutput>,
    /// Lines that wait for the output at most; one more is dropped and counted.
    pub queue: NonZeroUsize,
}

impl Default for AccessLogConfig {
    fn default() -> Self {
        AccessLogConfig { output: Located::default(), queue: QUEUE }
    }
}

impl AccessLogConfig {
    /// The output, a file's path taken relative to the file that names it.
    pub fn resolved_output(&self) -> AccessLogOutput {
        match &*self.output {
            AccessLogOutput::File(path) => AccessLogOutput::File(self.output.place().resolve(path)),
            stream => stream.clone(),
        }
    }
}

/// What the gateway says about itself, on standard error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// The least important events that are shown.
    pub level: LogLevel,
    /// How events are written.
    pub format: LogFormat,
}

/// How important an event is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Nothing but failures of the gateway.
    Error,
    /// And what an operator should look at.
    Warn,
    /// And what the gateway did.
    #[default]
    Info,
    /// And why.
    Debug,
    /// And every step, those of the libraries included.
    Trace,
}

/// How events are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// For people.
    Text,
}

const QUEUE: NonZeroUsize = NonZeroUsize::new(8192).expect("not zero");

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

#[cfg(test)]
mod tests;
