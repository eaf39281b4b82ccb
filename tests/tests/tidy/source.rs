//! A Rust file as tokens: what rules look at, without comments, and without
//! what is only compiled for tests.

use std::path::Path;
use std::{fs, iter};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A file.
pub struct Source {
    /// From the workspace's root.
    pub path: String,
    /// As written.
    pub text: String,
    /// Flattened; groups are bracketed by their delimiters.
    pub tokens: Vec<Token>,
}

/// A token and where it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// As written.
    pub text: String,
    /// Counted from 1.
    pub line: usize,
}

/// What a rule has to say.
#[derive(Debug, PartialEq)]
pub struct Finding {
    /// The file.
    pub path: String,
    /// Counted from 1; 0 for the file as such.
    pub line: usize,
    /// What is wrong and what to do.
    pub text: String,
}

impl Source {
    /// Takes a file apart.
    pub fn new(path: &str, text: &str) -> Self {
        let stream: TokenStream = text.parse().unwrap_or_else(|error| panic!("{path} is not Rust: {error}"));
        let mut tokens = Vec::new();
        flatten(stream, &mut tokens);
        Self { path: path.to_owned(), text: text.to_owned(), tokens }
    }

    /// A finding in this file.
    pub fn finding(&self, line: usize, text: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line, text: text.into() }
    }

    /// The modules from the crate's root to this file: `upstream/health/check.rs` is `[upstream, health, check]`.
    pub fn module(&self) -> Vec<String> {
        let inside = self.path.split_once("/src/").map_or(self.path.as_str(), |(_, inside)| inside);
        let mut module: Vec<_> = inside.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        if module.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
            module.pop();
        }
        module
    }

    /// The room of the house the file is in: the first module.
    pub fn room(&self) -> Option<String> {
        self.module().into_iter().next()
    }

    /// All paths that the file names, `use` trees unfolded, `super` and `self` resolved:
    /// `use crate::{a::B, c}` names `[crate, a, B]` and `[crate, c]`.
    pub fn paths(&self) -> Vec<(Vec<String>, usize)> {
        let mut paths = Vec::new();
        for start in 0..self.tokens.len() {
            let is_start = is_word(&self.tokens[start].text) && !self.follows_path_separator(start);
            if is_start && self.is_separator(start + 1) {
                self.unfold(start, &[], &mut paths);
            }
        }
        let module = self.module();
        paths.into_iter().map(|(path, line)| (resolve(path, &module), line)).collect()
    }

    /// Whether what is at `at` goes on a path; `::std` begins one.
    fn follows_path_separator(&self, at: usize) -> bool {
        let before = at.checked_sub(3).map(|before| self.tokens[before].text.as_str());
        at >= 2
            && self.is_separator(at - 2)
            && before.is_some_and(|before| is_name(before) || before == ">" || before == "self")
    }

    fn is_separator(&self, at: usize) -> bool {
        self.is(at, ":") && self.is(at + 1, ":")
    }

    fn is(&self, at: usize, text: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.text == text)
    }

    /// Unfolds the path or group of paths that begins at `at`; returns where it ends.
    fn unfold(&self, mut at: usize, before: &[String], paths: &mut Vec<(Vec<String>, usize)>) -> usize {
        let mut path = before.to_vec();
        let line = self.tokens[at].line;
        loop {
            let text = &self.tokens[at].text;
            if text == "{" {
                return self.unfold_group(at + 1, &path, paths);
            }
            if !is_word(text) && text != "*" {
                break;
            }
            path.push(text.clone());
            at += 1;
            if !self.is_separator(at) || at + 2 >= self.tokens.len() {
                break;
            }
            at += 2;
        }
        paths.push((path, line));
        at
    }

    fn unfold_group(&self, mut at: usize, before: &[String], paths: &mut Vec<(Vec<String>, usize)>) -> usize {
        while at < self.tokens.len() && !self.is(at, "}") {
            let next = self.unfold(at, before, paths);
            // `as name` and commas are of no interest; go on even where nothing was understood.
            at = (next.max(at + 1)..self.tokens.len())
                .find(|at| self.is(*at - 1, ",") || self.is(*at, "}"))
                .unwrap_or(self.tokens.len());
        }
        at + 1
    }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// A word that can stand in a path, unlike `use` or `as`.
fn is_name(text: &str) -> bool {
    is_word(text) && !["use", "as", "in", "dyn", "impl", "return", "mut", "ref", "where"].contains(&text)
}

fn resolve(path: Vec<String>, module: &[String]) -> Vec<String> {
    let ups = path.iter().take_while(|segment| *segment == "super").count();
    let is_self = path.first().is_some_and(|first| first == "self");
    if ups == 0 && !is_self {
        return path;
    }
    let kept = module.len().saturating_sub(ups);
    let rest = path.into_iter().skip(if is_self { 1 } else { ups });
    iter::once("crate".to_owned()).chain(module[..kept].iter().cloned()).chain(rest).collect()
}

fn flatten(stream: TokenStream, tokens: &mut Vec<Token>) {
    let trees: Vec<TokenTree> = stream.into_iter().collect();
    let mut at = 0;
    while at < trees.len() {
        if let Some(after) = test_only(&trees, at) {
            at = after;
            continue;
        }
        let line = trees[at].span().start().line;
        match &trees[at] {
            TokenTree::Group(group) => {
                let (open, close) = delimiters(group.delimiter());
                tokens.push(Token { text: open.to_owned(), line });
                flatten(group.stream(), tokens);
                tokens.push(Token { text: close.to_owned(), line: group.span_close().start().line });
            }
            other => tokens.push(Token { text: other.to_string(), line }),
        }
        at += 1;
    }
}

/// Where the item ends that begins at `at` with `#[cfg(test)]` or `#[test]`.
fn test_only(trees: &[TokenTree], at: usize) -> Option<usize> {
    let TokenTree::Punct(hash) = &trees[at] else { return None };
    let TokenTree::Group(attribute) = trees.get(at + 1)? else { return None };
    let text: String = attribute.stream().to_string().split_whitespace().collect();
    let is_test = hash.as_char() == '#' && (text == "cfg(test)" || text.ends_with("test"));
    if !is_test {
        return None;
    }
    let ends = |tree: &TokenTree| match tree {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(punct) => punct.as_char() == ';',
        _ => false,
    };
    let item = trees[at + 2..].iter().position(ends);
    Some(item.map_or(trees.len(), |item| at + 2 + item + 1))
}

fn delimiters(delimiter: Delimiter) -> (&'static str, &'static str) {
    match delimiter {
        Delimiter::Brace => ("{", "}"),
        Delimiter::Bracket => ("[", "]"),
        Delimiter::Parenthesis => ("(", ")"),
        Delimiter::None => ("", ""),
    }
}

/// The hand-written files below a folder of the workspace whose name ends so.
pub fn files(root: &Path, folder: &str, ending: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.expect("a folder can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                let text = fs::read_to_string(&path).expect("a text file");
                let name = path.strip_prefix(root).expect("it is below the root");
                found.push((name.to_string_lossy().into_owned(), text));
            }
        }
    }
    found.sort();
    found
}
