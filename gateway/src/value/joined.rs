//! The lines of a header field as one value.

use http::HeaderValue;

/// All lines of a field in one, `separator` between them; `None` where there is none.
pub fn joined<'a>(
    lines: impl IntoIterator<Item = &'a HeaderValue>,
    separator: &'static str,
) -> Option<HeaderValue> {
    let mut lines = lines.into_iter();
    let first = lines.next()?;
    // Nearly always the only one: then nothing is copied.
    let Some(second) = lines.next() else { return Some(first.clone()) };
    let mut all = first.as_bytes().to_vec();
    for line in std::iter::once(second).chain(lines) {
        all.extend_from_slice(separator.as_bytes());
        all.extend_from_slice(line.as_bytes());
    }
    // The parts are valid, hence so is the whole.
    HeaderValue::from_bytes(&all).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_joined_in_their_order() {
        let lines = ["a", "", "\u{e4}"].map(|line| HeaderValue::from_bytes(line.as_bytes()).expect("valid"));
        let joined = |count: usize| joined(&lines[..count], "; ").map(|value| value.as_bytes().to_vec());
        assert_eq!(joined(0), None);
        assert_eq!(joined(1).as_deref(), Some(&b"a"[..]));
        assert_eq!(joined(3).as_deref(), Some("a; ; \u{e4}".as_bytes()));
    }
}
