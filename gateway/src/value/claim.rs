//! Finds a claim by the path that a configuration names, and says whether it is what the issuer wrote.

use serde_json::Value;

/// The claim at a path: `sub`, `tenant.id`. Names that have dots themselves, as in `https://example.com/roles`, are found
/// as they are.
pub fn claim<'v>(claims: &'v Value, path: &str) -> Option<&'v Value> {
    let object = claims.as_object()?;
    let deeper =
        || path.match_indices('.').find_map(|(dot, _)| claim(object.get(&path[..dot])?, &path[dot + 1..]));
    object.get(path).or_else(deeper)
}

/// Whether a claim has all the digits that its issuer wrote. Of a number that is no integer of 64 bits only the double
/// next to it is known, so two callers may look the same.
pub fn has_all_digits(claim: &Value) -> bool {
    match claim {
        Value::Number(number) => !number.is_f64(),
        Value::Array(items) => items.iter().all(has_all_digits),
        Value::Object(members) => members.values().all(has_all_digits),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}
