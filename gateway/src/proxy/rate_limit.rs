//! A request and its route's rate limits: what it takes of each, and what the client is told.
//!
//! Limits are asked at two stages, those that need no identity before authentication. At each stage all of them are
//! asked, also after one has refused, and what the others gave is not given back. A limit that goes by what a GraphQL
//! operation costs is only looked at then; `payment` asks it when the engine knows the cost.
//!
//! What a request takes is found out first (`charges`: limits, keys, costs). Counters of this process are asked one after
//! the other; those that live elsewhere all in one call ([`decide`]), which may wait.

mod payment;
mod together;

use std::{num::NonZeroU32, sync::Arc, time::Instant};

use http::{HeaderMap, HeaderValue, header::RETRY_AFTER};
use smallvec::SmallVec;

pub use payment::{Payment, settle};

use super::{
    context::{Admitted, Opened},
    pass::{Passed, Refusal},
};
use crate::{
    policy::authentication::Identity,
    policy::rate_limit::{
        Cost, Decision, Outcome,
        fields::{self, RATE_LIMIT, RATE_LIMIT_POLICY},
        key::{self, Asked, Caller},
    },
    reason::Reason,
    redis::{Client, NoAnswer},
    snapshot::{RateLimit, RateLimits, Route},
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
    bucket: Bucket,
    /// `None` looks whether there is anything at all, and takes nothing.
    cost: Option<NonZeroU32>,
}

impl Charge<'_> {
    /// A query takes nothing of a limit that counts mutations, so there need not even be anything.
    fn takes_nothing_yet(&self) -> bool {
        self.limit.cost == Cost::GraphqlMutations
    }
}

/// Whose bucket it is, in both places where it may be.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// In this process.
    here: key::Bucket,
    /// Where several gateways count.
    common: Option<u128>,
}

/// One for each limit of a route; of the usual number nothing is allocated.
type Few<T> = SmallVec<[T; 4]>;

/// What the limits of a request have said so far.
#[derive(Debug, Default)]
pub struct Told {
    decisions: Few<(usize, Decision)>,
    /// Places and buckets of the limits that are asked when the cost is known.
    postponed: Vec<(usize, Bucket)>,
    fell_back: bool,
}

impl Told {
    /// Whether one of them could not ask where several gateways count.
    pub fn fell_back(&self) -> bool {
        self.fell_back
    }

    /// For when the cost is known.
    fn postpone(&mut self, charge: &Charge<'_>) {
        self.postponed.push((charge.place, charge.bucket));
    }

    /// What a limit has said; one that was only looked at is asked later.
    fn note(&mut self, charge: &Charge<'_>, decision: Option<Decision>) {
        let place = charge.place;
        if charge.cost.is_none() && decision.as_ref().is_none_or(Decision::is_allowed) {
            self.postpone(charge);
        } else {
            charge.limit.metrics.decided(result(decision.as_ref()));
        }
        self.decisions.extend(decision.map(|decision| (place, decision)));
    }
}

/// Asks the limits of a stage.
pub async fn ask(
    stage: Stage,
    headers: &HeaderMap,
    opened: &Opened,
    route: &Route,
    passed: &mut Passed,
) -> Result<(), Refusal> {
    let now = passed.now(opened);
    let Passed { rate_limits: told, identity, .. } = passed;
    let charges = charges(stage, headers, opened, route, identity.as_deref());
    match &opened.snapshot.redis {
        None => charges.for_each(|charge| match charge.takes_nothing_yet() {
            true => told.postpone(&charge),
            false => told.note(&charge, Some(charge.counted_here(now))),
        }),
        Some(redis) => {
            let (unasked, charges): (Few<Charge<'_>>, Few<Charge<'_>>) =
                charges.partition(Charge::takes_nothing_yet);
            unasked.iter().for_each(|charge| told.postpone(charge));
            if charges.is_empty() {
                return Ok(());
            }
            let (decisions, fell_back) = decide(&charges, Some(redis)).await;
            told.fell_back |= fell_back;
            charges.iter().zip(decisions).for_each(|(charge, decision)| told.note(charge, decision));
        }
    }
    let list = &route.policies.rate_limits.list;
    let said = told.decisions.iter().map(|(place, decision)| (&list[*place], *decision));
    match refusing(said) {
        Some((limit, decision)) => Err(refusal(limit, decision)),
        None => Ok(()),
    }
}

/// What a request takes of the limits of a stage. Nothing is taken yet.
fn charges<'a>(
    stage: Stage,
    headers: &'a HeaderMap,
    opened: &'a Opened,
    route: &'a Route,
    identity: Option<&'a Identity>,
) -> impl Iterator<Item = Charge<'a>> {
    let limits = route.policies.rate_limits.list.iter().enumerate();
    let of_stage = limits.filter(move |(_, limit)| limit.needs_identity == (stage == Stage::Identified));
    of_stage.map(move |(place, limit)| {
        let cost = match limit.cost {
            Cost::Fixed(cost) => Some(cost),
            Cost::Graphql | Cost::GraphqlMutations => None,
        };
        let caller = identity.map(|identity| Caller {
            authenticator: &identity.authenticator,
            claims: &identity.claims,
            api_key: identity.api_key.as_deref(),
            quota: identity.quota(&limit.name),
        });
        let asked = Asked { client: opened.origin.client, route: &route.name, headers, caller };
        let bucket = Bucket { here: limit.limiter.bucket(&asked), common: limit.common_key(&asked) };
        Charge { place, limit, bucket, cost }
    })
}

