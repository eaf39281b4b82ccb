//! `authentication` of routes and of `defaults`.

use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use indexmap::IndexMap;

use crate::{
    config::{
        check::{
            Check, Named,
            authenticators::{Authenticator, Method},
            headers,
            routes::sibling_path,
        },
        file::Config,
    },
    policy::authentication::{
        ClaimHeader, ClaimHeaders, Place, Rules,
        config::{AuthenticationConfig, CredentialsConfig},
    },
    route::config::RouteConfig,
    value::{Located, Name, alike},
};

/// What a route asks of callers; nobody to ask is off. Clones share it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Authentication {
    /// Indexes into [`Checked::authenticators`](super::super::Checked), in the order in which they are asked.
    pub by: Arc<[usize]>,
    /// What else the route says.
    pub rules: Rules,
}

/// For routes that do not say otherwise.
pub fn of_defaults(check: &mut Check<'_>, config: &Config, known: &Named<Authenticator>) -> Authentication {
    let Some(authentication) = &config.defaults.authentication else { return Authentication::default() };
    let path = "defaults.authentication";
    let nobody_asks =
        config.routes.iter().all(|route| route.authentication.is_some()) && !config.routes.is_empty();
    if nobody_asks && !check.broken.contains("routes") && !check.broken.contains(path) {
        let place = check.place(path);
        check.warning(place, "every route has an `authentication` of its own; remove this one");
    }
    one(check, authentication, path, known)
}

/// For one route.
pub fn of_route(
    check: &mut Check<'_>,
    route: &RouteConfig,
    defaults: &Authentication,
    known: &Named<Authenticator>,
) -> Authentication {
    let Some(authentication) = &route.authentication else { return defaults.clone() };
    let path = sibling_path(route, "authentication");
    let refused = check.broken.contains("defaults") || check.broken.contains(path.as_str());
    if authentication.is_off() && defaults.by.is_empty() && !refused {
        let place = check.place(&path);
        check.warning(place, "it lets everybody in, and `defaults` has nothing to switch off; name authenticators in `by`, or remove it");
    }
    one(check, authentication, &path, known)
}

fn one(
    check: &mut Check<'_>,
    config: &AuthenticationConfig,
    path: &str,
    known: &Named<Authenticator>,
) -> Authentication {
    let AuthenticationConfig { by, anonymous, headers, credentials, realm } = config;
    let mut indexes = Vec::new();
    for name in by {
        let Some(index) =
            check.knows_authenticator(name).then(|| known.get_index_of(name.as_str())).flatten()
        else {
            continue;
        };
        if indexes.contains(&index) {
            check.error(name.place().clone(), format!("`{name}` is listed before; remove it"));
        }
        never_asked(check, name, index, &indexes, known);
        indexes.push(index);
    }
    if config.is_off() && !check.broken.contains(path) {
        without_effect(check, config, path);
    }
    let headers = claim_headers(check, headers, known);
    if HeaderValue::from_str(realm).is_err() || !realm.is_ascii() {
        check.error(
            realm.place().clone(),
            "the realm has characters that no header can carry; write plain letters",
        );
    }
    let rules = Rules {
        anonymous: *anonymous,
        keep_credentials: *credentials == CredentialsConfig::Keep,
        headers,
        realm: (**realm).clone(),
    };
    Authentication { by: indexes.into(), rules }
}

/// An authenticator decides about the tokens of its issuer that are for its audiences, so another one for the same is asked
/// in vain, if it looks in the same places.
fn never_asked(
    check: &mut Check<'_>,
    name: &Located<Name>,
    index: usize,
    before: &[usize],
    known: &Named<Authenticator>,
) {
    let at = |index: usize| known.get_index(index).and_then(|(_, authenticator)| authenticator.as_ref());
    let tokens = |index: usize| match at(index).map(|authenticator| &authenticator.method) {
        Some(Method::Jwt(jwt)) => Some(jwt),
        _ => None,
    };
    let Some(own) = tokens(index) else { return };
    let covers = |first: &usize| {
        tokens(*first).is_some_and(|first| first.places == own.places && first.rules.covers(&own.rules))
    };
    let first = before.iter().find(|first| **first != index && covers(first));
    if let Some(first) = first.and_then(|first| at(*first)) {
        let text = format!(
            "`{}` has the same issuer and audiences and decides about such tokens, so this one is never asked; \
             put the keys of both into one, or give each `audiences` of its own",
            first.name
        );
        check.warning(name.place().clone(), text);
    }
}

/// Without authenticators nothing else counts.
fn without_effect(check: &mut Check<'_>, config: &AuthenticationConfig, path: &str) {
    let keys = [
        ("anonymous", config.anonymous),
        ("headers", !config.headers.is_empty()),
        ("credentials", config.credentials != CredentialsConfig::Drop),
    ];
    if let Some((key, _)) = keys.into_iter().find(|(_, written)| *written) {
        let place = check.place(&format!("{path}.{key}"));
        check.error(place, format!("nobody is recognised without `by`, so `{key}` has no effect; name authenticators in `by`, or remove it"));
    }
}

fn claim_headers(
    check: &mut Check<'_>,
    headers: &IndexMap<Located<String>, Located<String>>,
    known: &Named<Authenticator>,
) -> ClaimHeaders {
    let mut all: Vec<ClaimHeader> = Vec::with_capacity(headers.len());
    for (name, claim) in headers {
        let Some(header) = claim_header(check, name, claim, known) else { continue };
        if all.iter().any(|other| other.name == header.name) {
            let text = format!("`{}` is listed before; remove one of the two", header.name);
            check.error(name.place().clone(), text);
        }
        all.push(header);
    }
    all.into_iter().collect()
}

fn claim_header(
    check: &mut Check<'_>,
    name: &Located<String>,
    claim: &Located<String>,
    known: &Named<Authenticator>,
) -> Option<ClaimHeader> {
    let header = headers::of_ones_own(check, name, "`x-user-id`")?;
    if let Some(authenticator) = known.values().flatten().find(|all| looks_into(all, &header)) {
        let text = format!(
            "no client can send `{header}`, so `{}` would never find credentials there; choose another name",
            authenticator.name
        );
        check.error(name.place().clone(), text);
        return None;
    }
    if claim.trim().is_empty() {
        check.error(claim.place().clone(), "no claim is named; write for example `sub`");
        return None;
    }
    Some(ClaimHeader { name: header, claim: claim.as_str().into() })
}

/// Whether an authenticator looks into this header, in whatever spelling.
fn looks_into(authenticator: &Authenticator, header: &HeaderName) -> bool {
    let is_it = |place: &Place| matches!(place, Place::Header(own) if alike(own.as_str(), header.as_str()));
    authenticator.places().iter().any(is_it)
}
