//! What `origins:` may say, and which origins it means.

use std::{collections::BTreeSet, fmt, str::FromStr};

use regex::{Regex, RegexBuilder};

use super::origin::Origin;
use crate::value::Invalid;

/// One entry of `origins`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OriginPattern {
    /// `*`
    Any,
    /// `null`, the origin of sandboxed frames, `data:` pages and some redirects: of anybody, that is.
    Null,
    /// One origin, in the form of [`Origin::text`].
    Exact(Box<str>),
    /// Every name below one.
    Below(Below),
    /// Every origin that an expression matches.
    Regex(OriginRegex),
}

/// `https://*.example.com`: every name below `example.com`, by one label or several, and not itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Below {
    scheme: Box<str>,
    /// With the dot at its beginning.
    suffix: Box<str>,
    port: Option<u16>,
}

/// Names below which nobody can register any: RFC 6761, RFC 6762, and what ICANN keeps for private use.
const PRIVATE: [&str; 4] = ["internal", "local", "localhost", "test"];

impl Below {
    /// Whether anybody may own a name below it: it is a whole top-level domain.
    pub fn is_for_everybody(&self) -> bool {
        let parent = self.suffix.trim_start_matches('.');
        !parent.contains('.') && !PRIVATE.contains(&parent)
    }

    fn has(&self, origin: &Origin<'_>) -> bool {
        let labels = origin.host.strip_suffix(&*self.suffix);
        *self.scheme == *origin.scheme
            && self.port == origin.port
            && labels.is_some_and(|labels| !labels.is_empty())
    }
}

/// Bytes that a compiled expression may take: it is asked about what strangers send.
const MAX_SIZE: usize = 64 << 10;

/// Top-level domains, of which RFC 6761 keeps the first from ever being one. Anybody may own a name in the others.
const STRANGERS: [&str; 14] =
    ["invalid", "com", "net", "org", "io", "dev", "app", "co", "ai", "cloud", "de", "co.uk", "info", "xyz"];

/// Names that nobody names in a configuration.
const LABELS: [&str; 2] = ["stranger-7f3a9c", "www.stranger-7f3a9c"];

/// Addresses of documentation (RFC 5737, RFC 3849).
const ADDRESSES: [&str; 2] = ["203.0.113.7", "[2001:db8::7]"];

/// An expression that matches a whole origin.
#[derive(Debug, Clone)]
pub struct OriginRegex {
    written: Box<str>,
    whole: Regex,
}

impl OriginRegex {
    /// Of what was written; it is anchored at both ends here.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let compile = |text: &str| RegexBuilder::new(text).size_limit(MAX_SIZE).build();
        // First by itself: `a)|(?:b` is none, though it would be one between the anchors, and step out of them.
        let whole = compile(text).and_then(|_| compile(&format!("^(?:{text})$"))).map_err(|error| {
            let why = match error {
                regex::Error::CompiledTooBig(_) => "it is too large; simplify it".to_owned(),
                other => other.to_string().lines().last().unwrap_or_default().replace("error: ", ""),
            };
            Invalid(format!("`{text}` is not a regular expression: {}", why.trim()))
        })?;
        Ok(Self { written: text.into(), whole })
    }

    /// As it stands in the file.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// An origin that it matches and nobody can have meant: that of a stranger. Finds expressions that leave the host
    /// open, or all of it but its last label; not every expression that lets in too much.
    pub fn stranger(&self) -> Option<String> {
        let hosts =
            STRANGERS.iter().flat_map(|domain| LABELS.iter().map(move |labels| format!("{labels}.{domain}")));
        let hosts = hosts.chain(ADDRESSES.map(ToOwned::to_owned));
        let origins = hosts.flat_map(|host| {
            ["https", "http"].into_iter().flat_map(move |scheme| {
                let host = host.clone();
                ["", ":8443"].into_iter().map(move |port| format!("{scheme}://{host}{port}"))
            })
        });
        origins.into_iter().find(|origin| self.whole.is_match(origin))
    }

    /// Whether a dot between the labels of a name is written as it is, so that it matches any character.
    pub fn has_bare_dot(&self) -> bool {
        let letters: Vec<char> = self.written.chars().collect();
        let mut within = false;
        let mut at = 0;
        while at < letters.len() {
            match letters[at] {
                '\\' => at += 1,
                '[' => within = true,
                ']' => within = false,
                '.' if !within && letters.get(at + 1).is_some_and(char::is_ascii_alphabetic) => return true,
                _ => {}
            }
            at += 1;
        }
        false
    }
}

