//! Counts a document's tokens and its nesting without building anything.
//!
//! The parser keeps every token and recurses on every bracket, so both are
//! bounded first, in one pass over the bytes. The scan is as forgiving as it
//! can be: whatever is not GraphQL is left for the parser to name.

use std::ops::Range;

/// What the scan saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Measure {
    /// Lexical tokens of the specification's section 2.1.6.
    pub(super) tokens: usize,
    /// The most brackets of any kind open at the same time.
    pub(super) nesting: usize,
}

/// Scans `document` to its end.
pub(super) fn measure(document: &str) -> Measure {
    let bytes = document.as_bytes();
    let (mut tokens, mut open, mut nesting) = (0, 0_usize, 0);
    for token in (Tokens { bytes, at: 0 }) {
        tokens += 1;
        match bytes[token.start] {
            b'{' | b'[' | b'(' => {
                open += 1;
                nesting = nesting.max(open);
            }
            b'}' | b']' | b')' => open = open.saturating_sub(1),
            _ => {}
        }
    }
    Measure { tokens, nesting }
}

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A document's tokens, by where they stand in it: always whole characters.
pub(super) struct Tokens<'d> {
    pub(super) bytes: &'d [u8],
    pub(super) at: usize,
}

impl Iterator for Tokens<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let bytes = self.bytes;
        loop {
            let rest = bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
            let len = match rest[0] {
                b' ' | b'\t' | b'\r' | b'\n' | b',' => {
                    self.at += 1;
                    continue;
                }
                0xEF if rest.starts_with(BYTE_ORDER_MARK) => {
                    self.at += BYTE_ORDER_MARK.len();
                    continue;
                }
                b'#' => {
                    self.at += comment(rest);
                    continue;
                }
                b'"' if rest.starts_with(b"\"\"\"") => block_string(rest),
                b'"' => string(rest),
                b'.' if rest.starts_with(b"...") => 3,
                b'0'..=b'9' | b'-' => rest.iter().take_while(|b| is_word(**b) || **b == b'.').count(),
                byte if is_word(byte) => rest.iter().take_while(|b| is_word(**b)).count(),
                // A whole character, which is no token of GraphQL.
                _ => 1 + rest[1..].iter().take_while(|b| **b & 0xC0 == 0x80).count(),
            };
            let start = self.at;
            self.at = (start + len).min(bytes.len());
            return Some(start..self.at);
        }
    }
}

/// Names and numbers; the signs only ever stand in numbers.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+')
}

fn comment(bytes: &[u8]) -> usize {
    bytes.iter().position(|b| matches!(b, b'\n' | b'\r')).unwrap_or(bytes.len())
}

fn string(bytes: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' | b'\n' | b'\r' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn block_string(bytes: &[u8]) -> usize {
    let mut at = 3;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"\\\"\"\"") {
            at += 4;
        } else if bytes[at..].starts_with(b"\"\"\"") {
            return at + 3;
        } else {
            at += 1;
        }
    }
    bytes.len()
}
