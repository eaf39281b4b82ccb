//! `CoerceArgumentValues`, section 6.4.1 of the specification.
//!
//! Arguments without variables are coerced once, when the plan is made; the
//! others keep their literals and are coerced once per request, never per
//! object.

use std::sync::Arc;

use apollo_compiler::ast::{Argument, Type, Value as Literal};
use apollo_compiler::schema::{ExtendedType, InputObjectType, InputValueDefinition};
use apollo_compiler::{Name, Node, Schema};
use serde_json::Value;

use super::Values;

/// A field's arguments as the plan keeps them.
#[derive(Debug, Clone)]
pub enum Arguments {
    /// The same for every request.
    Constant(Arc<Values>),
    /// To be coerced with the request's variables.
    Variable(Arc<[Pair]>),
}

/// An argument's definition and what the document gives for it.
#[derive(Debug, Clone)]
pub struct Pair {
    definition: Node<InputValueDefinition>,
    literal: Option<Node<Literal>>,
}

/// Why a field's arguments have no value; `Display` is for the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ArgumentError(pub String);

impl Arguments {
    /// Arguments of a field, coerced already where they can be.
    pub fn new(
        schema: &Schema,
        definitions: &[Node<InputValueDefinition>],
        arguments: &[Node<Argument>],
    ) -> Result<Self, ArgumentError> {
        let pairs: Arc<[Pair]> = definitions
            .iter()
            .map(|definition| Pair {
                definition: definition.clone(),
                literal: arguments
                    .iter()
                    .find(|argument| argument.name == definition.name)
                    .map(|argument| argument.value.clone()),
            })
            .collect();
        if pairs.iter().any(|p| p.literal.as_deref().is_some_and(has_variable)) {
            return Ok(Arguments::Variable(pairs));
        }
        let values = coerce(schema, &pairs, &Values::new())?;
        Ok(Arguments::Constant(Arc::new(values)))
    }

    /// The values for a request with these variables.
    pub fn values(&self, schema: &Schema, variables: &Values) -> Result<Arc<Values>, ArgumentError> {
        match self {
            Arguments::Constant(values) => Ok(values.clone()),
            Arguments::Variable(pairs) => coerce(schema, pairs, variables).map(Arc::new),
        }
    }
}

/// The value of a directive's `if`, given these variables.
pub fn is_true(literal: &Literal, variables: &Values) -> Result<bool, ArgumentError> {
    let value = match literal {
        Literal::Boolean(value) => return Ok(*value),
        Literal::Variable(name) => variables.get(name.as_str()),
        _ => None,
    };
    match value {
        Some(Value::Bool(value)) => Ok(*value),
        Some(_) => {
            Err(ArgumentError("Argument \"if\" of non-null type \"Boolean!\" must not be null.".into()))
        }
        None => Err(ArgumentError("Argument \"if\" of required type \"Boolean!\" was not provided.".into())),
    }
}

fn has_variable(literal: &Literal) -> bool {
    match literal {
        Literal::Variable(_) => true,
        Literal::List(items) => items.iter().any(|item| has_variable(item)),
        Literal::Object(fields) => fields.iter().any(|(_, field)| has_variable(field)),
        _ => false,
    }
}

fn coerce(schema: &Schema, pairs: &[Pair], variables: &Values) -> Result<Values, ArgumentError> {
    let mut values = Values::new();
    for pair in pairs {
        if let Some(value) = argument(schema, pair, variables)? {
            values.insert(pair.definition.name.to_string(), value);
        }
    }
    Ok(values)
}

fn argument(schema: &Schema, pair: &Pair, variables: &Values) -> Result<Option<Value>, ArgumentError> {
    let (name, ty) = (&pair.definition.name, &pair.definition.ty);
    let missing_variable = match pair.literal.as_deref() {
        Some(Literal::Variable(variable)) => (!variables.contains_key(variable.as_str())).then_some(variable),
        _ => None,
    };
    let Some(written) = pair.literal.as_ref().filter(|_| missing_variable.is_none()) else {
        if let Some(default) = &pair.definition.default_value {
            return Ok(literal(schema, ty, default, &Values::new()));
        }
        return match (ty.is_non_null(), missing_variable) {
            (false, _) => Ok(None),
            (true, None) => {
                Err(ArgumentError(format!("Argument \"{name}\" of required type \"{ty}\" was not provided.")))
            }
            (true, Some(variable)) => Err(ArgumentError(format!(
                "Argument \"{name}\" of required type \"{ty}\" was provided the variable \"${variable}\" which was not provided a runtime value."
            ))),
        };
    };
    match literal(schema, ty, written, variables) {
        Some(value) => Ok(Some(value)),
        None if is_null(written, variables) => {
            Err(ArgumentError(format!("Argument \"{name}\" of non-null type \"{ty}\" must not be null.")))
        }
        None => Err(ArgumentError(format!(
            "Argument \"{name}\" has invalid value {}.",
            written.serialize().no_indent()
        ))),
    }
}

