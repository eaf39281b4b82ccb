//! A route's changes of headers, of either direction.

use http::{HeaderMap, HeaderName, HeaderValue};

/// Changes of headers, in this order.
#[derive(Debug, Clone, Default)]
pub struct HeaderEdits {
    /// Taken away.
    pub remove: Vec<HeaderName>,
    /// Replaced.
    pub set: Vec<(HeaderName, HeaderValue)>,
    /// Put next to those of the same name.
    pub add: Vec<(HeaderName, HeaderValue)>,
}

impl HeaderEdits {
    /// Changes the headers of a message.
    pub fn apply(&self, headers: &mut HeaderMap) {
        for name in &self.remove {
            headers.remove(name);
        }
        for (name, value) in &self.set {
            headers.insert(name.clone(), value.clone());
        }
        for (name, value) in &self.add {
            headers.append(name.clone(), value.clone());
        }
    }

    /// How many fields a message may get by it.
    pub fn most_added(&self) -> usize {
        self.set.len() + self.add.len()
    }
}

#[cfg(test)]
mod tests;
