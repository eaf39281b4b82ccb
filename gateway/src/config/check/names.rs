//! Names that one section gives and others use.
//!
//! Known are all names of the section, also those whose values were refused: who uses one is not to blame for that.

use std::collections::HashMap;

use indexmap::IndexSet;

use crate::config::{suggest, tree::Tree};

/// Comparisons spent on looking for what was meant. Past them a name is only said to be unknown: a generated file may
/// hold tens of thousands of both.
const PATIENCE: usize = 200_000;

/// The names of one section.
pub struct Names<'a> {
    /// What bears them, for messages.
    what: &'static str,
    known: IndexSet<&'a str>,
    /// By the unknown name: the same mistake is often made many times.
    hints: HashMap<String, String>,
    patience: usize,
}

impl<'a> Names<'a> {
    /// Those that stand in a section; `what` is one of its entries in words.
    pub fn of(tree: &'a Tree, section: &str, what: &'static str) -> Self {
        let section = tree.get(tree.root(), section);
        let entries = section.map_or(&[][..], |section| tree.entries(section));
        let known = entries.iter().filter_map(|(key, _)| tree.text(*key)).collect();
        Self { what, known, hints: HashMap::new(), patience: PATIENCE }
    }

    /// All of them, in the order of the file.
    pub fn all(&self) -> impl Iterator<Item = &'a str> {
        self.known.iter().copied()
    }

    /// `None` if the name is known; otherwise what to tell whoever used it.
    pub fn unknown(&mut self, name: &str) -> Option<String> {
        if self.known.contains(name) {
            return None;
        }
        let hint = match self.hints.get(name) {
            Some(hint) => hint.clone(),
            None => self.hint(name),
        };
        Some(format!("no {} named `{name}`; {hint}", self.what))
    }

    fn hint(&mut self, name: &str) -> String {
        let Some(left) = self.patience.checked_sub(self.known.len()) else {
            return format!("there are {} others", self.known.len());
        };
        self.patience = left;
        let hint = suggest::among(name, self.all());
        self.hints.insert(name.to_owned(), hint.clone());
        hint
    }
}

#[cfg(test)]
mod tests;
