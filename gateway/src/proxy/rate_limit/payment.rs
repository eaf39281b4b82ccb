//! Limits that go by what a GraphQL operation costs.
//!
//! The engine knows the cost when it has planned the operation, long after the request was let through; it asks here
//! before it calls any service. What the limits say then is remembered for the answer's head, for log and span.

use std::{
    num::NonZeroU32,
    sync::{Arc, OnceLock},
};

use futures::{FutureExt, future::BoxFuture};
use glassgate_graphql::budget::{Bill, Budget, Cause, Unpaid};
use http::{
    HeaderValue,
    header::{CACHE_CONTROL, RETRY_AFTER},
};
use pingora_error::Result;
use pingora_http::ResponseHeader;

use super::{Bucket, Charge, decide, decisions, error, reason, refusing, result};
use crate::{
    policy::rate_limit::{Cost, Decision, Outcome},
    proxy::context::{Admitted, Opened, Outcome as Request},
    reason::PROXY_STATUS,
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
    /// By the limits of this request that go by its operation; `None` if there are none.
    pub fn due(admitted: &Admitted, opened: &Opened) -> Option<Arc<Self>> {
        let buckets = &admitted.passed.rate_limits.postponed;
        if buckets.is_empty() {
            return None;
        }
        let (route, redis) = (admitted.route.clone(), opened.snapshot.redis.clone());
        Some(Arc::new(Self { route, buckets: buckets.clone(), redis, decisions: OnceLock::new() }))
    }

    /// What the limits have said; `None` if the operation was not planned.
    pub(super) fn decisions(&self) -> Option<&[(usize, Decision)]> {
        self.decisions.get().map(Vec::as_slice)
    }

    /// What the limits are asked for; nothing of those that an operation takes nothing of.
    fn charges(&self, bill: Bill) -> Vec<Charge<'_>> {
        let list = &self.route.policies.rate_limits.list;
        let charge = |(place, bucket): &(usize, Bucket)| {
            let limit = &list[*place];
            let cost = match limit.cost {
                Cost::GraphqlMutations => bill.mutations,
                Cost::Graphql | Cost::Fixed(_) => bill.cost,
            };
            Some(Charge { place: *place, limit, bucket: *bucket, cost: Some(NonZeroU32::new(cost)?) })
        };
        self.buckets.iter().filter_map(charge).collect()
    }

    async fn pay(&self, bill: Bill) -> Result<(), Unpaid> {
        let charges = self.charges(bill);
        let (decisions, _) = decide(&charges, self.redis.as_ref()).await;
        for (charge, said) in charges.iter().zip(&decisions) {
            charge.limit.metrics.decided(result(said.as_ref()));
        }
        let said = charges.iter().zip(&decisions);
        let said = said.filter_map(|(charge, decision)| Some((charge, (*decision)?)));
        let refused = refusing(said).map(|(charge, decision)| unpaid(charge, decision));
        let said = charges.iter().zip(decisions);
        let said = said.filter_map(|(charge, decision)| Some((charge.place, decision?)));
        // An operation is paid for once.
        let _ = self.decisions.set(said.collect());
        refused.map_or(Ok(()), Err)
    }
}

/// What the client is told of a charge that was refused.
fn unpaid(charge: &Charge<'_>, decision: Decision) -> Unpaid {
    let (cost, burst) = (charge.cost.map_or(0, NonZeroU32::get), charge.quota().burst);
    let costs = match charge.limit.cost {
        Cost::GraphqlMutations => format!("The operation has {cost} mutations"),
        Cost::Graphql | Cost::Fixed(_) => format!("The operation costs {cost}"),
    };
    let (cause, text) = match decision.outcome {
        Outcome::TooCostly => (Cause::Spent, format!("{costs}, and at most {burst} may be spent at once")),
        Outcome::Unavailable => {
            (Cause::Unavailable, "The limit of operations cannot be checked at present".to_owned())
        }
        _ => (Cause::Spent, format!("{costs}, and {} are left", decision.remaining)),
    };
    Unpaid { cause, text }
}

impl Budget for Payment {
    fn take(&self, bill: Bill) -> BoxFuture<'_, Result<(), Unpaid>> {
        self.pay(bill).boxed()
    }
}

/// An operation that nobody paid for is a request that was refused, though the engine has answered it: its answer says so
/// as all refusals do. Before the answer's status is noted and its headers are edited.
pub fn settle(admitted: &Admitted, head: &mut ResponseHeader, request: &mut Request) -> Result<()> {
    let payment = admitted.exchange.as_ref().and_then(|exchange| exchange.payment());
    if payment.is_none_or(|payment| payment.decisions().is_none()) {
        return Ok(());
    }
    let Some((limit, decision)) = refusing(decisions(admitted)) else { return Ok(()) };
    let reason = reason(decision);
    request.reason = Some(reason);
    request.error = Some(error(limit, decision));
    head.insert_header(PROXY_STATUS, reason.proxy_status().clone())?;
    head.insert_header(CACHE_CONTROL, HeaderValue::from_static("no-store"))?;
    if let Some(after) = decision.retry_after() {
        head.insert_header(RETRY_AFTER, after)?;
    }
    Ok(())
}
