//! Counts a document's tokens and its nesting without building anything.
//!
//! The parser keeps every token and recurses on every bracket, so both are
//! bounded first, in one pass over the bytes. The scan is as forgiving as it
//! can be: whatever is not GraphQL is left for the parser to name.

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
    let (mut at, mut tokens, mut open, mut nesting) = (0, 0, 0_usize, 0);
    while let Some(&byte) = bytes.get(at) {
        let len = match byte {
            b' ' | b'\t' | b'\r' | b'\n' | b',' | 0xEF | 0xBB | 0xBF => {
                at += 1;
                continue;
            }
            b'#' => {
                at += comment(&bytes[at..]);
                continue;
            }
            b'{' | b'[' | b'(' => {
                open += 1;
                nesting = nesting.max(open);
                1
            }
            b'}' | b']' | b')' => {
                open = open.saturating_sub(1);
                1
            }
            b'"' if bytes[at..].starts_with(b"\"\"\"") => block_string(&bytes[at..]),
            b'"' => string(&bytes[at..]),
            b'.' if bytes[at..].starts_with(b"...") => 3,
            b'0'..=b'9' | b'-' => {
                let number = bytes[at..].iter();
                number.take_while(|b| is_word(**b) || **b == b'.').count()
            }
            byte if is_word(byte) => bytes[at..].iter().take_while(|b| is_word(**b)).count(),
            _ => 1,
        };
        at += len;
        tokens += 1;
    }
    Measure { tokens, nesting }
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
