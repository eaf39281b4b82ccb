//! Whether the caller may make this request: the route's rules, with what they need to know.

use http::{HeaderValue, header::WWW_AUTHENTICATE};
use pingora_proxy::Session;

use super::{
    authenticate::challenged,
    context::Opened,
    pass::{Passed, Refusal},
    target,
};
use crate::{
    policy::{
        authentication::{Identity, Scheme, insufficient_scope},
        authorization::{Caller, Refused, Request},
    },
    route::{matcher::canonical_host, path::comparable},
    snapshot::Route,
};

/// Asks the route's rules.
pub fn authorise(session: &Session, opened: &Opened, route: &Route, passed: &Passed) -> Result<(), Refusal> {
    let authorization = &route.policies.authorization;
    if authorization.is_off() {
        return Ok(());
    }
    let head = session.req_header();
    let identity = passed.identity.as_deref();
    let caller = identity.map(caller);
    let (normalised, host, path);
    let mut request = Request {
        method: &head.method,
        host: "",
        path: "",
        query: head.uri.query(),
        headers: &head.headers,
        client: opened.origin.client,
    };
    // Only then, as it takes work to bring them into their form.
    if authorization.reads_request() {
        normalised = target::path(head, opened.slashes)?;
        path = comparable(&normalised);
        let sent = opened.host.as_ref().map(HeaderValue::as_bytes).unwrap_or_default();
        host = canonical_host(str::from_utf8(sent).unwrap_or_default());
        (request.host, request.path) = (&host, &path);
    }
    authorization.check(caller.as_ref(), &request).map_err(|refused| refusal(refused, route, identity))
}

fn caller(identity: &Identity) -> Caller<'_> {
    Caller { claims: &identity.claims, scopes: identity.scopes().collect() }
}

fn refusal(refused: Refused, route: &Route, identity: Option<&Identity>) -> Refusal {
    let reason = refused.reason();
    let chain = route.policies.authentication.chain();
    match (refused, chain) {
        (Refused::Anonymous, Some(chain)) => challenged(chain, reason, None, None),
        (Refused::Scope(scope), Some(chain)) => {
            let scheme = identity.and_then(|identity| chain.scheme_of(identity)).unwrap_or(Scheme::Bearer);
            let challenge = insufficient_scope(scheme, &chain.rules.realm, &scope);
            let error = Some(format!("authorization.scopes: lacks `{scope}`").into());
            Refusal { error, ..Refusal::from(reason).with(WWW_AUTHENTICATE, challenge) }
        }
        (Refused::Denied(error), _) => Refusal { error: Some(error), ..Refusal::from(reason) },
        // Without authentication there is no such rule.
        (Refused::Anonymous | Refused::Scope(_), None) => reason.into(),
    }
}
