//! `jwt`: keys that can be used, and claims that say something.

use std::path::PathBuf;

use http::{header::AUTHORIZATION, uri::Scheme};

use super::{one_of, places, tls};
use crate::{
    config::{
        check::Check,
        inputs::{way_out, why},
    },
    issuer::JwksSettings,
    policy::authentication::{
        Place,
        jwt::{
            Algorithm, ClaimRules, Jwks, Key, KeySet, Material, algorithms_of,
            config::{JwtConfig, KeysConfig, StandardClaim},
            media_type, read_jwks, read_pem,
        },
    },
    value::{Duration, HttpUrl, Located, Name},
};

/// More is no difference of clocks but a way to use tokens that have ended.
const MOST_LEEWAY: Duration = Duration::from_secs(300);

const MOST_REMEMBERED: u64 = 1_000_000;

/// More often is a burden to the issuer, more seldom a danger where keys were stolen.
const LEAST_REFRESH: Duration = Duration::from_secs(1);
const MOST_REFRESH: Duration = Duration::from_secs(86_400);

/// A JWT authenticator that can run.
#[derive(Debug, Clone, PartialEq)]
pub struct Jwt {
    /// Where tokens are in a request, in the order in which one looks.
    pub places: Vec<Place>,
    /// What their claims must say.
    pub rules: ClaimRules,
    /// What they are signed with.
    pub keys: Keys,
    /// Accepted tokens that are remembered.
    pub remembered: u64,
}

/// Where keys are.
#[derive(Debug, Clone, PartialEq)]
pub enum Keys {
    /// Here.
    Known(KeySet),
    /// At the issuer.
    At(JwksSettings),
}

pub fn check(check: &mut Check<'_>, name: &Name, path: &str, config: &JwtConfig) -> Option<Jwt> {
    let algorithms: Vec<Algorithm> = config.algorithms.iter().map(|algorithm| **algorithm).collect();
    let issuer = config.issuer.as_ref().map(|issuer| issuer.as_str().into());
    let keys = keys(check, name, path, &config.keys, issuer, &algorithms);
    let rules = rules(check, path, config);
    let places = places::check(check, &config.from, AUTHORIZATION);
    let remembered = *config.cache.tokens;
    if remembered > MOST_REMEMBERED {
        let text = format!("`{remembered}` is more than {MOST_REMEMBERED}; write that or less");
        check.error(config.cache.tokens.place().clone(), text);
    }
    Some(Jwt { keys: keys?, rules: rules?, places: places?, remembered })
}

fn rules(check: &mut Check<'_>, path: &str, config: &JwtConfig) -> Option<ClaimRules> {
    let is_optional = |claim| config.optional_claims.iter().any(|optional| **optional == claim);
    if config.issuer.is_none() && !is_optional(StandardClaim::Iss) {
        let place = check.place(path);
        check.error(
            place,
            "no `issuer` is named that `iss` is compared with; add it, or say `optional_claims: [iss]`",
        );
    }
    if config.audiences.is_empty() && !is_optional(StandardClaim::Aud) {
        let place = check.place(path);
        check.error(
            place,
            "no `audiences` are named that `aud` is compared with; add your own name for this API, or say `optional_claims: [aud]`",
        );
    }
    if let Some(claim) = config.optional_claims.iter().find(|claim| ***claim == StandardClaim::Exp) {
        check.warning(claim.place().clone(), "a token without `exp` counts for ever; let the issuer add it");
    }
    let texts = config.issuer.iter().chain(&config.audiences).chain(&config.required_claims);
    for text in texts.chain(&config.types) {
        if text.trim().is_empty() {
            check.error(text.place().clone(), "the text is empty; write what the token says, or remove it");
        }
    }
    if let Some(none) = config.max_age.as_ref().filter(|age| age.is_zero()) {
        check.error(
            none.place().clone(),
            "every token is older than that; write for example `1h`, or remove it",
        );
    }
    if *config.leeway > MOST_LEEWAY {
        let text = format!("`{}` is more than {MOST_LEEWAY}; let the clocks be set instead", *config.leeway);
        check.error(config.leeway.place().clone(), text);
        return None;
    }
    let standard = [("exp", StandardClaim::Exp), ("iss", StandardClaim::Iss), ("aud", StandardClaim::Aud)];
    let standard = standard.into_iter().filter(|(_, claim)| !is_optional(*claim)).map(|(name, _)| name);
    let further = config.required_claims.iter().map(|name| name.as_str());
    let text = |text: &Located<String>| text.as_str().into();
    Some(ClaimRules {
        issuer: config.issuer.as_ref().map(text),
        audiences: config.audiences.iter().map(text).collect(),
        required: standard.chain(further).map(Into::into).collect(),
        types: config.types.iter().map(|name| media_type(name.trim())).collect(),
        max_age: config.max_age.as_ref().map(|age| age.get()),
        leeway: config.leeway.get(),
    })
}

