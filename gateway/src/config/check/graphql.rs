//! Composed APIs: their files, the upstreams they use, and the schema itself.

use std::{path::Path, sync::Arc, time::Duration};

use glassgate_graphql::{
    http::Csrf,
    is_reserved_header,
    limits::Limits,
    schema::{Problem as SdlProblem, Schema, SchemaOptions, SdlFile, SourceOptions, Sources},
};
use http::HeaderName;

use super::{Check, Named, headers};
use crate::{
    config::{
        error::{Problem, Severity},
        file::Config,
        graphql::{GraphqlConfig, GraphqlLimits},
        inputs::{way_out, why},
        snippet::Source,
    },
    value::{ByteSize, Located, Name, Place},
};

/// A composed API that can run.
#[derive(Debug)]
pub struct GraphqlApi {
    /// Its name.
    pub name: Name,
    /// What it answers.
    pub schema: Arc<Schema>,
    /// What one operation may cost.
    pub limits: Limits,
    /// For one operation.
    pub timeout: Duration,
    /// When a GET must show that no page of another site has sent it.
    pub csrf: Csrf,
}

pub fn check(check: &mut Check<'_>, config: &Config) -> Named<GraphqlApi> {
    let mut all = Named::new();
    for (name, api) in &config.graphql {
        all.insert((**name).clone(), one(check, name, api));
    }
    all
}

fn one(check: &mut Check<'_>, name: &Located<Name>, api: &GraphqlConfig) -> Option<GraphqlApi> {
    let answer_time = Limits::default().answer_time;
    if api.timeout.get() <= answer_time {
        let place = check.place(&format!("graphql.{name}.timeout"));
        let text = format!(
            "no time for any call, as calls end {} ms before the operation does; write for example `30s`",
            answer_time.as_millis()
        );
        check.error(place, text);
    }
    bounds(check, name, &api.limits);
    let files = files(check, name, api);
    let sources = sources(check, api);
    let (files, sources) = (files?, sources?);
    let options = SchemaOptions { strict: api.strict, introspection: api.introspection };
    let schema = match Schema::load(&files, &sources, &options) {
        Ok(loaded) => {
            report(check, name, loaded.warnings, Severity::Warning);
            loaded.schema
        }
        Err(problems) => {
            report(check, name, problems, Severity::Error);
            return None;
        }
    };
    unused(check, api, &schema);
    let limits = limits(&api.limits);
    Some(GraphqlApi {
        name: (**name).clone(),
        schema,
        limits,
        timeout: api.timeout.get(),
        csrf: api.csrf.into(),
    })
}

/// Settings that nothing reads are probably those of another source.
fn unused(check: &mut Check<'_>, api: &GraphqlConfig, schema: &Schema) {
    for source in api.sources.keys().filter(|source| !schema.uses(source.as_str())) {
        let text = format!("no field of the schema has `@rest(source: \"{source}\")`; remove these settings");
        check.warning(source.place().clone(), text);
    }
}

/// The schema's own problems have places in its files; those of the whole schema stand at the key that names them.
fn report(check: &mut Check<'_>, name: &Located<Name>, found: Vec<SdlProblem>, severity: Severity) {
    let whole = check.place(&format!("graphql.{name}.schema"));
    for SdlProblem { file, line, column, message, hint } in found {
        let place = match line {
            0 => whole.clone(),
            _ => Place { file: file.into(), line, column, path: String::new() },
        };
        check.problems.push(Problem { severity, place, message, hint, snippet: None });
    }
}

/// There is no "unlimited". A zero would refuse every operation, or let none of them end.
fn bounds(check: &mut Check<'_>, name: &Located<Name>, config: &GraphqlLimits) {
    let usual = GraphqlLimits::default();
    let sizes = [
        ("request", config.request, usual.request),
        ("document", config.document, usual.document),
        ("answer", config.answer, usual.answer),
        ("answers", config.answers, usual.answers),
        ("response", config.response, usual.response),
    ];
    let counts = [
        ("tokens", config.tokens, usual.tokens),
        ("depth", config.depth, usual.depth),
        ("selections", config.selections, usual.selections),
        ("root_fields", config.root_fields, usual.root_fields),
        ("calls", config.calls, usual.calls),
        ("concurrent_calls", config.concurrent_calls, usual.concurrent_calls),
        ("rows", config.rows, usual.rows),
    ];
    let sizes = sizes.map(|(key, size, usual)| (key, size.bytes() == 0, usual.to_string()));
    let counts = counts.map(|(key, count, usual)| (key, count == 0, usual.to_string()));
    for (key, _, usual) in sizes.into_iter().chain(counts).filter(|(_, zero, _)| *zero) {
        let place = check.place(&format!("graphql.{name}.limits.{key}"));
        check.error(
            place,
            format!("0 allows nothing, and there is no way to allow everything; write for example `{usual}`"),
        );
    }
    let largest = Limits::MAX_HELD_BYTES;
    if config.answers.as_usize() > largest {
        let place = check.place(&format!("graphql.{name}.limits.answers"));
        let size = ByteSize::from_bytes(largest as u64);
        check
            .error(place, format!("more than the engine can hold for one operation; write at most `{size}`"));
    }
}

