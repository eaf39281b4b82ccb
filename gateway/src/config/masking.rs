//! What of a document must not be shown: the extents that snippets replace by stars.
//!
//! Secrets that stand where they belong are known by their type. Mistakes put them elsewhere: under a key that does not
//! exist (`clientSecret`), or in place of a mapping (`keys: TEXT`). So where secrets are at home all is hidden that
//! nobody can make sense of, and elsewhere what stands under a word that speaks of secrets. What makes sense is shown,
//! also of a line that holds a secret as well.

use super::{
    de::{Findings, is_extension},
    suggest,
    tree::{Kind, Mark, NodeId, Scalar, Tree},
};
use crate::policy::authentication::api_keys::is_id;

/// What kind of file a tree is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Document {
    /// The configuration, some of whose sections are about secrets.
    Configuration,
    /// A list of keys or users under this key: all of it is about secrets.
    Accounts(&'static str),
}

/// Sections where secrets are at home.
const SECTIONS: [&str; 2] = ["authenticators", "redis"];

/// Mappings of headers, some of which are credentials.
const HEADERS: [&str; 3] = ["add", "headers", "set"];

/// A key with one of these in it, in whatever spelling, speaks of secrets.
const PARTS: [&str; 8] =
    ["apikey", "authorization", "credential", "passphrase", "passwd", "password", "privatekey", "secret"];

/// So does a key with one of these as a word; as parts they are harmless (`tokens`, `pass_through`).
const WORDS: [&str; 4] = ["cookie", "pw", "pwd", "token"];

impl Document {
    /// Whether secrets are at home where a node is.
    pub fn is_sensitive(self, tree: &Tree, node: NodeId) -> bool {
        let path = tree.path(node);
        let section = path.split(['.', '[']).next().unwrap_or_default();
        self != Self::Configuration || SECTIONS.contains(&section)
    }
}

/// The extents of a document that must not be shown.
pub fn hidden(tree: &Tree, findings: &Findings, document: Document) -> Vec<(Mark, Mark)> {
    let mut walk = Walk { tree, findings, found: Vec::new() };
    findings.secrets.iter().for_each(|secret| walk.hide(*secret));
    walk.node(tree.root(), document != Document::Configuration);
    walk.found
}

/// Whether a line of a configuration that cannot be read is in a section where secrets are at home.
pub fn is_sensitive_line(text: &str, line: u32) -> bool {
    let upto = text.lines().take(line as usize);
    let top =
        upto.filter(|line| line.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '"'));
    let key = top.last().map(|line| line.trim_start_matches('"'));
    key.is_some_and(|key| SECTIONS.iter().any(|section| key.starts_with(section)))
}

/// Whether a value under this key is likely to be a secret, where nothing else is known of it.
pub fn speaks_of_secrets(key: &str) -> bool {
    let plain: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
    let plain = plain.to_ascii_lowercase();
    PARTS.iter().any(|part| plain.contains(part)) || words(key).iter().any(|word| WORDS.contains(&&**word))
}

/// The words of `access_token`, `x-access-token`, `accessToken`, in lower case.
fn words(key: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for letter in key.chars() {
        if letter.is_ascii_uppercase() && was_lower || !letter.is_ascii_alphanumeric() {
            words.push(String::new());
        }
        was_lower = letter.is_ascii_lowercase();
        words.last_mut().expect("there is one").extend(letter.is_ascii_alphanumeric().then_some(letter));
    }
    words.iter().map(|word| word.to_ascii_lowercase()).collect()
}

/// Whether a text could be the name of a key, and not a secret in its place.
fn is_word(text: &str) -> bool {
    text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// Whether an unknown key of a section may be shown: a word without a value is one that looks like a key of the section,
/// or a value that stands where a key belongs.
pub fn may_show_key(tree: &Tree, key: NodeId, value: NodeId, fields: &[&str]) -> bool {
    let name = tree.text(key).unwrap_or_default();
    let has_value = tree.scalar(value) != Some(Scalar::Nothing);
    is_word(name) && (has_value || suggest::nearest(name, fields).is_some())
}

struct Walk<'a> {
    tree: &'a Tree,
    findings: &'a Findings,
    found: Vec<(Mark, Mark)>,
}

impl Walk<'_> {
    /// `sensitive`: secrets are at home here.
    fn node(&mut self, node: NodeId, sensitive: bool) {
        if sensitive && self.findings.refused.contains_key(&node) {
            return self.hide(node);
        }
        match self.tree.kind(node) {
            Kind::List(items) => items.iter().for_each(|item| self.node(*item, sensitive)),
            Kind::Mapping(entries) => {
                entries.iter().for_each(|(key, value)| self.entry(node, *key, *value, sensitive));
            }
            Kind::Scalar { .. } | Kind::Broken => {}
        }
    }

    fn entry(&mut self, mapping: NodeId, key: NodeId, value: NodeId, sensitive: bool) {
        let name = self.tree.text(key).unwrap_or_default();
        let sensitive = sensitive || mapping == self.tree.root() && SECTIONS.contains(&name);
        let section = self.findings.sections.get(&mapping);
        let hides = match section {
            Some(fields) if fields.contains(&name) => self.is_misplaced(name, value, sensitive),
            Some(fields) if !is_extension(self.tree, mapping, name) => {
                if sensitive && !may_show_key(self.tree, key, value, fields) {
                    self.found.push(self.tree.extent(key));
                }
                let meant = suggest::nearest(name, fields);
                let is_secret = |name| SECTIONS.contains(&name) || speaks_of_secrets(name);
                sensitive || is_secret(name) || meant.is_some_and(is_secret)
            }
            // Names that the operator has chosen; but what is under them may be known.
            _ => {
                let is_secret = speaks_of_secrets(name) || HEADERS.contains(&name);
                is_secret && !self.findings.sections.contains_key(&value)
            }
        };
        if hides { self.hide(value) } else { self.node(value, sensitive) }
    }

    /// Whether what stands under a key that is known cannot be shown all the same.
    fn is_misplaced(&self, key: &str, value: NodeId, sensitive: bool) -> bool {
        let text = self.tree.text(value).unwrap_or_default();
        match key {
            // A whole key in place of its id, a name with its password.
            "id" if sensitive => !is_id(text),
            "name" if sensitive => text.contains(':'),
            key => {
                let expected = self.findings.refused.get(&value).map(String::as_str);
                HEADERS.contains(&key) && expected == Some("a mapping")
            }
        }
    }

    /// Hides a value with all in it. The extent of a mapping in block style would end in the line below.
    fn hide(&mut self, node: NodeId) {
        match self.tree.kind(node) {
            Kind::List(items) => items.iter().for_each(|item| self.hide(*item)),
            Kind::Mapping(entries) => {
                for (key, value) in entries {
                    if !self.tree.text(*key).is_some_and(is_word) {
                        self.found.push(self.tree.extent(*key));
                    }
                    self.hide(*value);
                }
            }
            // A switch says how, and not with which.
            _ if matches!(self.tree.scalar(node), Some(Scalar::Flag(_))) => {}
            Kind::Scalar { .. } | Kind::Broken => self.found.push(self.tree.extent(node)),
        }
    }
}

#[cfg(test)]
mod tests;
