//! The line of a problem with a caret under it. What may be a secret is replaced by stars first.

use std::{ops::Range, sync::Arc};

use super::{masking::speaks_of_secrets, tree::Mark};
use crate::value::Place;

/// Longer lines are cut around the caret.
const WIDTH: usize = 100;

/// Bytes of the longest line that is shown: minified JSON has one line, and its place tells more than a piece of it.
const LONGEST: usize = 2_000;

/// In place of a secret.
const STARS: &str = "***";

/// A file's text, and what in it must not be shown.
#[derive(Debug, Clone)]
pub struct Source {
    text: Arc<str>,
    /// The byte at which each line begins.
    lines: Vec<usize>,
    /// In order, without overlaps.
    secrets: Vec<(Mark, Mark)>,
    /// Nobody could read it, so keys and values are only guessed.
    is_unread: bool,
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

/// What is shown for one character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    Letter(char),
    /// The first character of a secret.
    Stars,
    /// Another one.
    Nothing,
}

impl Cell {
    fn width(self) -> usize {
        match self {
            Self::Letter(_) => 1,
            Self::Stars => STARS.len(),
            Self::Nothing => 0,
        }
    }

    fn write(self, text: &mut String) {
        match self {
            Self::Letter(letter) => text.push(letter),
            Self::Stars => text.push_str(STARS),
            Self::Nothing => {}
        }
    }
}

impl Source {
    /// `secrets`: the extents of values that must not be shown.
    pub fn new(text: impl Into<Arc<str>>, mut secrets: Vec<(Mark, Mark)>) -> Self {
        let text = text.into();
        let lines = [0].into_iter().chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        secrets.sort_unstable();
        // An alias gives a secret twice, or a part of one.
        secrets.dedup_by(|next, last| {
            let overlap = next.0 < last.1;
            last.1 = if overlap { last.1.max(next.1) } else { last.1 };
            overlap
        });
        Self { text, lines, secrets, is_unread: false }
    }

    /// A text that could not be read: each line is hidden from a key on that speaks of secrets.
    pub fn unread(text: impl Into<Arc<str>>) -> Self {
        Self { is_unread: true, ..Self::new(text, Vec::new()) }
    }

    /// The line at `place`; `None` if there is none, or it is empty, or too long for anybody to read.
    pub fn snippet(&self, place: &Place) -> Option<Snippet> {
        let line = self.line(place.line).filter(|line| (1..=LONGEST).contains(&line.len()))?;
        let line: Vec<char> = line.chars().collect();
        let column = (place.column.max(1) as usize - 1).min(line.len());
        Some(cut(place.line, &self.masked(place.line, &line), column, token(&line, column)))
    }

    /// A line by its number, without white space at its end.
    fn line(&self, number: u32) -> Option<&str> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        let begin = *self.lines.get(index)?;
        let end = self.lines.get(index + 1).copied().unwrap_or(self.text.len());
        Some(self.text[begin..end].trim_end())
    }

    /// The line as it may be shown.
    fn masked(&self, number: u32, line: &[char]) -> Vec<Cell> {
        let mut cells: Vec<Cell> =
            line.iter().map(|letter| Cell::Letter(if *letter == '\t' { ' ' } else { *letter })).collect();
        let guessed = if self.is_unread { 0 } else { comment(line) };
        let from_key = secret_key(&line[guessed..]).map(|from| guessed + from..line.len());
        for secret in self.secrets_in(number, line.len()).chain(credentials(line)).chain(from_key) {
            let begins = secret.start == 0 || matches!(cells[secret.start - 1], Cell::Letter(_));
            for (index, cell) in cells[secret].iter_mut().enumerate() {
                *cell = if index == 0 && begins { Cell::Stars } else { Cell::Nothing };
            }
        }
        cells
    }

    /// The columns of a line that hold secrets, from 0.
    fn secrets_in(&self, line: u32, length: usize) -> impl Iterator<Item = Range<usize>> {
        let first = self.secrets.partition_point(|(_, end)| end.line < line);
        let here = self.secrets[first..].iter().take_while(move |(start, _)| start.line <= line);
        let column = move |mark: &Mark| (mark.column as usize - 1).min(length);
        here.map(move |(start, end)| {
            let from = if start.line < line { 0 } else { column(start) };
            let to = if end.line > line { length } else { column(end) };
            from..to.max(from)
        })
        .filter(|columns| !columns.is_empty())
    }
}

/// User and password of each URL.
fn credentials(line: &[char]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for begin in (3..line.len()).filter(|at| line[at - 3..*at] == [':', '/', '/']) {
        let ends = |letter: &char| matches!(letter, '/' | '?' | '#' | '"' | '\'' | ' ' | '\t');
        let authority = &line[begin..][..line[begin..].iter().position(ends).unwrap_or(line.len() - begin)];
        found.extend(authority.iter().rposition(|letter| *letter == '@').map(|at| begin..begin + at));
    }
    found
}

/// Where a comment begins; nobody reads those.
fn comment(line: &[char]) -> usize {
    line.windows(2).position(|letters| matches!(letters, [' ' | '\t', '#'])).unwrap_or(line.len())
}

/// Where the value begins of a key that speaks of secrets.
fn secret_key(line: &[char]) -> Option<usize> {
    let ends_key = |at: &usize| {
        let is_quoted = matches!(line[..*at].last(), Some('"' | '\''));
        line[*at] == ':' && line.get(at + 1).is_some_and(|next| *next == ' ' || is_quoted)
    };
    (0..line.len()).filter(ends_key).find_map(|at| {
        let begins = line[..at].iter().rposition(|letter| matches!(letter, ' ' | '{' | ',' | '[' | '#'));
        let key: String = line[begins.map_or(0, |begins| begins + 1)..at].iter().collect();
        let key = key.trim_matches(['"', '\'']);
        let value = at + 1 + usize::from(line[at + 1] == ' ');
        let rest: String = line[value..].iter().collect();
        // A header's value is a text, the rules of a route are a mapping; and the section of keys is no secret.
        let is_section = key == "authorization" && rest.starts_with('{') || key == "api_keys";
        (speaks_of_secrets(key) && !is_section && !is_switch(&rest)).then_some(value)
    })
}

/// `credentials: true` says how, and not with which.
fn is_switch(value: &str) -> bool {
    let word = value.split([' ', ',', '}', ']']).next();
    matches!(word, Some("true" | "false"))
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

fn cut(line: u32, shown: &[Cell], column: usize, length: usize) -> Snippet {
    let width = |cells: &[Cell]| cells.iter().map(|cell| cell.width()).sum::<usize>();
    let column = column.min(shown.len());
    let end = (column + length).min(shown.len());
    // Within a secret the caret stands under its stars.
    let column = (0..=column).rev().find(|at| shown.get(*at) != Some(&Cell::Nothing)).unwrap_or(0);
    let centred = column.saturating_sub(WIDTH / 2).min(shown.len().saturating_sub(WIDTH));
    let first = if width(shown) <= WIDTH { 0 } else { centred };
    let last = shown.len().min(first + WIDTH);
    let before = if first > 0 { "..." } else { "" };
    let after = if last < shown.len() { "..." } else { "" };
    let mut text = before.to_owned();
    shown[first..last].iter().for_each(|cell| cell.write(&mut text));
    text.push_str(after);
    Snippet {
        line,
        text,
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

#[cfg(test)]
mod tests;
