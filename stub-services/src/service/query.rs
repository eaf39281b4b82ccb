//! Reading query strings and path parameters.
//!
//! Handlers walk the pairs themselves: keys repeat (`id=1&id=2`), which serde's
//! form format cannot read into lists, and a batch of 1,000 keys should not
//! cost 1,000 allocations. Parameters nobody asked for are ignored, as services
//! do.

use std::borrow::Cow;

use super::problem::Problem;

/// The most keys one batch may ask for.
pub const MAX_KEYS: usize = 1_000;

/// The most rows one list may ask for.
pub const MAX_ROWS: usize = 1_000;

/// The decoded pairs of a query string, in order.
pub fn pairs(query: Option<&str>) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes())
}

/// An id, a positive whole number.
pub fn id(name: &str, text: &str) -> Result<u64, Problem> {
    digits(text).filter(|id| *id > 0).ok_or_else(|| {
        Problem::bad_request(format!(
            "`{name}` must be an id, a positive whole number, but is `{}`",
            excerpt(text)
        ))
    })
}

/// A number of rows, from 0 to [`MAX_ROWS`].
pub fn rows(name: &str, text: &str) -> Result<usize, Problem> {
    digits(text).and_then(|rows| usize::try_from(rows).ok()).filter(|rows| *rows <= MAX_ROWS).ok_or_else(
        || {
            Problem::bad_request(format!(
                "`{name}` must be a whole number from 0 to {MAX_ROWS}, but is `{}`",
                excerpt(text)
            ))
        },
    )
}

/// One of `words`.
pub fn one_of(name: &str, text: &str, words: &[&'static str]) -> Result<&'static str, Problem> {
    words.iter().find(|word| **word == text).copied().ok_or_else(|| {
        Problem::bad_request(format!(
            "`{name}` must be one of {}, but is `{}`",
            words.join(", "),
            excerpt(text)
        ))
    })
}

/// The keys of a batch, each once, ascending; `None` while none was given.
#[derive(Debug, Default)]
pub struct Keys(Option<Vec<u64>>);

impl Keys {
    /// Adds one key.
    pub fn push(&mut self, name: &str, text: &str) -> Result<(), Problem> {
        let keys = self.0.get_or_insert_default();
        if keys.len() == MAX_KEYS {
            return Err(Problem::bad_request(format!("`{name}` may be given at most {MAX_KEYS} times")));
        }
        keys.push(id(name, text)?);
        Ok(())
    }

    /// Adds keys written as `1,2,3`; an empty text adds none, but is a batch.
    pub fn push_list(&mut self, name: &str, text: &str) -> Result<(), Problem> {
        self.0.get_or_insert_default();
        text.split(',').filter(|_| !text.is_empty()).try_for_each(|key| self.push(name, key))
    }

    /// The keys, ascending, each once.
    pub fn finish(self) -> Option<Vec<u64>> {
        self.0.map(|mut keys| {
            keys.sort_unstable();
            keys.dedup();
            keys
        })
    }
}

/// Only digits: `parse` alone would take `+7` as well.
pub fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Enough of a value to recognise it.
fn excerpt(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(40) {
        Some((end, _)) => Cow::Owned(format!("{}...", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests;
