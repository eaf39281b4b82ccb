//! `@rest`: a call to a service.

use std::collections::HashSet;
use std::sync::Arc;

use apollo_compiler::Node;
use apollo_compiler::ast::{Directive, OperationType, Value};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderName, Method};

use super::super::model::Rest;
use super::super::problem::{Problems, did_you_mean, listed};
use super::arguments::{self, Arguments};
use super::batch::{self, BatchSpec};
use super::compile::{Context, Site};
use super::names::{Names, RESERVED};
use crate::json_path::JsonPath;
use crate::template::{BodyTemplate, Casing, HeaderTemplate, Reference, Syntax, UriTemplate};

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

pub(super) fn compile(
    cx: &Context<'_>,
    site: &Site<'_>,
    directive: &Node<Directive>,
    problems: &mut Problems,
) -> Option<Rest> {
    let args = Arguments::of_directive(directive, &site.coordinate, arguments::REST, problems);
    let source = source(cx, &args, problems);
    let method = method(site, &args, problems);
    let batch = batch::read(&args, problems);
    let names = Names {
        sdl: cx.sdl,
        site,
        batch: args.get("batch").is_some(),
        param: batch.as_ref().and_then(BatchSpec::param),
    };
    check_reserved(site, problems);
    let templates = Templates::read(cx, &names, method.as_ref(), &args, problems);
    let batch = match batch {
        Some(batch) => batch.finish(&names, method.as_ref(), &templates, &args, problems),
        None => None,
    };
    let (source, method) = (source?, method?);
    check_use(site, &templates, batch.as_ref().and_then(|batch| batch.take.as_deref()), problems);
    let select = args.get("select").and_then(|_| json_path(&args, "select", problems));
    let expose = expose(&args, problems);
    Some(Rest {
        coordinate: site.coordinate.clone(),
        forward: forward(cx, source, &templates.headers),
        source: source.into(),
        method,
        uri: templates.uri?,
        headers: templates.headers,
        body: templates.body,
        select,
        batch,
        expose,
    })
}

fn source<'a>(cx: &Context<'_>, args: &Arguments<'a>, problems: &mut Problems) -> Option<&'a str> {
    let source = args.required_string("source", problems)?;
    if !cx.sources.0.contains_key(source) {
        let known = cx.sources.0.keys().map(String::as_str);
        let hint = did_you_mean(source, known.clone())
            .unwrap_or_else(|| format!("the upstreams are {}", listed(known)));
        problems.error(
            args.span_of("source"),
            format!("{} `source`: no upstream named `{source}`", args.what()),
            hint,
        );
    }
    Some(source)
}

/// What the source asks for of the caller's headers, each name once, but for
/// those that the call sets itself: what a body is and what is read of the
/// answer is never the caller's to say, and a header of the schema is its own
/// even where its template yields no value.
fn forward(cx: &Context<'_>, source: &str, set: &[HeaderTemplate]) -> Vec<HeaderName> {
    let asked = cx.sources.0.get(source).map_or(&[][..], |source| &source.forward);
    let mut forward: Vec<HeaderName> = Vec::with_capacity(asked.len());
    for name in asked {
        let is_set = [ACCEPT, CONTENT_TYPE].contains(name) || set.iter().any(|set| set.name() == name);
        if !is_set && !forward.contains(name) {
            forward.push(name.clone());
        }
    }
    forward
}

fn method(site: &Site<'_>, args: &Arguments<'_>, problems: &mut Problems) -> Option<Method> {
    let given: Vec<&str> = METHODS.into_iter().filter(|name| args.get(name).is_some()).collect();
    let method = match given[..] {
        [method] => method,
        [] => {
            let message = format!("{} has no method", args.what());
            problems.error(args.span(), message, "write GET: \"/path\"");
            return None;
        }
        [_, second, ..] => {
            args.wrong(second, "a second method", "a call has one method", problems);
            return None;
        }
    };
    if matches!(method, "PUT" | "PATCH" | "DELETE") && site.root != Some(OperationType::Mutation) {
        args.wrong(
            method,
            "a read must not change anything",
            "only fields of the mutation type may use PUT, PATCH and DELETE",
            problems,
        );
    }
    method.parse().ok()
}

fn check_reserved(site: &Site<'_>, problems: &mut Problems) {
    for argument in &site.field.arguments {
        if RESERVED.contains(&argument.name.as_str()) {
            problems.error(
                argument.name.location(),
                format!(
                    "{}: the argument name `{}` is reserved in templates",
                    site.coordinate, argument.name
                ),
                "rename the argument",
            );
        }
    }
}

