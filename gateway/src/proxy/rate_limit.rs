//! A request and its route's rate limits: what it takes of each, and what the client is told.
//!
//! Limits are asked at two stages, those that need no identity before authentication. At each stage all of them are
//! asked, also after one has refused, and what the others gave is not given back.
//!
//! What a request takes is collected first ([`collect`]: limits, keys, costs), then decided in one call ([`decide`]), then
//! acted upon. Counters that live elsewhere are asked in `decide`, which may wait.

use std::{num::NonZeroU32, time::Instant};

use http::{HeaderMap, HeaderValue, header::RETRY_AFTER};

use super::{
    context::{Admitted, Opened},
    pass::Refusal,
};
use crate::{
    policy::rate_limit::{
        Decision, Outcome,
        fields::{self, RATE_LIMIT, RATE_LIMIT_POLICY},
        key::{Asked, Key},
    },
    reason::Reason,
    snapshot::{RateLimit, Route},
    telemetry::metrics::RateLimitResult,
};

/// When a limit is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Before anybody knows who calls.
    Anonymous,
    /// When it is known.
    Identified,
}

/// What a request takes of a limit.
struct Charge<'a> {
    /// Its place in the route's list.
    place: usize,
    limit: &'a RateLimit,
    key: Key,
    cost: NonZeroU32,
}

/// What the limits have said so far.
#[derive(Debug, Default)]
pub struct Told(Vec<(usize, Decision)>);

/// Asks the limits of a stage.
pub async fn ask(
    stage: Stage,
    headers: &HeaderMap,
    opened: &Opened,
    route: &Route,
    told: &mut Told,
) -> Result<(), Refusal> {
    let charges = collect(stage, headers, opened, route);
    if charges.is_empty() {
        return Ok(());
    }
    let decisions = decide(&charges, Instant::now()).await;
    for (charge, decision) in charges.iter().zip(&decisions) {
        charge.limit.metrics.decided(result(decision));
        told.0.push((charge.place, *decision));
    }
    match told.refusing() {
        Some((place, decision)) => Err(refusal(&route.policies.rate_limits.list[place], decision)),
        None => Ok(()),
    }
}

/// What a request takes of the limits of a stage. Nothing is taken yet.
fn collect<'a>(stage: Stage, headers: &HeaderMap, opened: &Opened, route: &'a Route) -> Vec<Charge<'a>> {
    let asked = Asked { client: opened.origin.client, route: &route.name, headers };
    let limits = route.policies.rate_limits.list.iter().enumerate();
    let of_stage = limits.filter(|(_, limit)| limit.needs_identity == (stage == Stage::Identified));
    of_stage
        .map(|(place, limit)| Charge { place, limit, key: limit.limiter.key(&asked), cost: limit.cost })
        .collect()
}

/// Takes what there is.
async fn decide(charges: &[Charge<'_>], now: Instant) -> Vec<Decision> {
    charges.iter().map(|charge| charge.limit.limiter.spend(charge.key, charge.cost, now)).collect()
}

fn result(decision: &Decision) -> RateLimitResult {
    if decision.is_allowed() { RateLimitResult::Allowed } else { RateLimitResult::Refused }
}

fn refusal(limit: &RateLimit, decision: Decision) -> Refusal {
    let why = match decision.outcome {
        Outcome::TooCostly => "a request costs more than there ever is at once",
        _ => "there is not enough left",
    };
    let mut refusal = Refusal::from(Reason::RateLimited);
    refusal.error = Some(format!("rate limit `{}`: {why}", limit.name).into());
    match decision.retry_after() {
        Some(after) => refusal.with(RETRY_AFTER, HeaderValue::from(after)),
        None => refusal,
    }
}

impl Told {
    /// Of the limits that refused, the one that will for longest.
    fn refusing(&self) -> Option<(usize, Decision)> {
        let refused = self.0.iter().filter(|(_, decision)| !decision.is_allowed());
        refused.max_by_key(|(_, decision)| (decision.outcome == Outcome::TooCostly, decision.reset)).copied()
    }
}

/// The name of the limit that refused the request.
pub fn refused_by(admitted: &Admitted) -> Option<&str> {
    let (place, _) = admitted.passed.rate_limits.refusing()?;
    Some(&admitted.route.policies.rate_limits.list[place].name)
}

/// Tells the client what is left of the limits that were asked. In the place of what a service says of its own: two
/// answers to one question would contradict each other, and ours is what holds here.
pub fn tell(admitted: &Admitted, headers: &mut HeaderMap) {
    let limits = &admitted.route.policies.rate_limits;
    let (Some(policy), told) = (&limits.policy, &admitted.passed.rate_limits.0) else { return };
    if told.is_empty() {
        return;
    }
    let told = told.iter().map(|(place, decision)| (&*limits.list[*place].name, *decision));
    headers.insert(RATE_LIMIT, fields::remaining(told));
    headers.insert(RATE_LIMIT_POLICY, policy.clone());
}