fn keys(
    check: &mut Check<'_>,
    name: &Name,
    path: &str,
    config: &KeysConfig,
    issuer: Option<Box<str>>,
    algorithms: &[Algorithm],
) -> Option<Keys> {
    let KeysConfig { url, refresh, tls, file, pem, secret } = config;
    let path = format!("{path}.keys");
    let given = [
        ("url", url.is_some()),
        ("file", file.is_some()),
        ("pem", pem.is_some()),
        ("secret", secret.is_some()),
    ];
    one_of(check, &path, "key source", &given)?;
    let key = format!("{path}.refresh");
    if url.is_none() && check.is_written(&key) {
        let place = check.place(&key);
        check.warning(place, "only keys from a `url` are fetched again; remove it");
    }
    if let Some(url) = url {
        let sensible = at_issuer(check, url, refresh);
        let is_https = url.uri().scheme() == Some(&Scheme::HTTPS);
        let authorities = tls::check(check, tls.as_ref(), is_https)?;
        return sensible
            .then(|| JwksSettings {
                name: name.clone(),
                issuer,
                url: (**url).clone(),
                refresh: refresh.get(),
                authorities,
                algorithms: algorithms.to_vec(),
            })
            .map(Keys::At);
    }
    if let Some(tls) = tls {
        check.error(tls.ca.place().clone(), "only a server at a `url` has a certificate; remove it");
        return None;
    }
    if let Some(file) = file {
        let Jwks { keys, left_out } = from_file(check, file, |content| jwks(content, algorithms))?;
        for left_out in left_out.iter().filter(|left_out| left_out.is_missed()) {
            let text = format!("{left_out}; tokens that it has signed are refused");
            check.warning(file.place().clone(), text);
        }
        return Some(Keys::Known(keys));
    }
    if let Some(pem) = pem {
        return from_file(check, pem, |content| one(&read_pem(content)?, algorithms)).map(Keys::Known);
    }
    let place = check.place(&format!("{path}.secret"));
    let found = one(&Material::Secret(secret.as_ref()?.expose().as_bytes().to_vec()), algorithms);
    found.map_err(|text| check.error(place, text)).map(Keys::Known).ok()
}

fn at_issuer(check: &mut Check<'_>, url: &Located<HttpUrl>, refresh: &Located<Duration>) -> bool {
    if !url.is_protected() {
        check.warning(
            url.place().clone(),
            "whoever is in between can replace the keys, and make tokens that count; use https",
        );
    }
    let sensible = (LEAST_REFRESH..=MOST_REFRESH).contains(&**refresh);
    if !sensible {
        let text = format!(
            "`{}` is not between {LEAST_REFRESH} and {MOST_REFRESH}; write for example `10m`",
            **refresh
        );
        check.error(refresh.place().clone(), text);
    }
    sensible
}

fn from_file<T>(
    check: &mut Check<'_>,
    file: &Located<PathBuf>,
    read: impl Fn(&[u8]) -> Result<T, String>,
) -> Option<T> {
    let shown = check.files.resolve(file).display().to_string();
    let content = check.files.read(file).map_err(|error| format!("{}{}", why(&error), way_out(&error)));
    let found =
        content.and_then(|content| read(&content)).map_err(|why| format!("cannot use `{shown}`: {why}"));
    found.map_err(|text| check.error(file.place().clone(), text)).ok()
}

fn jwks(content: &[u8], algorithms: &[Algorithm]) -> Result<Jwks, String> {
    let jwks = read_jwks(content, algorithms, true)?;
    match jwks.left_out.as_slice() {
        _ if jwks.keys.len() > 0 => Ok(jwks),
        [] => Err("it has no keys; add one".into()),
        left_out => {
            let list = left_out.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            Err(format!("none of its keys can be used: {list}; add one that can"))
        }
    }
}

/// A key that says nothing of itself.
fn one(material: &Material, algorithms: &[Algorithm]) -> Result<KeySet, String> {
    let found = algorithms_of(material, None, algorithms)
        .map_err(|why| format!("the key is {why}; use another one"))?;
    Ok(found.into_iter().map(|algorithm| Key::new(None, algorithm, material)).collect())
}
