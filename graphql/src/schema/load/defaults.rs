//! Default values, coerced once.

use apollo_compiler::ast::{Type, Value};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Node, Schema};
use serde_json::{Map, Value as Json};

/// Defaults of input fields may name their own type; a chain longer than this
/// does not end.
const MAX_DEPTH: usize = 32;

/// The default as JSON of type `ty`, with defaults of input fields filled in.
pub(super) fn coerce(sdl: &Schema, value: &Node<Value>, ty: &Type) -> Result<Json, String> {
    coerce_at(sdl, value, ty, 0)
}

fn coerce_at(sdl: &Schema, value: &Node<Value>, ty: &Type, depth: usize) -> Result<Json, String> {
    if depth > MAX_DEPTH {
        return Err("default values contain each other without end".to_owned());
    }
    if value.is_null() {
        return if ty.is_non_null() { Err(format!("null is no `{ty}`")) } else { Ok(Json::Null) };
    }
    if ty.is_list() {
        let items = match &**value {
            Value::List(items) => &items[..],
            _ => std::slice::from_ref(value),
        };
        return items.iter().map(|item| coerce_at(sdl, item, ty.item_type(), depth + 1)).collect();
    }
    match sdl.types.get(ty.inner_named_type()) {
        Some(ExtendedType::Scalar(scalar)) => coerce_scalar(&scalar.name, value),
        Some(ExtendedType::Enum(ty)) => match &**value {
            Value::Enum(name) if ty.values.contains_key(name) => Ok(name.as_str().into()),
            _ => Err(format!("{value} is no value of `{}`", ty.name)),
        },
        Some(ExtendedType::InputObject(ty)) => coerce_input(sdl, value, ty, depth),
        // Not an input type, or none at all: validation says so.
        _ => Ok(Json::Null),
    }
}

fn coerce_input(
    sdl: &Schema,
    value: &Node<Value>,
    ty: &apollo_compiler::schema::InputObjectType,
    depth: usize,
) -> Result<Json, String> {
    let Value::Object(members) = &**value else {
        return Err(format!("{value} is no `{}`", ty.name));
    };
    if let Some((unknown, _)) = members.iter().find(|(name, _)| !ty.fields.contains_key(name)) {
        return Err(format!("`{}` has no field `{unknown}`", ty.name));
    }
    if ty.directives.has("oneOf") && (members.len() != 1 || members[0].1.is_null()) {
        return Err(format!("`{}` takes exactly one field, not null", ty.name));
    }
    let mut object = Map::new();
    for (name, field) in &ty.fields {
        let given = members.iter().find(|(given, _)| given == name).map(|(_, value)| value);
        match given.or(field.default_value.as_ref()) {
            Some(value) => {
                let value = coerce_at(sdl, value, &field.ty, depth + 1)?;
                object.insert(name.to_string(), value);
            }
            None if field.ty.is_non_null() => {
                return Err(format!("`{}.{name}` is missing", ty.name));
            }
            None => {}
        }
    }
    Ok(Json::Object(object))
}

fn coerce_scalar(name: &str, value: &Value) -> Result<Json, String> {
    let json = match (name, value) {
        ("Int", Value::Int(number)) => number.try_to_i32().ok().map(Json::from),
        ("Float", Value::Int(_) | Value::Float(_)) => value.to_f64().map(Json::from),
        ("String", Value::String(text)) => Some(text.as_str().into()),
        ("Boolean", Value::Boolean(flag)) => Some((*flag).into()),
        ("ID", Value::String(text)) => Some(text.as_str().into()),
        ("ID", Value::Int(number)) => Some(number.as_str().into()),
        ("Int" | "Float" | "String" | "Boolean" | "ID", _) => None,
        _ => Some(literal(value)),
    };
    json.ok_or_else(|| format!("{value} is no `{name}`"))
}

/// A literal as it is, for custom scalars.
fn literal(value: &Value) -> Json {
    match value {
        Value::Null | Value::Variable(_) => Json::Null,
        Value::Boolean(flag) => (*flag).into(),
        Value::String(text) => text.as_str().into(),
        Value::Enum(name) => name.as_str().into(),
        Value::Int(number) => serde_json::from_str(number.as_str()).unwrap_or_default(),
        Value::Float(number) => serde_json::from_str(number.as_str()).unwrap_or_default(),
        Value::List(items) => items.iter().map(|item| literal(item)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| (name.to_string(), literal(member)))
            .collect::<Map<_, _>>()
            .into(),
    }
}
