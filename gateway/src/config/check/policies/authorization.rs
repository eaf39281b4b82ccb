//! `authorization` of routes and of `defaults`.
//!
//! An expression may read parameters of the route's path, so that of `defaults` is judged for each route.

use crate::{
    config::{
        check::{Check, Known, routes::sibling_path},
        file::Config,
    },
    policy::authorization::{
        Authorization, ClaimRule, Expression, Mistake, Parameter, Rules,
        config::{AuthorizationConfig, RolesConfig},
    },
    route::{
        config::RouteConfig,
        matcher::{PathPattern, Segment},
    },
    value::{Located, Place},
};

const DEFAULTS: &str = "defaults.authorization";

/// What is wrong with those of `defaults`, whatever route they are for.
pub fn of_defaults(check: &mut Check<'_>, config: &Config) {
    let Some(authorization) = &config.defaults.authorization else { return };
    let nobody_asks =
        config.routes.iter().all(|route| route.authorization.is_some()) && !config.routes.is_empty();
    if authorization.is_off() && !check.broken.contains(DEFAULTS) {
        let place = check.place(DEFAULTS);
        check.warning(place, "it asks for nothing, as none would; say what callers must have, or remove it");
    } else if nobody_asks && !check.broken.contains("routes") {
        let place = check.place(DEFAULTS);
        check.warning(place, "every route has an `authorization` of its own; remove this one");
    }
    rules(check, authorization, DEFAULTS, None);
}

/// For one route.
pub fn of_route(
    check: &mut Check<'_>,
    config: &Config,
    route: &RouteConfig,
    known: &Known<'_>,
) -> Authorization {
    let authorization = rules_of_route(check, config, route);
    if !may_be_known(check, config, route) {
        nobody_is_known(check, route, &authorization, known);
    }
    authorization
}

/// Whether the route has authentication, or may have meant to.
fn may_be_known(check: &Check<'_>, config: &Config, route: &RouteConfig) -> bool {
    let own = sibling_path(route, "authentication");
    let authentication = route.authentication.as_ref().or(config.defaults.authentication.as_ref());
    let broken = ["defaults", "defaults.authentication", "routes", own.as_str()];
    let is_broken = broken.iter().any(|path| check.broken.contains(path));
    is_broken || authentication.is_some_and(|authentication| !authentication.is_off())
}

/// Who asks for somebody must have somebody.
fn nobody_is_known(
    check: &mut Check<'_>,
    route: &RouteConfig,
    authorization: &Authorization,
    known: &Known<'_>,
) {
    if authorization.asks_for_identity() {
        let (key, who) = match &route.authorization {
            Some(_) => ("authorization", "it asks"),
            None => ("", "`defaults.authorization` asks"),
        };
        let place = check.place(&sibling_path(route, key));
        let text = format!(
            "{who} who calls, and the route `{}` has no `authentication`; name authenticators in `authentication.by`, \
             or write `authorization: {{}}`",
            route.name
        );
        check.error(place, text);
    }
    let Some(name) = &route.graphql else { return };
    let Some(Some(api)) = known.graphql.get(name.as_str()) else { return };
    if api.schema.asks_for_identity() {
        let text = format!(
            "fields of `{name}` ask who calls, and the route `{}` has no `authentication`, so nobody may read them; \
             name authenticators in `authentication.by`",
            route.name
        );
        check.warning(name.place().clone(), text);
    }
}

fn rules_of_route(check: &mut Check<'_>, config: &Config, route: &RouteConfig) -> Authorization {
    let parameters = parameters(&route.matching.path);
    let defaults = config.defaults.authorization.as_ref();
    let Some(own) = &route.authorization else {
        return defaults.map(|defaults| inherited(check, route, defaults, &parameters)).unwrap_or_default();
    };
    let path = sibling_path(route, "authorization");
    let refused = check.broken.contains("defaults") || check.broken.contains(path.as_str());
    if own.is_off() && defaults.is_none_or(AuthorizationConfig::is_off) && !refused {
        let place = check.place(&path);
        check.warning(place, "it asks for nothing, and `defaults` has nothing to switch off; remove it");
    }
    Authorization::new(rules(check, own, &path, Some(&parameters)))
}

