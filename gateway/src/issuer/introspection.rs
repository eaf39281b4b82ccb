//! Asks an issuer about tokens that only it understands (RFC 7662), and remembers what it said.
//!
//! A token is asked about once: who sends it meanwhile waits for the same answer, who sends it later gets what is
//! remembered. What is remembered is found by a keyed hash of the token, is bounded, and ends with the token's own `exp`.
//!
//! An issuer that cannot be asked is no fault of the caller's: the answer is then that credentials cannot be checked,
//! never that they are wrong. After failures in a row it is asked once a second only, so that an issuer that is down
//! costs a request no time.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::Full;
use moka::sync::Cache;
use tokio::{runtime::Handle, sync::Semaphore, time::timeout_at};

use super::{
    flights::Flights,
    http::{Bounds, Client},
    outage::{Change, Outage},
};
use crate::{
    policy::authentication::{
        Fingerprint, Fingerprints, Identity, Rejected,
        introspection::{Finding, Rules, token},
    },
    reason::Reason,
    telemetry::metrics::{Introspected, IntrospectionMetrics},
    value::Secret,
};

/// Bytes of the largest answer that is read.
const MOST_BODY: usize = 64 << 10;

/// Questions on their way to one issuer at a time.
const MOST_AT_ONCE: usize = 64;

/// Different tokens that are asked about or wait at a time.
const MOST_WAITING: usize = 1024;

/// How an issuer is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What its answers must say, and how long they count.
    pub rules: Rules,
    /// Where.
    pub endpoint: Uri,
    /// Who the gateway is, where the header says it.
    pub authorization: Option<Secret>,
    /// The same where the body says it: parameters, with `&` after them.
    pub parameters: Secret,
    /// From a token's first sight to the answer's last byte.
    pub timeout: Duration,
    /// Tokens that are remembered.
    pub tokens: u64,
}

/// Asks one issuer.
pub struct Introspection {
    settings: Settings,
    client: Client,
    runtime: Handle,
    fingerprints: Fingerprints,
    known: Cache<Fingerprint, Arc<Finding>>,
    flights: Arc<Flights<Fingerprint, Answered>>,
    at_once: Semaphore,
    outage: Outage,
    metrics: Arc<IntrospectionMetrics>,
}

/// What comes of a question: a finding, or why there is none.
type Answered = Result<Arc<Finding>, Arc<str>>;

impl Introspection {
    /// Questions go out on `runtime`, which outlives all who ask.
    pub fn new(settings: Settings, runtime: Handle, metrics: Arc<IntrospectionMetrics>) -> Arc<Self> {
        Arc::new(Self {
            known: Cache::new(settings.tokens),
            settings,
            client: Client::new(),
            runtime,
            fingerprints: Fingerprints::new(),
            flights: Flights::new(MOST_WAITING),
            at_once: Semaphore::new(MOST_AT_ONCE),
            outage: Outage::default(),
            metrics,
        })
    }

    /// Whose token it is.
    ///
    /// # Errors
    /// It does not count here, or its issuer cannot be asked.
    pub async fn judge(self: &Arc<Self>, sent: &[u8], now: SystemTime) -> Result<Arc<Identity>, Rejected> {
        let token = token(sent)?;
        let fingerprint = self.fingerprints.of(&[token.as_bytes()]);
        if let Some(finding) = self.remembered(fingerprint, now) {
            self.metrics.count(Introspected::Remembered);
            return finding.verdict.clone();
        }
        let known = || self.remembered(fingerprint, now).map(Ok);
        let ask = || self.clone().ask(fingerprint, token.to_owned());
        let answered = self.flights.join(fingerprint, &self.runtime, known, ask).await;
        match answered {
            Ok(Ok(finding)) => finding.verdict.clone(),
            Ok(Err(why)) => Err(unavailable(&why)),
            Err(lost) => Err(unavailable(&lost.to_string())),
        }
    }

    fn remembered(&self, fingerprint: Fingerprint, now: SystemTime) -> Option<Arc<Finding>> {
        self.known.get(&fingerprint).filter(|finding| now < finding.until)
    }

    async fn ask(self: Arc<Self>, fingerprint: Fingerprint, token: String) -> Answered {
        let begins = Instant::now();
        if !self.outage.may_ask(begins) {
            self.metrics.count(Introspected::Skipped);
            return Err("the issuer does not answer, and is asked once a second only".into());
        }
        let answered = self.exchange(&token, begins + self.settings.timeout).await;
        self.note(&answered, begins);
        let finding = Arc::new(answered?);
        if finding.until > SystemTime::now() {
            self.known.insert(fingerprint, finding.clone());
        }
        Ok(finding)
    }

    async fn exchange(&self, token: &str, deadline: Instant) -> Result<Finding, Arc<str>> {
        let turn = timeout_at(deadline.into(), self.at_once.acquire()).await;
        let _turn = turn.map_err(|_| "too many questions to the issuer are on their way")?;
        let time = deadline.saturating_duration_since(Instant::now());
        let answer = self.client.exchange(self.request(token), Bounds { time, body: MOST_BODY }).await;
        let answer = answer.map_err(|failed| Arc::from(failed.to_string()))?;
        match answer.status {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let text = format!("the issuer refuses the gateway itself with {}", answer.status.as_u16());
                return Err(text.into());
            }
            other => return Err(format!("the issuer answers {}", other.as_u16()).into()),
        }
        let finding = self.settings.rules.judge(&answer.body, SystemTime::now());
        finding.map_err(|unusable| unusable.to_string().into())
    }

    /// RFC 7662 section 2.1.
    fn request(&self, token: &str) -> Request<Full<Bytes>> {
        let Settings { endpoint, authorization, parameters, .. } = &self.settings;
        // A token's characters mean nothing in a form, but for `+` and `=`.
        let token = token.replace('+', "%2B").replace('=', "%3D");
        let body = format!("{}token={token}&token_type_hint=access_token", parameters.expose());
        let mut request = Request::new(Full::new(body.into()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = endpoint.clone();
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(authorization) = authorization {
            let value = HeaderValue::from_str(authorization.expose());
            let mut value = value.expect("the configuration made it of base64");
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        request
    }

    fn note(&self, answered: &Result<Finding, Arc<str>>, begins: Instant) {
        let now = Instant::now();
        self.metrics.asked(now.saturating_duration_since(begins));
        self.metrics.count(match answered {
            Ok(Finding { verdict: Ok(_), .. }) => Introspected::Accepted,
            Ok(_) => Introspected::Refused,
            Err(_) => Introspected::Failed,
        });
        let authenticator = &*self.settings.rules.authenticator;
        match self.outage.report(answered.is_ok(), now) {
            Some(Change::Began) => {
                let error = answered.as_ref().err().map(|why| &**why).unwrap_or_default();
                tracing::warn!(authenticator, error, "the issuer cannot be asked about tokens");
            }
            Some(Change::Ended) => {
                tracing::info!(authenticator, "the issuer can be asked about tokens again")
            }
            None => {}
        }
    }
}

fn unavailable(why: &str) -> Rejected {
    Rejected::new(Reason::AuthenticationUnavailable, format!("introspection: {why}"))
}

/// Without secrets and tokens.
impl fmt::Debug for Introspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspection").field("endpoint", &self.settings.endpoint).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
