//! Result coercion: a service's value as a value of a scalar or enum.
//!
//! As lenient as graphql-js is with resolvers' values, since services disagree
//! on whether `7` is a number or a string. Text that fits already is copied as
//! it stands in the body.

use std::borrow::Cow;

use crate::execute::{Kind, Received, Slot, is_integer, unquoted};
use crate::schema::{Scalar, Schema, TypeId, TypeKind};

/// The value does not fit the type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Misfit;

/// Writes the slot as a value of the leaf type.
pub(super) fn write(
    schema: &Schema,
    ty: TypeId,
    received: &Received,
    slot: Slot,
    out: &mut Vec<u8>,
) -> Result<(), Misfit> {
    match &schema.ty(ty).kind {
        TypeKind::Scalar(Scalar::Int) => int(received, slot, out),
        TypeKind::Scalar(Scalar::Float) => float(received, slot, out),
        TypeKind::Scalar(Scalar::String) => string(received, slot, out),
        TypeKind::Scalar(Scalar::Boolean) => boolean(received, slot, out),
        TypeKind::Scalar(Scalar::Id) => id(received, slot, out),
        TypeKind::Scalar(Scalar::Custom) => {
            out.extend_from_slice(&received.json(slot));
            Ok(())
        }
        TypeKind::Enum(ty) => {
            let value = content(received, slot).ok_or(Misfit)?;
            let known = ty.values.iter().find(|known| known.as_bytes() == &*value).ok_or(Misfit)?;
            quote(known.as_bytes(), out);
            Ok(())
        }
        _ => Err(Misfit),
    }
}

fn int(received: &Received, slot: Slot, out: &mut Vec<u8>) -> Result<(), Misfit> {
    let text = number(received, slot)?;
    let digits = text.strip_prefix(b"-").unwrap_or(&text);
    // Nine digits always fit into 32 bits.
    if slot.kind == Kind::Number && digits.len() <= 9 && *text != *b"-0" && is_integer(&text) {
        out.extend_from_slice(&text);
        return Ok(());
    }
    let value = parse(&text)?;
    if value.fract() != 0.0 || value < f64::from(i32::MIN) || value > f64::from(i32::MAX) {
        return Err(Misfit);
    }
    out.extend_from_slice(plain(value).as_bytes());
    Ok(())
}

fn float(received: &Received, slot: Slot, out: &mut Vec<u8>) -> Result<(), Misfit> {
    let text = number(received, slot)?;
    if slot.kind != Kind::String {
        // A number whose value no double holds, such as 1e999, is no Float.
        if text.contains(&b'e') || text.contains(&b'E') || text.len() > 300 {
            parse(&text)?;
        }
        out.extend_from_slice(&text);
        return Ok(());
    }
    let value = serde_json::Number::from_f64(parse(&text)?).ok_or(Misfit)?;
    out.extend_from_slice(value.to_string().as_bytes());
    Ok(())
}

fn string(received: &Received, slot: Slot, out: &mut Vec<u8>) -> Result<(), Misfit> {
    match slot.kind {
        Kind::String => out.extend_from_slice(received.text(slot)),
        Kind::True => out.extend_from_slice(b"\"true\""),
        Kind::False => out.extend_from_slice(b"\"false\""),
        Kind::Number => {
            let text = received.text(slot);
            match is_integer(text) && text != b"-0" {
                true => quote(text, out),
                false => quote(plain(parse(text)?).as_bytes(), out),
            }
        }
        _ => return Err(Misfit),
    }
    Ok(())
}

fn boolean(received: &Received, slot: Slot, out: &mut Vec<u8>) -> Result<(), Misfit> {
    let value = match slot.kind {
        Kind::True => true,
        Kind::False => false,
        Kind::Number => parse(received.text(slot))? != 0.0,
        _ => return Err(Misfit),
    };
    out.extend_from_slice(if value { b"true" } else { b"false" });
    Ok(())
}

fn id(received: &Received, slot: Slot, out: &mut Vec<u8>) -> Result<(), Misfit> {
    match slot.kind {
        Kind::String => out.extend_from_slice(received.text(slot)),
        Kind::Number if is_integer(received.text(slot)) && received.text(slot) != b"-0" => {
            quote(received.text(slot), out);
        }
        Kind::Number => {
            let value = parse(received.text(slot))?;
            if value.fract() != 0.0 {
                return Err(Misfit);
            }
            quote(plain(value).as_bytes(), out);
        }
        _ => return Err(Misfit),
    }
    Ok(())
}

/// A number without exponent; adding zero turns a negative zero round.
fn plain(value: f64) -> String {
    (value + 0.0).to_string()
}

/// What stands for a number: its text, a string's content, 0 or 1.
fn number(received: &Received, slot: Slot) -> Result<Cow<'_, [u8]>, Misfit> {
    match slot.kind {
        Kind::Number => Ok(Cow::Borrowed(received.text(slot))),
        Kind::True => Ok(Cow::Borrowed(b"1")),
        Kind::False => Ok(Cow::Borrowed(b"0")),
        _ => content(received, slot).filter(|text| !text.is_empty()).ok_or(Misfit),
    }
}

fn parse(text: &[u8]) -> Result<f64, Misfit> {
    let text = std::str::from_utf8(text).map_err(|_| Misfit)?.trim();
    // Rust also reads "inf" and "nan" as numbers.
    let is_number = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'e' | b'E'));
    let value: f64 = if is_number { text.parse().map_err(|_| Misfit)? } else { return Err(Misfit) };
    if value.is_finite() { Ok(value) } else { Err(Misfit) }
}

fn quote(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(text);
    out.push(b'"');
}

/// What a string says, its escapes undone.
pub(super) fn content(received: &Received, slot: Slot) -> Option<Cow<'_, [u8]>> {
    match slot.kind {
        Kind::String => unquoted(received.text(slot)),
        _ => None,
    }
}
