//! Finds a claim by the path that a configuration names.

use serde_json::Value;

/// The claim at a path: `sub`, `tenant.id`. Names that have dots themselves, as in `https://example.com/roles`, are found
/// as they are.
pub fn claim<'v>(claims: &'v Value, path: &str) -> Option<&'v Value> {
    let object = claims.as_object()?;
    let deeper =
        || path.match_indices('.').find_map(|(dot, _)| claim(object.get(&path[..dot])?, &path[dot + 1..]));
    object.get(path).or_else(deeper)
}
