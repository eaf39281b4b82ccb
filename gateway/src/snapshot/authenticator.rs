//! Authenticators at work: what a configuration says, with keys, memory and numbers.

use std::sync::Arc;

use crate::{
    config::check,
    policy::authentication::{
        Place, Rules, Scheme,
        jwt::{ClaimRules, KeySet, Remembered},
    },
    telemetry::metrics::AuthenticatorMetrics,
};

/// An authenticator. It stays the same over reloads while its configuration does.
#[derive(Debug)]
pub struct Authenticator {
    /// Its name.
    pub name: Arc<str>,
    /// Its numbers.
    pub metrics: Arc<AuthenticatorMetrics>,
    /// What it does.
    pub method: Method,
    settings: check::Authenticator,
}

/// How callers are recognised.
#[derive(Debug)]
pub enum Method {
    /// By a token that its issuer has signed.
    Jwt(Jwt),
}

/// Tokens of one issuer.
#[derive(Debug)]
pub struct Jwt {
    /// Where they are in a request, in the order in which one looks.
    pub places: Vec<Place>,
    /// What their claims must say.
    pub rules: ClaimRules,
    /// What they are signed with.
    pub keys: KeySet,
    /// Those that were accepted.
    pub remembered: Remembered,
}

impl Authenticator {
    /// From its settings.
    pub fn new(settings: check::Authenticator, metrics: Arc<AuthenticatorMetrics>) -> Self {
        let method = match &settings.method {
            check::Method::Jwt(jwt) => Method::Jwt(Jwt {
                places: jwt.places.clone(),
                rules: jwt.rules.clone(),
                keys: jwt.keys.clone(),
                remembered: Remembered::new(jwt.remembered),
            }),
        };
        Self { name: settings.name.to_arc(), metrics, method, settings }
    }

    /// Whether it was made of the same settings.
    pub fn serves(&self, settings: &check::Authenticator) -> bool {
        self.settings == *settings
    }

    /// Where it looks for credentials.
    pub fn places(&self) -> &[Place] {
        match &self.method {
            Method::Jwt(jwt) => &jwt.places,
        }
    }

    /// How clients are told to send them.
    pub fn scheme(&self) -> Scheme {
        match &self.method {
            Method::Jwt(_) => Scheme::Bearer,
        }
    }
}

/// What a route asks of callers. The default is off: everybody may call.
#[derive(Debug, Clone, Default)]
pub struct Authentication(Option<Arc<Chain>>);

/// The authenticators of a route, and its rules.
#[derive(Debug)]
pub struct Chain {
    /// In the order in which they are asked; never empty.
    pub authenticators: Vec<Arc<Authenticator>>,
    /// What else the route says.
    pub rules: Rules,
    /// What a service does not get to see; nothing where credentials are kept.
    pub dropped: Vec<Place>,
}

impl Authentication {
    /// What a checked route asks, by the authenticators of the same configuration.
    pub fn new(authentication: &check::Authentication, all: &[Arc<Authenticator>]) -> Self {
        let check::Authentication { by, rules } = authentication;
        let authenticators: Vec<_> = by.iter().map(|index| all[*index].clone()).collect();
        let mut dropped = Vec::new();
        if !rules.keep_credentials {
            dropped.push(Place::Header(http::header::AUTHORIZATION));
            for place in authenticators.iter().flat_map(|authenticator| authenticator.places()) {
                if !dropped.contains(place) {
                    dropped.push(place.clone());
                }
            }
        }
        Self(
            (!authenticators.is_empty())
                .then(|| Arc::new(Chain { authenticators, rules: rules.clone(), dropped })),
        )
    }

    /// Whom to ask, and what; `None` where everybody may call.
    pub fn chain(&self) -> Option<&Chain> {
        self.0.as_deref()
    }
}