/// The engine's bounds; those that are not in the configuration keep the engine's own defaults.
fn limits(config: &GraphqlLimits) -> Limits {
    let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    Limits {
        request_bytes: config.request.as_usize(),
        variable_values: count(config.variables),
        document_bytes: config.document.as_usize(),
        tokens: count(config.tokens),
        depth: count(config.depth),
        selections: count(config.selections),
        aliases: count(config.aliases),
        root_fields: count(config.root_fields),
        directives: count(config.directives),
        calls: count(config.calls),
        concurrent_calls: count(config.concurrent_calls),
        body_bytes: config.answer.as_usize(),
        held_bytes: config.answers.as_usize(),
        rows: count(config.rows),
        response_bytes: config.response.as_usize(),
        ..Limits::default()
    }
}

/// Names and texts of the schema's files.
fn files(check: &mut Check<'_>, name: &Located<Name>, api: &GraphqlConfig) -> Option<Vec<SdlFile>> {
    if api.schema.is_empty() {
        let place = check.place(&format!("graphql.{name}.schema"));
        check.error(place, "the API has no schema; name its files as in `[schema/*.graphql]`");
        return None;
    }
    let mut texts: Vec<SdlFile> = Vec::new();
    let mut complete = true;
    for pattern in &api.schema {
        let found = check.files.matching(pattern);
        if found.is_empty() {
            let text = format!("no file matches `{}`; paths are relative to this file", **pattern);
            check.error(pattern.place().clone(), text);
            complete = false;
        }
        for path in found {
            match read(check, &path) {
                Ok(file) if texts.iter().any(|known| known.name == file.name) => {}
                Ok(file) => texts.push(file),
                Err(text) => {
                    check.error(pattern.place().clone(), text);
                    complete = false;
                }
            }
        }
    }
    complete.then_some(texts)
}

fn read(check: &mut Check<'_>, path: &Path) -> Result<SdlFile, String> {
    let name = path.to_string_lossy().into_owned();
    // Joined with the base already.
    let text = check
        .files
        .read_found(path)
        .map_err(|error| format!("cannot read `{name}`: {}{}", why(&error), way_out(&error)))?;
    check.problems.source(name.as_str().into(), Source::unread(text.as_str()));
    Ok(SdlFile { name, text })
}

/// The upstreams, each with the client's headers that calls to it carry.
fn sources(check: &mut Check<'_>, api: &GraphqlConfig) -> Option<Sources> {
    let mut complete = true;
    for name in api.sources.keys() {
        complete &= check.knows_upstream(name);
    }
    let mut sources = Sources::default();
    for upstream in check.upstreams.all().collect::<Vec<_>>() {
        let mut options = SourceOptions::default();
        for header in api.sources.get(upstream).iter().flat_map(|source| &source.headers.forward) {
            match forwarded(check, header) {
                Some(name) => options.forward.push(name),
                None => complete = false,
            }
        }
        sources.0.insert(upstream.to_owned(), options);
    }
    complete.then_some(sources)
}

/// A client's header that calls may carry. Those that are never sent are refused: a list that names one promises more
/// than it keeps.
fn forwarded(check: &mut Check<'_>, header: &Located<String>) -> Option<HeaderName> {
    let name = headers::name(check, header, headers::Of::Request)?;
    let refusal = match name.as_str() {
        "accept" | "content-type" => {
            "is the call's own and never the client's; remove it, or set another with `headers` of `@rest` in the schema"
        }
        about if about.starts_with("content-") => "describes the client's body and not the call's; remove it",
        "expect" | "proxy-authenticate" | "proxy-authorization" => {
            "is between the client and the gateway; remove it"
        }
        "baggage" | "traceparent" | "tracestate" => {
            "is trace context, which every call carries anyway; remove it"
        }
        _ if is_reserved_header(&name) => "is set by the gateway on every call; remove it",
        _ => return Some(name),
    };
    check.error(header.place().clone(), format!("`{name}` {refusal}"));
    None
}
