//! The JSON object that a POST carries.
//!
//! Members are told apart before they are read, so each refusal names the
//! member it is about, in our words and not in those of a JSON library. Members
//! that the draft does not know are ignored.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::malformed;
use crate::code::Code;
use crate::coerce::Values;
use crate::error::RequestError;
use crate::request::GraphqlRequest;

/// The members as they stand in the body; null is as good as absent.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members<'b> {
    #[serde(borrow)]
    query: Option<&'b RawValue>,
    #[serde(borrow)]
    operation_name: Option<&'b RawValue>,
    #[serde(borrow)]
    variables: Option<&'b RawValue>,
    #[serde(borrow)]
    extensions: Option<&'b RawValue>,
}

/// Reads a body.
pub(super) fn read(body: &[u8], max_values: usize) -> Result<GraphqlRequest, RequestError> {
    let text = std::str::from_utf8(body).map_err(|_| malformed("the body is not UTF-8"))?;
    let members = members(text)?;
    if let Some(extensions) = members.extensions {
        check_object("extensions", extensions.get())?;
    }
    let query = members.query.ok_or_else(|| without_query(members.extensions.map(RawValue::get)))?;
    let variables = members.variables.map(|member| variables(member.get(), max_values));
    Ok(GraphqlRequest {
        query: string("query", query)?,
        operation_name: members.operation_name.map(|name| string("operationName", name)).transpose()?,
        variables: variables.transpose()?.unwrap_or_default(),
    })
}

fn members(text: &str) -> Result<Members<'_>, RequestError> {
    // serde would also read a list as the members in their order.
    match text.trim_ascii_start().as_bytes().first() {
        None => return Err(malformed("the body is empty")),
        Some(b'[') => return Err(malformed("the body is a list; operations are sent one by one")),
        Some(b'{') => {}
        Some(_) => return Err(malformed("the body must be a JSON object")),
    }
    serde_json::from_str(text).map_err(|error| {
        // Any value is as good as another here, so this is all there is to say about them.
        if error.is_data() {
            return malformed("a member stands there twice");
        }
        let (line, column) = (error.line(), error.column());
        malformed(&format!("the body is no valid JSON from line {line}, column {column} on"))
    })
}

fn string(name: &str, member: &RawValue) -> Result<String, RequestError> {
    if !member.get().starts_with('"') {
        return Err(malformed(&format!("`{name}` must be a string")));
    }
    serde_json::from_str(member.get())
        .map_err(|_| malformed(&format!("`{name}` has an escape that is no character")))
}

/// Checks that a member is an object, or null, as far as its beginning tells.
fn check_object(name: &str, text: &str) -> Result<(), RequestError> {
    match text.trim_ascii_start().as_bytes().first() {
        Some(b'{' | b'n') => Ok(()),
        _ => Err(malformed(&format!("`{name}` must be a JSON object"))),
    }
}

/// What is wrong with a request that has no document. Clients that send its hash first send it as a whole when they are
/// told so, in these very words.
pub(super) fn without_query(extensions: Option<&str>) -> RequestError {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Extensions<'e> {
        #[serde(borrow)]
        persisted_query: Option<&'e RawValue>,
    }
    let extensions = extensions.and_then(|text| serde_json::from_str::<Option<Extensions<'_>>>(text).ok());
    match extensions.flatten().unwrap_or_default().persisted_query {
        Some(_) => RequestError::of(Code::PersistedQueryNotSupported),
        None => malformed("`query` is missing"),
    }
}

/// Checks `extensions` where they stand alone: nothing is read from them yet.
pub(super) fn check_extensions(text: &str) -> Result<(), RequestError> {
    check_object("extensions", text)?;
    let read = serde_json::from_str::<&RawValue>(text);
    read.map(drop).map_err(|_| malformed("`extensions` cannot be read: broken JSON"))
}

/// Reads `variables`.
pub(super) fn variables(text: &str, max_values: usize) -> Result<Values, RequestError> {
    check_object("variables", text)?;
    // Values take a hundred times the room of their text.
    if values(text) > max_values {
        return Err(RequestError::too_many_values(max_values));
    }
    serde_json::from_str::<Option<Values>>(text).map(Option::unwrap_or_default).map_err(|_| {
        malformed(
            "`variables` cannot be read: broken JSON, deeper than 127 levels, or a number beyond double precision",
        )
    })
}

/// How many values the object `text` holds, nested ones included, or a few
/// more: empty lists and objects count as one value too many.
fn values(text: &str) -> usize {
    let (mut values, mut in_string, mut escaped) = (0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            b',' | b'[' | b'{' if !in_string => values += 1,
            _ => {}
        }
    }
    values
}
