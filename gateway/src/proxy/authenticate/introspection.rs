//! Tokens that only their issuer understands.

use std::{sync::Arc, time::SystemTime};

use super::jwt;
use crate::{
    policy::authentication::{Identity, Rejected, Sent},
    snapshot::Opaque,
};

/// Whose token the request brings; `None` if it has none.
pub async fn check(
    opaque: &Opaque,
    sent: Sent<'_>,
    now: SystemTime,
) -> Result<Option<Arc<Identity>>, Rejected> {
    let Some(token) = jwt::find(&opaque.places, sent)? else { return Ok(None) };
    opaque.introspection.judge(&token, now).await.map(Some)
}
