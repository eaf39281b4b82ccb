//! `${NAME}` and `${NAME:-default}` in values; `$${` is a literal `${`.
//!
//! Done on scalars after parsing, so that a variable's content can never change the structure of the document.

use std::borrow::Cow;

use super::Environment;

/// Why a text cannot be expanded: message and hint.
pub type Failure = (String, String);

/// The text with its variables filled in; borrowed if there are none.
pub fn expand<'a>(text: &'a str, environment: Environment<'_>) -> Result<Cow<'a, str>, Failure> {
    if !text.contains("${") {
        return Ok(Cow::Borrowed(text));
    }
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let escaped = rest[..at].ends_with('$');
        expanded.push_str(if escaped { &rest[..at - 1] } else { &rest[..at] });
        rest = &rest[at + 2..];
        if escaped {
            expanded.push_str("${");
            continue;
        }
        let end = rest.find('}').ok_or_else(unfinished)?;
        expanded.push_str(&variable(&rest[..end], environment)?);
        rest = &rest[end + 1..];
    }
    expanded.push_str(rest);
    Ok(Cow::Owned(expanded))
}

fn unfinished() -> Failure {
    ("`${` without `}`".into(), "close it, or write `$${` for a literal `${`".into())
}

fn variable(inside: &str, environment: Environment<'_>) -> Result<String, Failure> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let mut letters = name.bytes();
    let begins = letters.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    if !begins || !letters.all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        let hint = "write `${NAME}` or `${NAME:-default}`, or `$${` for a literal `${`";
        return Err((format!("`${{{inside}}}` does not name an environment variable"), hint.into()));
    }
    match (environment(name), default) {
        (Some(value), Some(default)) if value.is_empty() => Ok(default.into()),
        (Some(value), _) => Ok(value),
        (None, Some(default)) => Ok(default.into()),
        (None, None) => Err((
            format!("the environment variable `{name}` is not set"),
            format!("set it, or give a default: `${{{name}:-default}}`"),
        )),
    }
}
