//! The application log: what the gateway says about itself, on standard error.
//!
//! It is written by a thread of its own (see [`Queue`]), so that nobody waits
//! for standard error.
//!
//! Standard output belongs to the access log. Events of libraries that write
//! through the `log` crate (Pingora does) come out here too. Pingora logs
//! every failed request as an error of its own; the access log tells the same
//! with its reason, so those targets are silent below the level `debug`.

mod queue;

use std::io;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layered, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, Registry, fmt, reload};

pub use queue::{Queue, start};

use crate::telemetry::config::{LogConfig, LogFormat, LogLevel};

/// Libraries whose news are ours to tell: only warnings and worse are shown. Below that they write headers out, which
/// carry secrets, so no level shows more.
const QUIET: [&str; 9] =
    ["h2", "hyper", "hyper_util", "rustls", "tonic", "tower", "opentelemetry", "hickory_proto", "notify"];
/// Libraries that report each failed request, which the access log does. The levels `debug` and `trace` show their news,
/// but not what they say at those levels: whole heads and bodies.
const SILENT: [&str; 3] = ["pingora_proxy", "pingora_core", "pingora_cache"];

type Format<S> = Box<dyn Layer<S> + Send + Sync>;
type Filtered = Layered<reload::Layer<Targets, Registry>, Registry>;

/// The running log; a reload may change level and format.
#[derive(Debug)]
pub struct Log {
    handles: Handles,
    queue: Queue,
}

/// What can be changed while it runs.
struct Handles {
    filter: reload::Handle<Targets, Registry>,
    format: reload::Handle<Format<Filtered>, Filtered>,
}

impl std::fmt::Debug for Handles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handles").finish_non_exhaustive()
    }
}

impl Log {
    /// Takes over the process's log; lines go to `queue`.
    ///
    /// # Errors
    /// Where another log was installed before.
    pub fn init(config: &LogConfig, queue: Queue) -> Result<Log, TryInitError> {
        let (subscriber, handles) = build(config, queue.clone());
        subscriber.try_init()?;
        Ok(Log { handles, queue })
    }

    /// Where its lines go.
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Follows another configuration from the next event on.
    pub fn apply(&self, config: &LogConfig) {
        // Filter and format are exchanged apart: a layer that has a filter of
        // its own cannot be exchanged as a whole.
        let Handles { filter: running, format: shown } = &self.handles;
        let done = running
            .reload(filter(config.level))
            .and_then(|()| shown.reload(format(config.format, self.queue.clone())));
        match done {
            // The bridge from the `log` crate remembers the level of the start.
            Ok(()) => log::set_max_level(log_level(config.level)),
            Err(error) => tracing::error!(%error, "log cannot follow the configuration"),
        }
    }
}

fn build<W>(config: &LogConfig, writer: W) -> (impl Subscriber + Send + Sync, Handles)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let (filter, filter_handle) = reload::Layer::new(filter(config.level));
    let (format, format_handle) = reload::Layer::new(format(config.format, writer));
    let handles = Handles { filter: filter_handle, format: format_handle };
    (tracing_subscriber::registry().with(filter).with(format), handles)
}

fn format<S, W>(format: LogFormat, writer: W) -> Format<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let text = fmt::layer().with_writer(writer);
    match format {
        LogFormat::Json => {
            text.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed()
        }
        LogFormat::Text => text.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).boxed(),
    }
}

fn log_level(level: LogLevel) -> log::LevelFilter {
    match level {
        LogLevel::Error => log::LevelFilter::Error,
        LogLevel::Warn => log::LevelFilter::Warn,
        LogLevel::Info => log::LevelFilter::Info,
        LogLevel::Debug => log::LevelFilter::Debug,
        LogLevel::Trace => log::LevelFilter::Trace,
    }
}

fn filter(level: LogLevel) -> Targets {
    let own = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let filter = Targets::new().with_default(own);
    let filter = filter.with_targets(QUIET.map(|target| (target, own.min(LevelFilter::WARN))));
    let silent = if own >= LevelFilter::DEBUG { LevelFilter::INFO } else { LevelFilter::OFF };
    filter.with_targets(SILENT.map(|target| (target, silent)))
}

#[cfg(test)]
mod tests;
