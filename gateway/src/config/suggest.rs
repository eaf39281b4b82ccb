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
fn nearest<'a>(wrong: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = |word: &str| word.to_lowercase().replace(['-', '_', '.'], "");
    let wrong = plain(wrong);
    let distance = |word: &str| strsim::damerau_levenshtein(&wrong, &plain(word));
    let near = known.iter().map(|word| (distance(word), *word)).min()?;
    let limit = (wrong.chars().count() / 3).clamp(1, 3);
    (near.0 <= limit).then_some(near.1)
}
