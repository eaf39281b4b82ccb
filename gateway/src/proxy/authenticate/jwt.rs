//! JSON Web Tokens: found in the request, known from before or checked; a key that nobody knows is asked for once.

use std::{borrow::Cow, sync::Arc, time::SystemTime};

use crate::{
    policy::authentication::{
        Fit, Identity, Place, Rejected, Scheme, Sent, first,
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
    let bytes = &*bytes;
    if let Some(keys) = jwt.keys.now().get()
        && let Some(known) = jwt.remembered.get(bytes, keys, &jwt.rules, now)
    {
        authenticator.metrics.token_was_known();
        return known.map(Some);
    }
    let token = Token::parse(bytes)?;
    jwt.rules.check_ours(&token)?;
    authenticator.metrics.token_was_new();
    let verified = match verified(jwt, &token, now) {
        Err(unsigned) if jwt.keys.renewed_for(&unsigned).await => verified(jwt, &token, now),
        verified => verified,
    };
    let Verified { key, period } = verified.map_err(|unsigned| refused(jwt, unsigned))?;
    let identity = Arc::new(Identity::new(authenticator.name.clone(), token.claims));
    jwt.remembered.insert(bytes, identity.clone(), key, period);
    Ok(Some(identity))
}

fn verified(jwt: &Jwt, token: &Token<'_>, now: SystemTime) -> Result<Verified, Unsigned> {
    let keys = jwt.keys.now();
    verify(token, keys.get().ok_or(Unsigned::NoKeys)?, &jwt.rules, now)
}

/// Without an issuer nothing but its keys tells a provider's tokens from another's. What one of its keys has signed is its
/// own, whatever the claims say.
fn refused(jwt: &Jwt, unsigned: Unsigned) -> Rejected {
    let rejected = unsigned.into_rejected();
    let may_be_anothers =
        matches!(rejected.reason, Reason::TokenNotTrusted | Reason::AuthenticationUnavailable);
    match may_be_anothers && jwt.rules.issuer.is_none() {
        true => Rejected { fit: Fit::Unknown, ..rejected },
        false => rejected,
    }
}

/// The token in the first place that has one.
pub(super) fn find<'a>(places: &[Place], sent: Sent<'a>) -> Result<Option<Cow<'a, [u8]>>, Rejected> {
    let token = first(places, Scheme::Bearer, sent)?;
    token.as_deref().map_or(Ok(()), Token::check_size)?;
    Ok(token)
}
