//! A route's `match:` section, parsed.

use http::{HeaderName, Method};
use regex::Regex;

use super::Check;
use crate::{
    route::{
        config::{MatchConfig, RouteConfig, ValueMatch},
        matcher::{
            HeaderCondition, HostPattern, Matcher, MethodSet, PathPattern, QueryCondition, ValueCondition,
        },
    },
    value::Located,
};

/// One matcher per host; `None` if anything was refused.
pub fn matchers(check: &mut Check<'_>, route: &RouteConfig) -> Option<Vec<Matcher>> {
    let matching = &route.matching;
    let hosts = hosts(check, matching);
    let path = PathPattern::parse(&matching.path);
    if let Err(error) = &path {
        check.error(matching.path.place().clone(), format!("`{}`: {error}", *matching.path));
    }
    let methods = methods(check, matching);
    let headers: Vec<_> = matching.headers.iter().map(|header| header_condition(check, header)).collect();
    let query: Vec<_> = matching.query.iter().map(|parameter| query_condition(check, parameter)).collect();
    let (path, methods) = (path.ok()?, methods?);
    let headers = headers.into_iter().collect::<Option<Vec<_>>>()?;
    let query = query.into_iter().collect::<Option<Vec<_>>>()?;
    let matcher = |host| Matcher {
        host,
        path: path.clone(),
        methods: methods.clone(),
        headers: headers.clone(),
        query: query.clone(),
    };
    Some(hosts?.into_iter().map(matcher).collect())
}

fn hosts(check: &mut Check<'_>, matching: &MatchConfig) -> Option<Vec<HostPattern>> {
    if let (Some(host), [_, ..]) = (&matching.host, matching.hosts.as_slice()) {
        check.error(host.place().clone(), "both `host` and `hosts` are given; put all into `hosts`");
        return None;
    }
    let mut patterns = Vec::new();
    let mut complete = true;
    for host in matching.host.iter().chain(&matching.hosts) {
        match HostPattern::parse(host) {
            Ok(pattern) if patterns.contains(&pattern) => {
                check
                    .error(host.place().clone(), format!("the host `{}` is there twice; remove one", **host));
                complete = false;
            }
            Ok(pattern) => patterns.push(pattern),
            Err(text) => {
                check.error(host.place().clone(), text);
                complete = false;
            }
        }
    }
    if patterns.is_empty() {
        patterns.push(HostPattern::Any);
    }
    complete.then_some(patterns)
}

fn methods(check: &mut Check<'_>, matching: &MatchConfig) -> Option<MethodSet> {
    let path = &matching.path.place().path;
    let key = format!("{}methods", path.strip_suffix("path").unwrap_or(path));
    if matching.methods.is_empty() && check.is_written(&key) {
        let place = check.place(&key);
        check.error(place, "the list is empty, and no method is not any; name some, or remove `methods`");
        return None;
    }
    let mut methods = Vec::new();
    for text in &matching.methods {
        let lower_case = text.bytes().any(|b| b.is_ascii_lowercase());
        let method = Method::from_bytes(text.as_bytes()).ok().filter(|_| !lower_case);
        if method.is_none() {
            let message = format!("`{}` is not a method; methods are upper case, as in `GET`", **text);
            check.error(text.place().clone(), message);
        }
        methods.push(method);
    }
    let methods = methods.into_iter().collect::<Option<Vec<_>>>()?;
    Some(if methods.is_empty() { MethodSet::any() } else { MethodSet::of(methods) })
}

fn header_condition(check: &mut Check<'_>, header: &ValueMatch) -> Option<HeaderCondition> {
    let value = condition(check, header);
    let Ok(name) = HeaderName::try_from(header.name.as_str()) else {
        let text = format!("`{}` is not a header name; write for example `x-tenant`", *header.name);
        check.error(header.name.place().clone(), text);
        return None;
    };
    if name == http::header::HOST {
        // Over HTTP/2 there is no such field, so the condition would hold for some clients only.
        check
            .error(header.name.place().clone(), "the host is no header to match; write `host` beside `path`");
        return None;
    }
    Some(HeaderCondition { name, value: value? })
}

fn query_condition(check: &mut Check<'_>, parameter: &ValueMatch) -> Option<QueryCondition> {
    let value = condition(check, parameter)?;
    if parameter.name.is_empty() {
        check.error(
            parameter.name.place().clone(),
            "the name of the query parameter is empty; write for example `version`",
        );
        return None;
    }
    Some(QueryCondition { name: (*parameter.name).clone(), value })
}

fn condition(check: &mut Check<'_>, of: &ValueMatch) -> Option<ValueCondition> {
    match (&of.value, &of.regex) {
        (None, None) => Some(ValueCondition::Present),
        (Some(value), None) => Some(ValueCondition::Exact(value.clone())),
        (None, Some(regex)) => whole(check, regex).map(ValueCondition::Regex),
        (Some(_), Some(regex)) => {
            check.error(regex.place().clone(), "both `value` and `regex` are given; keep one of them");
            None
        }
    }
}

/// The expression must match the whole value.
fn whole(check: &mut Check<'_>, text: &Located<String>) -> Option<Regex> {
    let regex = Regex::new(&format!("^(?:{})$", **text));
    if let Err(error) = &regex {
        let why = match error {
            regex::Error::CompiledTooBig(_) => "it is too large; simplify it".to_owned(),
            other => {
                other.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
            }
        };
        check.error(text.place().clone(), format!("`{}` is not a regular expression: {why}", **text));
    }
    regex.ok()
}
