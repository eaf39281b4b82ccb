//! `CollectFields`, section 6.3.2 of the specification, for all requests at
//! once: occurrences carry the conditions under which they count.

use std::collections::HashSet;
use std::sync::Arc;

use apollo_compiler::collections::IndexMap;
use apollo_compiler::executable::{Field, Selection, SelectionSet};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{ExecutableDocument, Name, Schema};

use super::Condition;
use crate::code::Code;
use crate::error::RequestError;

/// A selection set and the condition under which it is selected.
pub(super) type Set<'a> = (&'a SelectionSet, Condition);

/// One occurrence of a field.
#[derive(Debug, Clone)]
pub(super) struct Found<'a> {
    pub(super) field: &'a Field,
    pub(super) position: u32,
    pub(super) condition: Condition,
}

/// The fields that `sets` select on the object type `ty`, by response key.
///
/// # Errors
/// More selections were visited than `visits_left`, from which they are taken.
pub(super) fn collect<'a>(
    schema: &Schema,
    document: &'a ExecutableDocument,
    ty: &Arc<str>,
    sets: &[Set<'a>],
    visits_left: &mut usize,
) -> Result<IndexMap<&'a Name, Vec<Found<'a>>>, RequestError> {
    let mut collector = Collector {
        schema,
        document,
        ty,
        visited: HashSet::new(),
        fields: IndexMap::default(),
        position: 0,
        visits_left,
    };
    for (set, condition) in sets {
        collector.set(set, condition)?;
    }
    Ok(collector.fields)
}

struct Collector<'a, 's> {
    schema: &'s Schema,
    document: &'a ExecutableDocument,
    ty: &'s str,
    visited: HashSet<(&'a Name, Condition)>,
    fields: IndexMap<&'a Name, Vec<Found<'a>>>,
    position: u32,
    visits_left: &'s mut usize,
}

impl<'a> Collector<'a, '_> {
    fn set(&mut self, set: &'a SelectionSet, outer: &Condition) -> Result<(), RequestError> {
        for selection in &set.selections {
            let too_many = || RequestError::of(Code::TooManySelections);
            *self.visits_left = self.visits_left.checked_sub(1).ok_or_else(too_many)?;
            let Some(condition) = outer.and(selection.directives()) else {
                continue;
            };
            match selection {
                Selection::Field(field) => {
                    let position = self.position;
                    self.position += 1;
                    let found = Found { field, position, condition };
                    self.fields.entry(field.response_key()).or_default().push(found);
                }
                Selection::InlineFragment(fragment) => {
                    if fragment.type_condition.as_ref().is_none_or(|ty| self.applies(ty)) {
                        self.set(&fragment.selection_set, &condition)?;
                    }
                }
                Selection::FragmentSpread(spread) => {
                    let Some(fragment) = self.document.fragments.get(&spread.fragment_name) else {
                        continue;
                    };
                    let visit = (&spread.fragment_name, condition);
                    if self.applies(fragment.type_condition()) && !self.visited.contains(&visit) {
                        self.set(&fragment.selection_set, &visit.1)?;
                        self.visited.insert(visit);
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether objects of this type satisfy the type condition.
    fn applies(&self, condition: &Name) -> bool {
        *condition == *self.ty
            || match self.schema.types.get(condition) {
                Some(ExtendedType::Union(union)) => {
                    union.members.iter().any(|member| *member.name == *self.ty)
                }
                Some(ExtendedType::Interface(_)) => self
                    .schema
                    .get_object(self.ty)
                    .is_some_and(|ty| ty.implements_interfaces.iter().any(|i| i.name == *condition)),
                _ => false,
            }
    }
}
