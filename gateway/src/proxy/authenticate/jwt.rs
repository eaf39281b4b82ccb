//! JSON Web Tokens: found in the request, known from before or checked; a key that nobody knows is asked for once.

use std::{sync::Arc, time::SystemTime};

use http::header;

use crate::{
    policy::authentication::{
        Found, Identity, Place, Rejected, Sent, bearer,
        jwt::{Token, Unsigned, Verified, verify},
    },
    reason::Reason,
    snapshot::{Authenticator, Jwt},
};

/// Whose token the request brings; `None` if it has none.
pub async fn check(
    jwt: &Jwt,
    authenticator: &Authenticator,
    sent: Sent<'_>,
    now: SystemTime,
) -> Result<Option<Arc<Identity>>, Rejected> {
    let Some(bytes) = find(&jwt.places, sent)? else { return Ok(None) };
    let name = jwt.remembered.name_of(bytes);
    if let Some(name) = &name
        && let Some(keys) = jwt.keys.now().get()
        && let Some(known) = jwt.remembered.get(name, keys, &jwt.rules, now)
    {
        authenticator.metrics.token_was_known();
        return known.map(Some);
    }
    let token = Token::parse(bytes)?;
    jwt.rules.check_issuer(&token.claims)?;
    authenticator.metrics.token_was_new();
    let verified = match verified(jwt, &token, now) {
        Err(unsigned) if jwt.keys.renewed_for(&unsigned).await => verified(jwt, &token, now),
        verified => verified,
    };
    // Without an issuer nothing but its keys tells a provider's tokens from another's.
    let ours =
        |unsigned: Unsigned| Rejected { foreign: jwt.rules.issuer.is_none(), ..unsigned.into_rejected() };
    let Verified { key, period } = verified.map_err(ours)?;
    let identity = Arc::new(Identity::new(authenticator.name.clone(), token.claims));
    if let Some(name) = name {
        jwt.remembered.insert(name, identity.clone(), key, period);
        authenticator.metrics.remembers(jwt.remembered.len());
    }
    Ok(Some(identity))
}

fn verified(jwt: &Jwt, token: &Token<'_>, now: SystemTime) -> Result<Verified, Unsigned> {
    let keys = jwt.keys.now();
    verify(token, keys.get().ok_or(Unsigned::NoKeys)?, &jwt.rules, now)
}

/// The token in the first place that has one.
pub(super) fn find<'a>(places: &[Place], sent: Sent<'a>) -> Result<Option<&'a [u8]>, Rejected> {
    for place in places {
        let value = match place.find(sent) {
            Found::Nothing => continue,
            Found::One(value) => value,
            Found::Several => {
                return Err(Rejected::new(
                    Reason::TokenMalformed,
                    "there is more than one token in the same place",
                ));
            }
        };
        let token = match place {
            Place::Header(name) if name == header::AUTHORIZATION => bearer(value),
            Place::Header(_) => Some(bearer(value).unwrap_or(value)),
            Place::Cookie(_) | Place::Query(_) => Some(value),
        };
        if let Some(token) = token {
            Token::check_size(token)?;
            return Ok(Some(token));
        }
    }
    Ok(None)
}
