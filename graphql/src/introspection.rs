//! `__schema` and `__type`, answered by apollo-compiler from the SDL.
//!
//! The schema it answers from is the one operations are validated against, so
//! the two cannot differ; our own directives are not in it. Only
//! `__Type.isOneOf`, younger than apollo-compiler's edition of the
//! specification, is added: the field is executed as `name` and its result
//! replaced by what that name stands for.

mod size;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use apollo_compiler::executable::{Field, Operation, Selection, SelectionSet};
use apollo_compiler::introspection;
use apollo_compiler::response::{JsonMap, JsonValue};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Node, name};
use serde_json::Value;

use self::size::{Sizer, TooLarge};
use crate::code::Code;
use crate::coerce::Values;
use crate::error::RequestError;
use crate::schema::Schema;

impl Schema {
    /// The values of a query's root fields `__schema` and `__type`, by response
    /// key; other root fields are left alone.
    ///
    /// # Errors
    /// Lists are nested so deeply that the answer would grow without measure,
    /// or it would have more than about `max_bytes`.
    pub(crate) fn introspect(
        &self,
        document: &Valid<ExecutableDocument>,
        operation: &Operation,
        variables: &Values,
        max_bytes: usize,
    ) -> Result<Vec<(String, JsonValue)>, RequestError> {
        let invalid = |message: String| RequestError::new(Code::ValidationFailed, message);
        introspection::check_max_depth(document, operation)
            .map_err(|error| invalid(error.message().to_string()))?;
        Sizer::new(self, document, variables, max_bytes)
            .root(&operation.selection_set)
            .map_err(|TooLarge| RequestError::of(Code::ResponseTooLarge))?;
        self.answer(document, operation, variables).map_err(invalid)
    }

    fn answer(
        &self,
        document: &Valid<ExecutableDocument>,
        operation: &Operation,
        variables: &Values,
    ) -> Result<Vec<(String, JsonValue)>, String> {
        let rewritten = self.without_one_of(document, operation);
        let (executed, operation_executed) = match &rewritten {
            Some((document, operation)) => (document, operation),
            None => (document, operation),
        };
        let variables: JsonMap = serde_json::from_value(Value::Object(variables.clone()))
            .map_err(|_| "the variables cannot be read".to_owned())?;
        let response = introspection::partial_execute(
            &self.apollo,
            &self.implementers,
            executed,
            operation_executed,
            &Valid::assume_valid(variables),
        )
        .map_err(|error| error.message().to_string())?;
        let mut data = response.data.ok_or_else(|| "introspection failed".to_owned())?;
        if rewritten.is_some() {
            self.fill_one_of_in(&mut data, &operation.selection_set, document);
        }
        let keys: HashSet<&str> = operation
            .root_fields(document)
            .filter(|field| matches!(field.name.as_str(), "__schema" | "__type"))
            .map(|field| field.response_key().as_str())
            .collect();
        let asked = data.into_iter().filter(|(key, _)| keys.contains(key.as_str()));
        Ok(asked.map(|(key, value)| (key.as_str().to_owned(), value)).collect())
    }

    /// Document and operation with `isOneOf` read as `name`; `None` where it is
    /// not asked for.
    fn without_one_of(
        &self,
        document: &Valid<ExecutableDocument>,
        operation: &Operation,
    ) -> Option<(Valid<ExecutableDocument>, Operation)> {
        let asks = |set: &SelectionSet| set.selections.iter().any(selects_one_of);
        let fragments = document.fragments.values().map(|fragment| &fragment.selection_set);
        if !fragments.chain([&operation.selection_set]).any(asks) {
            return None;
        }
        let mut operation = operation.clone();
        self.rewrite(&mut operation.selection_set);
        let mut rewritten = document.clone().into_inner();
        for fragment in rewritten.fragments.values_mut() {
            self.rewrite(&mut fragment.make_mut().selection_set);
        }
        Some((Valid::assume_valid(rewritten), operation))
    }

    fn rewrite(&self, set: &mut SelectionSet) {
        for selection in &mut set.selections {
            match selection {
                Selection::Field(field) if is_one_of(field, &set.ty) => {
                    let field = field.make_mut();
                    field.alias = Some(field.response_key().clone());
                    field.name = name!("name");
                    if let Ok(definition) = self.apollo.type_field("__Type", "name") {
                        field.definition = definition.node.clone();
                    }
                }
                Selection::Field(field) => self.rewrite(&mut field.make_mut().selection_set),
                Selection::InlineFragment(inline) => self.rewrite(&mut inline.make_mut().selection_set),
                Selection::FragmentSpread(_) => {}
            }
        }
    }

    /// Replaces the names that stand where `isOneOf` was asked for.
    fn fill_one_of(&self, value: &mut JsonValue, set: &SelectionSet, document: &ExecutableDocument) {
        match value {
            JsonValue::Array(items) => {
                items.iter_mut().for_each(|item| self.fill_one_of(item, set, document));
            }
            JsonValue::Object(object) => {
                for selection in &set.selections {
                    match selection {
                        Selection::Field(field) => {
                            let Some(member) = object.get_mut(field.response_key().as_str()) else {
                                continue;
                            };
                            if !is_one_of(field, &set.ty) {
                                self.fill_one_of(member, &field.selection_set, document);
                            } else if let JsonValue::String(name) = member {
                                *member = self.one_of(name.as_str());
                            }
                        }
                        Selection::InlineFragment(inline) => {
                            self.fill_one_of_in(object, &inline.selection_set, document);
                        }
                        Selection::FragmentSpread(spread) => {
                            if let Some(fragment) = spread.fragment_def(document) {
                                self.fill_one_of_in(object, &fragment.selection_set, document);
                            }
                        }
                    }
                }
            }
            _ => {}
        }
    }

    fn fill_one_of_in(&self, object: &mut JsonMap, set: &SelectionSet, document: &ExecutableDocument) {
        let mut value = JsonValue::Object(std::mem::take(object));
        self.fill_one_of(&mut value, set, document);
        if let JsonValue::Object(filled) = value {
            *object = filled;
        }
    }

    fn one_of(&self, name: &str) -> JsonValue {
        match self.apollo.types.get(name) {
            Some(ExtendedType::InputObject(ty)) => ty.directives.has("oneOf").into(),
            _ => JsonValue::Null,
        }
    }
}

fn is_one_of(field: &Node<Field>, parent: &str) -> bool {
    parent == "__Type" && field.name == "isOneOf"
}

fn selects_one_of(selection: &Selection) -> bool {
    match selection {
        Selection::Field(field) => {
            field.name == "isOneOf" || field.selection_set.selections.iter().any(selects_one_of)
        }
        Selection::InlineFragment(inline) => inline.selection_set.selections.iter().any(selects_one_of),
        Selection::FragmentSpread(_) => false,
    }
}
