//! Validation rules that apollo-compiler does not have.
//!
//! `@oneOf` input objects, input fields written twice, undefined variables in
//! objects for custom scalars, and variables inside lists and input objects (it checks a variable's type only where the
//! variable is the whole argument). Runs on a document that has passed its
//! validation, so every name resolves.

use apollo_compiler::ast::{Argument, DirectiveList, Type, Value, VariableDefinition};
use apollo_compiler::executable::{Operation, Selection, SelectionSet};
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::schema::{ExtendedType, InputObjectType, InputValueDefinition};
use apollo_compiler::{ExecutableDocument, Name, Node, Schema};
use std::collections::HashSet;

use crate::code::Code;
use crate::error::RequestError;

/// Checks every operation of the document.
pub(super) fn check(schema: &Schema, document: &ExecutableDocument) -> Result<(), RequestError> {
    for operation in document.operations.iter() {
        let mut check = Check { schema, document, operation, seen: HashSet::new() };
        for variable in &operation.variables {
            if let Some(default) = &variable.default_value {
                check.value(&variable.ty, default, Whole::No)?;
            }
        }
        check.directives(&operation.directives)?;
        check.set(&operation.selection_set)?;
    }
    Ok(())
}

/// Whether the value is a whole argument, which apollo-compiler has checked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whole {
    Yes,
    No,
}

struct Check<'a> {
    schema: &'a Schema,
    document: &'a ExecutableDocument,
    operation: &'a Operation,
    seen: HashSet<&'a Name>,
}

impl<'a> Check<'a> {
    fn set(&mut self, set: &'a SelectionSet) -> Result<(), RequestError> {
        for selection in &set.selections {
            match selection {
                Selection::Field(field) => {
                    self.arguments(&field.definition.arguments, &field.arguments)?;
                    self.directives(&field.directives)?;
                    self.set(&field.selection_set)?;
                }
                Selection::InlineFragment(fragment) => {
                    self.directives(&fragment.directives)?;
                    self.set(&fragment.selection_set)?;
                }
                Selection::FragmentSpread(spread) => {
                    self.directives(&spread.directives)?;
                    let fragment = self.document.fragments.get(&spread.fragment_name);
                    if let Some(fragment) = fragment
                        && self.seen.insert(&spread.fragment_name)
                    {
                        self.directives(&fragment.directives)?;
                        self.set(&fragment.selection_set)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn directives(&self, directives: &DirectiveList) -> Result<(), RequestError> {
        for directive in directives.iter() {
            if let Some(definition) = self.schema.directive_definitions.get(&directive.name) {
                self.arguments(&definition.arguments, &directive.arguments)?;
            }
        }
        Ok(())
    }

    fn arguments(
        &self,
        definitions: &[Node<InputValueDefinition>],
        arguments: &[Node<Argument>],
    ) -> Result<(), RequestError> {
        for argument in arguments {
            if let Some(definition) = definitions.iter().find(|d| d.name == argument.name) {
                self.value(&definition.ty, &argument.value, Whole::Yes)?;
            }
        }
        Ok(())
    }

    fn value(&self, ty: &Type, value: &Node<Value>, whole: Whole) -> Result<(), RequestError> {
        match (value.as_ref(), ty) {
            (Value::Variable(name), _) if whole == Whole::No => {
                self.variable(ty, false, name, value.location())
            }
            (Value::List(items), Type::List(item) | Type::NonNullList(item)) => {
                items.iter().try_for_each(|value| self.value(item, value, Whole::No))
            }
            (Value::Object(fields), _) => match self.schema.types.get(ty.inner_named_type()) {
                Some(ExtendedType::InputObject(object)) => self.object(object, fields, value),
                _ => self.untyped(value),
            },
            _ => self.untyped(value),
        }
    }

    /// A custom scalar takes any value, but no object whose fields are written
    /// twice, and no variable that is not defined.
    fn untyped(&self, value: &Node<Value>) -> Result<(), RequestError> {
        match value.as_ref() {
            Value::Variable(name) if self.definition(name).is_none() => {
                Err(self.error(format!("Variable \"${name}\" is not defined."), value.location()))
            }
            Value::List(items) => items.iter().try_for_each(|item| self.untyped(item)),
            Value::Object(fields) => {
                self.unique(fields)?;
                fields.iter().try_for_each(|(_, field)| self.untyped(field))
            }
            _ => Ok(()),
        }
    }

    /// "Input Object Field Uniqueness", section 5.6.3 of the specification.
    fn unique(&self, fields: &[(Name, Node<Value>)]) -> Result<(), RequestError> {
        let mut names = HashSet::new();
        match fields.iter().find(|(name, _)| !names.insert(name)) {
            None => Ok(()),
            Some((name, _)) => {
                let text = format!("There can be only one input field named \"{name}\".");
                Err(self.error(text, name.location()))
            }
        }
    }

    fn object(
        &self,
        object: &InputObjectType,
        fields: &[(Name, Node<Value>)],
        value: &Node<Value>,
    ) -> Result<(), RequestError> {
        self.unique(fields)?;
        for (name, field) in fields {
            let Some(definition) = object.fields.get(name) else {
                continue;
            };
            match field.as_ref() {
                Value::Variable(variable) => {
                    let has_default = definition.default_value.is_some();
                    self.variable(&definition.ty, has_default, variable, field.location())?;
                }
                _ => self.value(&definition.ty, field, Whole::No)?,
            }
        }
        if object.directives.has("oneOf") {
            self.one_of(object, fields, value)?;
        }
        Ok(())
    }

    fn one_of(
        &self,
        object: &InputObjectType,
        fields: &[(Name, Node<Value>)],
        value: &Node<Value>,
    ) -> Result<(), RequestError> {
        let name = &object.name;
        let [(field, only)] = fields else {
            let text = format!("OneOf Input Object \"{name}\" must specify exactly one key.");
            return Err(self.error(text, value.location()));
        };
        match only.as_ref() {
            Value::Null => {
                let text = format!("Field \"{name}.{field}\" must be non-null.");
                Err(self.error(text, only.location()))
            }
            Value::Variable(variable) if self.definition(variable).is_some_and(|d| !d.ty.is_non_null()) => {
                let text = format!(
                    "Variable \"${variable}\" must be non-nullable to be used for OneOf Input Object \"{name}\"."
                );
                Err(self.error(text, only.location()))
            }
            _ => Ok(()),
        }
    }

    /// "All Variable Usages Are Allowed", section 5.8.5 of the specification.
    fn variable(
        &self,
        position: &Type,
        position_has_default: bool,
        name: &Name,
        span: Option<SourceSpan>,
    ) -> Result<(), RequestError> {
        let Some(definition) = self.definition(name) else {
            return Ok(());
        };
        let mut variable = definition.ty.as_ref().clone();
        let has_default = definition.default_value.as_ref().is_some_and(|v| !v.is_null());
        if position.is_non_null() && (has_default || position_has_default) {
            variable = variable.non_null();
        }
        if variable.is_assignable_to(position) {
            return Ok(());
        }
        let text = format!(
            "Variable \"${name}\" of type \"{}\" used in position expecting type \"{position}\".",
            definition.ty
        );
        Err(self.error(text, span))
    }

    fn definition(&self, name: &Name) -> Option<&'a VariableDefinition> {
        self.operation.variables.iter().find(|variable| variable.name == *name).map(|variable| &**variable)
    }

    fn error(&self, text: String, span: Option<SourceSpan>) -> RequestError {
        RequestError::at(Code::ValidationFailed, text, span, &self.document.sources)
    }
}
