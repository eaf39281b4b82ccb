//! `@skip` and `@include`, as they stand in a plan.
//!
//! A condition is a conjunction of variables, outermost first; constants are
//! folded while the plan is made. They are interned, so a request evaluates
//! each once, and evaluation stops at the first variable that says no: a null
//! further in is then nobody's error, as in the specification.

use apollo_compiler::Name;
use apollo_compiler::ast::{DirectiveList, Value as Literal};

use crate::coerce::{ArgumentError, Values, is_true};

/// Variables that must all have the given value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Condition(Vec<(Name, bool)>);

impl Condition {
    /// This condition and what the directives add; `None` if it can never hold.
    pub(super) fn and(&self, directives: &DirectiveList) -> Option<Self> {
        let mut condition = self.clone();
        for (directive, wanted) in [("skip", false), ("include", true)] {
            let literal = directives.get(directive).and_then(|found| found.specified_argument_by_name("if"));
            match literal.map(|literal| &**literal) {
                Some(Literal::Boolean(value)) if *value != wanted => return None,
                Some(Literal::Variable(name)) => condition.require(name, wanted)?,
                _ => {}
            }
        }
        Some(condition)
    }

    /// Whether it holds for every request.
    pub(super) fn is_always(&self) -> bool {
        self.0.is_empty()
    }

    /// The variables and the values they must have, outermost first.
    pub(super) fn variables(&self) -> &[(Name, bool)] {
        &self.0
    }

    fn require(&mut self, name: &Name, wanted: bool) -> Option<()> {
        match self.0.iter().find(|(known, _)| known == name) {
            Some((_, value)) => (*value == wanted).then_some(()),
            None => {
                self.0.push((name.clone(), wanted));
                Some(())
            }
        }
    }

    fn holds(&self, variables: &Values) -> Result<bool, ArgumentError> {
        for (name, wanted) in &self.0 {
            if is_true(&Literal::Variable(name.clone()), variables)? != *wanted {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Which of a plan's conditions hold for one request.
#[derive(Debug, Default)]
pub(crate) struct Conditions(Vec<bool>);

impl Conditions {
    /// Evaluates every condition of a plan.
    pub(crate) fn evaluate(conditions: &[Condition], variables: &Values) -> Result<Self, ArgumentError> {
        let held = conditions.iter().map(|condition| condition.holds(variables));
        held.collect::<Result<_, _>>().map(Self)
    }

    /// The first occurrence that holds.
    pub(crate) fn first<'o>(&self, occurrences: &'o [super::Occurrence]) -> Option<&'o super::Occurrence> {
        let held = |condition: Option<usize>| condition.is_none_or(|index| self.0[index]);
        occurrences.iter().find(|occurrence| held(occurrence.condition))
    }
}
