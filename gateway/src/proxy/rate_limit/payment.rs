//! Limits that go by what a GraphQL operation costs.
//!
//! The engine knows the cost when it has planned the operation, long after the request was let through; it asks here
//! before it calls any service. What the limits say then is remembered for the answer's head, for log and span.

use std::{
    num::NonZeroU32,
    sync::{Arc, OnceLock},
};

use futures::{FutureExt, future::BoxFuture};
use glassgate_graphql::budget::{Budget, Exceeded};
use http::header::RETRY_AFTER;
use pingora_error::Result;
use pingora_http::ResponseHeader;

use super::{Bucket, Charge, decide, decisions, error, reason, refusing, result};
use crate::{
    policy::rate_limit::{Decision, Outcome},
    proxy::context::{Admitted, Opened, Outcome as Request},
    redis::Client,
    snapshot::Route,
};

/// Pays for the operation of one request.
#[derive(Debug)]
pub struct Payment {
    route: Arc<Route>,
    /// Places of the limits in the route's list, and their buckets.
    buckets: Vec<(usize, Bucket)>,
    redis: Option<Arc<Client>>,
    decisions: OnceLock<Vec<(usize, Decision)>>,
}

impl Payment {
    /// By the limits of this request that were only looked at; `None` if there are none.
    pub fn due(admitted: &Admitted, opened: &Opened) -> Option<Arc<Self>> {
        let buckets = admitted.passed.rate_limits.postponed.clone();
        let (route, redis) = (admitted.route.clone(), opened.snapshot.redis.clone());
        (!buckets.is_empty()).then(|| Arc::new(Self { route, buckets, redis, decisions: OnceLock::new() }))
    }

    /// What the limits have said; `None` if the operation was not planned.
    pub(super) fn decisions(&self) -> Option<&[(usize, Decision)]> {
        self.decisions.get().map(Vec::as_slice)
    }

    async fn pay(&self, cost: u32) -> Result<(), Exceeded> {
        let cost = NonZeroU32::new(cost).unwrap_or(NonZeroU32::MIN);
        let list = &self.route.policies.rate_limits.list;
        let charge = |(place, bucket): &(usize, Bucket)| {
            let limit = &list[*place];
            Charge { place: *place, limit, bucket: *bucket, cost: Some(cost) }
        };
        let charges: Vec<Charge<'_>> = self.buckets.iter().map(charge).collect();
        let decisions = decide(&charges, self.redis.as_ref()).await;
        for (charge, said) in charges.iter().zip(&decisions) {
            charge.limit.metrics.decided(result(said.as_ref()));
        }
        let said = charges.iter().zip(&decisions);
        let said = said.filter_map(|(charge, decision)| Some((charge, (*decision)?)));
        let exceeded = refusing(said).map(|(charge, decision)| {
            let burst = charge.quota().burst;
            let text = match decision.outcome {
                Outcome::TooCostly => {
                    format!("The operation costs {cost}, and at most {burst} may be spent at once")
                }
                Outcome::Unavailable => "The limit of operations cannot be checked at present".to_owned(),
                _ => format!("The operation costs {cost}, and {} are left", decision.remaining),
            };
            Exceeded { text }
        });
        let said = charges.iter().zip(decisions);
        let said = said.filter_map(|(charge, decision)| Some((charge.place, decision?)));
        // An operation is paid for once.
        let _ = self.decisions.set(said.collect());
        exceeded.map_or(Ok(()), Err)
    }
}

impl Budget for Payment {
    fn take(&self, cost: u32) -> BoxFuture<'_, Result<(), Exceeded>> {
        self.pay(cost).boxed()
    }
}

/// An operation that nobody paid for is a request that was refused, though the engine has answered it.
pub fn settle(admitted: &Admitted, head: &mut ResponseHeader, request: &mut Request) -> Result<()> {
    let payment = admitted.exchange.as_ref().and_then(|exchange| exchange.payment());
    if payment.is_none_or(|payment| payment.decisions().is_none()) {
        return Ok(());
    }
    if let Some((limit, decision)) = refusing(decisions(admitted)) {
        let reason = reason(decision);
        // The engine knows only one answer for what is not paid for.
        head.set_status(reason.status())?;
        request.reason = Some(reason);
        request.error = Some(error(limit, decision));
        if let Some(after) = decision.retry_after() {
            head.insert_header(RETRY_AFTER, after)?;
        }
    }
    Ok(())
}
