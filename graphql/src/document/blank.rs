//! Overwrites with blanks what means nothing in an executable document.
//!
//! Comments and commas, because the parser makes a token of each and a document
//! can consist of them. Descriptions of operations, fragments and variables
//! (section 2.3 of the September 2025 edition), because apollo-compiler does
//! not know them. Every other token stays in its line and column.

use std::ops::Range;

use super::measure::Tokens;

/// The document as the parser gets it.
pub(super) fn blank(document: &str) -> String {
    let mut text = String::with_capacity(document.len());
    let mut end = 0;
    let mut keep = |token: Range<usize>| {
        blanks(&document[end..token.start], &mut text);
        text.push_str(&document[token.clone()]);
        end = token.end;
    };
    let mut descriptions = descriptions(document).into_iter().peekable();
    for token in (Tokens { bytes: document.as_bytes(), at: 0 }) {
        if descriptions.next_if_eq(&token).is_none() {
            keep(token);
        }
    }
    blanks(&document[end..], &mut text);
    text
}

fn blanks(ignored: &str, text: &mut String) {
    text.extend(ignored.chars().map(|c| if matches!(c, '\n' | '\r') { c } else { ' ' }));
}

fn descriptions(document: &str) -> Vec<Range<usize>> {
    let bytes = document.as_bytes();
    let mut found = Vec::new();
    if !document.contains('"') {
        return found;
    }
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
