//! Places within a text: where in the file a character of a scalar stands.
//!
//! The parser tells only what a scalar is after quotes, escapes, indentation and folding. What it takes away is white
//! space and signs; the rest stands in the file in the same order, so both are read side by side.

use super::{Kind, Mark, Tree};
use crate::value::Place;

impl Tree {
    /// The place of a character (from 1) of the scalar under a key path. `None` where it cannot be said: there is no such
    /// scalar, or variables have filled it in.
    pub fn place_within(&self, path: &str, position: usize) -> Option<Place> {
        let node = self.find(path)?;
        let Kind::Scalar { text, plain } = self.kind(node) else { return None };
        if self.written(node).is_some() {
            return None;
        }
        let (start, _) = self.extent(node);
        let line = usize::try_from(start.line).ok()?.checked_sub(1)?;
        let lines = self.source.split_inclusive('\n').enumerate().skip(line);
        let letters = lines.flat_map(|(number, line)| line.chars().enumerate().map(move |at| (number, at)));
        let mut letters = letters.skip(start.column as usize - 1).peekable();
        if !plain
            && is_quoted(&letters.clone().map(|(_, (_, letter))| letter).take(2).collect::<Vec<_>>(), text)
        {
            letters.next();
        }
        let wanted = text.chars().take(position).filter(|letter| !letter.is_whitespace());
        let mut found = None;
        for wanted in wanted {
            found = Some(letters.by_ref().find(|(_, (_, letter))| *letter == wanted)?);
        }
        let (line, (column, _)) = found?;
        let mark = Mark { line: u32::try_from(line).ok()? + 1, column: u32::try_from(column).ok()? + 1 };
        Some(self.place_at(mark, self.path(node)))
    }
}

/// Whether a scalar begins with its quote. A text that begins with one itself has another one, or an escape, before it.
fn is_quoted(source: &[char], text: &str) -> bool {
    match (source, text.chars().next()) {
        (['"', '\\'] | ['\'', '\''], _) => true,
        (['"' | '\'', ..], first) => first != source.first().copied(),
        _ => false,
    }
}
