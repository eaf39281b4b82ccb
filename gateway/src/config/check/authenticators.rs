//! Authenticators: exactly one method each, with its keys and files.

mod accounts;
mod api_keys;
mod basic;
mod introspection;
mod jwt;
mod places;
mod tls;

use indexmap::IndexMap;

use super::{Check, Named};
use crate::{
    config::{file::Config, suggest},
    issuer::JwksSettings,
    policy::authentication::{Place, basic as basic_scheme, config::AuthenticatorConfig},
    value::Name,
};

pub use api_keys::{ApiKeys, ids_of_keys};
pub use basic::Basic;
pub use introspection::Introspection;
pub use jwt::{Jwt, Keys};

/// An authenticator that can run. Equal ones need not be made anew by a reload.
#[derive(Debug, Clone, PartialEq)]
pub struct Authenticator {
    /// Its name.
    pub name: Name,
    /// What it does.
    pub method: Method,
}

/// How callers are recognised.
#[derive(Debug, Clone, PartialEq)]
pub enum Method {
    /// By a token that its issuer has signed.
    Jwt(Jwt),
    /// By an API key.
    ApiKeys(ApiKeys),
    /// By name and password.
    Basic(Basic),
    /// By a token of which its issuer is asked.
    Introspection(Introspection),
}

impl Authenticator {
    /// Where it looks for credentials.
    pub fn places(&self) -> &[Place] {
        match &self.method {
            Method::Jwt(jwt) => &jwt.places,
            Method::ApiKeys(keys) => &keys.places,
            Method::Basic(_) => &basic_scheme::PLACES,
            Method::Introspection(opaque) => &opaque.places,
        }
    }

    /// The issuer that has to be asked for keys, if one has.
    pub fn issuer(&self) -> Option<&JwksSettings> {
        match &self.method {
            Method::Jwt(Jwt { keys: Keys::At(settings), .. }) => Some(settings),
            _ => None,
        }
    }
}

pub fn check(check: &mut Check<'_>, config: &Config) -> Named<Authenticator> {
    let mut all = IndexMap::new();
    for (name, authenticator) in &config.authenticators {
        let path = format!("authenticators.{name}");
        let method = method(check, name, &path, authenticator);
        all.insert((**name).clone(), method.map(|method| Authenticator { name: (**name).clone(), method }));
    }
    unused(check, config);
    all
}

fn method(check: &mut Check<'_>, name: &Name, path: &str, config: &AuthenticatorConfig) -> Option<Method> {
    let AuthenticatorConfig { jwt, api_keys, basic, introspection } = config;
    let given = [
        ("jwt", jwt.is_some()),
        ("api_keys", api_keys.is_some()),
        ("basic", basic.is_some()),
        ("introspection", introspection.is_some()),
    ];
    one_of(check, path, "authenticator", &given)?;
    if let Some(config) = jwt {
        return jwt::check(check, name, &format!("{path}.jwt"), config).map(Method::Jwt);
    }
    if let Some(config) = api_keys {
        return api_keys::check(check, name, config).map(Method::ApiKeys);
    }
    if let Some(config) = basic {
        return basic::check(check, &format!("{path}.basic"), name, config).map(Method::Basic);
    }
    introspection::check(check, name, introspection.as_ref()?).map(Method::Introspection)
}

/// Exactly one of some keys; says which there are.
fn one_of(check: &mut Check<'_>, path: &str, what: &str, keys: &[(&str, bool)]) -> Option<()> {
    let given: Vec<&str> = keys.iter().filter(|(_, given)| *given).map(|(key, _)| *key).collect();
    match given.as_slice() {
        [_] => Some(()),
        // What was given may have been refused.
        [] if check.broken.contains(path) => None,
        [] => {
            let known = suggest::list(keys.iter().map(|(key, _)| *key));
            let one = if keys.len() > 1 { "one of " } else { "" };
            let place = check.place(path);
            check.error(place, format!("the {what} is empty; add {one}{known}"));
            None
        }
        [_, second, ..] => {
            let place = check.place(&format!("{path}.{second}"));
            let list = suggest::list(given.iter().copied());
            check.error(place, format!("the {what} has {list}; keep one of them"));
            None
        }
    }
}

/// Nobody who is asked for credentials would be glad of an authenticator that no route asks.
fn unused(check: &mut Check<'_>, config: &Config) {
    if !check.broken.is_empty() {
        return;
    }
    let routes = config.routes.iter().filter_map(|route| route.authentication.as_ref());
    let all = routes.chain(&config.defaults.authentication).flat_map(|authentication| &authentication.by);
    let used: std::collections::HashSet<&str> = all.map(|name| name.as_str()).collect();
    for name in config.authenticators.keys().filter(|name| !used.contains(name.as_str())) {
        let text = format!("no route asks the authenticator `{name}`; name it in `authentication.by`");
        check.warning(name.place().clone(), text);
    }
}
