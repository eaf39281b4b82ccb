//! "Did you mean": what to write instead of an unknown word.

/// A hint for `wrong`: the nearest of `known`, or all of them if none is near and they are few.
pub fn among<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    match nearest(wrong, &known) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "there are none".into(),
        None if known.len() == 1 => format!("there is only {}", list(known.into_iter())),
        None if known.len() > 16 => "see docs/configuration.md".into(),
        None => format!("known are {}", list(known.into_iter())),
    }
}

/// `a`, `b` and `c`.
pub fn list<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.map(|word| format!("`{word}`")).collect();
    match words.as_slice() {
        [] => "nothing".into(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

/// Close enough to be a slip of the keyboard, a hyphen for an underscore, or a plural.
pub fn nearest<'a>(wrong: &str, known: &[&'a str]) -> Option<&'a str> {
    let wrong = plain(wrong);
    let length = wrong.chars().count();
    let limit = (length / 3).clamp(1, 3);
    let distance = |word: &str| {
        let word = plain(word);
        // Each letter more or less is a slip of its own.
        let near = word.chars().count().abs_diff(length) <= limit;
        near.then(|| strsim::damerau_levenshtein(&wrong, &word)).filter(|distance| *distance <= limit)
    };
    known.iter().filter_map(|word| Some((distance(word)?, *word))).min().map(|(_, word)| word)
}

/// The letters that count.
fn plain(word: &str) -> String {
    word.chars().filter(|letter| !matches!(letter, '-' | '_' | '.')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests;
