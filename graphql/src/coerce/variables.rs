//! `CoerceVariableValues`, section 6.1.2 of the specification.

use std::fmt::Write;

use apollo_compiler::ast::Type;
use apollo_compiler::executable::Operation;
use apollo_compiler::schema::{ExtendedType, InputObjectType};
use apollo_compiler::{ExecutableDocument, Schema};
use serde_json::Value;

use super::scalar::{enumeration, inspect, scalar};
use super::{Values, default};
use crate::code::Code;
use crate::error::{Message, RequestError};

/// Coerces what the client sent for the operation's variables.
///
/// Everything wrong is reported at once, up to `max_errors` messages.
pub(crate) fn variables(
    schema: &Schema,
    document: &ExecutableDocument,
    operation: &Operation,
    provided: &Values,
    max_errors: usize,
) -> Result<Values, RequestError> {
    let mut coerced = Values::new();
    let mut errors = Vec::new();
    for definition in &operation.variables {
        let (name, ty) = (&definition.name, &definition.ty);
        let max_errors = max_errors.saturating_sub(errors.len());
        if max_errors == 0 && !errors.is_empty() {
            break;
        }
        let mut fail = |text: String| {
            let error = RequestError::at(Code::VariableInvalid, text, name.location(), &document.sources);
            errors.extend(error.messages);
        };
        let Some(value) = provided.get(name.as_str()) else {
            if let Some(written) = &definition.default_value {
                match default(schema, ty, written) {
                    Ok(value) => drop(coerced.insert(name.to_string(), value)),
                    Err(_) => fail(format!("Variable \"${name}\" has an invalid default value.")),
                }
            } else if ty.is_non_null() {
                fail(format!("Variable \"${name}\" of required type \"{ty}\" was not provided."));
            }
            continue;
        };
        if value.is_null() && ty.is_non_null() {
            fail(format!("Variable \"${name}\" of non-null type \"{ty}\" must not be null."));
            continue;
        }
        let mut coercer = Coercer { schema, path: Vec::new(), errors: Vec::new(), max_errors };
        let value = coercer.value(ty, value);
        for error in coercer.errors {
            let Error { path, value, text } = error;
            let mut message = format!("Variable \"${name}\" got invalid value {value}");
            if !path.is_empty() {
                // Writing to a string cannot fail.
                let _ = write!(message, " at \"{name}{path}\"");
            }
            fail(format!("{message}; {text}"));
        }
        coerced.insert(name.to_string(), value);
    }
    refuse(errors, max_errors).map_or(Ok(coerced), Err)
}

fn refuse(mut messages: Vec<Message>, max_errors: usize) -> Option<RequestError> {
    if messages.is_empty() {
        return None;
    }
    messages.truncate(max_errors.max(1));
    Some(RequestError { code: Code::VariableInvalid, messages })
}

struct Error {
    path: String,
    value: String,
    text: String,
}

enum Step<'a> {
    Field(&'a str),
    Item(usize),
}

/// Coerces one variable, going on after an error to find the others.
struct Coercer<'a> {
    schema: &'a Schema,
    path: Vec<Step<'a>>,
    errors: Vec<Error>,
    max_errors: usize,
}

impl<'a> Coercer<'a> {
    fn value(&mut self, ty: &'a Type, value: &'a Value) -> Value {
        // Refused already, and what else is wrong would not be told.
        if self.errors.len() >= self.max_errors {
            return Value::Null;
        }
        if value.is_null() {
            if ty.is_non_null() {
                let text = format!("Expected non-nullable type \"{ty}\" not to be null.");
                self.fail(value, text);
            }
            return Value::Null;
        }
        match ty {
            Type::List(item) | Type::NonNullList(item) => match value {
                Value::Array(items) => items
                    .iter()
                    .enumerate()
                    .map(|(index, value)| self.below(Step::Item(index), item, value))
                    .collect(),
                // One value stands for a list of it.
                one => Value::Array(vec![self.value(item, one)]),
            },
            Type::Named(name) | Type::NonNullNamed(name) => self.named(name, value),
        }
    }

    fn named(&mut self, name: &str, value: &'a Value) -> Value {
        let result = match self.schema.types.get(name) {
            Some(ExtendedType::InputObject(ty)) => return self.object(ty, value),
            Some(ExtendedType::Enum(ty)) => enumeration(ty, value),
            _ => scalar(name, value),
        };
        result.unwrap_or_else(|text| {
            self.fail(value, text);
            Value::Null
        })
    }

    fn object(&mut self, ty: &'a InputObjectType, value: &'a Value) -> Value {
        let name = &ty.name;
        let Value::Object(given) = value else {
            self.fail(value, format!("Expected type \"{name}\" to be an object."));
            return Value::Null;
        };
        let mut object = Values::new();
        for (field, definition) in &ty.fields {
            if let Some(value) = given.get(field.as_str()) {
                let value = self.below(Step::Field(field), &definition.ty, value);
                object.insert(field.to_string(), value);
            } else if let Some(written) = &definition.default_value {
                // A schema whose defaults do not fit is not loaded.
                let value = default(self.schema, &definition.ty, written).unwrap_or_default();
                object.insert(field.to_string(), value);
            } else if definition.ty.is_non_null() {
                let ty = &definition.ty;
                let text = format!("Field \"{field}\" of required type \"{ty}\" was not provided.");
                self.fail(value, text);
            }
        }
        for unknown in given.keys().filter(|key| !ty.fields.contains_key(key.as_str())) {
            let text = format!("Field \"{unknown}\" is not defined by type \"{name}\".");
            self.fail(value, text);
        }
        if ty.directives.has("oneOf") {
            self.one_of(ty, given, value);
        }
        Value::Object(object)
    }

    fn one_of(&mut self, ty: &InputObjectType, given: &'a Values, value: &'a Value) {
        let mut entries = given.iter();
        match (entries.next(), entries.next()) {
            (Some((key, Value::Null)), None) => {
                let text = format!("Field \"{key}\" must be non-null.");
                self.fail(value, text);
            }
            (Some(_), None) => {}
            _ => {
                let name = &ty.name;
                let text = format!("Exactly one key must be specified for OneOf type \"{name}\".");
                self.fail(value, text);
            }
        }
    }

    fn below(&mut self, step: Step<'a>, ty: &'a Type, value: &'a Value) -> Value {
        self.path.push(step);
        let value = self.value(ty, value);
        self.path.pop();
        value
    }

    fn fail(&mut self, value: &Value, text: String) {
        if self.errors.len() >= self.max_errors {
            return;
        }
        let mut path = String::new();
        for step in &self.path {
            // Writing to a string cannot fail.
            let _ = match step {
                Step::Field(name) => write!(path, ".{name}"),
                Step::Item(index) => write!(path, "[{index}]"),
            };
        }
        let value = inspect(value);
        self.errors.push(Error { path, value, text });
    }
}
