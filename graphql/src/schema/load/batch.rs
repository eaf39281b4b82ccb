//! `batch: {...}`: one call for all parents of a level.

use std::sync::Arc;

use apollo_compiler::ast::OperationType;
use http::Method;

use super::super::model::{Batch, BatchKey};
use super::super::problem::{Problems, did_you_mean};
use super::arguments::{self, Arguments};
use super::names::{Names, RESERVED};
use super::rest::Templates;
use crate::template::Reference;

/// Keys in one call, where the SDL does not say.
const DEFAULT_MAX: usize = 100;

/// Arguments that limit rows: applied to a whole batch instead of to each
/// parent they would silently lose rows.
const PAGING: [&str; 7] = ["first", "last", "limit", "offset", "after", "before", "page"];

/// A batch as it is written, before its names are known to be used.
pub(super) struct BatchSpec<'a> {
    args: Arguments<'a>,
    keys: Vec<&'a str>,
    matches: Vec<&'a str>,
    params: Vec<&'a str>,
}

pub(super) fn read<'a>(rest: &Arguments<'a>, problems: &mut Problems) -> Option<BatchSpec<'a>> {
    let value = rest.get("batch")?;
    let what = format!("{} `batch`", rest.what());
    let args = Arguments::of_object(value, what, arguments::BATCH, problems)?;
    for required in ["key", "match"] {
        if args.get(required).is_none() {
            problems.error(
                args.span(),
                format!("{} needs `{required}`", args.what()),
                match required {
                    "key" => "name the parent's member that identifies it: key: \"id\"",
                    _ => "name the member of each row that holds the key: match: \"user_id\"",
                },
            );
        }
    }
    let mut texts = |name| args.strings(name, problems).into_iter().map(|(text, _)| text).collect::<Vec<_>>();
    let (keys, matches, params) = (texts("key"), texts("match"), texts("param"));
    Some(BatchSpec { args, keys, matches, params })
}

