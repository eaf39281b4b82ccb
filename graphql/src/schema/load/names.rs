//! What names in a field's templates stand for.

use std::sync::Arc;

use apollo_compiler::Schema;
use apollo_compiler::ast::{InputValueDefinition, Type};
use apollo_compiler::schema::ExtendedType;

use super::super::problem::{did_you_mean, listed};
use super::compile::Site;
use crate::template::Reference;

/// Words that are not free for arguments of a field with templates.
pub(super) const RESERVED: [&str; 4] = ["parent", "claims", "headers", "keys"];

/// The names a field's templates may use.
pub(super) struct Names<'a> {
    pub sdl: &'a Schema,
    pub site: &'a Site<'a>,
    /// Whether there is a batch, and its parameter.
    pub batch: bool,
    pub param: Option<&'a str>,
}

type Wrong = (String, Option<String>);

impl Names<'_> {
    pub fn resolve(&self, name: &str) -> Result<Reference, Wrong> {
        let (first, rest) = match name.split_once('.') {
            Some((first, rest)) => (first, Some(rest)),
            None => (name, None),
        };
        let path = |text: &str| text.split('.').map(Arc::from).collect::<Vec<Arc<str>>>();
        match (first, rest) {
            ("keys", None) if self.batch => Ok(Reference::Keys),
            ("keys", None) => {
                wrong("`keys` are the keys of a batch, and this call has none", "add batch: {...}")
            }
            ("parent", Some(_)) if self.site.root.is_some() => {
                wrong(&format!("`{name}`: a field of a root type has no parent"), None)
            }
            ("parent", Some(rest)) => Ok(Reference::Parent(path(rest))),
            ("claims", Some(rest)) => Ok(Reference::Claim(rest.into())),
            ("headers", Some(rest)) => match rest.parse() {
                Ok(header) => Ok(Reference::Header(header)),
                Err(_) => wrong(&format!("`{rest}` is not a header name"), None),
            },
            ("parent" | "claims" | "headers" | "keys", _) => {
                wrong(&format!("`{name}` is not a value"), format!("write `{first}.name`").as_str())
            }
            _ => self.own(name, first, rest),
        }
    }

    /// An argument, or the batch parameter.
    fn own(&self, name: &str, first: &str, rest: Option<&str>) -> Result<Reference, Wrong> {
        if let Some(argument) = self.site.field.argument_by_name(first) {
            self.check_path(&argument.ty, first, rest)?;
            return Ok(Reference::Argument(name.split('.').map(Arc::from).collect()));
        }
        if self.param == Some(name) {
            return Ok(Reference::Keys);
        }
        let arguments = self.site.field.arguments.iter().map(|argument| argument.name.as_str());
        let prefixes = ["parent", "claims", "headers"].into_iter().filter(|_| rest.is_some());
        let candidates = arguments.clone().chain(self.param).chain(prefixes);
        let hint = did_you_mean(first, candidates).or_else(|| {
            let parent = self.site.root.is_none() && self.site.parent.fields.contains_key(first);
            if parent {
                return Some(format!("the parent's member is `{{parent.{name}}}`"));
            }
            let known: Vec<&str> = arguments.chain(self.param).collect();
            match &known[..] {
                [] => Some(format!("{} has no arguments", self.site.coordinate)),
                known => Some(format!("there is {}", listed(known.iter().copied()))),
            }
        });
        Err((format!("`{first}` is not an argument of {}", self.site.coordinate), hint))
    }

    /// `input.userId`: each step must be a field of an input object type.
    fn check_path(&self, ty: &Type, so_far: &str, rest: Option<&str>) -> Result<(), Wrong> {
        let Some(rest) = rest else {
            return Ok(());
        };
        let (step, after) = match rest.split_once('.') {
            Some((step, after)) => (step, Some(after)),
            None => (rest, None),
        };
        if ty.is_list() {
            return wrong(&format!("`{so_far}` is a list and has no `{step}`"), None);
        }
        match self.sdl.types.get(ty.inner_named_type()) {
            Some(ExtendedType::InputObject(input)) => match input.fields.get(step) {
                Some(field) => self.check_path(&field.ty, &format!("{so_far}.{step}"), after),
                None => Err((
                    format!("`{so_far}` has no field `{step}`"),
                    did_you_mean(step, input.fields.keys().map(|name| name.as_str())),
                )),
            },
            // A custom scalar's members are the client's.
            Some(ExtendedType::Scalar(scalar)) if !scalar.is_built_in() => Ok(()),
            Some(_) => wrong(&format!("`{so_far}` is `{ty}` and has no `{step}`"), None),
            None => Ok(()),
        }
    }

    /// The type of an argument or of a member within it; `None` inside custom scalars.
    pub fn type_of(&self, path: &[Arc<str>]) -> Option<&Type> {
        let (first, rest) = path.split_first()?;
        let argument: &InputValueDefinition = self.site.field.argument_by_name(first)?;
        rest.iter().try_fold(&*argument.ty, |ty, step| {
            let input = self.sdl.get_input_object(ty.inner_named_type())?;
            input.fields.get(&**step).map(|field| &*field.ty)
        })
    }
}

fn wrong<'h, T>(message: &str, hint: impl Into<Option<&'h str>>) -> Result<T, Wrong> {
    Err((message.to_owned(), hint.into().map(str::to_owned)))
}