/// An argument that no template sends changes nothing, which its caller cannot see.
fn check_use(site: &Site<'_>, templates: &Templates, take: Option<&str>, problems: &mut Problems) {
    let used: HashSet<&str> = templates.arguments().chain(take).collect();
    for argument in &site.field.arguments {
        if templates.complete && !used.contains(argument.name.as_str()) {
            problems.warning(
                argument.name.location(),
                format!("{}: nothing uses the argument `{}`", site.coordinate, argument.name),
                "use it in a template, or remove it",
            );
        }
    }
}

fn expose(args: &Arguments<'_>, problems: &mut Problems) -> Vec<u16> {
    let Some(value) = args.get("expose") else {
        return Vec::new();
    };
    let items = match &**value {
        Value::List(items) => &items[..],
        _ => std::slice::from_ref(value),
    };
    let mut statuses = Vec::new();
    for item in items {
        let status = match &**item {
            Value::Int(number) => number.as_str().parse().ok(),
            _ => None,
        };
        match status.filter(|status| (400..600).contains(status)) {
            Some(status) => statuses.push(status),
            None => args.wrong("expose", &format!("{item} is no error status"), "write [409, 422]", problems),
        }
    }
    statuses
}

/// A JSONPath argument.
pub(super) fn json_path(args: &Arguments<'_>, name: &str, problems: &mut Problems) -> Option<JsonPath> {
    let text = args.string(name, problems)?;
    JsonPath::parse(text)
        .map_err(|error| {
            let hint = (!text.starts_with('$')).then(|| format!("did you mean `$.{text}`?"));
            problems.error_at(
                args.span_of(name),
                1 + error.offset,
                format!("{} `{name}`: not a JSONPath (RFC 9535)", args.what()),
                hint,
            );
        })
        .ok()
}

/// The templates of a call.
pub(super) struct Templates {
    pub uri: Option<UriTemplate>,
    pub headers: Vec<HeaderTemplate>,
    pub body: Option<BodyTemplate>,
    /// Whether all of them could be read.
    complete: bool,
}

impl Templates {
    fn read(
        cx: &Context<'_>,
        names: &Names<'_>,
        method: Option<&Method>,
        args: &Arguments<'_>,
        problems: &mut Problems,
    ) -> Self {
        let before = problems.len();
        let uri = method.and_then(|method| {
            let text = args.string(method.as_str(), problems)?;
            let span = args.span_of(method.as_str());
            with_syntax(names, args, problems, |syntax| UriTemplate::parse(text, syntax), span)
        });
        let headers = args
            .strings("headers", problems)
            .into_iter()
            .filter_map(|(text, node)| {
                let parse = |syntax: &mut Syntax<'_>| HeaderTemplate::parse(text, syntax);
                with_syntax(names, args, problems, parse, node.location())
            })
            .collect();
        let body = body(cx, names, method, args, problems);
        let templates = Templates { uri, headers, body, complete: problems.len() == before };
        templates.check_scalars(names, method, args, problems);
        templates
    }

    pub fn in_uri_and_headers(&self) -> impl Iterator<Item = &Reference> {
        let uri = self.uri.iter().flat_map(UriTemplate::references);
        uri.chain(self.headers.iter().flat_map(HeaderTemplate::references))
    }

    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        self.in_uri_and_headers().chain(self.body.iter().flat_map(BodyTemplate::references))
    }

    /// The arguments that are sent, by name.
    pub fn arguments(&self) -> impl Iterator<Item = &str> {
        self.references().filter_map(|reference| match reference {
            Reference::Argument(path) => path.first().map(|name| &**name),
            _ => None,
        })
    }

    /// Objects cannot be written into a URI or a header, lists not into a header.
    fn check_scalars(
        &self,
        names: &Names<'_>,
        method: Option<&Method>,
        args: &Arguments<'_>,
        problems: &mut Problems,
    ) {
        let object = |path: &[Arc<str>]| {
            let ty = names.type_of(path)?;
            names.sdl.get_input_object(ty.inner_named_type()).map(|_| ty)
        };
        let uri = self.uri.iter().flat_map(UriTemplate::references);
        let headers = self.headers.iter().flat_map(HeaderTemplate::references);
        let verb = method.map_or("GET", Method::as_str);
        for (at, reference) in uri.map(|r| (verb, r)).chain(headers.map(|r| ("headers", r))) {
            if let Reference::Argument(path) = reference
                && let Some(ty) = object(path)
            {
                let message = format!("`{reference}` is `{ty}`, and only a scalar can be written here");
                args.wrong(
                    at,
                    &message,
                    format!("name one of its fields: `{{{reference}.field}}`"),
                    problems,
                );
            }
        }
        for reference in self.headers.iter().flat_map(HeaderTemplate::references) {
            let list = match reference {
                Reference::Argument(path) => names.type_of(path).is_some_and(|ty| ty.is_list()),
                Reference::Keys => true,
                _ => false,
            };
            if list {
                let message = format!("`{reference}` is a list, and a header takes one value");
                args.wrong("headers", &message, None, problems);
            }
        }
    }
}

