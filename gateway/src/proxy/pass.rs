//! What a route's policies say of a request, asked one after the other.
//!
//! The order is fixed. What needs no identity comes before authentication, so that guessing is limited, too; what counts
//! a request as served comes last.

use std::{
    future::poll_fn,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use http::{HeaderName, HeaderValue, header};
use pingora_proxy::Session;

use super::{
    authenticate::authenticate,
    authorize::authorise,
    context::Opened,
    queue,
    rate_limit::{self, Stage},
};
use crate::{
    policy::{
        authentication::{Identity, ToldHeaders},
        cors, forwarding, ip_filter, limits,
    },
    reason::Reason,
    snapshot::{Policies, Route},
    upstream::Place,
};

/// What the policies have found out, for later stages. Filled as far as they were asked, also for a request that one of
/// them refused.
#[derive(Debug, Default)]
pub struct Passed {
    /// The origin whose page may read the answer, where the answer names it.
    pub origin: Option<HeaderValue>,
    /// What is left of the rate limits that were asked.
    pub rate_limits: rate_limit::Told,
    /// Who calls; `None` where nobody asked, or where nobody may call.
    pub identity: Option<Arc<Identity>>,
    /// The id of an API key that is known here and was refused.
    pub refused_key: Option<Box<str>>,
    /// What a service is told about the caller.
    pub told: ToldHeaders,
    /// Within the route's concurrency limit, if it has one, until the request is over.
    pub place: Option<Place>,
    /// How long it stood in queues, for this place and for those at the upstream.
    pub waited: Duration,
    /// How old the request was when a policy last had to wait for somebody else: an issuer, a costly hash, Redis.
    held: Duration,
}

impl Passed {
    /// What time it is, as far as that matters: the clock is looked at only where something took time.
    pub fn now(&self, opened: &Opened) -> Instant {
        opened.epoch.instant + self.held
    }

    /// Asks a policy that may have to wait.
    async fn ask<T>(&mut self, opened: &Opened, policy: impl AsyncFnOnce(&mut Self) -> T) -> T {
        let mut waited = false;
        let answer = {
            let mut asking = pin!(policy(self));
            poll_fn(|cx| {
                let answer = asking.as_mut().poll(cx);
                waited |= answer.is_pending();
                answer
            })
            .await
        };
        if waited {
            self.held = opened.epoch.instant.elapsed();
        }
        answer
    }
}

/// Why a request does not go on.
#[derive(Debug)]
pub struct Refusal {
    pub reason: Reason,
    /// What the answer says beyond the reason.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// What the operator needs to know beyond the reason.
    pub error: Option<Box<str>>,
}

impl Refusal {
    /// With a header of the answer.
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self { reason, headers: Vec::new(), error: None }
    }
}

impl From<ip_filter::Refused> for Refusal {
    fn from(refused: ip_filter::Refused) -> Self {
        Self { error: Some(refused.to_string().into()), ..Reason::from(refused).into() }
    }
}

impl From<limits::Refused> for Refusal {
    fn from(refused: limits::Refused) -> Self {
        Self { error: Some(refused.to_string().into()), ..Reason::from(&refused).into() }
    }
}

impl From<cors::Refused> for Refusal {
    fn from(refused: cors::Refused) -> Self {
        Self { error: Some(refused.to_string().into()), ..Reason::from(refused).into() }
    }
}

/// Asks the route's policies. `complete`: the client has sent its last byte.
pub async fn pass(
    session: &mut Session,
    opened: &Opened,
    complete: bool,
    route: &Route,
    passed: &mut Passed,
) -> Result<(), Refusal> {
    let Policies {
        cors,
        ip_filter,
        limits,
        rate_limits: _,
        authentication: _,
        authorization: _,
        concurrency: _,
        priority: _,
    } = &route.policies;
    let headers = &session.req_header().headers;
    // First of all, so that a browser may read why a request is refused.
    passed.origin = cors.origin(headers);
    ip_filter.check(opened.origin.client)?;
    if !cors.is_off() && opened.websocket {
        let told = forwarding::asked_host(headers, &opened.origin, opened.chain);
        cors.check_websocket(headers, told.as_ref().or(opened.host.as_ref()), opened.origin.https)?;
    }
    if !limits.is_off() {
        limits.check_head(target_bytes(opened), headers.get(header::CONTENT_LENGTH))?;
    }
    let count = async |stage, passed: &mut Passed| {
        let policy = async |passed: &mut Passed| rate_limit::ask(stage, headers, opened, route, passed).await;
        passed.ask(opened, policy).await
    };
    count(Stage::Anonymous, passed).await?;
    passed.ask(opened, async |passed| authenticate(session, opened, route, passed).await).await?;
    authorise(session, opened, route, passed)?;
    count(Stage::Identified, passed).await?;
    queue::enter(session, opened, complete, route, passed).await
}

/// Bytes of path and query.
fn target_bytes(opened: &Opened) -> usize {
    opened.uri.path_and_query().map_or(0, |target| target.as_str().len())
}
