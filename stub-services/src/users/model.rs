//! What a user is, and what a client may say about one.

use serde::Serialize;

use crate::service::input::{Field, Input};
use crate::service::problem::Problem;

const LONGEST_NAME: usize = 100;

/// A user as stored and answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    /// Never used again after a deletion.
    pub id: u64,
    /// Their full name.
    pub name: String,
    /// Unique, whatever its case.
    pub email: String,
    /// RFC 3339.
    pub created_at: String,
}

/// The body of `POST /users`.
#[derive(Debug, PartialEq, Eq)]
pub struct NewUser {
    /// Their full name.
    pub name: String,
    /// Their address.
    pub email: String,
}

impl NewUser {
    /// Reads a body.
    pub fn read(body: &[u8]) -> Result<NewUser, Problem> {
        let mut input = Input::read(body)?;
        let name = input.required("name", |field| field.text(LONGEST_NAME));
        let email = input.required("email", Field::email);
        input.finish(name.zip(email).map(|(name, email)| NewUser { name, email }))
    }
}

/// The body of `PATCH /users/{id}`: what is absent stays.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// A new name.
    pub name: Option<String>,
    /// A new address.
    pub email: Option<String>,
}

impl Changes {
    /// Reads a body.
    pub fn read(body: &[u8]) -> Result<Changes, Problem> {
        let mut input = Input::read(body)?;
        let name = input.optional("name", |field| field.text(LONGEST_NAME));
        let email = input.optional("email", Field::email);
        input.finish(Some(Changes { name, email }))
    }
}