fn body(
    cx: &Context<'_>,
    names: &Names<'_>,
    method: Option<&Method>,
    args: &Arguments<'_>,
    problems: &mut Problems,
) -> Option<BodyTemplate> {
    let snake = match args.get("case").map(|value| (&**value, value)) {
        None => false,
        Some((Value::Enum(case), _)) if case == "snake" => true,
        Some((_, value)) => {
            args.wrong("case", &format!("{value} is no case"), "write case: snake", problems);
            false
        }
    };
    let Some(value) = args.get("body") else {
        if args.get("case").is_some() {
            args.wrong("case", "there is no body", "`case` is about member names of the body", problems);
        }
        return None;
    };
    if method == Some(&Method::GET) {
        args.wrong("body", "a GET has no body", "use POST, or send it in the query", problems);
        return None;
    }
    let casing = |reference: &Reference| match reference {
        Reference::Argument(path) if snake => match names.type_of(path).and_then(|ty| cx.input_index(ty)) {
            Some(input) => Casing::Snake { names: cx.inputs.clone(), input },
            None => Casing::Keep,
        },
        _ => Casing::Keep,
    };
    let mut resolve = |name: &str| names.resolve(name);
    let mut syntax = Syntax::new(&mut resolve);
    let what = args.what().to_owned();
    let mut at = |node: &Node<Value>, syntax: &mut Syntax<'_>| {
        for error in syntax.errors.drain(..) {
            let message = format!("{what} `body`: {}", error.message);
            let quote = usize::from(node.as_str().is_some());
            problems.error_at(node.location(), quote + error.offset, message, error.hint);
        }
    };
    let template = BodyTemplate::compile(value, &mut syntax, &casing, &mut at);
    if snake {
        check_snake(names, template.as_ref(), args, problems);
    }
    template
}

/// With `case: snake`, two fields of an input must not become one member.
fn check_snake(
    names: &Names<'_>,
    body: Option<&BodyTemplate>,
    args: &Arguments<'_>,
    problems: &mut Problems,
) {
    let mut queue: Vec<&str> = body
        .iter()
        .flat_map(|body| body.references())
        .filter_map(|reference| match reference {
            Reference::Argument(path) => names.type_of(path).map(|ty| ty.inner_named_type().as_str()),
            _ => None,
        })
        .collect();
    let mut seen = HashSet::new();
    while let Some(name) = queue.pop() {
        let Some(input) = names.sdl.get_input_object(name).filter(|_| seen.insert(name)) else {
            continue;
        };
        let mut members = HashSet::new();
        for field in input.fields.values() {
            let snake = super::super::naming::snake_case(&field.name);
            if members.contains(&snake) {
                let message = format!("two fields of `{name}` would become `{snake}`");
                args.wrong("case", &message, "rename one of them", problems);
            }
            members.insert(snake);
            queue.push(field.ty.inner_named_type());
        }
    }
}

/// Runs a template parser and reports what it finds inside the text at `span`.
fn with_syntax<T>(
    names: &Names<'_>,
    args: &Arguments<'_>,
    problems: &mut Problems,
    parse: impl FnOnce(&mut Syntax<'_>) -> Option<T>,
    span: Option<apollo_compiler::parser::SourceSpan>,
) -> Option<T> {
    let mut resolve = |name: &str| names.resolve(name);
    let mut syntax = Syntax::new(&mut resolve);
    let template = parse(&mut syntax);
    for error in syntax.errors {
        let message = format!("{}: {}", args.what(), error.message);
        problems.error_at(span, 1 + error.offset, message, error.hint);
    }
    template
}
