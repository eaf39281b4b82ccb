//! `CoerceArgumentValues`, section 6.4.1 of the specification.
//!
//! Arguments without variables are coerced once, when the plan is made; the
//! others keep their literals and are coerced once per request, never per
//! object.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use apollo_compiler::ast::{Argument, Value as Literal};
use apollo_compiler::schema::InputValueDefinition;
use apollo_compiler::{Node, Schema};
use serde_json::Value;

use super::literal::{default, literal};
use super::scalar::shown;
use super::{Allowance, Values};

/// A field's arguments as the plan keeps them.
#[derive(Debug, Clone)]
pub(crate) enum Arguments {
    /// The same for every request.
    Constant(Arc<Values>),
    /// To be coerced with the request's variables.
    Variable(Arc<[Given]>),
}

/// An argument's definition and what the document gives for it.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    definition: Node<InputValueDefinition>,
    literal: Option<Node<Literal>>,
    pub default: Option<Value>,
}

/// Why a field's arguments have no value; `Display` is for the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ArgumentError(pub String);

impl Arguments {
    /// Arguments of a field, coerced already where they can be.
    pub fn new(
        schema: &Schema,
        definitions: &[Node<InputValueDefinition>],
        arguments: &[Node<Argument>],
    ) -> Result<Self, ArgumentError> {
        let given: Arc<[Given]> =
            definitions.iter().map(|definition| Given::new(schema, definition, arguments)).collect();
        if given.iter().any(|given| given.literal.as_deref().is_some_and(has_variable)) {
            return Ok(Arguments::Variable(given));
        }
        // Nothing is copied where there are no variables.
        let values = coerce(schema, &given, &Values::new(), &Allowance::of(0))?;
        Ok(Arguments::Constant(Arc::new(values)))
    }

    /// The values for a request with these variables.
    pub fn values(
        &self,
        schema: &Schema,
        variables: &Values,
        allowance: &Allowance,
    ) -> Result<Arc<Values>, ArgumentError> {
        match self {
            Arguments::Constant(values) => Ok(values.clone()),
            Arguments::Variable(given) => coerce(schema, given, variables, allowance).map(Arc::new),
        }
    }
}

impl Arguments {
    /// An argument's value for a request with these variables, where it is a number and not negative.
    pub fn number(&self, name: &str, variables: &Values) -> Option<u64> {
        match self {
            Arguments::Constant(values) => values.get(name)?.as_u64(),
            Arguments::Variable(given) => {
                given.iter().find(|given| given.definition.name == name)?.number(variables)
            }
        }
    }
}

/// The arguments of one request's fields, each coerced once, however many
/// places fragments put the field to.
#[derive(Debug)]
pub(crate) struct Coerced {
    /// By the address of what they are coerced from.
    known: HashMap<usize, Result<Arc<Values>, ArgumentError>>,
    allowance: Allowance,
}

impl Coerced {
    /// Arguments into which up to so many bytes of variables may be copied.
    pub fn within(bytes: usize) -> Self {
        Self { known: HashMap::new(), allowance: Allowance::of(bytes) }
    }

    /// The values of `arguments`, which live as long as this is asked for any.
    pub fn values(
        &mut self,
        arguments: &Arguments,
        schema: &Schema,
        variables: &Values,
    ) -> Result<Arc<Values>, ArgumentError> {
        let values = || arguments.values(schema, variables, &self.allowance);
        match arguments {
            Arguments::Constant(_) => values(),
            Arguments::Variable(given) => {
                self.known.entry(given.as_ptr().addr()).or_insert_with(values).clone()
            }
        }
    }
}

impl Given {
    fn new(schema: &Schema, definition: &Node<InputValueDefinition>, arguments: &[Node<Argument>]) -> Self {
        let written = arguments.iter().find(|argument| argument.name == definition.name);
        let by_default = definition.default_value.as_ref();
        Self {
            definition: definition.clone(),
            literal: written.map(|argument| argument.value.clone()),
            // A schema whose defaults do not fit is not loaded.
            default: by_default.and_then(|value| default(schema, &definition.ty, value).ok()),
        }
    }
}

impl Given {
    fn number(&self, variables: &Values) -> Option<u64> {
        match self.literal.as_deref() {
            Some(Literal::Int(number)) => number.as_str().parse().ok(),
            Some(Literal::Variable(name)) if variables.contains_key(name.as_str()) => {
                variables.get(name.as_str())?.as_u64()
            }
            Some(Literal::Variable(_)) | None => self.default.as_ref()?.as_u64(),
            Some(_) => None,
        }
    }
}

/// The value of a directive's `if`, given these variables.
pub(crate) fn is_true(literal: &Literal, variables: &Values) -> Result<bool, ArgumentError> {
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

fn coerce(
    schema: &Schema,
    given: &[Given],
    variables: &Values,
    allowance: &Allowance,
) -> Result<Values, ArgumentError> {
    let mut values = Values::new();
    for given in given {
        if let Some(value) = argument(schema, given, variables, allowance)? {
            values.insert(given.definition.name.to_string(), value);
        }
    }
    Ok(values)
}

fn argument(
    schema: &Schema,
    given: &Given,
    variables: &Values,
    allowance: &Allowance,
) -> Result<Option<Value>, ArgumentError> {
    let (name, ty) = (&given.definition.name, &given.definition.ty);
    let missing_variable = match given.literal.as_deref() {
        Some(Literal::Variable(variable)) => (!variables.contains_key(variable.as_str())).then_some(variable),
        _ => None,
    };
    let Some(written) = given.literal.as_ref().filter(|_| missing_variable.is_none()) else {
        if given.default.is_some() {
            return Ok(given.default.clone());
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
    match literal(schema, ty, written, variables, allowance) {
        Ok(value) => Ok(Some(value)),
        Err(_) if allowance.is_exceeded() => Err(ArgumentError(format!(
            "Argument \"{name}\" would make all arguments together too large: variables are used too often."
        ))),
        Err(_) if is_null(written, variables) => {
            Err(ArgumentError(format!("Argument \"{name}\" of non-null type \"{ty}\" must not be null.")))
        }
        Err(_) => Err(ArgumentError(format!(
            "Argument \"{name}\" has invalid value {}.",
            shown(|cut| write!(cut, "{}", written.serialize().no_indent()).is_ok())
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
