//! What the lists say twice, or to no effect: probably not what was meant.
//!
//! Lists may have thousands of entries that came from elsewhere, so each kind of remark is made once, at the first entry
//! it is about, with the number of the others.

use std::cmp::Reverse;

use super::{config::IpFilterConfig, ranges::Ranges};
use crate::value::{Cidr, Located, Place};

/// What there is to say about a filter.
#[derive(Debug, Default)]
pub struct Review {
    /// Why it cannot be meant.
    pub error: Option<Remark>,
    /// What is suspicious.
    pub warnings: Vec<Remark>,
}

/// `text`: `what is wrong; what to do`.
#[derive(Debug)]
pub struct Remark {
    /// The first entry it is about.
    pub place: Place,
    /// What there is to say.
    pub text: String,
}

impl Review {
    /// Reviews what was written.
    pub fn of(config: &IpFilterConfig) -> Self {
        let IpFilterConfig { allow, deny } = config;
        let mut review = Self::default();
        review.warnings.extend(repeated(allow));
        review.warnings.extend(repeated(deny));
        let allowed: Ranges = allow.iter().map(|range| **range).collect();
        let denied: Ranges = deny.iter().map(|range| **range).collect();
        match (allow.first(), deny.first()) {
            (None, Some(first)) if denied.is_everything() => review.warnings.push(Remark {
                place: first.place().clone(),
                text:
                    "`deny` holds every address, so nobody is let in; say whom to let in with `allow` instead"
                        .into(),
            }),
            (Some(first), Some(_)) if allow.iter().all(|range| denied.covers(**range)) => {
                review.error = Some(Remark {
                    place: first.place().clone(),
                    text: "`deny` holds all of `allow`, so nobody is let in; `deny` wins, so take from it who may come in"
                        .into(),
                });
            }
            (Some(_), Some(_)) => {
                let lost = allow.iter().filter(|range| denied.covers(***range));
                review.warnings.extend(without_effect(lost, "`deny` holds it and wins"));
                let needless = deny.iter().filter(|range| !allowed.meets(***range));
                review.warnings.extend(without_effect(needless, "`allow` holds none of it anyway"));
            }
            _ => {}
        }
        review
    }
}

fn without_effect<'a>(entries: impl Iterator<Item = &'a Located<Cidr>>, why: &str) -> Option<Remark> {
    let entries: Vec<_> = entries.collect();
    let first = entries.first()?;
    let (others, them) = others(entries.len());
    let text = format!("`{first}` has no effect, because {why}{others}; remove {them}");
    Some(Remark { place: first.place().clone(), text })
}

/// Entries that are part of another one. Of two equal ones it is the later.
fn repeated(list: &[Located<Cidr>]) -> Option<Remark> {
    let mut sorted: Vec<_> = list.iter().enumerate().collect();
    // Ranges in this notation are disjoint or one in the other: whatever holds an entry stands right before it.
    sorted.sort_by_key(|(index, range)| (range.bounds().0, Reverse(range.bounds().1), *index));
    let mut outer: Option<&Located<Cidr>> = None;
    let mut parts = Vec::new();
    for (index, range) in sorted {
        match outer {
            Some(outer) if range.bounds().1 <= outer.bounds().1 => parts.push((index, range, outer)),
            _ => outer = Some(range),
        }
    }
    let (_, first, outer) = parts.iter().min_by_key(|(index, ..)| *index)?;
    let line = outer.place().line;
    let (others, them) = others(parts.len());
    let text = match first == outer {
        true => format!("`{first}` is listed in line {line} too{others}; remove {them}"),
        false => format!("`{first}` is part of `{outer}` in line {line}{others}; remove {them}"),
    };
    Some(Remark { place: first.place().clone(), text })
}

/// The same of other entries, and what to call all of them.
fn others(count: usize) -> (String, &'static str) {
    match count {
        0 | 1 => (String::new(), "it"),
        2 => (", and so with 1 more entry".into(), "both"),
        _ => (format!(", and so with {} more entries", count - 1), "them"),
    }
}
