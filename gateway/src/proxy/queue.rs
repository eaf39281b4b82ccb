//! Places within concurrency limits, and the wait for them: as long as the client does.
//!
//! The first attempt gets its place at the upstream before Pingora asks for a peer: there a refusal still keeps the
//! connection. Further attempts get theirs when they begin, and may have to wait again.

use std::time::{Duration, Instant};

use http::header;
use pingora_error::Result;
use pingora_proxy::Session;
use tokio::{select, time::interval};

use super::{
    RequestContext, admit,
    context::Opened,
    pass::{Passed, Refusal},
};
use crate::{
    policy::concurrency::Priority,
    reason::Reason,
    snapshot::Route,
    upstream::{Place, Refused},
};

/// How often it is looked whether a client is still there that cannot be watched.
const LOOKS: Duration = Duration::from_millis(50);

/// A place within the route's limit, if it has one.
pub async fn enter(
    session: &mut Session,
    opened: &Opened,
    complete: bool,
    route: &Route,
    passed: &mut Passed,
) -> Result<(), Refusal> {
    let Some(gate) = &route.policies.concurrency else { return Ok(()) };
    // Nobody waits longer than there is time for the answer.
    let total = route.action.total().filter(|_| complete);
    let left = total.map(|total| total.saturating_sub(opened.epoch.instant.elapsed()));
    // All of a route's requests have the same priority.
    let place = while_there(session, opened, complete, gate.enter(Priority::default(), left)).await;
    let mut place = place.map_err(|end| refusal(end, Reason::RouteOverloaded, passed))?;
    passed.waited += place.waited().unwrap_or_default();
    if complete {
        place.request_ended();
    }
    passed.place = Some(place);
    Ok(())
}

/// A place at the upstream for the first attempt. False if the request was answered here.
pub async fn enter_upstream(session: &mut Session, context: &mut RequestContext) -> Result<bool> {
    match place(session, context).await {
        Ok(place) => {
            context.attempts.place = place;
            Ok(true)
        }
        Err(refusal) => admit::refuse(session, context, refusal).await.map(|answered| !answered),
    }
}

/// A place at the upstream for the next attempt; `None` where there is no limit.
pub async fn place(session: &mut Session, context: &mut RequestContext) -> Result<Option<Place>, Refusal> {
    let upstream = context.admitted.as_ref().and_then(|admitted| admitted.route.action.upstream());
    let Some(upstream) = upstream.filter(|upstream| upstream.is_limited()).cloned() else { return Ok(None) };
    let left = context.remaining(Instant::now());
    let complete = context.outcome.request_complete;
    let (Some(opened), Some(admitted)) = (&context.opened, &mut context.admitted) else { return Ok(None) };
    let entering = upstream.enter(admitted.route.policies.priority, left);
    let place = while_there(session, opened, complete, entering).await;
    let mut place = place.map_err(|end| refusal(end, Reason::UpstreamOverloaded, &mut admitted.passed))?;
    admitted.passed.waited += place.as_ref().and_then(Place::waited).unwrap_or_default();
    if complete && let Some(place) = &mut place {
        place.request_ended();
    }
    Ok(place)
}

/// How a wait ended in vain.
enum End {
    Refused(Refused),
    /// The client has left before, after so long.
    ClientLeft(Duration),
}

fn refusal(end: End, reason: Reason, passed: &mut Passed) -> Refusal {
    match end {
        End::Refused(refused) => {
            passed.waited += refused.waited;
            let error = Some(refused.to_string().into());
            Refusal { error, ..Refusal::from(reason).with(header::RETRY_AFTER, refused.retry_after.into()) }
        }
        End::ClientLeft(waited) => {
            passed.waited += waited;
            Refusal { error: Some("the client left the queue".into()), ..Reason::ClientDisconnected.into() }
        }
    }
}

/// Waits for a place, or until nobody is left to take it.
async fn while_there<T>(
    session: &mut Session,
    opened: &Opened,
    complete: bool,
    entering: impl Future<Output = Result<T, Refused>>,
) -> Result<T, End> {
    select! {
        // First: nearly always it is there at once, and nobody has to be watched.
        biased;
        entered = entering => entered.map_err(End::Refused),
        waited = client_leaves(session, opened, complete) => Err(End::ClientLeft(waited)),
    }
}

/// Ends when the client has left; gives how long that took.
async fn client_leaves(session: &mut Session, opened: &Opened, complete: bool) -> Duration {
    let since = Instant::now();
    if complete || opened.http2 {
        // What comes before its turn never gets here: the listener keeps it. So whatever this ends with is an end.
        let _ = session.as_downstream_mut().read_body_or_idle(true).await;
        return since.elapsed();
    }
    // On HTTP/1 its body stands before the end of the connection, and is not to be read yet.
    let mut looks = interval(LOOKS);
    while !opened.guard.client_has_left() {
        looks.tick().await;
    }
    since.elapsed()
}
