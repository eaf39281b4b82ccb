//! The line of a problem with a caret under it. What may be a secret is replaced by stars first.

use std::sync::Arc;

use super::tree::Mark;
use crate::value::Place;

/// Longer lines are cut around the caret.
const WIDTH: usize = 100;

/// Words in a key that make its value unfit for showing, where the key's type is not known.
const SECRET_WORDS: [&str; 9] = [
    "secret",
    "token",
    "password",
    "passwd",
    "authorization",
    "apikey",
    "cookie",
    "credential",
    "credentials",
];

/// A file's text, and what in it must not be shown.
#[derive(Debug, Clone)]
pub struct Source {
    text: Arc<str>,
    secrets: Vec<(Mark, Mark)>,
}

/// One line, ready to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snippet {
    line: u32,
    /// The line, without what must not be shown.
    pub text: String,
    caret: usize,
    length: usize,
}

impl Source {
    /// `secrets`: the extents of values that must not be shown.
    pub fn new(text: impl Into<Arc<str>>, secrets: Vec<(Mark, Mark)>) -> Self {
        Self { text: text.into(), secrets }
    }

    /// The line at `place`; `None` if there is none or it is empty.
    pub fn snippet(&self, place: &Place) -> Option<Snippet> {
        let index = usize::try_from(place.line).ok()?.checked_sub(1)?;
        let line: Vec<char> = self.text.lines().nth(index)?.trim_end().chars().collect();
        let column = (place.column.max(1) as usize - 1).min(line.len());
        let length = token(&line, column);
        let shown = self.masked(place.line, &line);
        if line.is_empty() {
            return None;
        }
        Some(cut(place.line, &shown, column, length))
    }

    /// For every character of the line what to show: itself, `***` at the beginning of a secret, nothing within one.
    fn masked(&self, number: u32, line: &[char]) -> Vec<Option<String>> {
        let from_key = secret_key(line);
        let hidden = |column: usize| {
            let mark = Mark { line: number, column: column as u32 + 1 };
            from_key.is_some_and(|from| column >= from)
                || self.secrets.iter().any(|(start, end)| *start <= mark && mark < *end)
        };
        let mut shown = Vec::with_capacity(line.len());
        for (column, letter) in line.iter().enumerate() {
            let begins = column == 0 || !hidden(column - 1);
            shown.push(match hidden(column) {
                false if *letter == '\t' => Some(" ".into()),
                false => Some(letter.to_string()),
                true if begins => Some("***".into()),
                true => None,
            });
        }
        shown
    }
}

/// Where the value begins of a key that speaks of secrets.
fn secret_key(line: &[char]) -> Option<usize> {
    let lower: String = line.iter().map(|c| c.to_ascii_lowercase()).collect();
    let mut from = 0;
    while let Some(at) = lower[from..].find(": ").map(|at| at + from) {
        let key = lower[..at].rsplit([' ', '{', ',']).next().unwrap_or_default();
        let mut words = key.split(['-', '_', '.', '"', '\'']);
        if words.any(|word| SECRET_WORDS.contains(&word))
            || key.contains("api-key")
            || key.contains("api_key")
        {
            return Some(lower[..at + 2].chars().count());
        }
        from = at + 2;
    }
    None
}

/// How many characters the word at `column` has.
fn token(line: &[char], column: usize) -> usize {
    let rest = &line[column..];
    let length = match rest.first() {
        Some(quote @ ('"' | '\'')) => rest[1..].iter().position(|c| c == quote).map_or(1, |end| end + 2),
        Some('[' | '{' | '*' | '&' | '!') | None => 1,
        Some(_) => {
            let ends = |at: usize| match rest[at] {
                ' ' | ',' | ']' | '}' => true,
                ':' => rest.get(at + 1).is_none_or(|next| *next == ' '),
                _ => false,
            };
            (0..rest.len()).find(|at| ends(*at)).unwrap_or(rest.len())
        }
    };
    length.max(1)
}

fn cut(line: u32, shown: &[Option<String>], column: usize, length: usize) -> Snippet {
    let width =
        |cells: &[Option<String>]| cells.iter().flatten().map(|text| text.chars().count()).sum::<usize>();
    let column = column.min(shown.len());
    // Within a secret the caret stands under its stars.
    let column = (0..=column).rev().find(|at| shown.get(*at).is_none_or(Option::is_some)).unwrap_or(0);
    let end = (column + length).min(shown.len());
    let first = if width(shown) <= WIDTH { 0 } else { column.saturating_sub(WIDTH / 2) };
    let last = shown.len().min(first + WIDTH);
    let before = if first > 0 { "..." } else { "" };
    let after = if last < shown.len() { "..." } else { "" };
    let text: String = shown[first..last].iter().flatten().map(String::as_str).collect();
    Snippet {
        line,
        text: format!("{before}{text}{after}"),
        caret: before.len() + width(&shown[first..column]),
        length: width(&shown[column..end.min(last).max(column)]).max(1),
    }
}

impl Snippet {
    /// The width of the line number.
    pub fn margin(&self) -> usize {
        self.line.to_string().len()
    }

    /// Three lines: an empty one, the source, the caret.
    pub fn render(&self, paint: impl Fn(&str) -> String) -> String {
        let margin = self.margin();
        let (line, text, indent) = (self.line, &self.text, " ".repeat(self.caret));
        let caret = paint(&"^".repeat(self.length));
        format!("{:margin$} |\n{line} | {text}\n{:margin$} | {indent}{caret}\n", "", "")
    }
}
