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
        // By their number, since the path may spell them with escapes.
        let segments = self.from.trim_end_matches('/').matches('/').count();
        let rest = path.match_indices('/').nth(segments).map_or("", |(at, _)| &path[at..]);
        let rewritten = [self.to.trim_end_matches('/'), rest].concat();
        if rewritten.is_empty() { "/".into() } else { rewritten }
    }
}

#[cfg(test)]
mod tests;
