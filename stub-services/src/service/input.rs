//! Reading JSON bodies so that every wrong field is named at once.
//!
//! serde stops at the first mistake; a client that fills in a form wants all of
//! them. So a body is read as a JSON object first, then field by field.
//! Unknown fields are mistakes too: `userId` for `user_id` should not pass
//! silently.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::problem::{FieldError, Problem};

/// A JSON object being read.
#[derive(Debug)]
pub struct Input {
    object: Map<String, Value>,
    /// What stands before field names in errors: `items[2].`.
    prefix: String,
    errors: Vec<FieldError>,
}

/// One value of the object; each method accepts it or says what it must be.
#[derive(Debug)]
pub struct Field(Value);

impl Input {
    /// 400 for what is not a JSON object.
    pub fn read(body: &[u8]) -> Result<Input, Problem> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(object)) => Ok(Input::new(object, String::new())),
            Ok(_) => Err(Problem::bad_request("the body must be a JSON object")),
            Err(error) => Err(Problem::bad_request(format!("the body is not JSON: {error}"))),
        }
    }

    fn new(object: Map<String, Value>, prefix: String) -> Input {
        Input { object, prefix, errors: Vec::new() }
    }

    /// A field that must be there; `None` is an error already noted.
    pub fn required<T>(&mut self, name: &str, check: impl FnOnce(Field) -> Result<T, String>) -> Option<T> {
        if matches!(self.object.get(name), None | Some(Value::Null)) {
            self.object.remove(name);
            self.reject(name, "is required");
            return None;
        }
        self.optional(name, check)
    }

    /// A field that may be absent or null.
    pub fn optional<T>(&mut self, name: &str, check: impl FnOnce(Field) -> Result<T, String>) -> Option<T> {
        let value = self.object.remove(name).filter(|value| !value.is_null())?;
        check(Field(value)).map_err(|message| self.reject(name, message)).ok()
    }

    /// A required list of objects, each read by `read`.
    pub fn each<T>(
        &mut self,
        name: &str,
        length: RangeInclusive<usize>,
        mut read: impl FnMut(&mut Input) -> Option<T>,
    ) -> Option<Vec<T>> {
        let values = self.required(name, |field| field.list(length))?;
        let mut items = Vec::with_capacity(values.len());
        for (index, value) in values.into_iter().enumerate() {
            let Value::Object(object) = value else {
                self.reject(&format!("{name}[{index}]"), "must be an object");
                continue;
            };
            let mut item = Input::new(object, format!("{}{name}[{index}].", self.prefix));
            items.extend(read(&mut item));
            item.nothing_else();
            self.errors.append(&mut item.errors);
        }
        Some(items)
    }

    /// Notes an error of `name`.
    pub fn reject(&mut self, name: &str, message: impl Into<String>) {
        let field = format!("{}{name}", self.prefix);
        self.errors.push(FieldError::new(field, message));
    }

    /// Notes every field that was not asked for.
    fn nothing_else(&mut self) {
        for name in std::mem::take(&mut self.object).keys() {
            self.reject(name, "is not a known field");
        }
    }

    /// The value, or a 422 with every error; unknown fields are errors.
    pub fn finish<T>(mut self, value: Option<T>) -> Result<T, Problem> {
        self.nothing_else();
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ => Err(Problem::unprocessable(self.errors)),
        }
    }
}

impl Field {
    /// A text of at most `longest` characters that is not only blanks.
    pub fn text(self, longest: usize) -> Result<String, String> {
        match self.0 {
            Value::String(text) if text.trim().is_empty() => Err("must not be empty".into()),
            Value::String(text) if text.chars().count() <= longest => Ok(text.trim().to_owned()),
            Value::String(_) => Err(format!("must have at most {longest} characters")),
            _ => Err("must be a string".into()),
        }
    }

    /// Something like `name@host`; whether mail arrives there is not checked.
    pub fn email(self) -> Result<String, String> {
        let text = self.text(254)?;
        let well_formed = text.split_once('@').is_some_and(|(name, host)| {
            !name.is_empty()
                && host.contains('.')
                && !host.starts_with('.')
                && !host.ends_with('.')
                && !host.contains('@')
        });
        let plain = |text: &str| !text.contains(|c: char| c.is_whitespace() || c.is_control());
        if well_formed && plain(&text) { Ok(text) } else { Err("must be an e-mail address".into()) }
    }

    /// One of `words`.
    pub fn one_of(self, words: &[&'static str]) -> Result<&'static str, String> {
        words
            .iter()
            .find(|word| self.0.as_str() == Some(word))
            .copied()
            .ok_or_else(|| format!("must be one of {}", words.join(", ")))
    }

    /// An id: `7` or, as GraphQL writes it, `"7"`.
    pub fn id(self) -> Result<u64, String> {
        match &self.0 {
            Value::String(text) => super::query::digits(text),
            value => value.as_u64(),
        }
        .filter(|id| *id > 0)
        .ok_or_else(|| "must be an id, a positive whole number".into())
    }

    /// A whole number in `range`.
    pub fn integer(self, range: RangeInclusive<i64>) -> Result<i64, String> {
        self.0
            .as_i64()
            .filter(|number| range.contains(number))
            .ok_or_else(|| format!("must be a whole number from {} to {}", range.start(), range.end()))
    }

    /// A number in `range`.
    pub fn number(self, range: RangeInclusive<f64>) -> Result<f64, String> {
        self.0
            .as_f64()
            .filter(|number| range.contains(number))
            .ok_or_else(|| format!("must be a number from {} to {}", range.start(), range.end()))
    }

    /// `true` or `false`.
    pub fn boolean(self) -> Result<bool, String> {
        self.0.as_bool().ok_or_else(|| "must be true or false".into())
    }

    fn list(self, length: RangeInclusive<usize>) -> Result<Vec<Value>, String> {
        match self.0 {
            Value::Array(values) if length.contains(&values.len()) => Ok(values),
            Value::Array(_) => Err(format!("must have from {} to {} elements", length.start(), length.end())),
            _ => Err("must be a list".into()),
        }
    }
}

#[cfg(test)]
mod tests;