fn is_null(literal: &Literal, variables: &Values) -> bool {
    match literal {
        Literal::Null => true,
        Literal::Variable(name) => variables.get(name.as_str()).is_some_and(Value::is_null),
        _ => false,
    }
}

/// The literal as a value of `ty`; `None` where it is no such value.
///
/// Variables are coerced already, so they stand for their values.
pub(super) fn literal(schema: &Schema, ty: &Type, written: &Literal, variables: &Values) -> Option<Value> {
    if let Literal::Variable(name) = written {
        let value = variables.get(name.as_str())?;
        return (!(value.is_null() && ty.is_non_null())).then(|| value.clone());
    }
    if written.is_null() {
        return (!ty.is_non_null()).then_some(Value::Null);
    }
    match ty {
        Type::List(item) | Type::NonNullList(item) => match written {
            Literal::List(items) => {
                items.iter().map(|written| list_item(schema, item, written, variables)).collect()
            }
            // One value stands for a list of it.
            one => Some(Value::Array(vec![literal(schema, item, one, variables)?])),
        },
        Type::Named(name) | Type::NonNullNamed(name) => match schema.types.get(name) {
            Some(ExtendedType::InputObject(ty)) => object(schema, ty, written, variables),
            Some(ExtendedType::Enum(_)) => match written {
                Literal::Enum(value) => Some(Value::from(value.as_str())),
                _ => None,
            },
            _ => scalar(name, written, variables),
        },
    }
}

/// A variable that was not provided is null inside a list.
fn list_item(schema: &Schema, ty: &Type, written: &Literal, variables: &Values) -> Option<Value> {
    match written {
        Literal::Variable(name) if !variables.contains_key(name.as_str()) => {
            (!ty.is_non_null()).then_some(Value::Null)
        }
        _ => literal(schema, ty, written, variables),
    }
}

fn object(schema: &Schema, ty: &InputObjectType, written: &Literal, variables: &Values) -> Option<Value> {
    let Literal::Object(fields) = written else {
        return None;
    };
    let mut values = Values::new();
    for (name, definition) in &ty.fields {
        let field = fields
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, field)| field)
            .filter(|field| !is_missing(field, variables));
        let value = match (field, &definition.default_value) {
            (Some(field), _) => literal(schema, &definition.ty, field, variables)?,
            (None, Some(default)) => literal(schema, &definition.ty, default, &Values::new())?,
            (None, None) if definition.ty.is_non_null() => return None,
            (None, None) => continue,
        };
        values.insert(name.to_string(), value);
    }
    if ty.directives.has("oneOf") && (values.len() != 1 || values.values().any(Value::is_null)) {
        return None;
    }
    Some(Value::Object(values))
}

fn is_missing(written: &Literal, variables: &Values) -> bool {
    matches!(written, Literal::Variable(name) if !variables.contains_key(name.as_str()))
}

fn scalar(ty: &Name, written: &Literal, variables: &Values) -> Option<Value> {
    match (ty.as_str(), written) {
        ("ID", Literal::Int(int)) => Some(Value::from(int.as_str())),
        ("Int" | "Float" | "String" | "Boolean" | "ID", _) => {
            super::scalar::scalar(ty, &untyped(written, variables)?).ok()
        }
        _ => untyped(written, variables),
    }
}

/// A literal where no type says what it must be: inside a custom scalar.
fn untyped(written: &Literal, variables: &Values) -> Option<Value> {
    Some(match written {
        Literal::Null => Value::Null,
        Literal::Enum(name) => Value::from(name.as_str()),
        Literal::Variable(name) => variables.get(name.as_str()).cloned().unwrap_or(Value::Null),
        Literal::String(text) => Value::from(text.as_str()),
        Literal::Float(number) => Value::Number(number.as_str().parse().ok()?),
        Literal::Int(number) => Value::Number(number.as_str().parse().ok()?),
        Literal::Boolean(value) => Value::from(*value),
        Literal::List(items) => items.iter().map(|item| untyped(item, variables)).collect::<Option<_>>()?,
        Literal::Object(fields) => {
            let fields = fields
                .iter()
                .filter(|(_, field)| !is_missing(field, variables))
                .map(|(name, field)| Some((name.to_string(), untyped(field, variables)?)));
            Value::Object(fields.collect::<Option<_>>()?)
        }
    })
}
