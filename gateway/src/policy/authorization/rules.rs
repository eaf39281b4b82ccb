//! Scopes, roles and claims: rules that need no language.

use serde_json::Value;

use super::{Caller, Expression, Refused, Request};
use crate::value;

/// What must hold, all of it.
#[derive(Debug, Default)]
pub struct Rules {
    /// All of them.
    pub scopes: Vec<Box<str>>,
    /// One of them; none is no rule.
    pub any_scope: Vec<Box<str>>,
    /// Claims with the values they may have.
    pub claims: Vec<ClaimRule>,
    /// What must be true.
    pub allow: Option<Expression>,
}

/// A claim and the values that it may have.
#[derive(Debug)]
pub struct ClaimRule {
    /// The key that says so, for the operator.
    pub key: &'static str,
    /// Which claim.
    pub claim: Box<str>,
    /// What it must be, or have among its items.
    pub any_of: Vec<Box<str>>,
}

impl Rules {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        let Self { scopes, any_scope, claims, allow } = self;
        scopes.is_empty() && any_scope.is_empty() && claims.is_empty() && allow.is_none()
    }

    /// Whether one of them is about the caller.
    pub fn ask_for_identity(&self) -> bool {
        let Self { scopes, any_scope, claims, allow } = self;
        let allow = allow.as_ref().is_some_and(Expression::reads_identity);
        !scopes.is_empty() || !any_scope.is_empty() || !claims.is_empty() || allow
    }

    pub(super) fn check(&self, caller: Option<&Caller<'_>>, request: &Request<'_>) -> Result<(), Refused> {
        match caller {
            Some(caller) => self.check_caller(caller)?,
            None if !self.scopes.is_empty() || !self.any_scope.is_empty() || !self.claims.is_empty() => {
                return Err(Refused::Anonymous);
            }
            None => {}
        }
        let Some(allow) = &self.allow else { return Ok(()) };
        match allow.evaluate(caller, request) {
            Ok(true) => Ok(()),
            // With credentials the answer may be another one.
            _ if caller.is_none() && allow.reads_identity() => Err(Refused::Anonymous),
            Ok(false) => Err(Refused::Denied("authorization.allow is false".into())),
            Err(error) => Err(Refused::Denied(format!("authorization.allow: {error}").into())),
        }
    }

    fn check_caller(&self, caller: &Caller<'_>) -> Result<(), Refused> {
        let has = |scope: &str| caller.scopes.contains(&scope);
        let missing = self.scopes.iter().filter(|scope| !has(scope));
        // Any of them would do; the first one is what was thought of first.
        let one = self.any_scope.first().filter(|_| !self.any_scope.iter().any(|scope| has(scope)));
        let missing: Vec<&str> = missing.chain(one).map(|scope| &**scope).collect();
        if !missing.is_empty() {
            return Err(Refused::Scope(missing.join(" ").into()));
        }
        match self.claims.iter().find(|rule| !rule.holds(caller.claims)) {
            None => Ok(()),
            Some(ClaimRule { key, claim, .. }) => {
                Err(Refused::Denied(format!("{key}: `{claim}` has none of the values").into()))
            }
        }
    }
}

impl ClaimRule {
    fn holds(&self, claims: &Value) -> bool {
        let allowed = |value: &Value| self.any_of.iter().any(|allowed| is_text(value, allowed));
        match value::claim(claims, &self.claim) {
            Some(Value::Array(items)) => items.iter().any(allowed),
            Some(value) => allowed(value),
            None => false,
        }
    }
}

/// Whether a value is written so; a number as its digits, `true` as this word.
fn is_text(value: &Value, text: &str) -> bool {
    match value {
        Value::String(value) => value == text,
        Value::Bool(value) => text == if *value { "true" } else { "false" },
        Value::Number(number) => *number.to_string() == *text,
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}
