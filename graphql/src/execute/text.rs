//! Pieces of JSON text: what strings say, and which numbers are integers.

use std::borrow::Cow;

/// What a string in its quotes says, its escapes undone.
pub(crate) fn unquoted(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    if text.contains(&b'\\') {
        let content: String = serde_json::from_slice(text).ok()?;
        return Some(Cow::Owned(content.into_bytes()));
    }
    Some(Cow::Borrowed(&text[1..text.len() - 1]))
}

/// Whether a number is written as digits only, but for its sign.
pub(crate) fn is_integer(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}
