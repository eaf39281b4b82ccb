//! Whether a request may go on, and where to.
//!
//! The order is fixed: the head must be sound before anything is decided by it, the path must be in its one spelling
//! before it is matched. The route's policies come right after it, whatever the route leads to: `pass`.

use std::sync::Arc;

use http::{HeaderValue, Method, Uri, header};
use pingora_error::{Error, ErrorType, Result};
use pingora_http::RequestHeader;
use pingora_proxy::Session;

use super::{
    Gateway, RequestContext,
    compose::Exchange,
    context::{Admitted, Opened},
    pass::{Passed, Refusal, pass},
    preflight, probe,
    rate_limit::Payment,
    reply, target,
};
use crate::{
    listener::{config::Limits, head},
    policy::cors::Preflight,
    reason::Reason,
    route::{
        matcher::MethodSet,
        path::comparable,
        table::{Head, Lookup},
    },
    snapshot::{Action, Route},
};

/// True if the request was answered here.
pub async fn admit(gateway: &Gateway, session: &mut Session, context: &mut RequestContext) -> Result<bool> {
    gateway.probe.at(probe::Stage::Admit, session);
    // The request's parts are borrowed one by one, so that those that are known serve in making the next.
    let opened = context.opened.as_deref().ok_or_else(|| Error::new_in(ErrorType::InternalError))?;
    // Envoy's route timeout begins there too: a slow upload is the client's time.
    let complete = context.outcome.request_complete;
    let Found { route, target, preflight } = match find(session, opened) {
        Ok(found) => found,
        Err(refusal) => return refuse(session, context, refusal).await,
    };
    // A request that its route's policies refuse has a route all the same, which metrics, log and span show.
    let admitted = context.admitted.insert(admitted(gateway, route, opened, complete));
    if let Some(asked) = preflight {
        return preflight::answer(session, context, &asked).await;
    }
    let passed = pass(session, opened, complete, &admitted.route, &mut admitted.passed).await;
    match passed.and_then(|()| Ok(target?)) {
        Ok(target) => admitted.target = target,
        Err(refusal) => return refuse(session, context, refusal).await,
    }
    if let (Some(exchange), Some(identity)) = (&admitted.exchange, &admitted.passed.identity) {
        exchange.identify(identity.clone());
    }
    if let Some((exchange, payment)) = admitted.exchange.as_ref().zip(Payment::due(admitted, opened)) {
        exchange.pay_with(payment);
    }
    if matches!(admitted.route.action, Action::Forward { .. } | Action::Compose(_)) {
        return Ok(false);
    }
    let route = admitted.route.clone();
    match &route.action {
        Action::Redirect { to, status } => reply::redirect(session, context, to, *status).await?,
        Action::Respond(respond) => reply::respond(session, context, respond).await?,
        Action::Forward { .. } | Action::Compose(_) => {}
    }
    Ok(true)
}

/// True: the request is answered.
pub async fn refuse(session: &mut Session, context: &mut RequestContext, refusal: Refusal) -> Result<bool> {
    let Refusal { reason, headers, error } = refusal;
    context.outcome.error = error;
    if reason == Reason::ClientDisconnected {
        return Err(client_left());
    }
    reply::refuse(session, context, reason, headers).await?;
    Ok(true)
}

/// Nobody is left to answer: what Pingora would say.
pub fn client_left() -> Box<Error> {
    Error::new_down(ErrorType::ConnectionClosed)
}

/// A route, and what to forward unless its policies refuse the request.
struct Found {
    route: Arc<Route>,
    target: Result<Option<Uri>, Reason>,
    /// What a browser asks the route, which is then not asked for anything else.
    preflight: Option<Preflight>,
}

fn find(session: &Session, opened: &Opened) -> Result<Found, Refusal> {
    check_head(session, &opened.limits)?;
    let head = session.req_header();
    // Where the authority of the target takes the place of `Host`, it is held to the same rule.
    if !head.headers.contains_key(header::HOST)
        && !opened.host.as_ref().is_none_or(|host| head::is_host(host.as_bytes()))
    {
        return Err(Reason::MissingHost.into());
    }
    if head.method == Method::CONNECT {
        // Pingora refuses it before; nothing after here knows what to do with an authority as target.
        return Err(Reason::ConnectNotSupported.into());
    }
    let path = target::path(head, opened.slashes)?;
    let (route, preflight) = look_up(head, opened, &comparable(&path))?;
    let rewrite = match &route.action {
        Action::Forward { rewrite, .. } => rewrite.as_ref(),
        _ => None,
    };
    let target = target::forwarded(head, &path, rewrite);
    Ok(Found { route, target, preflight })
}

/// HTTP/1 as it came in, before the parser made something of it. HTTP/2's framing is the library's affair.
fn check_head(session: &Session, limits: &Limits) -> Result<(), Reason> {
    match session.as_http1() {
        Some(http1) => head::check(&http1.get_headers_raw_bytes(), limits),
        None => {
            let head = session.req_header();
            head::check_fields(head.raw_path().len(), &head.headers, limits)
        }
    }
}

/// A preflight is for the route of the request that it announces. One that no route takes as such is a request for
/// `OPTIONS` like any other.
fn look_up(
    head: &RequestHeader,
    opened: &Opened,
    path: &str,
) -> Result<(Arc<Route>, Option<Preflight>), Refusal> {
    let host = opened.host.as_ref().map(HeaderValue::as_bytes).unwrap_or_default();
    let asked = Head {
        // A host that is no text matches no route but those for any host.
        host: str::from_utf8(host).unwrap_or_default(),
        path,
        method: &head.method,
        headers: &head.headers,
        announced: &[],
        query: head.uri.query(),
    };
    let routes = &opened.snapshot.routes;
    let takes = |route: &Route| !route.policies.cors.is_off();
    let preflight = Preflight::of(&head.method, &head.headers);
    if let Some(preflight) = &preflight
        && let announced = (Head { method: &preflight.method, announced: &preflight.headers, ..asked })
        && let Lookup::Found(route) = routes.lookup(&announced)
        && takes(route)
    {
        return Ok((route.clone(), Some(preflight.clone())));
    }
    match routes.lookup(&asked) {
        Lookup::Found(route) => Ok((route.clone(), preflight.filter(|_| takes(route)))),
        Lookup::OtherMethods(methods) => {
            Err(Refusal::from(Reason::MethodNotAllowed).with(header::ALLOW, allow(&methods)))
        }
        Lookup::ConditionsNotMet => Err(Reason::RouteConditionsNotMet.into()),
        Lookup::NotFound => Err(Reason::RouteNotFound.into()),
    }
}

fn allow(methods: &MethodSet) -> HeaderValue {
    let list: Vec<&str> = methods.iter().map(Method::as_str).collect();
    HeaderValue::from_str(&list.join(", ")).expect("methods are tokens")
}

fn admitted(gateway: &Gateway, route: Arc<Route>, opened: &Opened, complete: bool) -> Admitted {
    let total = route.action.total();
    let exchange = match &route.action {
        Action::Compose(api) => {
            Some(Exchange::new(api.clone(), route.policies.priority, opened, gateway.pool.clone()))
        }
        _ => None,
    };
    route.metrics.began(&opened.method);
    let deadline = total.filter(|_| complete).and_then(|total| opened.epoch.instant.checked_add(total));
    Admitted { total, deadline, exchange, route, target: None, passed: Passed::default() }
}
