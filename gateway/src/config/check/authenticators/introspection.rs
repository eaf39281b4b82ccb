//! `introspection`: an issuer that can be asked.

use std::net::IpAddr;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{Uri, header::AUTHORIZATION, uri::Scheme};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{places, tls};
use crate::{
    config::check::Check,
    issuer::introspection::Settings,
    policy::authentication::{
        Place,
        introspection::{
            Rules,
            config::{ClientAuthentication, IntrospectionConfig},
        },
    },
    value::{Duration, Located, Secret},
};

/// Longer, and clients have left.
const MOST_TIME: Duration = Duration::from_secs(30);

const MOST_TOKENS: u32 = 1_000_000;

/// What a form need not escape, whoever reads it.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// An issuer that can be asked about tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct Introspection {
    /// Where tokens are in a request, in the order in which one looks.
    pub places: Vec<Place>,
    /// How the issuer is asked.
    pub settings: Settings,
}

pub fn check(check: &mut Check<'_>, name: &str, config: &IntrospectionConfig) -> Option<Introspection> {
    let places = places::check(check, &config.from, AUTHORIZATION);
    let endpoint = endpoint(check, &config.endpoint);
    let is_https = config.endpoint.starts_with("https://");
    let authorities = tls::check(check, config.tls.as_ref(), is_https);
    let complete = bounds(check, config);
    let (authorization, parameters) = client(config);
    let text = |text: &Located<String>| text.as_str().into();
    let settings = Settings {
        rules: Rules {
            authenticator: name.into(),
            issuer: config.issuer.as_ref().map(text),
            audiences: config.audiences.iter().map(text).collect(),
            valid: config.cache.valid.get(),
            invalid: config.cache.invalid.get(),
        },
        endpoint: endpoint?,
        authorities: authorities?,
        authorization,
        parameters,
        timeout: config.timeout.get(),
        tokens: u64::from(*config.cache.tokens),
    };
    complete.then_some(Introspection { places: places?, settings })
}

fn endpoint(check: &mut Check<'_>, text: &Located<String>) -> Option<Uri> {
    let uri: Option<Uri> = text.parse().ok();
    let uri = uri.filter(|uri| {
        let http = uri.scheme() == Some(&Scheme::HTTP) || uri.scheme() == Some(&Scheme::HTTPS);
        http && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
    });
    let Some(uri) = uri else {
        // It may hold a password, so it is not repeated.
        let text_of_it =
            "this is not the URL of an endpoint; write for example `https://login.example.com/introspect`";
        check.error(text.place().clone(), text_of_it);
        return None;
    };
    if uri.scheme() == Some(&Scheme::HTTP) && !uri.host().is_some_and(is_local) {
        let warning = "tokens and the client's secret go over the network in clear text; use `https://`";
        check.warning(text.place().clone(), warning);
    }
    Some(uri)
}

fn is_local(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn bounds(check: &mut Check<'_>, config: &IntrospectionConfig) -> bool {
    let timeout = &config.timeout;
    let time = !timeout.is_zero() && **timeout <= MOST_TIME;
    if !time {
        let text = format!("`{}` is not between 1ms and {MOST_TIME}; write for example `500ms`", **timeout);
        check.error(timeout.place().clone(), text);
    }
    let tokens = &config.cache.tokens;
    let count = (1..=MOST_TOKENS).contains(&**tokens);
    if !count {
        let text = format!("`{}` is not between 1 and {MOST_TOKENS}; write for example `10000`", **tokens);
        check.error(tokens.place().clone(), text);
    }
    let named = !config.client_id.is_empty();
    if !named {
        check.error(
            config.client_id.place().clone(),
            "the client id is empty; write the one that the issuer knows",
        );
    }
    time && count && named
}

/// How the gateway says who it is: the header, and the parameters of the body (RFC 6749 section 2.3.1).
fn client(config: &IntrospectionConfig) -> (Option<Secret>, Secret) {
    let escaped = |text: &str| utf8_percent_encode(text, FORM).to_string();
    let (id, secret) = (escaped(&config.client_id), escaped(config.client_secret.expose()));
    match config.client_authentication {
        ClientAuthentication::Basic => {
            let both = STANDARD.encode(format!("{id}:{secret}"));
            (Some(Secret::new(format!("Basic {both}"))), Secret::new(""))
        }
        ClientAuthentication::Post => (None, Secret::new(format!("client_id={id}&client_secret={secret}&"))),
    }
}
