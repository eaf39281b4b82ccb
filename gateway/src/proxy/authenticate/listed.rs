//! API keys, names and passwords: found in the request, looked up in a list.

use std::{sync::Arc, time::SystemTime};

use crate::{
    issuer::hashing,
    policy::authentication::{Accounts, Identity, Rejected, Sent, Verdict, api_keys, basic},
    reason::Reason,
    snapshot::ApiKeys,
};

/// Whose API key the request brings; `None` if it has none.
pub async fn api_key(
    keys: &ApiKeys,
    sent: Sent<'_>,
    now: SystemTime,
) -> Result<Option<Arc<Identity>>, Rejected> {
    let Some(key) = api_keys::find(&keys.places, sent)? else { return Ok(None) };
    look_up(&keys.accounts, key.id(), key.secret().as_bytes(), now).await.map(Some)
}

/// Who logs in; `None` if nobody does.
pub async fn basic(
    accounts: &Arc<Accounts>,
    sent: Sent<'_>,
    now: SystemTime,
) -> Result<Option<Arc<Identity>>, Rejected> {
    let Some(login) = basic::find(sent)? else { return Ok(None) };
    look_up(accounts, login.name(), login.password(), now).await.map(Some)
}

async fn look_up(
    accounts: &Arc<Accounts>,
    name: &str,
    secret: &[u8],
    now: SystemTime,
) -> Result<Arc<Identity>, Rejected> {
    let costly = match accounts.check(name, secret, now) {
        Verdict::Known(identity) => return Ok(identity),
        Verdict::Refused(refused) => return Err(refused.into()),
        Verdict::Costly(costly) => costly,
    };
    let right = hashing::solve(accounts, costly).await.map_err(|lost| {
        Rejected::new(Reason::AuthenticationUnavailable, format!("the secret was not checked: {lost}"))
    })?;
    Ok(accounts.settle(name, right, now)?)
}
