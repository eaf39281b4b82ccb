//! Takes descriptions out of executable documents.
//!
//! The September 2025 edition allows a string before an operation, a fragment
//! and a variable definition (section 2.3), apollo-compiler does not. They mean
//! nothing, so each is overwritten with blanks before the document is parsed,
//! which leaves every other token in its line and column.

use std::borrow::Cow;
use std::ops::Range;

use super::measure::Tokens;

/// The document without descriptions; as it is where it has none.
pub(super) fn without_descriptions(document: &str) -> Cow<'_, str> {
    if !document.contains('"') {
        return Cow::Borrowed(document);
    }
    let found = descriptions(document);
    if found.is_empty() {
        return Cow::Borrowed(document);
    }
    let mut text = String::with_capacity(document.len());
    let mut end = 0;
    for description in found {
        text.push_str(&document[end..description.start]);
        let blank = |c| if matches!(c, '\n' | '\r') { c } else { ' ' };
        text.extend(document[description.clone()].chars().map(blank));
        end = description.end;
    }
    text.push_str(&document[end..]);
    Cow::Owned(text)
}

fn descriptions(document: &str) -> Vec<Range<usize>> {
    let bytes = document.as_bytes();
    let mut found = Vec::new();
    let (mut braces, mut brackets, mut parentheses) = (0_usize, 0_usize, 0_usize);
    let mut before: &[u8] = b"";
    let mut tokens = Tokens { bytes, at: 0 }.peekable();
    while let Some(token) = tokens.next() {
        let text = &bytes[token.clone()];
        let outside = braces == 0 && brackets == 0;
        match text[0] {
            b'{' => braces += 1,
            b'}' => braces = braces.saturating_sub(1),
            b'[' => brackets += 1,
            b']' => brackets = brackets.saturating_sub(1),
            b'(' => parentheses += 1,
            b')' => parentheses = parentheses.saturating_sub(1),
            b'"' if outside && is_complete(text) => {
                let next = tokens.peek().map_or(&b""[..], |next| &bytes[next.clone()]);
                let described = match parentheses {
                    0 => matches!(next, b"query" | b"mutation" | b"subscription" | b"fragment"),
                    // What follows `=` or `:` is a value.
                    1 => next == b"$" && !matches!(before, b"=" | b":"),
                    _ => false,
                };
                if described {
                    found.push(token);
                }
            }
            _ => {}
        }
        before = text;
    }
    found
}

/// Whether a string ends; one that does not is the parser's to refuse.
fn is_complete(string: &[u8]) -> bool {
    match string.strip_prefix(b"\"\"\"") {
        Some(block) => block.ends_with(b"\"\"\"") && !block.ends_with(b"\\\"\"\""),
        None => string.len() > 1 && string.ends_with(b"\""),
    }
}
