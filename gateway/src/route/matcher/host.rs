//! Host patterns: an exact name, one wildcard label in front, or any.

use std::borrow::Cow;

/// Which hosts a route is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostPattern {
    /// Exactly this name, in lower case.
    Exact(String),
    /// One or more labels in front of this suffix, which begins with a dot:
    /// `.example.com` for `*.example.com`.
    Wildcard(String),
    /// Every host.
    Any,
}

impl HostPattern {
    /// Reads `example.com`, `*.example.com`, an IP address or `*`.
    ///
    /// # Errors
    /// A text that says what is wrong with the pattern.
    pub fn parse(text: &str) -> Result<HostPattern, String> {
        let lower = text.to_ascii_lowercase();
        if lower == "*" {
            return Ok(HostPattern::Any);
        }
        let (wildcard, name) = match lower.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, lower.as_str()),
        };
        check_name(name, text)?;
        Ok(if wildcard {
            HostPattern::Wildcard(format!(".{name}"))
        } else {
            HostPattern::Exact(name.to_owned())
        })
    }
}

fn check_name(name: &str, text: &str) -> Result<(), String> {
    let bracketed = name.starts_with('[') && name.ends_with(']');
    if name.is_empty() {
        return Err(format!("`{text}` is not a host"));
    }
    if !bracketed && name.contains(':') {
        return Err(format!("`{text}` has a port; routes match the host only"));
    }
    if name.contains('*') {
        return Err(format!("`{text}`: `*` is allowed only as the whole first label, as in `*.example.com`"));
    }
    let valid = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'[' | b']' | b':');
    if !name.bytes().all(valid) || name.split('.').any(str::is_empty) {
        return Err(format!("`{text}` is not a host; write international names in their `xn--` form"));
    }
    Ok(())
}

/// The host of an authority as it is matched: without port and final dot, in
/// lower case. Borrows where nothing has to change.
pub fn canonical(authority: &str) -> Cow<'_, str> {
    let host = match memchr::memrchr(b':', authority.as_bytes()) {
        Some(colon) if !authority[colon..].contains(']') => &authority[..colon],
        _ => authority,
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    }
}
