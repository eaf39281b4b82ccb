//! Whether a caller who is known, or is not, may do what it asks for.
//!
//! Scopes, roles and values of claims say most of it; an expression in CEL says the rest, and may also look at the
//! request. Everything that is said must hold. What cannot be decided, for want of a claim for instance, is a no.
//!
//! Who the caller is was found out before, by whoever authenticated it: here are only its claims and scopes.

pub mod config;
mod expression;
mod rules;

use std::sync::Arc;

use http::{HeaderMap, Method};
use serde_json::Value;

pub use expression::{Expression, Mistake, Parameter};
pub use rules::{ClaimRule, Rules};

use crate::reason::Reason;

/// Decides what callers may do. The default is off: everything. Clones share the rules.
#[derive(Debug, Clone, Default)]
pub struct Authorization(Option<Arc<Rules>>);

/// A caller who is known.
#[derive(Debug, Clone)]
pub struct Caller<'a> {
    /// An object.
    pub claims: &'a Value,
    /// What it may do, in the words of who said so.
    pub scopes: Vec<&'a str>,
}

/// What expressions may know of a request.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// As the client sent it.
    pub method: &'a Method,
    /// Without a port, in lower case.
    pub host: &'a str,
    /// In the form in which it was matched.
    pub path: &'a str,
    /// After the question mark.
    pub query: Option<&'a str>,
    /// Without what strangers are not believed.
    pub headers: &'a HeaderMap,
    /// The client's address, as trusted proxies tell it.
    pub client: std::net::IpAddr,
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// Nobody is known, and somebody might be let in.
    Anonymous,
    /// Scopes that would do, with spaces between them.
    Scope(Box<str>),
    /// The cause, for the operator.
    Denied(Box<str>),
}

impl Refused {
    /// What the client is told.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Anonymous => Reason::CredentialsMissing,
            Self::Scope(_) => Reason::InsufficientScope,
            Self::Denied(_) => Reason::AccessDenied,
        }
    }
}

impl Authorization {
    /// These rules.
    pub fn new(rules: Rules) -> Self {
        Self((!rules.is_empty()).then(|| Arc::new(rules)))
    }

    /// Whether it lets everybody do everything because nothing was configured.
    pub fn is_off(&self) -> bool {
        self.0.is_none()
    }

    /// Whether it asks who the caller is. Without authentication nobody can answer.
    pub fn asks_for_identity(&self) -> bool {
        self.0.as_ref().is_some_and(|rules| rules.ask_for_identity())
    }

    /// Whether it looks at the request, and not at the caller alone.
    pub fn reads_request(&self) -> bool {
        self.0.as_ref().is_some_and(|rules| rules.allow.is_some())
    }

    /// Whether this caller may make this request.
    pub fn check(&self, caller: Option<&Caller<'_>>, request: &Request<'_>) -> Result<(), Refused> {
        match &self.0 {
            Some(rules) => rules.check(caller, request),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
