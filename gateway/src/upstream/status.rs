//! What `/health` shows of an upstream. For operators: addresses and error texts are in it.

use std::sync::Arc;

use serde::Serialize;

use super::{
    endpoint::Endpoint,
    health::{LastCheck, Verdict},
    state::{Resolution, Upstream},
};
use crate::value::rfc3339;

/// One upstream.
#[derive(Debug, Serialize)]
pub struct UpstreamStatus {
    /// Its name.
    pub name: Arc<str>,
    /// True where requests can be sent to at least one endpoint.
    pub usable: bool,
    /// True where health is ignored because too few endpoints are healthy.
    pub panicking: bool,
    /// Names that could not be resolved, or not yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unresolved: Vec<Unresolved>,
    /// In the order of the configuration.
    pub endpoints: Vec<EndpointStatus>,
}

/// A configured endpoint whose name does not resolve now.
#[derive(Debug, Serialize)]
pub struct Unresolved {
    /// As configured.
    pub url: String,
    /// Why; `null` while the first look-up goes on.
    pub error: Option<String>,
}

/// One endpoint.
#[derive(Debug, Serialize)]
pub struct EndpointStatus {
    /// The configured URL that led here.
    pub url: String,
    /// Where it is.
    pub address: Arc<str>,
    /// Share next to the others.
    pub weight: u32,
    /// `null` where no check was made.
    pub healthy: Option<bool>,
    /// Failed checks in a row.
    pub consecutive_failures: u32,
    /// Attempts running there.
    pub in_flight: u32,
    /// The latest check; `null` where none was made.
    pub last_check: Option<CheckStatus>,
}

/// The latest health check of an endpoint.
#[derive(Debug, Serialize)]
pub struct CheckStatus {
    /// RFC 3339, UTC.
    pub at: String,
    /// Whether it succeeded.
    pub ok: bool,
    /// What was found.
    pub result: String,
}

impl UpstreamStatus {
    pub(super) fn of(upstream: &Upstream) -> Self {
        let configured = &upstream.settings().endpoints;
        let url = |target: usize| configured.get(target).map_or_else(String::new, |c| c.url.to_string());
        let unresolved = upstream.resolutions().into_iter().enumerate().filter_map(|(target, resolution)| {
            let error = match resolution {
                Resolution::Known => return None,
                Resolution::Pending => None,
                Resolution::Failed(why) => Some(why),
            };
            Some(Unresolved { url: url(target), error })
        });
        Self {
            name: upstream.name().clone(),
            usable: upstream.is_usable(),
            panicking: upstream.is_panicking(),
            unresolved: unresolved.collect(),
            endpoints: upstream.endpoints().iter().map(|e| EndpointStatus::of(e, url(e.target()))).collect(),
        }
    }
}

impl EndpointStatus {
    fn of(endpoint: &Endpoint, url: String) -> Self {
        let health = endpoint.health();
        Self {
            url,
            address: endpoint.label().clone(),
            weight: endpoint.weight(),
            healthy: match health.verdict() {
                Verdict::Unknown => None,
                verdict => Some(verdict == Verdict::Healthy),
            },
            consecutive_failures: health.consecutive_failures(),
            in_flight: endpoint.in_flight(),
            last_check: health.last_check().map(|check| CheckStatus::of(&check)),
        }
    }
}

impl CheckStatus {
    fn of(check: &LastCheck) -> Self {
        Self {
            at: rfc3339(check.at),
            ok: check.result.is_ok(),
            result: check.result.as_ref().unwrap_or_else(|why| why).clone(),
        }
    }
}