impl<'a> BatchSpec<'a> {
    /// The name by which URI templates and bodies call the keys; composite keys have none.
    pub fn param(&self) -> Option<&'a str> {
        match self.params[..] {
            [param] if self.keys.len() < 2 => Some(param),
            _ => None,
        }
    }

    pub fn finish(
        self,
        names: &Names<'_>,
        method: Option<&Method>,
        templates: &Templates,
        rest: &Arguments<'_>,
        problems: &mut Problems,
    ) -> Option<Batch> {
        self.check_place(names, method, rest, problems);
        let keys = self.keys(names, problems);
        self.check_sent(names, templates, rest, problems);
        let each = self.each(names, templates, problems);
        let take = self.take(names, templates, problems);
        self.check_paging(names, &each, take.as_deref(), problems);
        self.check_type(names, take.is_some(), problems);
        Some(Batch {
            keys: keys?,
            take,
            max: self.args.count("max", problems).unwrap_or(DEFAULT_MAX),
            rows: self.args.count("rows", problems),
        })
    }

    fn check_place(
        &self,
        names: &Names<'_>,
        method: Option<&Method>,
        rest: &Arguments<'_>,
        problems: &mut Problems,
    ) {
        if names.site.root.is_some() {
            let what = if names.site.root == Some(OperationType::Mutation) { "mutation" } else { "query" };
            rest.wrong(
                "batch",
                &format!("a field of the {what} type has one parent only"),
                "remove the batch",
                problems,
            );
        }
        if method.is_some_and(|method| !matches!(*method, Method::GET | Method::POST)) {
            rest.wrong("batch", "a batch is a read", "use GET or POST", problems);
        }
    }

    fn keys(&self, names: &Names<'_>, problems: &mut Problems) -> Option<Vec<BatchKey>> {
        let (keys, matches) = (&self.keys, &self.matches);
        if keys.len() != matches.len() && !keys.is_empty() && !matches.is_empty() {
            let message = format!("{} parts, but `key` has {}", matches.len(), keys.len());
            self.args.wrong("match", &message, "name one member of the rows for each part", problems);
            return None;
        }
        if keys.is_empty() || matches.is_empty() {
            return None;
        }
        if !self.params.is_empty() && self.params.len() != keys.len() {
            let message = format!("{} names, but `key` has {} parts", self.params.len(), keys.len());
            self.args.wrong("param", &message, "name each part once", problems);
            return None;
        }
        for param in &self.params {
            self.check_param(param, names, problems);
        }
        let mut parts: Vec<BatchKey> = Vec::new();
        for (at, (key, row)) in keys.iter().zip(matches).enumerate() {
            let parent = self.member_path("key", key, problems);
            let row = self.member_path("match", row, problems)?;
            let name: Arc<str> = match self.params.get(at) {
                Some(param) => (*param).into(),
                None => row.last()?.clone(),
            };
            if parts.iter().any(|part| part.name == name) {
                self.args.wrong(
                    "param",
                    &format!("two parts are called `{name}`"),
                    "name the parts: param: [\"a\", \"b\"]",
                    problems,
                );
            }
            parts.push(BatchKey { parent: parent?, row, name });
        }
        Some(parts)
    }

    fn check_param(&self, param: &str, names: &Names<'_>, problems: &mut Problems) {
        if names.site.field.argument_by_name(param).is_some() && self.keys.len() < 2 {
            self.args.wrong(
                "param",
                &format!("`{param}` is an argument, too"),
                "rename one of them",
                problems,
            );
        }
        if RESERVED.contains(&param) || param.contains('.') {
            self.args.wrong("param", &format!("`{param}` is reserved"), "rename it", problems);
        }
    }

    /// A dotted path of member names.
    fn member_path(&self, argument: &str, path: &str, problems: &mut Problems) -> Option<Vec<Arc<str>>> {
        if path.starts_with('$') || path.split('.').any(str::is_empty) {
            self.args.wrong(
                argument,
                &format!("`{path}` is not a path of member names"),
                "write \"id\" or \"address.id\"",
                problems,
            );
            return None;
        }
        Some(path.split('.').map(Arc::from).collect())
    }

    /// The keys must be sent, and composite ones can only be sent in a body.
    fn check_sent(
        &self,
        names: &Names<'_>,
        templates: &Templates,
        rest: &Arguments<'_>,
        problems: &mut Problems,
    ) {
        let is_keys = |reference: &&Reference| **reference == Reference::Keys;
        let clash = |param| names.site.field.argument_by_name(param).is_some();
        if self.param().is_some_and(clash) {
            return;
        }
        if self.keys.len() > 1 && templates.in_uri_and_headers().any(|reference| is_keys(&reference)) {
            rest.wrong(
                "batch",
                "a key of several parts cannot be written into a URL or a header",
                "use POST with body: {items: \"{keys}\"}",
                problems,
            );
        } else if templates.uri.is_some() && !templates.references().any(|reference| is_keys(&reference)) {
            let name = self.param().unwrap_or("keys");
            rest.wrong(
                "batch",
                "the keys are not sent",
                format!("use `{{?{name}*}}` in the URL, or \"{{keys}}\" in a body"),
                problems,
            );
        }
    }

    fn each(&self, names: &Names<'_>, templates: &Templates, problems: &mut Problems) -> Vec<Arc<str>> {
        let mut each = Vec::new();
        for (name, _) in self.args.strings("each", problems) {
            if self.is_argument("each", name, names, problems)
                && templates.uri.is_some()
                && !templates.arguments().any(|sent| sent == name)
            {
                self.args.wrong(
                    "each",
                    &format!("`{name}` is not sent"),
                    format!("use `{{?{name}}}` in the URL; `take` cuts the rows here instead"),
                    problems,
                );
            }
            each.push(name.into());
        }
        each
    }

    fn take(&self, names: &Names<'_>, templates: &Templates, problems: &mut Problems) -> Option<Arc<str>> {
        let name = self.args.string("take", problems)?;
        if !self.is_argument("take", name, names, problems) {
            return None;
        }
        if templates.arguments().any(|sent| sent == name) {
            self.args.wrong(
                "take",
                &format!("`{name}` is sent, too"),
                "the service would apply it to the whole batch; remove it from the templates",
                problems,
            );
        }
        let argument = names.site.field.argument_by_name(name)?;
        if argument.ty.is_list() || argument.ty.inner_named_type() != "Int" {
            self.args.wrong("take", &format!("`{name}` is `{}`", argument.ty), "it must be `Int`", problems);
        }
        Some(name.into())
    }

    fn is_argument(&self, which: &str, name: &str, names: &Names<'_>, problems: &mut Problems) -> bool {
        let field = &names.site.field;
        let known = field.argument_by_name(name).is_some();
        if !known {
            let arguments = field.arguments.iter().map(|argument| argument.name.as_str());
            self.args.wrong(
                which,
                &format!("`{name}` is not an argument of {}", names.site.coordinate),
                did_you_mean(name, arguments),
                problems,
            );
        }
        known
    }

    fn check_paging(
        &self,
        names: &Names<'_>,
        each: &[Arc<str>],
        take: Option<&str>,
        problems: &mut Problems,
    ) {
        for argument in &names.site.field.arguments {
            let name = argument.name.as_str();
            let declared = each.iter().any(|each| &**each == name)
                || self.args.get("take").is_some_and(|value| value.as_str() == Some(name));
            if PAGING.contains(&name) && !declared && take != Some(name) {
                problems.error(
                    argument.name.location(),
                    format!("{}: nothing says how `{name}` applies to a batch", names.site.coordinate),
                    format!(
                        "say each: [\"{name}\"] if the service applies it per key, \
                         or take: \"{name}\" to cut each parent's rows here"
                    ),
                );
            }
        }
    }

    /// Rows are objects: they must hold the member to match.
    fn check_type(&self, names: &Names<'_>, take: bool, problems: &mut Problems) {
        let ty = &names.site.field.ty;
        let named = names.sdl.types.get(ty.inner_named_type());
        let leaf = named.is_some_and(|named| named.is_enum() || named.is_scalar());
        if leaf || (ty.is_list() && ty.item_type().is_list()) {
            problems.error(
                names.site.field.name.location(),
                format!("{}: a batch's rows are objects and cannot be `{ty}`", names.site.coordinate),
                "return an object type or a list of one",
            );
        }
        if take && !ty.is_list() {
            self.args.wrong("take", &format!("the field is `{ty}`, not a list"), "remove it", problems);
        }
    }
}
