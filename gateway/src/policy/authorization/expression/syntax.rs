//! Why a text is no expression, in the operator's words: the parser's own name what its grammar expected.
//!
//! Only the first mistake is told. What follows it is mostly its consequence.

use super::Mistake;

/// Operators of other languages, and what CEL has in their place.
const WORDS: [(&str, &str); 3] = [("and", "&&"), ("not", "!"), ("or", "||")];

/// How the parser begins to tell of parts of its own tree that are missing.
const INSIDE: [&str; 2] = ["No `", "Incomplete `"];

/// Says of a text that the parser refuses what is wrong with it.
pub fn mistake(text: &str, errors: &cel::ParseErrors) -> Mistake {
    let errors = &errors.errors;
    if errors.iter().any(|error| error.msg.contains("Recursion limit")) {
        return Mistake { position: None, text: "nests too deep; say it in a flatter way".to_owned() };
    }
    // What the parser says of its own inside when it cannot go on means nothing to anybody else.
    let mut usual = errors.iter().filter(|error| !INSIDE.iter().any(|inside| error.msg.starts_with(inside)));
    habit(text).or_else(|| usual.next().map(|error| told(text, error))).unwrap_or_else(|| Mistake {
        position: None,
        text: "is not an expression; docs/authorization.md has examples".to_owned(),
    })
}

fn told(text: &str, error: &cel::ParseError) -> Mistake {
    let line = usize::try_from(error.pos.0).unwrap_or(0);
    let column = usize::try_from(error.pos.1).unwrap_or(0);
    let before: usize =
        text.split_inclusive('\n').take(line.saturating_sub(1)).map(|line| line.chars().count()).sum();
    let position = (line > 0).then_some(before + column.max(1));
    // What the grammar would take instead, it says in its own names.
    let said = error.msg.split(" expecting ").next().unwrap_or_default().replace('\n', " ");
    let said = said.strip_prefix("Syntax error: ").unwrap_or(&said).replace("'<EOF>'", "the end");
    Mistake { position, text: format!("syntax error: {said}") }
}

/// The first thing in a text that other languages have, and CEL has not.
fn habit(text: &str) -> Option<Mistake> {
    let letters: Vec<char> = text.chars().collect();
    let mut at = 0;
    while let Some(letter) = letters.get(at) {
        let rest = &letters[at..];
        let here = |text: String| Some(Mistake { position: Some(at + 1), text });
        at += match letter {
            '"' | '\'' => match quoted(rest) {
                Some(length) => length,
                None => {
                    return here(format!("the text that begins here has no end; close it with `{letter}`"));
                }
            },
            '/' if rest.starts_with(&['/', '/']) => {
                rest.iter().position(|letter| *letter == '\n').unwrap_or(rest.len())
            }
            '=' | '!' | '<' | '>' if rest.get(1) == Some(&'=') => {
                if rest.get(2) == Some(&'=') {
                    return here("there is no `===`; write `==`".to_owned());
                }
                2
            }
            '=' => return here("`=` does not compare; write `==`".to_owned()),
            '&' | '|' if rest.get(1) == Some(letter) => 2,
            '&' | '|' => return here(format!("there is no `{letter}`; write `{letter}{letter}`")),
            letter if letter.is_alphabetic() || *letter == '_' => {
                let word = word(rest);
                let lower = word.to_ascii_lowercase();
                if let Some((_, meant)) = WORDS.iter().find(|(known, _)| *known == lower) {
                    return here(format!("there is no `{word}`; write `{meant}`"));
                }
                word.chars().count()
            }
            // The name of a member may be any word.
            '.' => 1 + word(&rest[1..]).chars().count(),
            _ => 1,
        };
    }
    None
}

/// How many characters a text in quotes has, these included; `None` if it has no end.
fn quoted(rest: &[char]) -> Option<usize> {
    let quote = rest[0];
    let long = rest.starts_with(&[quote; 3]);
    let (width, mut at) = if long { (3, 3) } else { (1, 1) };
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            '\n' if !long => return None,
            _ if rest[at..].starts_with(&[quote; 3][..width]) => return Some(at + width),
            _ => at += 1,
        }
    }
    None
}

fn word(rest: &[char]) -> String {
    rest.iter().take_while(|letter| letter.is_alphanumeric() || **letter == '_').collect()
}
