//! What a login says, and what the token says of the user.

use serde_json::{Value, json};

use super::{AUDIENCE, ISSUER};
use crate::service::input::{Field, Input};
use crate::service::problem::Problem;
use crate::users::model::User;

/// How long a token is valid if nobody says: an hour.
const EXPIRES_IN: u64 = 3_600;

/// All scopes there are.
const SCOPES: [&str; 4] = ["orders:write", "payments:read", "payments:write", "users:write"];

/// The body of `POST /login`.
#[derive(Debug, PartialEq, Eq)]
pub struct Login {
    /// Whose token.
    pub email: String,
    /// Not looked at but compared.
    pub password: String,
    /// Seconds until the token expires, from 1 to a day.
    pub expires_in: u64,
}

impl Login {
    /// Reads a body.
    pub fn read(body: &[u8]) -> Result<Login, Problem> {
        let mut input = Input::read(body)?;
        let email = input.required("email", Field::email);
        let password = input.required("password", |field| field.text(100));
        let expires_in = input.optional("expires_in", |field| field.integer(1..=86_400));
        let expires_in = expires_in.map_or(EXPIRES_IN, i64::unsigned_abs);
        input.finish(email.zip(password).map(|(email, password)| Login { email, password, expires_in }))
    }
}

/// The scopes of user `id`: everybody may order.
fn scopes(id: u64) -> String {
    match id {
        1 => SCOPES.join(" "),
        id if id.is_multiple_of(10) => "orders:write payments:read".to_owned(),
        _ => "orders:write".to_owned(),
    }
}

/// What a token made at `now` (seconds since 1970) says of a user.
pub fn claims(user: &User, now: i64, expires_in: u64) -> Value {
    json!({
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": user.id.to_string(),
        "iat": now,
        "exp": now.saturating_add_unsigned(expires_in),
        "name": user.name,
        "email": user.email,
        "scope": scopes(user.id),
    })
}
