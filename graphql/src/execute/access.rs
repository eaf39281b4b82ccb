//! Whom the gates of a plan let through.
//!
//! Decided once per request, before anything is fetched. A gate that refuses is
//! respected in two places: a node behind it never starts, and the projection
//! writes its fault in place of the value, whatever was read.

use std::sync::Arc;

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

/// Whether the caller has no value for a claim that the call carries.
///
/// An argument that is undefined is left out of a query or a header. A claim must
/// not be: a list that should be of one tenant's orders would be of everybody's.
pub(super) fn lacks_claim(rest: &Rest, caller: Option<&dyn Identity>) -> bool {
    let find = |path: &[Arc<str>]| path.iter().try_fold(caller?.claims(), |value, name| value.get(&**name));
    let claims = |reference: &Reference| match reference {
        Reference::Claim(path) => Some(find(path)),
        _ => None,
    };
    let sent = rest.uri.references().chain(rest.headers.iter().flat_map(|header| header.references()));
    let in_body = rest.body.iter().flat_map(|body| body.references());
    sent.filter_map(claims).any(|claim| claim.is_none_or(is_nothing))
        || in_body.filter_map(claims).any(|claim| claim.is_none_or(serde_json::Value::is_null))
}

/// Whether nothing of a value would be sent in a query or a header.
fn is_nothing(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Null => true,
        serde_json::Value::String(text) => text.is_empty(),
        serde_json::Value::Array(items) => items.iter().all(is_nothing),
        _ => false,
    }
}
