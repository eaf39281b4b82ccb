//! Who calls: the authenticators of a route, asked in their order, and what the service is told and not shown.
//!
//! Whoever finds its credentials missing leaves the decision to the next; so does one that finds credentials of somebody
//! else's, such as a token of another issuer. Whatever else is wrong ends the request: who sends something wrong is not
//! taken for nobody.

mod introspection;
mod jwt;
mod listed;

use std::{borrow::Cow, sync::Arc, time::SystemTime};

use http::{HeaderMap, HeaderValue, Uri, header, uri::PathAndQuery};
use pingora_proxy::Session;

use super::{
    context::{Admitted, Opened},
    pass::{Passed, Refusal},
};
use crate::{
    policy::authentication::{Fit, Identity, Rejected, Scheme, Sent, challenge, without_parameters},
    reason::Reason,
    snapshot::{Authenticator, Chain, Method, Route},
};

/// In seconds. Issuers are asked again and again, and hashes are computed within a second: who waits longer loses time.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

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
    let found = recognise(chain, sent, opened.epoch.system).await;
    let found = found.map_err(|rejections| refuse(chain, rejections, passed))?;
    let Some((authenticator, identity)) = found else { return nobody(chain, &head.headers) };
    let told = identity.told(&chain.rules.headers);
    passed.told = told.map_err(|rejected| {
        passed.refused_key.clone_from(&identity.api_key);
        refuse(chain, vec![(authenticator, rejected)], passed)
    })?;
    authenticator.metrics.accepted();
    passed.identity = Some(identity);
    Ok(())
}

/// Refusals of the authenticators that have made them.
type Rejections<'a> = Vec<(&'a Authenticator, Rejected)>;

/// Who calls, and who says so; `None` where nobody has found credentials.
async fn recognise<'a>(
    chain: &'a Chain,
    sent: Sent<'_>,
    now: SystemTime,
) -> Result<Option<(&'a Authenticator, Arc<Identity>)>, Rejections<'a>> {
    let mut rejections = Vec::new();
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
            Err(rejected) => {
                let is_final = rejected.fit == Fit::Own;
                rejections.push((&**authenticator, rejected));
                if is_final {
                    break;
                }
            }
        }
    }
    if rejections.is_empty() { Ok(None) } else { Err(rejections) }
}

/// Whether a request without credentials may pass. What nobody can read in `Authorization` is meant as credentials all
/// the same, and who sends something wrong is not taken for nobody.
fn nobody(chain: &Chain, headers: &HeaderMap) -> Result<(), Refusal> {
    if chain.reads_authorization() && headers.contains_key(header::AUTHORIZATION) {
        let error = "no authenticator of the route knows the scheme in the header `authorization`";
        return Err(challenged(chain, Reason::CredentialsInvalid, None, Some(error.into())));
    }
    if chain.rules.anonymous {
        return Ok(());
    }
    Err(challenged(chain, Reason::CredentialsMissing, None, None))
}

/// Every refusal is counted, and the one that fits best is told.
fn refuse(chain: &Chain, rejections: Rejections<'_>, passed: &mut Passed) -> Refusal {
    for (authenticator, rejected) in &rejections {
        authenticator.metrics.rejected(rejected.reason);
        if let (Method::ApiKeys(_), Some(id)) = (&authenticator.method, &rejected.account) {
            passed.refused_key.get_or_insert_with(|| id.clone());
        }
    }
    let Some((authenticator, rejected)) = Rejected::fittest(rejections.into_iter()) else {
        return challenged(chain, Reason::CredentialsMissing, None, None);
    };
    let error = format!("{}: {}", authenticator.name, rejected.detail);
    challenged(chain, rejected.reason, Some(authenticator.scheme()), Some(error.into()))
}

/// A 401 says how to do better: a challenge for each scheme of the route (RFC 9110 section 11.6.1). Only the scheme whose
/// credentials were `refused` is told of an error. A 503 says when to come again.
pub fn challenged(
    chain: &Chain,
    reason: Reason,
    refused: Option<Scheme>,
    error: Option<Box<str>>,
) -> Refusal {
    let mut refusal = Refusal { error, ..Refusal::from(reason) };
    match reason.row().status {
        400 | 401 => {}
        503 => return refusal.with(header::RETRY_AFTER, RETRY_AFTER),
        _ => return refusal,
    }
    let mut schemes = Vec::new();
    for scheme in chain.authenticators.iter().map(|authenticator| authenticator.scheme()) {
        if !schemes.contains(&scheme) {
            schemes.push(scheme);
            let refused = (refused == Some(scheme)).then_some(reason);
            refusal = refusal.with(header::WWW_AUTHENTICATE, challenge(scheme, &chain.rules.realm, refused));
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
    for (name, value) in admitted.passed.told.list() {
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
