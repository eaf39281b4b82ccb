//! One spelling for every path.
//!
//! Whoever guards `/admin` must not be fooled by `/%61dmin`, `//admin` or
//! `/x/../admin`. So a path is brought into one form before it is matched, and
//! that form is what is forwarded: what was matched is what the upstream sees.
//! Spellings that upstreams are known to read in different ways (an encoded
//! slash, a backslash, a NUL, `..;`) are refused rather than guessed at.
//!
//! The rules are those of RFC 3986 section 6.2.2 and one more: repeated slashes
//! are merged. The query is not touched.

use std::borrow::Cow;

use crate::{reason::Reason, value::EncodedSlashes};

/// Brings `path` into its one form, or refuses it.
///
/// Borrows when the path is in that form already, which one pass over its bytes
/// tells.
///
/// # Errors
/// [`Reason::InvalidPath`] for a path that does not begin with `/`, has a broken
/// escape, a control character, a backslash, an encoded NUL, an encoded slash
/// (unless kept), a `..;` segment, or climbs above the root.
pub fn normalise(path: &[u8], slashes: EncodedSlashes) -> Result<Cow<'_, str>, Reason> {
    if path.first() != Some(&b'/') {
        return Err(Reason::InvalidPath);
    }
    if is_plain(path) {
        return str::from_utf8(path).map(Cow::Borrowed).map_err(|_| Reason::InvalidPath);
    }
    let decoded = decode(path, slashes)?;
    resolve_segments(&decoded).map(Cow::Owned)
}

/// Bytes that no rule below changes or refuses.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = b'!';
    while byte < 0x7f {
        let special = matches!(byte, b'%' | b'\\' | b';' | b'#' | b'?') || is_foreign(byte);
        plain[byte as usize] = !special;
        byte += 1;
    }
    plain
};

/// Whether the path has nothing that any rule below would change.
fn is_plain(path: &[u8]) -> bool {
    let mut previous = 0;
    for &byte in path {
        let is_dots_or_double = previous == b'/' && matches!(byte, b'/' | b'.');
        if !PLAIN[usize::from(byte)] || is_dots_or_double {
            return false;
        }
        previous = byte;
    }
    true
}

/// Decodes what may be decoded, upper-cases what stays encoded, encodes what
/// should have been.
fn decode(path: &[u8], slashes: EncodedSlashes) -> Result<String, Reason> {
    let mut out = String::with_capacity(path.len());
    let mut bytes = path.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let high = bytes.next().and_then(hex_value).ok_or(Reason::InvalidPath)?;
                let low = bytes.next().and_then(hex_value).ok_or(Reason::InvalidPath)?;
                push_decoded(&mut out, high << 4 | low, slashes)?;
            }
            b'\\' | b'#' | b'?' | 0..=b' ' | 0x7f => return Err(Reason::InvalidPath),
            0x80.. => push_encoded(&mut out, byte),
            _ if is_foreign(byte) => push_encoded(&mut out, byte),
            _ => out.push(char::from(byte)),
        }
    }
    Ok(out)
}

fn push_decoded(out: &mut String, byte: u8, slashes: EncodedSlashes) -> Result<(), Reason> {
    match byte {
        0..=0x1f | 0x7f => Err(Reason::InvalidPath),
        b'/' | b'\\' if slashes == EncodedSlashes::Refuse => Err(Reason::InvalidPath),
        _ if is_unreserved(byte) => {
            out.push(char::from(byte));
            Ok(())
        }
        _ => {
            push_encoded(out, byte);
            Ok(())
        }
    }
}

/// RFC 3986 has no place for these in a path; whoever sends them means their escapes.
const fn is_foreign(byte: u8) -> bool {
    matches!(byte, b'"' | b'<' | b'>' | b'[' | b']' | b'^' | b'`' | b'{' | b'|' | b'}')
}

/// RFC 3986 section 2.3: encoded or not, they are the same to everybody.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// The form in which a normalised path is compared with routes.
///
/// Reserved characters are not the same as their escapes (RFC 3986 section 2.2: `%2B` in an object's key is not
/// `+`), so what is forwarded keeps them as they came. But most upstreams decode before they route: `/users%3Adelete`
/// must meet whoever guards `/users:delete`. So they are compared decoded, but for `;`, which to some servers ends the
/// segment (matrix parameters) and to others does not.
pub fn comparable(path: &str) -> Cow<'_, str> {
    let Some(first) = memchr::memchr(b'%', path.as_bytes()) else { return Cow::Borrowed(path) };
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    let mut next = Some(first);
    while let Some(at) = next {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let byte = escape.get(1..3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let taken = match byte {
            Some(byte) if b":@!$&'()*+,=".contains(&byte) => {
                out.push(char::from(byte));
                3
            }
            _ => {
                out.push('%');
                1
            }
        };
        rest = &escape[taken..];
        next = rest.find('%');
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn push_encoded(out: &mut String, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.push('%');
    out.push(char::from(HEX[usize::from(byte >> 4)]));
    out.push(char::from(HEX[usize::from(byte & 15)]));
}

fn hex_value(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

/// Merges slashes and removes dot segments.
fn resolve_segments(path: &str) -> Result<String, Reason> {
    let mut kept: Vec<&str> = Vec::with_capacity(16);
    let mut ends_open = false;
    for segment in path.split('/').skip(1) {
        ends_open = matches!(segment, "" | "." | "..");
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop().ok_or(Reason::InvalidPath)?;
            }
            _ if hides_dots(segment) => return Err(Reason::InvalidPath),
            _ => kept.push(segment),
        }
    }
    let mut out = String::with_capacity(path.len());
    for segment in &kept {
        out.push('/');
        out.push_str(segment);
    }
    if ends_open || kept.is_empty() {
        out.push('/');
    }
    Ok(out)
}

/// `..;x` is `..` to servers that cut path parameters off first, `..%2Fx` to those that decode first, and `..%3Bx` to
/// those that do both.
fn hides_dots(segment: &str) -> bool {
    let parts = segment.split("%2F").flat_map(|part| part.split("%5C")).flat_map(|part| part.split("%3B"));
    let is_dots = |part: &str| matches!(part.split(';').next(), Some("." | ".."));
    (segment.contains(';') || segment.contains('%')) && { parts }.any(is_dots)
}

#[cfg(test)]
mod tests;
