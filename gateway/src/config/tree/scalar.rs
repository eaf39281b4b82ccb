//! Typing of plain scalars by the YAML 1.2 core schema: no `yes`/`no`, no octal surprises, no dates.

/// A typed scalar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar<'a> {
    Nothing,
    Flag(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(&'a str),
}

impl Scalar<'_> {
    /// For messages: "expected a whole number, found a text".
    pub fn noun(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Flag(_) => "`true` or `false`",
            Self::Unsigned(_) | Self::Signed(_) | Self::Float(_) => "a number",
            Self::Text(_) => "a text",
        }
    }
}

/// The type of a plain scalar.
pub fn resolve(text: &str) -> Scalar<'_> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Scalar::Nothing,
        "true" | "True" | "TRUE" => Scalar::Flag(true),
        "false" | "False" | "FALSE" => Scalar::Flag(false),
        _ => number(text).unwrap_or(Scalar::Text(text)),
    }
}

fn number(text: &str) -> Option<Scalar<'_>> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    if let Some(hex) = text.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16).ok().map(Scalar::Unsigned);
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return u64::from_str_radix(octal, 8).ok().map(Scalar::Unsigned);
    }
    // `007` is a text: YAML 1.1 reads it as octal, YAML 1.2 as 7, people as an identifier.
    if unsigned.len() > 1 && unsigned.starts_with('0') && unsigned.as_bytes()[1].is_ascii_digit() {
        return None;
    }
    if unsigned.bytes().all(|b| b.is_ascii_digit()) {
        let whole = text.strip_prefix('+').unwrap_or(text);
        return whole.parse().map(Scalar::Unsigned).or_else(|_| whole.parse().map(Scalar::Signed)).ok();
    }
    let shaped = unsigned.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    shaped.then(|| text.parse().ok().map(Scalar::Float))?
}
