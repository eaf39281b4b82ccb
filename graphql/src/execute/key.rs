//! Canonical batch keys: bytes that are equal, and ordered, as keys are.
//!
//! Integers compare by their digits and strings by their content, and a string
//! of digits is that integer: services disagree with each other on whether an
//! id is a number. Everything else is no key.

use super::slot::{Kind, Received, Slot};
use super::text::{is_integer, unquoted};

/// The value is neither an integer nor a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InvalidKey;

const NEGATIVE: u8 = 1;
const POSITIVE: u8 = 2;
const TEXT: u8 = 3;

/// Appends one part of a key; parts of a composite key simply follow each
/// other, as each says where it ends.
pub(super) fn encode(received: &Received, slot: Slot, key: &mut Vec<u8>) -> Result<(), InvalidKey> {
    let text = match slot.kind {
        Kind::Number | Kind::String => received.text(slot),
        _ => return Err(InvalidKey),
    };
    match slot.kind {
        Kind::Number if is_integer(text) => integer(text, key),
        Kind::Number => return Err(InvalidKey),
        _ => string(&unquoted(text).ok_or(InvalidKey)?, key),
    }
    Ok(())
}

fn string(content: &[u8], key: &mut Vec<u8>) {
    let digits = content.strip_prefix(b"-").unwrap_or(content);
    let is_canonical = is_integer(content) && (digits[0] != b'0' || content == b"0");
    if is_canonical {
        return integer(content, key);
    }
    key.push(TEXT);
    for byte in content {
        key.push(*byte);
        if *byte == 0 {
            key.push(0xFF);
        }
    }
    key.extend_from_slice(&[0, 0]);
}

/// Longer numbers are greater, so the length comes first; for negative ones
/// everything is turned round.
fn integer(text: &[u8], key: &mut Vec<u8>) {
    let (tag, digits) = match text.strip_prefix(b"-") {
        Some(b"0") => (POSITIVE, &b"0"[..]),
        Some(digits) => (NEGATIVE, digits),
        None => (POSITIVE, text),
    };
    let len = u32::try_from(digits.len()).unwrap_or(u32::MAX);
    let turn = if tag == NEGATIVE { 0xFF } else { 0 };
    key.push(tag);
    key.extend(len.to_be_bytes().iter().map(|byte| byte ^ turn));
    key.extend(digits.iter().map(|byte| byte ^ turn));
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn key(json: &str) -> Result<Vec<u8>, InvalidKey> {
        let mut received = Received::default();
        received.push(Bytes::from(json.to_owned())).unwrap();
        let kind = match json.as_bytes()[0] {
            b'"' => Kind::String,
            b't' => Kind::True,
            b'{' => Kind::Json,
            _ => Kind::Number,
        };
        let slot = Slot::of(kind, 0, u32::try_from(json.len()).unwrap());
        let mut key = Vec::new();
        encode(&received, slot, &mut key).map(|()| key)
    }

    #[test]
    fn a_string_of_digits_is_that_integer() {
        assert_eq!(key("1"), key("\"1\""));
        assert_eq!(key("-7"), key("\"-7\""));
        assert_eq!(key("0"), key("-0"));
        assert_eq!(key("\"a\""), key(r#""\u0061""#));
        assert_ne!(key("7"), key("\"007\""));
        assert_ne!(key("0"), key("\"-0\""));
    }

    #[test]
    fn keys_sort_as_numbers_before_texts() {
        let sorted =
            ["-10", "-9", "-1", "0", "2", "10", "12345678901234567890", "\"\"", "\"007\"", "\"a\"", "\"ab\""];
        let keys: Vec<_> = sorted.iter().map(|json| key(json).unwrap()).collect();
        assert!(keys.is_sorted(), "{keys:?}");
    }

    #[test]
    fn other_kinds_are_no_keys() {
        for json in ["1.5", "1e3", "true", "{}"] {
            assert_eq!(key(json), Err(InvalidKey), "{json}");
        }
    }
}
