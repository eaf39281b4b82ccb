//! Which media type the client wants its answer in.

use http::HeaderMap;
use http::header::ACCEPT;

/// A media type GraphQL is answered in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// `application/graphql-response+json`: the status says what happened.
    GraphqlResponse,
    /// `application/json`: 200 for every well-formed request.
    Json,
}

impl Answer {
    /// The `Content-Type` of such an answer.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Answer::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
            Answer::Json => "application/json; charset=utf-8",
        }
    }
}

/// How well a media range matches: exactly, by its type, or anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Match {
    Anything,
    Type,
    Exact,
}

/// Chooses by `Accept` (RFC 9110 section 12.5.1); `None` where it admits
/// neither. A client that does not name the new type gets the old one.
pub(super) fn negotiate(headers: &HeaderMap) -> Option<Answer> {
    let ranges: Vec<(String, f32)> = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(range)
        .collect();
    if !headers.contains_key(ACCEPT) {
        return Some(Answer::Json);
    }
    let (graphql_match, graphql) = quality(&ranges, "application/graphql-response+json");
    let (_, json) = quality(&ranges, "application/json");
    let named = graphql_match == Some(Match::Exact);
    match (graphql > 0.0, json > 0.0) {
        (false, false) => None,
        (true, false) => Some(Answer::GraphqlResponse),
        (false, true) => Some(Answer::Json),
        (true, true) if named && graphql >= json => Some(Answer::GraphqlResponse),
        (true, true) => Some(Answer::Json),
    }
}

fn range(text: &str) -> Option<(String, f32)> {
    let mut parts = text.split(';').map(str::trim);
    let range = parts.next().filter(|range| !range.is_empty())?.to_ascii_lowercase();
    let quality = parts
        .filter_map(|part| part.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
        .map_or(Some(1.0), |(_, value)| value.trim().parse().ok())?;
    Some((range, quality))
}

/// The quality that the most specific matching range gives.
fn quality(ranges: &[(String, f32)], media_type: &str) -> (Option<Match>, f32) {
    let best = ranges
        .iter()
        .filter_map(|(range, quality)| {
            let found = match range.as_str() {
                "*/*" => Match::Anything,
                "application/*" => Match::Type,
                exact if exact == media_type => Match::Exact,
                _ => return None,
            };
            Some((found, *quality))
        })
        .max_by_key(|(found, _)| *found);
    best.map_or((None, 0.0), |(found, quality)| (Some(found), quality))
}
