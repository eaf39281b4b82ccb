//! Counts what an operation selects once its fragments are expanded.
//!
//! Runs before validation, on the syntax tree. Each fragment is counted once
//! and its sums are reused, so a chain of fragments that doubles at each link
//! costs no more than its text; sums saturate. Cycles and unknown fragments
//! count as nothing: the validator names them.

use std::collections::HashMap;

use apollo_compiler::Name;
use apollo_compiler::ast::{Definition, Document, FragmentDefinition, Selection};

use crate::code::Code;
use crate::error::RequestError;
use crate::limits::Limits;

/// Sums over a selection set, fragments expanded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sums {
    depth: usize,
    selections: usize,
    aliases: usize,
    directives: usize,
    /// Fields at this level.
    fields: usize,
    /// Selections of every kind: what the validator walks.
    steps: usize,
}

/// How many times the limit on selections the selections of all operations
/// together may be, fragments counted too: the validator walks every operation,
/// whichever of them is to run.
const STEPS_PER_SELECTION: usize = 2;

/// Refuses the document if any of its operations is above a bound.
pub(super) fn check(document: &Document, limits: &Limits) -> Result<(), RequestError> {
    let mut counter = Counter::of(document);
    let operations = document.definitions.iter().filter_map(Definition::as_operation_definition);
    let mut steps = 0_usize;
    for operation in operations {
        let mut sums = counter.set(&operation.selection_set);
        sums.directives = sums.directives.saturating_add(operation.directives.len());
        within(Code::TooDeep, sums.depth, limits.depth)?;
        within(Code::TooManySelections, sums.selections, limits.selections)?;
        within(Code::TooManyAliases, sums.aliases, limits.aliases)?;
        within(Code::TooManyRootFields, sums.fields, limits.root_fields)?;
        within(Code::TooManyDirectives, sums.directives, limits.directives)?;
        steps = steps.saturating_add(sums.steps);
    }
    within(Code::TooManySelections, steps, limits.selections.saturating_mul(STEPS_PER_SELECTION))?;
    Ok(())
}

/// `Ok` where `count` is at most `limit`.
pub(super) fn within(code: Code, count: usize, limit: usize) -> Result<(), RequestError> {
    if count <= limit {
        return Ok(());
    }
    let text = format!("{}: more than {limit}", code.text());
    Err(RequestError::new(code, text))
}

struct Counter<'a> {
    fragments: HashMap<&'a Name, &'a FragmentDefinition>,
    /// `None` while a fragment is being counted, which ends a cycle.
    counted: HashMap<&'a Name, Option<Sums>>,
}

impl<'a> Counter<'a> {
    fn of(document: &'a Document) -> Self {
        let fragments = document
            .definitions
            .iter()
            .filter_map(Definition::as_fragment_definition)
            .map(|fragment| (&fragment.name, &**fragment))
            .collect();
        Self { fragments, counted: HashMap::new() }
    }

    fn set(&mut self, selections: &'a [Selection]) -> Sums {
        let mut sums = Sums::default();
        for selection in selections {
            let one = match selection {
                Selection::Field(field) => {
                    let below = self.set(&field.selection_set);
                    Sums {
                        depth: below.depth + 1,
                        selections: below.selections.saturating_add(1),
                        aliases: below.aliases.saturating_add(field.alias.is_some().into()),
                        directives: below.directives.saturating_add(field.directives.len()),
                        fields: 1,
                        steps: below.steps,
                    }
                }
                Selection::InlineFragment(fragment) => {
                    with_directives(self.set(&fragment.selection_set), fragment.directives.len())
                }
                Selection::FragmentSpread(spread) => {
                    with_directives(self.fragment(&spread.fragment_name), spread.directives.len())
                }
            };
            sums = Sums {
                depth: sums.depth.max(one.depth),
                selections: sums.selections.saturating_add(one.selections),
                aliases: sums.aliases.saturating_add(one.aliases),
                directives: sums.directives.saturating_add(one.directives),
                fields: sums.fields.saturating_add(one.fields),
                steps: sums.steps.saturating_add(one.steps).saturating_add(1),
            };
        }
        sums
    }

    fn fragment(&mut self, name: &'a Name) -> Sums {
        if let Some(counted) = self.counted.get(name) {
            return counted.unwrap_or_default();
        }
        let Some(fragment) = self.fragments.get(name).copied() else {
            return Sums::default();
        };
        self.counted.insert(name, None);
        let sums = self.set(&fragment.selection_set);
        self.counted.insert(name, Some(sums));
        sums
    }
}

fn with_directives(mut sums: Sums, more: usize) -> Sums {
    sums.directives = sums.directives.saturating_add(more);
    sums
}
