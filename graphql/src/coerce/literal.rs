//! Values as documents and default values write them.
//!
//! One set of rules: what is refused as a default when the schema is loaded is
//! what would be refused in a document.

use apollo_compiler::ast::{Type, Value as Literal};
use apollo_compiler::schema::{ExtendedType, InputObjectType};
use apollo_compiler::{Name, Schema};
use serde_json::Value;

use super::{Allowance, Values};

/// Defaults of input fields may name their own type; a chain longer than this
/// does not end.
const MAX_DEFAULTS: usize = 32;

/// The literal as a value of `ty`, or why it is none.
///
/// Variables are coerced already, so they stand for their values, as long as
/// the allowance admits a copy of each.
pub(super) fn literal(
    schema: &Schema,
    ty: &Type,
    written: &Literal,
    variables: &Values,
    allowance: &Allowance,
) -> Result<Value, String> {
    Coercer { schema, variables, allowance, defaults: 0 }.value(ty, written)
}

/// A default value of `ty`, with the defaults of input fields in it, or why it
/// is none. The schema may still be invalid: of a type that cannot be, any
/// value is.
pub(crate) fn default(schema: &Schema, ty: &Type, written: &Literal) -> Result<Value, String> {
    // Nothing is copied where there are no variables.
    literal(schema, ty, written, &Values::new(), &Allowance::of(0))
}

/// Whether a literal is a variable that was not provided.
fn is_missing(written: &Literal, variables: &Values) -> bool {
    matches!(written, Literal::Variable(name) if !variables.contains_key(name.as_str()))
}

#[derive(Clone, Copy)]
struct Coercer<'a> {
    schema: &'a Schema,
    variables: &'a Values,
    allowance: &'a Allowance,
    /// How many defaults this one is within.
    defaults: usize,
}

impl Coercer<'_> {
    fn value(self, ty: &Type, written: &Literal) -> Result<Value, String> {
        if let Literal::Variable(name) = written {
            let value = self.variable(name).ok_or("the variables hold too much")?;
            return nullable(ty, value);
        }
        if written.is_null() {
            return nullable(ty, Value::Null);
        }
        match ty {
            Type::List(item) | Type::NonNullList(item) => match written {
                Literal::List(items) => items.iter().map(|written| self.value(item, written)).collect(),
                // One value stands for a list of it.
                one => Ok(Value::Array(vec![self.value(item, one)?])),
            },
            Type::Named(name) | Type::NonNullNamed(name) => match self.schema.types.get(name) {
                Some(ExtendedType::InputObject(ty)) => self.object(ty, written),
                Some(ExtendedType::Enum(ty)) => match written {
                    Literal::Enum(value) if ty.values.contains_key(value) => Ok(value.as_str().into()),
                    _ => Err(format!("{written} is no value of `{name}`")),
                },
                _ => self.scalar(name, written).ok_or_else(|| format!("{written} is no `{name}`")),
            },
        }
    }

    /// A copy of a variable's value, null where it was not provided; `None`
    /// where there have been too many copies.
    fn variable(self, name: &Name) -> Option<Value> {
        let Some(value) = self.variables.get(name.as_str()) else {
            return Some(Value::Null);
        };
        self.allowance.admits(value).then(|| value.clone())
    }

    fn object(self, ty: &InputObjectType, written: &Literal) -> Result<Value, String> {
        let Literal::Object(members) = written else {
            return Err(format!("{written} is no `{}`", ty.name));
        };
        if let Some((unknown, _)) = members.iter().find(|(name, _)| !ty.fields.contains_key(name)) {
            return Err(format!("`{}` has no field `{unknown}`", ty.name));
        }
        let mut values = Values::new();
        for (name, field) in &ty.fields {
            let given = members.iter().find(|(given, _)| given == name).map(|(_, value)| value);
            let given = given.filter(|value| !is_missing(value, self.variables));
            let value = match (given, &field.default_value) {
                (Some(given), _) => self.value(&field.ty, given)?,
                (None, Some(default)) => self.within_default()?.value(&field.ty, default)?,
                (None, None) if field.ty.is_non_null() => {
                    return Err(format!("`{}.{name}` is missing", ty.name));
                }
                (None, None) => continue,
            };
            values.insert(name.to_string(), value);
        }
        if ty.directives.has("oneOf") && (values.len() != 1 || values.values().any(Value::is_null)) {
            return Err(format!("`{}` takes exactly one field, not null", ty.name));
        }
        Ok(Value::Object(values))
    }

    fn within_default(self) -> Result<Self, String> {
        if self.defaults == MAX_DEFAULTS {
            return Err("default values contain each other without end".to_owned());
        }
        Ok(Self { defaults: self.defaults + 1, ..self })
    }

    fn scalar(self, ty: &Name, written: &Literal) -> Option<Value> {
        match (ty.as_str(), written) {
            ("Int", Literal::Int(number)) => Some(number.try_to_i32().ok()?.into()),
            ("ID", Literal::Int(number)) => Some(number.as_str().into()),
            ("Float", Literal::Int(_) | Literal::Float(_))
            | ("String" | "ID", Literal::String(_))
            | ("Boolean", Literal::Boolean(_)) => self.untyped(written),
            ("Int" | "Float" | "String" | "Boolean" | "ID", _) => None,
            _ => self.untyped(written),
        }
    }

    /// A literal where no type says what it must be: inside a custom scalar.
    fn untyped(self, written: &Literal) -> Option<Value> {
        Some(match written {
            Literal::Null => Value::Null,
            Literal::Enum(name) => name.as_str().into(),
            Literal::Variable(name) => self.variable(name)?,
            Literal::String(text) => text.as_str().into(),
            Literal::Float(number) => Value::Number(number.as_str().parse().ok()?),
            Literal::Int(number) => Value::Number(number.as_str().parse().ok()?),
            Literal::Boolean(value) => (*value).into(),
            Literal::List(items) => items.iter().map(|item| self.untyped(item)).collect::<Option<_>>()?,
            Literal::Object(members) => {
                let members = members.iter().filter(|(_, member)| !is_missing(member, self.variables));
                let members = members.map(|(name, member)| Some((name.to_string(), self.untyped(member)?)));
                Value::Object(members.collect::<Option<_>>()?)
            }
        })
    }
}

fn nullable(ty: &Type, value: Value) -> Result<Value, String> {
    if value.is_null() && ty.is_non_null() {
        return Err(format!("null is no `{ty}`"));
    }
    Ok(value)
}
