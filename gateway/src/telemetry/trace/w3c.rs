//! The headers of W3C Trace Context (level 1) and W3C Baggage, read strictly.
//!
//! What breaks the grammar counts as absent: a broken `traceparent` starts a
//! new trace, a broken `tracestate` or `baggage` is not passed on.

use http::{HeaderName, HeaderValue};

use super::id::{SpanId, TraceId};

/// Header that names trace and caller.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Header with what tracing systems say to themselves.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
/// Header with what applications say along the trace.
pub const BAGGAGE: HeaderName = HeaderName::from_static("baggage");

const SAMPLED: u64 = 0x01;
/// `00-` 32 digits `-` 16 digits `-` 2 digits.
const LENGTH: usize = 55;
const MAX_STATE_MEMBERS: usize = 32;
const MAX_BAGGAGE_MEMBERS: usize = 180;
const MAX_BAGGAGE_BYTES: usize = 8192;

/// What a caller's `traceparent` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parent {
    /// The trace.
    pub trace_id: TraceId,
    /// The caller's span.
    pub span_id: SpanId,
    /// Whether the caller keeps its spans.
    pub sampled: bool,
}

/// Reads a `traceparent`: section 3.2 of the recommendation.
pub fn parse_traceparent(value: &[u8]) -> Option<Parent> {
    let (head, rest) = value.split_at_checked(LENGTH)?;
    let dashes = [2, 35, 52].iter().all(|place| head[*place] == b'-');
    let version = hex(&head[..2])?;
    // Version 00 ends here; a later one may go on after another dash.
    let ends = if version == 0 { rest.is_empty() } else { rest.first().is_none_or(|byte| *byte == b'-') };
    if !dashes || !ends || version == 0xff {
        return None;
    }
    let trace_id = u128::from(hex(&head[3..19])?) << 64 | u128::from(hex(&head[19..35])?);
    Some(Parent {
        trace_id: TraceId::new(trace_id)?,
        span_id: SpanId::new(hex(&head[36..52])?)?,
        sampled: hex(&head[53..])? & SAMPLED != 0,
    })
}

/// Writes a `traceparent` of version 00.
pub fn format_traceparent(parent: &Parent) -> HeaderValue {
    let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
    text[3..35].copy_from_slice(parent.trace_id.hex().as_bytes());
    text[36..52].copy_from_slice(parent.span_id.hex().as_bytes());
    if parent.sampled {
        text[54] = b'1';
    }
    HeaderValue::from_bytes(&text).expect("digits and dashes")
}

/// 16 digits at most, lower case as the recommendation wants it.
fn hex(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |number: u64, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u64::from(value))
    })
}

/// Whether a `tracestate`, its fields joined by commas, may be passed on:
/// section 3.3 of the recommendation.
pub fn tracestate_is_valid(value: &[u8]) -> bool {
    let mut members = 0;
    for member in value.split(|byte| *byte == b',').map(trim) {
        if member.is_empty() {
            continue;
        }
        members += 1;
        let Some(equals) = member.iter().position(|byte| *byte == b'=') else { return false };
        if members > MAX_STATE_MEMBERS || !state_key(&member[..equals]) || !state_value(&member[equals + 1..])
        {
            return false;
        }
    }
    members > 0
}

/// `key` or `tenant@system`.
fn state_key(key: &[u8]) -> bool {
    let simple = |part: &[u8], max: usize, digit_first: bool| {
        let first =
            part.first().is_some_and(|b| b.is_ascii_lowercase() || (digit_first && b.is_ascii_digit()));
        first && part.len() <= max && part.iter().all(|byte| state_key_byte(*byte))
    };
    match key.iter().position(|byte| *byte == b'@') {
        None => simple(key, 256, false),
        Some(at) => simple(&key[..at], 241, true) && simple(&key[at + 1..], 14, false),
    }
}

fn state_key_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/".contains(&byte)
}

/// Printable, without comma and equals sign, not ending with a space.
fn state_value(value: &[u8]) -> bool {
    let printable = value.iter().all(|byte| matches!(byte, b' '..=b'~') && !b",=".contains(byte));
    printable && value.len() <= 256 && value.last().is_some_and(|byte| *byte != b' ')
}

/// Whether a `baggage`, its fields joined by commas, may be passed on.
pub fn baggage_is_valid(value: &[u8]) -> bool {
    let members = || value.split(|byte| *byte == b',').map(trim);
    value.len() <= MAX_BAGGAGE_BYTES
        && members().count() <= MAX_BAGGAGE_MEMBERS
        && members().all(baggage_member)
}

/// `key = value`, then properties after semicolons: `key` or `key = value`.
fn baggage_member(member: &[u8]) -> bool {
    let mut parts = member.split(|byte| *byte == b';').map(trim);
    let pair = parts.next().is_some_and(|pair| baggage_pair(pair, true));
    pair && parts.all(|property| baggage_pair(property, false))
}

fn baggage_pair(pair: &[u8], needs_value: bool) -> bool {
    match pair.iter().position(|byte| *byte == b'=') {
        Some(equals) => token(trim(&pair[..equals])) && trim(&pair[equals + 1..]).iter().all(baggage_octet),
        None => !needs_value && token(pair),
    }
}

/// A token of RFC 9110 section 5.6.2.
fn token(text: &[u8]) -> bool {
    let tchar = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !text.is_empty() && text.iter().all(tchar)
}

/// Printable ASCII but space, quote, comma, semicolon and backslash.
fn baggage_octet(byte: &u8) -> bool {
    matches!(byte, b'!'..=b'~') && !b"\",;\\".contains(byte)
}

/// Without the spaces and tabs around it.
fn trim(text: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = text.iter().position(|byte| !blank(byte)).unwrap_or(text.len());
    let end = text.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    &text[start..end]
}