/// The rules of `defaults`, whose mistakes were told already, but for what this route's path has not.
fn inherited(
    check: &mut Check<'_>,
    route: &RouteConfig,
    defaults: &AuthorizationConfig,
    parameters: &[Parameter],
) -> Authorization {
    if let Some(allow) = &defaults.allow
        && Expression::compile(allow, None).is_ok()
        && let Err(mistakes) = Expression::compile(allow, Some(parameters))
    {
        let place = check.place(&sibling_path(route, ""));
        let told = mistakes.iter().map(|mistake| &*mistake.text).collect::<Vec<_>>().join("; ");
        let text = format!(
            "`allow` of `defaults.authorization` does not fit the route `{}`: {told}; \
             give the route an `authorization` of its own",
            route.name
        );
        check.error(place, text);
    }
    Authorization::new(made(defaults, Some(parameters)))
}

/// The parameters of a path; none where it cannot be read, which is told elsewhere.
fn parameters(path: &str) -> Vec<Parameter> {
    let pattern = PathPattern::parse(path);
    let segments = pattern.iter().flat_map(|pattern| pattern.segments.iter().enumerate());
    let named = segments.filter_map(|(segment, part)| match part {
        Segment::Parameter(name) => Some(Parameter { name: name.as_str().into(), segment }),
        Segment::Literal(_) | Segment::Tail => None,
    });
    named.collect()
}

/// Tells what is wrong; gives the rules that could be read.
fn rules(
    check: &mut Check<'_>,
    config: &AuthorizationConfig,
    path: &str,
    parameters: Option<&[Parameter]>,
) -> Rules {
    let AuthorizationConfig { scopes, any_scope, roles, claims, allow } = config;
    scopes.iter().chain(any_scope).for_each(|scope| check_scope(check, scope));
    if any_scope.len() == 1 {
        check
            .warning(any_scope[0].place().clone(), "one of one scope is that scope; write it under `scopes`");
    }
    if let Some(RolesConfig { claim, any_of }) = roles {
        let place = check.place(&format!("{path}.roles.any_of"));
        values(check, claim, any_of, place);
    }
    for (claim, any_of) in claims {
        values(check, claim, any_of, claim.place().clone());
    }
    if let Some(allow) = allow {
        expression(check, allow, &format!("{path}.allow"), parameters);
    }
    made(config, parameters)
}

/// Tells what is wrong with an expression where it stands, which may be a line far below its key.
fn expression(check: &mut Check<'_>, allow: &Located<String>, path: &str, parameters: Option<&[Parameter]>) {
    let mistakes = match Expression::compile(allow, parameters) {
        Ok(expression) if expression.is_bare_claim() => {
            let text = "whoever has this claim with another value than `true` is refused; compare it with what it must be";
            return check.warning(allow.place().clone(), text);
        }
        Ok(_) => return,
        Err(mistakes) => mistakes,
    };
    for Mistake { position, text } in mistakes {
        let place = position.and_then(|position| check.tree.place_within(path, position));
        let at = match (&place, position) {
            (None, Some(position)) => format!("at character {position}: "),
            _ => String::new(),
        };
        check.error(place.unwrap_or_else(|| allow.place().clone()), format!("{at}{text}"));
    }
}

/// `scope-token` of RFC 6749 section 3.3; others cannot stand in a token's `scope`.
fn check_scope(check: &mut Check<'_>, scope: &Located<String>) {
    let is_allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    if scope.is_empty() || !scope.bytes().all(is_allowed) {
        let text = format!(
            "`{}` is not a scope; write one text without spaces and quotes, as in `orders:read`",
            **scope
        );
        check.error(scope.place().clone(), text);
    }
}

fn values(check: &mut Check<'_>, claim: &Located<String>, any_of: &[Located<String>], place: Place) {
    if claim.is_empty() {
        check.error(claim.place().clone(), "a claim has a name; write which one, as in `tenant`");
    }
    if any_of.is_empty() && !check.broken.contains(place.path.as_str()) {
        check.error(place, "nobody could meet an empty list; write the values that may call");
    }
}

fn made(config: &AuthorizationConfig, parameters: Option<&[Parameter]>) -> Rules {
    let AuthorizationConfig { scopes, any_scope, roles, claims, allow } = config;
    let texts = |list: &[Located<String>]| list.iter().map(|text| text.as_str().into()).collect();
    let rule = |key, claim: &str, any_of| ClaimRule { key, claim: claim.into(), any_of: texts(any_of) };
    let roles = roles.iter().map(|roles| rule("authorization.roles", &roles.claim, &roles.any_of));
    let claims = claims.iter().map(|(claim, any_of)| rule("authorization.claims", claim, any_of));
    Rules {
        scopes: texts(scopes),
        any_scope: texts(any_scope),
        claims: roles.chain(claims).collect(),
        allow: allow.as_ref().and_then(|allow| Expression::compile(allow, parameters).ok()),
    }
}
