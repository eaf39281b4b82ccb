//! Who may read a field: what `@authenticated` and `@requiresScopes` ask of a caller.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::request::Identity;

/// Scopes of which a caller must have all of one inner list.
pub(crate) type Alternatives = Vec<Vec<Arc<str>>>;

/// What a caller must have. At the least it must be known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Access {
    /// Each of them must be met.
    all_of: Vec<Alternatives>,
}

/// Why a caller is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Nobody knows who it is.
    Anonymous,
    /// What it lacks, as text: "`a` and `b`, or `c`".
    Scopes(String),
}

impl Access {
    /// A caller with these scopes.
    pub(crate) fn scopes(alternatives: Alternatives) -> Self {
        Self { all_of: vec![alternatives] }
    }

    /// Both; each alternative asked for once.
    pub(crate) fn and(mut self, other: &Self) -> Self {
        for alternatives in &other.all_of {
            if !self.all_of.contains(alternatives) {
                self.all_of.push(alternatives.clone());
            }
        }
        self
    }

    /// Either. Both must ask for scopes once at most, as what is written on one type does.
    pub(super) fn or(mut self, other: &Self) -> Self {
        match (self.all_of.first_mut(), other.all_of.first()) {
            (Some(ours), Some(theirs)) => ours.extend(theirs.iter().cloned()),
            _ => self.all_of.clear(),
        }
        self
    }

    /// Whether this caller may read.
    pub(crate) fn check(&self, caller: Option<&dyn Identity>) -> Result<(), Refused> {
        let caller = caller.ok_or(Refused::Anonymous)?;
        let has_all = |scopes: &Vec<Arc<str>>| scopes.iter().all(|scope| caller.has_scope(scope));
        let unmet: Vec<&Alternatives> =
            self.all_of.iter().filter(|alternatives| !alternatives.iter().any(has_all)).collect();
        match unmet.is_empty() {
            true => Ok(()),
            false => Err(Refused::Scopes(missing(&unmet, caller))),
        }
    }
}

fn missing(unmet: &[&Alternatives], caller: &dyn Identity) -> String {
    let mut text = String::new();
    for (at, alternatives) in unmet.iter().enumerate() {
        text.push_str(if at > 0 { "; and " } else { "" });
        for (at, scopes) in alternatives.iter().enumerate() {
            text.push_str(if at > 0 { ", or " } else { "" });
            let lacking = scopes.iter().filter(|scope| !caller.has_scope(scope));
            for (at, scope) in lacking.enumerate() {
                let and = if at > 0 { " and " } else { "" };
                // Writing into a string cannot fail.
                let _ = write!(text, "{and}`{scope}`");
            }
        }
    }
    text
}
