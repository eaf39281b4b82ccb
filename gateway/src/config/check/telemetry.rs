//! Telemetry: what needs files, and what looks odd.

use super::Check;
use crate::telemetry::config::{AccessLogOutput, TelemetryConfig};

pub fn check(check: &mut Check<'_>, config: &TelemetryConfig) {
    if config.service_name.trim().is_empty() {
        let place = check.place("telemetry.service_name");
        check.error(place, "the service name is empty; write for example `glassgate`");
    }
    let endpoint = "telemetry.traces.otlp.endpoint";
    // An empty one is meant: a variable that is not set.
    if config.traces.otlp.as_ref().is_some_and(|otlp| otlp.endpoint.is_none()) && !check.is_written(endpoint)
    {
        let place = check.place("telemetry.traces.otlp");
        check.warning(place, "no collector is named, so no spans are sent; add `endpoint`, or remove `otlp`");
    }
    if let AccessLogOutput::File(path) = config.access_log.resolved_output() {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            let text = format!("there is no folder `{}` for the access log; create it", folder.display());
            check.error(config.access_log.output.place().clone(), text);
        }
    }
}
