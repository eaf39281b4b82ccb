//! The users service as an issuer of tokens: who knows a user's password gets one, and whoever has the keys of
//! [`JWKS_PATH`] can check it.
//!
//! What a real issuer would do for the gateway's sake, it does: ES256, a key id that is never used twice, old keys that
//! stay for a while after a rotation. What it would do for its users' sake, it does not: there is one password.

mod keys;
mod login;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use http::StatusCode;
use http::header::{CACHE_CONTROL, HeaderValue};
use jiff::Timestamp;
use serde_json::json;

use super::store::Users;
use crate::service::Service;
use crate::service::problem::Problem;
use crate::service::{query, row};
use keys::Keys;
use login::Login;

/// Where the keys are.
pub const JWKS_PATH: &str = "/.well-known/jwks.json";

/// What `iss` says. A name rather than an address, so that tokens mean the same on every port.
pub const ISSUER: &str = "https://users.demo.glassgate.example";

/// What `aud` says.
pub const AUDIENCE: &str = "glassgate-demo";

/// The password of every user.
const PASSWORD: &str = "demo";

#[derive(Debug)]
struct Issuer {
    users: Arc<Users>,
    keys: Keys,
}

/// Adds the issuer's routes.
pub fn routes(service: Service, users: Arc<Users>) -> Service {
    let issuer = Arc::new(Issuer { users, keys: Keys::new() });
    service
        .route("/login", post(login).with_state(issuer.clone()))
        .route(JWKS_PATH, get(jwks).with_state(issuer.clone()))
        .route("/keys/rotate", post(rotate).with_state(issuer))
}

/// `POST /login`: a token, in the form of RFC 6749 section 5.1.
async fn login(State(issuer): State<Arc<Issuer>>, body: Bytes) -> Result<Response, Problem> {
    let login = Login::read(&body)?;
    let user = issuer.users.by_email(&login.email).filter(|_| login.password == PASSWORD);
    // Whether there is such a user is nobody's business.
    let user = user.ok_or_else(|| {
        Problem::new(StatusCode::UNAUTHORIZED, "there is no user with this e-mail address and password")
    })?;
    let now = Timestamp::now().as_second();
    let claims = login::claims(&user, now, login.expires_in);
    let answer = json!({
        "access_token": issuer.keys.sign(&claims),
        "token_type": "Bearer",
        "expires_in": login.expires_in,
        "scope": claims["scope"],
    });
    let mut response = row::ok(answer.to_string().into_bytes());
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// `GET /.well-known/jwks.json`: a JWK Set (RFC 7517).
async fn jwks(State(issuer): State<Arc<Issuer>>) -> Response {
    let headers = [(CACHE_CONTROL, "public, max-age=300")];
    (headers, row::ok(issuer.keys.jwks().to_string().into_bytes())).into_response()
}

/// `POST /keys/rotate?keep=0`: signs with a new key from now on. Older ones can still be checked unless `keep` says how
/// many of them.
async fn rotate(State(issuer): State<Arc<Issuer>>, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let mut keep = keys::KEPT;
    for (name, value) in query::pairs(query.as_deref()) {
        if name == "keep" {
            keep = query::rows("keep", &value)?.min(keys::KEPT);
        }
    }
    let kid = issuer.keys.rotate(keep);
    Ok(row::ok(json!({ "kid": kid }).to_string().into_bytes()))
}
