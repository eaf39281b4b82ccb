//! Whom the gates of a plan let through.
//!
//! Decided once per request, before anything is fetched. A gate that refuses is
//! respected in two places: a node behind it never starts, and the projection
//! writes its fault in place of the value, whatever was read.

use std::sync::Arc;

use serde_json::Value;

use super::Fault;
use crate::code::Code;
use crate::plan::GateId;
use crate::request::Identity;
use crate::schema::{Access, Refused, Rest};
use crate::template::Reference;

/// What each gate of a plan has against the caller.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Vec<Option<Fault>>);

impl Refusals {
    /// Asks every gate.
    pub(crate) fn of(gates: &[Arc<Access>], caller: Option<&dyn Identity>) -> Self {
        Self(gates.iter().map(|gate| gate.check(caller).err().map(fault)).collect())
    }

    /// Whether the caller may read everything.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// What this gate has against the caller.
    pub(crate) fn at(&self, gate: Option<GateId>) -> Option<&Fault> {
        self.0[gate?].as_ref()
    }

    /// Whether one of these gates refuses the caller.
    pub(crate) fn has_any(&self, gates: &[GateId]) -> bool {
        gates.iter().any(|gate| self.0[*gate].is_some())
    }
}

fn fault(refused: Refused) -> Fault {
    match refused {
        Refused::Anonymous => Fault::of(Code::CredentialsMissing),
        Refused::Scopes(missing) => {
            let code = Code::InsufficientScope;
            Fault::with(code, format!("{}: {missing}", code.text()))
        }
    }
}

/// Whether the caller has a value for every claim that the call carries, and one that says who it is.
///
/// An argument that is undefined is left out of a query or a header. A claim must
/// not be: a list that should be of one tenant's orders would be of everybody's.
pub(super) fn check_claims(rest: &Rest, caller: Option<&dyn Identity>) -> Result<(), Fault> {
    let claims = |reference: &Reference| match reference {
        Reference::Claim(path) => Some(caller.and_then(|caller| caller.claim(path)).unwrap_or(&Value::Null)),
        _ => None,
    };
    let sent = rest.uri.references().chain(rest.headers.iter().flat_map(|header| header.references()));
    let in_body = rest.body.iter().flat_map(|body| body.references());
    let is_missing =
        sent.filter_map(claims).any(is_nothing) || in_body.filter_map(claims).any(Value::is_null);
    if is_missing {
        return Err(Fault::of(Code::ClaimMissing));
    }
    if rest.references().filter_map(claims).any(has_lost_digits) {
        let code = Code::UnsendableValue;
        let message =
            format!("{}: a claim of the caller is a number, but no integer of 64 bits", code.text());
        return Err(Fault::with(code, message));
    }
    Ok(())
}

/// Whether nothing of a value would be sent in a query or a header.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.iter().all(is_nothing),
        _ => false,
    }
}

/// Whether two callers with other numbers might look the same: a number that is no integer of 64 bits is kept as the
/// double next to it.
fn has_lost_digits(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_lost_digits),
        _ => false,
    }
}