impl PartialEq for OriginRegex {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Eq for OriginRegex {}

impl FromStr for OriginPattern {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        match text {
            "*" => return Ok(Self::Any),
            "null" => return Ok(Self::Null),
            _ => {}
        }
        let lower = text.to_ascii_lowercase();
        let below = lower.split_once("://*.");
        let without = below.map(|(scheme, parent)| format!("{scheme}://{parent}"));
        match (Origin::parse(without.as_ref().unwrap_or(&lower).as_bytes()), below) {
            (Some(origin), None) => Ok(Self::Exact(origin.text.into())),
            (Some(origin), Some(_)) if is_domain(origin.host) => Ok(Self::Below(Below {
                scheme: origin.scheme.into(),
                suffix: format!(".{}", origin.host).into(),
                port: origin.port,
            })),
            _ => Err(Invalid(format!("`{text}` is not an origin; {}", way_out(&lower)))),
        }
    }
}

/// Names below an address there are none.
fn is_domain(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    last.starts_with(|first: char| first.is_ascii_alphabetic())
}

/// What to write in place of something that is no origin.
fn way_out(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        let with_scheme = format!("https://{text}");
        return match with_scheme.parse::<OriginPattern>() {
            Ok(_) if !text.is_empty() => format!("write `{with_scheme}`"),
            _ => "write scheme and host, as in `https://app.example.com`".into(),
        };
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let shorter = format!("{scheme}://{authority}");
    if !text.is_ascii() {
        "write the name in its ASCII form, which begins with `xn--`".into()
    } else if rest != authority && shorter.parse::<OriginPattern>().is_ok() {
        format!("it has no path; write `{shorter}`")
    } else if rest.contains('*') {
        "`*` stands for whole labels at the beginning, as in `https://*.example.com`; for anything else write `regex`"
            .into()
    } else {
        "write scheme, host and perhaps a port, as in `https://app.example.com` or `http://localhost:3000`"
            .into()
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Null => f.write_str("null"),
            Self::Exact(text) => f.write_str(text),
            Self::Below(Below { scheme, suffix, port }) => {
                write!(f, "{scheme}://*{suffix}")?;
                port.map_or(Ok(()), |port| write!(f, ":{port}"))
            }
            Self::Regex(regex) => f.write_str(&regex.written),
        }
    }
}

/// The entries of `origins`, to be asked.
#[derive(Debug)]
pub struct Origins {
    pub any: bool,
    null: bool,
    exact: BTreeSet<Box<str>>,
    below: Vec<Below>,
    regexes: Vec<Regex>,
}

impl<'a> FromIterator<&'a OriginPattern> for Origins {
    fn from_iter<T: IntoIterator<Item = &'a OriginPattern>>(entries: T) -> Self {
        let mut origins =
            Self { any: false, null: false, exact: BTreeSet::new(), below: Vec::new(), regexes: Vec::new() };
        for entry in entries {
            match entry {
                OriginPattern::Any => origins.any = true,
                OriginPattern::Null => origins.null = true,
                OriginPattern::Exact(text) => drop(origins.exact.insert(text.clone())),
                OriginPattern::Below(below) => origins.below.push(below.clone()),
                OriginPattern::Regex(regex) => origins.regexes.push(regex.whole.clone()),
            }
        }
        origins
    }
}

impl Origins {
    /// Whether they have what a request has as its `Origin`.
    pub fn have(&self, value: &[u8]) -> bool {
        if self.any || value == b"null" {
            return self.any || self.null;
        }
        // Nearly always it is written as it is in the list, and needs no look at its parts.
        let written = str::from_utf8(value).is_ok_and(|text| self.exact.contains(text));
        written || self.have_parsed(value)
    }

    fn have_parsed(&self, value: &[u8]) -> bool {
        Origin::parse(value).is_some_and(|origin| {
            self.exact.contains(origin.text)
                || self.below.iter().any(|below| below.has(&origin))
                || self.regexes.iter().any(|regex| regex.is_match(origin.text))
        })
    }
}