/// Takes what there is: a decision for each charge, in their order, and whether somebody did not answer. A limit that
/// nobody could ask, and that lets requests pass then, says nothing.
async fn decide(charges: &[Charge<'_>], redis: Option<&Arc<Client>>) -> (Few<Option<Decision>>, bool) {
    let answers = together::ask(charges, redis).await;
    let unanswered = answers.iter().any(Result::is_err);
    let mut answers = answers.into_iter();
    let now = Instant::now();
    let decide = |charge: &Charge<'_>| match charge.want() {
        Some(_) => charge.answered(answers.next().unwrap_or(Err(NoAnswer::NotAsked)), now),
        None => Some(charge.counted_here(now)),
    };
    (charges.iter().map(decide).collect(), unanswered)
}

fn result(decision: Option<&Decision>) -> RateLimitResult {
    match decision.map(|decision| decision.outcome) {
        Some(Outcome::Allowed) => RateLimitResult::Allowed,
        Some(Outcome::Refused | Outcome::TooCostly) => RateLimitResult::Refused,
        Some(Outcome::Unavailable) => RateLimitResult::Unavailable,
        None => RateLimitResult::Uncounted,
    }
}

fn refusal(limit: &RateLimit, decision: Decision) -> Refusal {
    let mut refusal = Refusal::from(reason(decision));
    refusal.error = Some(error(limit, decision));
    match decision.retry_after() {
        Some(after) => refusal.with(RETRY_AFTER, HeaderValue::from(after)),
        None => refusal,
    }
}

fn reason(decision: Decision) -> Reason {
    match decision.outcome {
        Outcome::Unavailable => Reason::RateLimitUnavailable,
        _ => Reason::RateLimited,
    }
}

/// For the operator.
fn error(limit: &RateLimit, decision: Decision) -> Box<str> {
    let why = match decision.outcome {
        Outcome::TooCostly => "the request costs more than there ever is at once",
        Outcome::Unavailable => "redis gave no answer in time",
        _ => "there is not enough left",
    };
    format!("rate limit `{}`: {why}", limit.name).into()
}

/// Of the limits that refused, the one that will for longest.
fn refusing<T>(said: impl Iterator<Item = (T, Decision)>) -> Option<(T, Decision)> {
    let refused = said.filter(|(_, decision)| !decision.is_allowed());
    refused.max_by_key(|(_, decision)| (decision.outcome == Outcome::TooCostly, decision.reset))
}

/// What each limit that was asked has said last.
fn decisions(admitted: &Admitted) -> impl Iterator<Item = (&RateLimit, Decision)> {
    let list = &admitted.route.policies.rate_limits.list;
    let paid = admitted.exchange.as_ref().and_then(|exchange| exchange.payment()?.decisions());
    let (before, paid) = (&admitted.passed.rate_limits.decisions, paid.unwrap_or_default());
    let is_same = |place: usize| move |(other, _): &&(usize, Decision)| *other == place;
    let last = before.iter().map(move |asked| paid.iter().find(is_same(asked.0)).unwrap_or(asked));
    let only_paid = paid.iter().filter(move |(place, _)| !before.iter().any(|asked| asked.0 == *place));
    last.chain(only_paid).map(|(place, decision)| (&list[*place], *decision))
}

/// The name of the limit that refused the request.
pub fn refused_by(admitted: &Admitted) -> Option<&str> {
    refusing(decisions(admitted)).map(|(limit, _)| &*limit.name)
}

/// Tells the client what is left of the limits that were asked. In the place of what a service says of its own: two
/// answers to one question would contradict each other, and ours is what holds here.
pub fn tell(admitted: &Admitted, headers: &mut HeaderMap) {
    let limits = &admitted.route.policies.rate_limits;
    let Some(policy) = &limits.policy else { return };
    // Of a limit that nobody could ask nobody knows what is left.
    let known = decisions(admitted).filter(|(_, decision)| decision.outcome != Outcome::Unavailable);
    let mut told = known.map(|(limit, decision)| (&*limit.name, decision)).peekable();
    if told.peek().is_none() {
        return;
    }
    headers.insert(RATE_LIMIT, fields::remaining(told));
    let identity = admitted.passed.identity.as_deref().filter(|identity| !identity.quotas.is_empty());
    headers.insert(
        RATE_LIMIT_POLICY,
        identity.map_or_else(|| policy.clone(), |identity| policy_of(limits, identity)),
    );
}

/// What a caller is told who has quotas of their own.
fn policy_of(limits: &RateLimits, identity: &Identity) -> HeaderValue {
    let told = limits.list.iter().map(|limit| {
        let own = identity.quota(&limit.name).filter(|_| limit.needs_identity);
        (&*limit.name, own.unwrap_or(limit.limiter.limit().quota).rate)
    });
    fields::policy(told)
}
