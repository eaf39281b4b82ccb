//! Who calls: the authenticators of a route, asked in their order, and what the service is told and not shown.
//!
//! Whoever finds its credentials missing leaves the decision to the next; so does one that finds credentials of somebody
//! else's, such as a token of another issuer. Whatever else is wrong ends the request: who sends something wrong is not
//! taken for nobody.

mod introspection;
mod jwt;
mod listed;

use std::{borrow::Cow, sync::Arc, time::SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header, uri::PathAndQuery};
use pingora_proxy::Session;

use super::{
    context::{Admitted, Opened},
    pass::{Passed, Refusal},
};
use crate::{
    policy::authentication::{Identity, Rejected, Sent, challenge, without_parameters},
    reason::Reason,
    snapshot::{Authenticator, Chain, Method, Route},
};

/// Settles who calls, as far as the route wants to know.
pub async fn authenticate(
    session: &Session,
    opened: &Opened,
    route: &Route,
    passed: &mut Passed,
) -> Result<(), Refusal> {
    let Some(chain) = route.policies.authentication.chain() else { return Ok(()) };
    let head = session.req_header();
    let sent = Sent { headers: &head.headers, query: head.uri.query() };
    let Some((authenticator, identity)) = recognise(chain, sent, opened.epoch.system).await? else {
        return Ok(());
    };
    let told =
        chain.rules.headers.of(&identity).map_err(|rejected| refuse(chain, authenticator, rejected))?;
    authenticator.metrics.accepted();
    passed.told = told;
    passed.identity = Some(identity);
    Ok(())
}

/// Who calls, and who says so; `None` is nobody, where the route lets nobody in.
async fn recognise<'a>(
    chain: &'a Chain,
    sent: Sent<'_>,
    now: SystemTime,
) -> Result<Option<(&'a Authenticator, Arc<Identity>)>, Refusal> {
    let mut foreign = None;
    for authenticator in &chain.authenticators {
        let found = match &authenticator.method {
            Method::Jwt(jwt) => jwt::check(jwt, authenticator, sent, now).await,
            Method::ApiKeys(keys) => listed::api_key(keys, sent, now).await,
            Method::Basic(accounts) => listed::basic(accounts, sent, now).await,
            Method::Introspection(opaque) => introspection::check(opaque, sent, now).await,
        };
        match found {
            Ok(Some(identity)) => return Ok(Some((authenticator, identity))),
            Ok(None) => {}
            // What the first one says of them is said if they are nobody's.
            Err(rejected) if rejected.foreign => drop(foreign.get_or_insert((authenticator, rejected))),
            Err(rejected) => return Err(refuse(chain, authenticator, rejected)),
        }
    }
    match foreign {
        Some((authenticator, rejected)) => Err(refuse(chain, authenticator, rejected)),
        None if chain.rules.anonymous => Ok(None),
        None => Err(challenged(chain, Reason::CredentialsMissing, None)),
    }
}

fn refuse(chain: &Chain, authenticator: &Authenticator, rejected: Rejected) -> Refusal {
    let Rejected { reason, detail, .. } = rejected;
    authenticator.metrics.rejected(reason);
    let error = format!("{}: {detail}", authenticator.name);
    challenged(chain, reason, Some(error.into()))
}

/// A 401 says how to do better: a challenge for each scheme of the route (RFC 9110 section 11.6.1).
pub fn challenged(chain: &Chain, reason: Reason, error: Option<Box<str>>) -> Refusal {
    let mut refusal = Refusal { error, ..Refusal::from(reason) };
    if reason.row().status != 401 {
        return refusal;
    }
    let mut schemes = Vec::new();
    for scheme in chain.authenticators.iter().map(|authenticator| authenticator.scheme()) {
        if !schemes.contains(&scheme) {
            schemes.push(scheme);
            refusal = refusal.with(header::WWW_AUTHENTICATE, challenge(scheme, &chain.rules.realm, reason));
        }
    }
    refusal
}

/// Changes the head that the service gets: without credentials, with what is known of the caller.
pub fn tell(headers: &mut HeaderMap, admitted: &Admitted) {
    let Some(chain) = admitted.route.policies.authentication.chain() else { return };
    for place in &chain.dropped {
        place.remove(headers);
    }
    for (name, value) in &admitted.passed.told {
        headers.insert(name.clone(), value.clone());
    }
}

/// The target without credentials; `None` where it has none.
pub fn without_credentials(target: &Uri, route: &Route) -> Option<Uri> {
    let chain = route.policies.authentication.chain()?;
    let query = without_parameters(target.query()?, &chain.dropped)?;
    let path = target.path();
    let target_now =
        if query.is_empty() { Cow::Borrowed(path) } else { Cow::Owned([path, "?", &query].concat()) };
    let mut parts = target.clone().into_parts();
    // What is left of a valid target is valid.
    parts.path_and_query = Some(PathAndQuery::try_from(&*target_now).ok()?);
    Uri::from_parts(parts).ok()
}

/// What a service is told about a caller.
pub type Told = Vec<(HeaderName, HeaderValue)>;
