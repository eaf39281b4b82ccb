//! Leaf values from JSON: the built-in scalars, enums and custom scalars.

use std::io::{self, Write};

use apollo_compiler::schema::EnumType;
use serde_json::{Number, Value};

/// A value for the scalar `name`, or why it is none. Scalars that are not
/// built in take any value.
pub(super) fn scalar(name: &str, value: &Value) -> Result<Value, String> {
    match name {
        "Int" => int(value),
        "Float" => match value {
            Value::Number(_) => Ok(value.clone()),
            _ => Err(refuse("Float cannot represent non numeric value", value)),
        },
        "String" => match value {
            Value::String(_) => Ok(value.clone()),
            _ => Err(refuse("String cannot represent a non string value", value)),
        },
        "Boolean" => match value {
            Value::Bool(_) => Ok(value.clone()),
            _ => Err(refuse("Boolean cannot represent a non boolean value", value)),
        },
        "ID" => id(value),
        _ => Ok(value.clone()),
    }
}

/// A value of the enum, or why it is none.
pub(super) fn enumeration(ty: &EnumType, value: &Value) -> Result<Value, String> {
    let name = &ty.name;
    let Value::String(text) = value else {
        let what = format!("Enum \"{name}\" cannot represent non-string value");
        return Err(refuse(&what, value));
    };
    if ty.values.contains_key(text.as_str()) {
        return Ok(value.clone());
    }
    Err(format!("Value \"{text}\" does not exist in \"{name}\" enum."))
}

fn int(value: &Value) -> Result<Value, String> {
    let Value::Number(number) = value else {
        return Err(refuse("Int cannot represent non-integer value", value));
    };
    match whole(number) {
        None => Err(refuse("Int cannot represent non-integer value", value)),
        Some(n) => i32::try_from(n)
            .map(Value::from)
            .map_err(|_| refuse("Int cannot represent non 32-bit signed integer value", value)),
    }
}

fn id(value: &Value) -> Result<Value, String> {
    match value {
        Value::String(_) => Ok(value.clone()),
        Value::Number(number) if !number.is_f64() => Ok(Value::String(number.to_string())),
        // What was no integer of 64 bits is known to so many digits and no more.
        Value::Number(number) => match whole(number).filter(|n| n.unsigned_abs() < 1 << f64::MANTISSA_DIGITS)
        {
            Some(n) => Ok(Value::String(n.to_string())),
            None => Err(refuse("ID cannot represent value", value)),
        },
        _ => Err(refuse("ID cannot represent value", value)),
    }
}

/// The number as an integer where it is one: `1.0` is, as in JavaScript.
fn whole(number: &Number) -> Option<i128> {
    if let Some(n) = number.as_i64() {
        return Some(n.into());
    }
    if let Some(n) = number.as_u64() {
        return Some(n.into());
    }
    let float = number.as_f64().filter(|f| f.fract() == 0.0 && f.abs() < 1e21)?;
    #[allow(clippy::cast_possible_truncation, reason = "bounded above")]
    Some(float as i128)
}

fn refuse(what: &str, value: &Value) -> String {
    format!("{what}: {}", inspect(value))
}

/// The value as the client sent it, cut where it is long.
pub(super) fn inspect(value: &Value) -> String {
    shown(|cut| serde_json::to_writer(cut, value).is_ok())
}

/// What `write` writes, cut where it is long; it tells whether it could write all.
pub(super) fn shown(write: impl FnOnce(&mut Cut) -> bool) -> String {
    let mut cut = Cut(Vec::new());
    let is_whole = write(&mut cut);
    let text = String::from_utf8_lossy(&cut.0);
    match text.char_indices().nth(MAX_CHARS) {
        None if is_whole => text.into_owned(),
        None => format!("{}...", text.trim_end_matches(char::REPLACEMENT_CHARACTER)),
        Some((at, _)) => format!("{}...", &text[..at]),
    }
}

/// Characters of a value that are shown.
const MAX_CHARS: usize = 100;

/// Takes as many bytes as can be shown and refuses the rest: the value may be
/// as large as a request.
pub(super) struct Cut(Vec<u8>);

impl Write for Cut {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = 4 * MAX_CHARS + 1 - self.0.len();
        self.0.extend_from_slice(&bytes[..room.min(bytes.len())]);
        if room < bytes.len() { Err(io::ErrorKind::WriteZero.into()) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
