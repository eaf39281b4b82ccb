//! Authenticators at work: what a configuration says, with keys, memory and numbers.

use std::sync::Arc;

use tokio::runtime::Handle;

use crate::{
    config::check,
    issuer::{Issuers, Jwks, KeysNow, introspection::Introspection},
    policy::authentication::{
        Accounts, Identity, Place, Rules, Scheme, basic,
        jwt::{ClaimRules, KeySet, Remembered, Unsigned},
    },
    telemetry::metrics::{AuthenticatorMetrics, Metrics, TokenCount},
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
    /// By a key from a list.
    ApiKeys(ApiKeys),
    /// By name and password.
    Basic(Arc<Accounts>),
    /// By a token of which its issuer is asked.
    Introspection(Opaque),
}

/// Tokens of one issuer.
#[derive(Debug)]
pub struct Jwt {
    /// Where they are in a request, in the order in which one looks.
    pub places: Vec<Place>,
    /// What their claims must say.
    pub rules: ClaimRules,
    /// What they are signed with.
    pub keys: Keys,
    /// Those that were accepted.
    pub remembered: Remembered,
    _count: TokenCount,
}

/// A list of API keys.
#[derive(Debug)]
pub struct ApiKeys {
    /// Where they are in a request, in the order in which one looks.
    pub places: Vec<Place>,
    /// The keys.
    pub accounts: Arc<Accounts>,
}

/// Tokens that only their issuer understands.
#[derive(Debug)]
pub struct Opaque {
    /// Where they are in a request, in the order in which one looks.
    pub places: Vec<Place>,
    /// Asks, and remembers.
    pub introspection: Arc<Introspection>,
    _count: TokenCount,
}

/// Where keys are.
#[derive(Debug)]
pub enum Keys {
    /// In the configuration.
    Known(KeySet),
    /// With the issuer.
    Of(Arc<Jwks>),
}

/// The keys of this moment.
pub enum Now<'a> {
    /// They never change.
    Known(&'a KeySet),
    /// They do.
    Fetched(KeysNow),
}

impl Keys {
    /// Those of this moment.
    pub fn now(&self) -> Now<'_> {
        match self {
            Self::Known(keys) => Now::Known(keys),
            Self::Of(jwks) => Now::Fetched(jwks.now()),
        }
    }

    /// Waits for a moment for newer ones, where they may have what was missing; false if none may come.
    pub async fn renewed_for(&self, unsigned: &Unsigned) -> bool {
        match (self, unsigned) {
            (Self::Known(_), _) | (_, Unsigned::Rejected(_)) => false,
            (Self::Of(jwks), Unsigned::NoKeys) => jwks.renewed().await,
            (Self::Of(jwks), Unsigned::UnknownKey { algorithm, .. }) => {
                jwks.settings().may_bring(*algorithm) && jwks.renewed().await
            }
        }
    }
}

impl Now<'_> {
    /// `None` while none have come.
    pub fn get(&self) -> Option<&KeySet> {
        match self {
            Self::Known(keys) => Some(keys),
            Self::Fetched(now) => now.get(),
        }
    }
}

impl Authenticator {
    /// From its settings; `before` is the one of the same name so far, if there is one: what it has found out goes on. What
    /// it asks of issuers goes out from the runtime on which this is called.
    pub fn new(
        settings: check::Authenticator,
        metrics: &Metrics,
        issuers: &Issuers,
        before: Option<&Self>,
    ) -> Self {
        let numbers = metrics.authenticator(settings.name.as_str());
        let accounts = |own: &Arc<Accounts>| match before.and_then(Self::accounts) {
            Some(before) => Arc::new(own.following(before)),
            None => own.clone(),
        };
        let method = match &settings.method {
            check::Method::Jwt(jwt) => {
                let remembered = remembered(jwt, before);
                let counted = remembered.clone();
                Method::Jwt(Jwt {
                    places: jwt.places.clone(),
                    rules: jwt.rules.clone(),
                    keys: keys(&jwt.keys, issuers),
                    remembered,
                    _count: numbers.shows_tokens(move || counted.len()),
                })
            }
            check::Method::ApiKeys(keys) => {
                Method::ApiKeys(ApiKeys { places: keys.places.clone(), accounts: accounts(&keys.accounts) })
            }
            check::Method::Basic(basic) => Method::Basic(accounts(&basic.accounts)),
            check::Method::Introspection(opaque) => {
                let asking = metrics.introspection(settings.name.as_str());
                let introspection = Introspection::new(opaque.settings.clone(), Handle::current(), asking);
                let counted = introspection.clone();
                Method::Introspection(Opaque {
                    places: opaque.places.clone(),
                    introspection,
                    _count: numbers.shows_tokens(move || counted.remembered_count()),
                })
            }
        };
        Self { name: settings.name.to_arc(), metrics: numbers, method, settings }
    }

    /// Whether it was made of the same settings.
    pub fn serves(&self, settings: &check::Authenticator) -> bool {
        self.settings == *settings
    }

    /// The names and secrets that it knows, where it has such a list.
    fn accounts(&self) -> Option<&Accounts> {
        match &self.method {
            Method::ApiKeys(keys) => Some(&keys.accounts),
            Method::Basic(accounts) => Some(accounts),
            Method::Jwt(_) | Method::Introspection(_) => None,
        }
    }

    /// Where it looks for credentials.
    pub fn places(&self) -> &[Place] {
        match &self.method {
            Method::Jwt(jwt) => &jwt.places,
            Method::ApiKeys(keys) => &keys.places,
            Method::Basic(_) => &basic::PLACES,
            Method::Introspection(opaque) => &opaque.places,
        }
    }

    /// How clients are told to send them.
    pub fn scheme(&self) -> Scheme {
        match &self.method {
            Method::Jwt(_) | Method::Introspection(_) => Scheme::Bearer,
            Method::ApiKeys(_) => Scheme::ApiKey,
            Method::Basic(_) => Scheme::Basic,
        }
    }
}

/// What the authenticator so far remembers, if tokens are held to the same rules. A token counts while its key does,
/// wherever keys come from now.
fn remembered(jwt: &check::Jwt, before: Option<&Authenticator>) -> Remembered {
    let before = before.and_then(|before| match (&before.method, &before.settings.method) {
        (Method::Jwt(running), check::Method::Jwt(settings)) => Some((running, settings)),
        _ => None,
    });
    match before {
        Some((running, settings)) if settings.rules == jwt.rules && settings.remembered == jwt.remembered => {
            running.remembered.clone()
        }
        _ => Remembered::new(jwt.remembered),
    }
}

fn keys(keys: &check::Keys, issuers: &Issuers) -> Keys {
    match keys {
        check::Keys::Known(keys) => Keys::Known(keys.clone()),
        check::Keys::At(settings) => {
            let jwks = issuers.get(&settings.name).expect("the registry was made from the same settings");
            Keys::Of(jwks.clone())
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

impl Chain {
    /// Whether anybody looks into `Authorization`.
    pub fn reads_authorization(&self) -> bool {
        let place = Place::Header(http::header::AUTHORIZATION);
        self.authenticators.iter().any(|authenticator| authenticator.places().contains(&place))
    }

    /// How a caller that one of them has recognised sent its credentials.
    pub fn scheme_of(&self, identity: &Identity) -> Option<Scheme> {
        let who = self.authenticators.iter().find(|who| who.name == identity.authenticator);
        who.map(|authenticator| authenticator.scheme())
    }
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
