//! A change of the path on its way to a service.

/// Leading segments and what takes their place. Both begin with `/`, and neither ends with one unless it is `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrite {
    /// Leading segments, which every path of the route has.
    pub from: String,
    /// What replaces them; `/` where they are only taken away.
    pub to: String,
}

impl Rewrite {
    /// The path that is forwarded. `path` must be one of the route's, which all begin with `from`.
    pub fn apply(&self, path: &str) -> String {
        let (from, to) = (without_slash(&self.from), without_slash(&self.to));
        let rest = match path.strip_prefix(from) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => rest,
            _ => after_segments(path, from),
        };
        let rewritten = [to, rest].concat();
        if rewritten.is_empty() { "/".into() } else { rewritten }
    }
}

/// `/` is no segment.
fn without_slash(segments: &str) -> &str {
    segments.strip_suffix('/').unwrap_or(segments)
}

/// What follows as many segments as `from` has: the path may spell them with escapes.
fn after_segments<'p>(path: &'p str, from: &str) -> &'p str {
    let segments = from.matches('/').count();
    path.match_indices('/').nth(segments).map_or("", |(at, _)| &path[at..])
}

#[cfg(test)]
mod tests;
