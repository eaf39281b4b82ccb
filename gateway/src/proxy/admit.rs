//! Whether a request may go on, and where to.
//!
//! The order is fixed: the head must be sound before anything is decided by it, the path must be in its one spelling
//! before it is matched.

use std::sync::Arc;

use http::{HeaderValue, Method};
use pingora_error::Result;
use pingora_http::RequestHeader;
use pingora_proxy::Session;

use super::{
    Gateway, RequestContext,
    compose::Exchange,
    context::{Admitted, Opened},
    probe, reply, target,
};
use crate::{
    listener::{config::Limits, head},
    reason::Reason,
    route::{
        matcher::MethodSet,
        path::comparable,
        table::{Head, Lookup},
    },
    snapshot::{Action, Route},
};

/// Why a request does not go on.
#[derive(Debug)]
struct Refusal {
    reason: Reason,
    allow: Option<HeaderValue>,
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self { reason, allow: None }
    }
}

/// True if the request was answered here.
pub async fn admit(gateway: &Gateway, session: &mut Session, context: &mut RequestContext) -> Result<bool> {
    gateway.probe.at(probe::Stage::Admit, session);
    let opened = context.opened()?;
    // Envoy's route timeout begins there too: a slow upload is the client's time.
    let complete = context.outcome.request_complete;
    match find(session, opened) {
        Err(Refusal { reason, allow }) => reply::refuse(session, context, reason, allow).await?,
        Ok(found) => {
            let admitted = context.admitted.insert(admitted(gateway, found, opened, complete)?);
            if matches!(admitted.route.action, Action::Forward { .. } | Action::Compose(_)) {
                return Ok(false);
            }
            let route = admitted.route.clone();
            match &route.action {
                Action::Redirect { to, status } => reply::redirect(session, context, to, *status).await?,
                Action::Respond(respond) => reply::respond(session, context, respond).await?,
                Action::Forward { .. } | Action::Compose(_) => {}
            }
        }
    }
    Ok(true)
}

/// A route, and what to forward.
struct Found {
    route: Arc<Route>,
    target: Option<http::Uri>,
}

fn find(session: &Session, opened: &Opened) -> Result<Found, Refusal> {
    check_head(session, &opened.limits)?;
    // Where the authority of the target takes the place of `Host`, it is held to the same rule.
    if !opened.host.as_ref().is_none_or(|host| head::is_host(host.as_bytes())) {
        return Err(Reason::MissingHost.into());
    }
    let head = session.req_header();
    if head.method == Method::CONNECT {
        // Pingora refuses it before; nothing after here knows what to do with an authority as target.
        return Err(Reason::ConnectNotSupported.into());
    }
    let path = target::path(head, opened.slashes)?;
    let route = look_up(head, opened, &comparable(&path))?;
    let rewrite = match &route.action {
        Action::Forward { rewrite, .. } => rewrite.as_ref(),
        _ => None,
    };
    let target = target::forwarded(head, &path, rewrite)?;
    Ok(Found { route, target })
}

/// HTTP/1 as it came in, before the parser made something of it. HTTP/2's framing is the library's affair.
fn check_head(session: &Session, limits: &Limits) -> Result<(), Reason> {
    match session.as_http1() {
        Some(http1) => head::check(&http1.get_headers_raw_bytes(), limits),
        None => head::check_fields(&session.req_header().headers, limits),
    }
}

fn look_up(head: &RequestHeader, opened: &Opened, path: &str) -> Result<Arc<Route>, Refusal> {
    let host = opened.host.as_ref().map(HeaderValue::as_bytes).unwrap_or_default();
    let asked = Head {
        // A host that is no text matches no route but those for any host.
        host: str::from_utf8(host).unwrap_or_default(),
        path,
        method: &head.method,
        headers: &head.headers,
        query: head.uri.query(),
    };
    match opened.snapshot.routes.lookup(&asked) {
        Lookup::Found(route) => Ok(route.clone()),
        Lookup::OtherMethods(methods) => {
            Err(Refusal { reason: Reason::MethodNotAllowed, allow: Some(allow(&methods)) })
        }
        Lookup::ConditionsNotMet => Err(Reason::RouteConditionsNotMet.into()),
        Lookup::NotFound => Err(Reason::RouteNotFound.into()),
    }
}

fn allow(methods: &MethodSet) -> HeaderValue {
    let list: Vec<&str> = methods.iter().map(Method::as_str).collect();
    HeaderValue::from_str(&list.join(", ")).expect("methods are tokens")
}

fn admitted(gateway: &Gateway, found: Found, opened: &Opened, complete: bool) -> Result<Admitted> {
    let Found { route, target } = found;
    let total = route.action.total();
    let exchange = match &route.action {
        Action::Compose(api) => Some(Exchange::new(api.clone(), opened, gateway.pool.clone())),
        _ => None,
    };
    route.metrics.began(&opened.method);
    let deadline = total.filter(|_| complete).and_then(|total| opened.epoch.instant.checked_add(total));
    Ok(Admitted { total, deadline, exchange, route, target })
}
