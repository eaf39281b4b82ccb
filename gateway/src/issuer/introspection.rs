//! Asks an issuer about tokens that only it understands (RFC 7662), and remembers what it said.
//!
//! A token is asked about once: who sends it meanwhile waits for the same answer, who sends it later gets what is
//! remembered. What is remembered is found by a keyed hash of the token, is bounded, and ends with the token's own `exp`.
//!
//! An issuer that cannot be asked is no fault of the caller's: the answer is then that credentials cannot be checked,
//! never that they are wrong. While it does not answer the gateway itself either (`outage`), it is not asked on behalf of
//! requests, so that an issuer that is down costs a request no time.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::Full;
use moka::sync::Cache;
use serde::Serialize;
use tokio::{
    runtime::Handle,
    sync::Semaphore,
    time::{sleep, timeout_at},
};

use super::{
    flights::Flights,
    http::{Bounds, Client},
    outage::{Change, Latest, Outage, PAUSE},
};
use crate::{
    policy::authentication::{
        Fingerprint, Fingerprints, Identity, Rejected,
        introspection::{Finding, Rules, token},
    },
    reason::Reason,
    telemetry::metrics::{Degraded, Introspected, IntrospectionMetrics},
    value::{Authorities, Secret, rfc3339},
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
    /// Who vouches for the server there; the system's authorities if nobody.
    pub authorities: Option<Authorities>,
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
    degraded: Degraded,
    metrics: Arc<IntrospectionMetrics>,
}

/// What `/health` shows of an issuer that is asked about tokens.
#[derive(Debug, Serialize)]
pub struct IntrospectionStatus {
    /// The authenticator that asks.
    pub authenticator: Arc<str>,
    /// Where.
    pub endpoint: String,
    /// It cannot be asked: tokens that are not remembered are answered with 503.
    pub degraded: bool,
    /// Since when: RFC 3339, UTC.
    pub since: Option<String>,
    /// Why there was no answer to the latest question that has none.
    pub error: Option<Arc<str>>,
}

/// What comes of a question: a finding, or why there is none.
type Answered = Result<Arc<Finding>, Arc<str>>;

/// Why a question has no answer that can be used.
struct Unanswered {
    why: Arc<str>,
    /// It may be the issuer's fault, and not that of one token or of too many.
    blames_issuer: bool,
}

impl Unanswered {
    fn of_issuer(why: impl Into<Arc<str>>) -> Self {
        Self { why: why.into(), blames_issuer: true }
    }

    fn excused(why: impl Into<Arc<str>>) -> Self {
        Self { why: why.into(), blames_issuer: false }
    }
}

impl Introspection {
    /// Questions go out on `runtime`, which outlives all who ask.
    pub fn new(settings: Settings, runtime: Handle, metrics: Arc<IntrospectionMetrics>) -> Arc<Self> {
        Arc::new(Self {
            known: Cache::new(settings.tokens),
            client: Client::new(settings.authorities.as_ref()),
            settings,
            runtime,
            fingerprints: Fingerprints::new(),
            flights: Flights::new(MOST_WAITING),
            at_once: Semaphore::new(MOST_AT_ONCE),
            outage: Outage::default(),
            degraded: metrics.issuer(),
            metrics,
        })
    }

    /// Whether it can be asked, for `/health`.
    pub fn status(&self) -> IntrospectionStatus {
        let Latest { since, error } = self.outage.latest();
        IntrospectionStatus {
            authenticator: self.settings.rules.authenticator.clone(),
            endpoint: self.settings.endpoint.to_string(),
            degraded: since.is_some(),
            since: since.map(rfc3339),
            error,
        }
    }

    /// How many answers are remembered. Does what the cache has put off before.
    pub fn remembered_count(&self) -> u64 {
        self.known.run_pending_tasks();
        self.known.entry_count()
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
        if let Some(why) = self.outage.reason() {
            self.metrics.count(Introspected::Skipped);
            return Err(format!("the issuer cannot be asked: {why}").into());
        }
        let begins = Instant::now();
        let answered = self.in_turn(&token, begins + self.settings.timeout).await;
        self.note(&answered, begins);
        let finding = Arc::new(answered.map_err(|unanswered| unanswered.why)?);
        if finding.until > SystemTime::now() {
            self.known.insert(fingerprint, finding.clone());
        }
        Ok(finding)
    }

    async fn in_turn(&self, token: &str, deadline: Instant) -> Result<Finding, Unanswered> {
        let turn = timeout_at(deadline.into(), self.at_once.acquire()).await;
        let _turn =
            turn.map_err(|_| Unanswered::excused("too many questions to the issuer are on their way"))?;
        self.exchange(token, deadline.saturating_duration_since(Instant::now())).await
    }

    async fn exchange(&self, token: &str, time: Duration) -> Result<Finding, Unanswered> {
        let answer = self.client.exchange(self.request(token), Bounds { time, body: MOST_BODY }).await;
        let answer = answer.map_err(|failed| Unanswered::of_issuer(failed.to_string()))?;
        let status = answer.status.as_u16();
        match answer.status {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let text = format!("the issuer refuses the gateway itself with {status}");
                return Err(Unanswered::of_issuer(text));
            }
            other if other.is_client_error() && other != StatusCode::TOO_MANY_REQUESTS => {
                return Err(Unanswered::excused(format!("the issuer answers {status}")));
            }
            _ => return Err(Unanswered::of_issuer(format!("the issuer answers {status}"))),
        }
        let finding = self.settings.rules.judge(&answer.body, SystemTime::now());
        finding.map_err(|unusable| Unanswered::of_issuer(unusable.to_string()))
    }

    /// Asks on the gateway's own behalf until there is an answer.
    fn watch(self: &Arc<Self>) {
        // Whoever holds it keeps it.
        let watched = Arc::downgrade(self);
        self.runtime.spawn(async move {
            while let Some(this) = watched.upgrade() {
                if this.probe().await {
                    return;
                }
                drop(this);
                sleep(PAUSE).await;
            }
        });
    }

    /// Whether the issuer answers, about a token of which nobody else knows.
    async fn probe(&self) -> bool {
        let token = format!("glassgate-{:032x}", fastrand::u128(..));
        let result = match self.exchange(&token, self.settings.timeout).await {
            Err(Unanswered { why, blames_issuer: true }) => Err(why),
            _ => Ok(()),
        };
        let answers = result.is_ok();
        self.tell(self.outage.probed(result, SystemTime::now()));
        answers
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

    fn note(self: &Arc<Self>, answered: &Result<Finding, Unanswered>, begins: Instant) {
        self.metrics.asked(begins.elapsed());
        self.metrics.count(match answered {
            Ok(Finding { verdict: Ok(_), .. }) => Introspected::Accepted,
            Ok(_) => Introspected::Refused,
            Err(_) => Introspected::Failed,
        });
        match answered {
            Ok(_) => self.tell(self.outage.answered()),
            Err(Unanswered { why, blames_issuer: false }) => self.outage.excused(why),
            Err(Unanswered { why, .. }) => {
                if self.outage.failed(why) {
                    self.watch();
                }
            }
        }
    }

    fn tell(&self, change: Option<Change>) {
        let authenticator = &*self.settings.rules.authenticator;
        match change {
            Some(Change::Began) => {
                self.degraded.set(true);
                let error = self.outage.reason().unwrap_or_default();
                tracing::warn!(authenticator, error = &*error, "the issuer cannot be asked about tokens");
            }
            Some(Change::Ended) => {
                self.degraded.set(false);
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
