//! A preflight is answered by the gateway: no other policy is asked but who may call by its address, since browsers send
//! no credentials with it, and no upstream hears of it.

use pingora_error::{Error, ErrorType, Result};
use pingora_proxy::Session;

use super::{RequestContext, admit::refuse, reply};
use crate::{
    policy::cors::{Preflight, Refused},
    telemetry::metrics::PreflightResult,
};

/// Answers for the route that was found; true like [`super::admit::admit`].
pub async fn answer(session: &mut Session, context: &mut RequestContext, asked: &Preflight) -> Result<bool> {
    let client = context.opened()?.origin.client;
    let admitted = context.admitted.as_mut().ok_or_else(|| Error::new_in(ErrorType::InternalError))?;
    let route = admitted.route.clone();
    if let Err(refused) = route.policies.ip_filter.check(client) {
        return refuse(session, context, refused.into()).await;
    }
    let verdict = route.policies.cors.preflight(asked, &session.req_header().headers);
    route.metrics.preflight(result(&verdict));
    match verdict {
        Ok(origin) => {
            admitted.passed.origin = Some(origin);
            reply::grant(session, context, &route.policies.cors).await?;
            Ok(true)
        }
        Err(refused) => refuse(session, context, refused.into()).await,
    }
}

fn result<T>(verdict: &std::result::Result<T, Refused>) -> PreflightResult {
    match verdict {
        Ok(_) => PreflightResult::Allowed,
        Err(Refused::Origin(_)) => PreflightResult::Origin,
        Err(Refused::Method(_)) => PreflightResult::Method,
        Err(Refused::Header(_) | Refused::Unreadable) => PreflightResult::Headers,
    }
}
