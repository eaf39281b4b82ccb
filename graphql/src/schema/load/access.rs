//! `@authenticated` and `@requiresScopes`: who may read a field.
//!
//! What counts for a field is put together here, once: what is written on it, on
//! the type it yields, and on the root type it stands in. Of an interface or a
//! union the concrete type decides when it is known, unless all possible types
//! are guarded: then a caller who may read none of them is refused before
//! anything is fetched.

use std::sync::Arc;

use apollo_compiler::ast::{Directive, OperationType, Value};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Name, Node};

use super::super::access::{Access, Alternatives};
use super::super::model::Resolver;
use super::super::problem::Problems;
use super::arguments::{self, Arguments};
use super::compile::{Context, Site};
use crate::template::Reference;

/// Who may read objects of a type: what is written on it.
pub(super) fn of_type(cx: &Context<'_>, name: &Name, problems: &mut Problems) -> Option<Access> {
    read(cx.directives.of_type(name), name, problems)
}

/// Who may read a field.
pub(super) fn of_field(
    cx: &Context<'_>,
    site: &Site<'_>,
    resolver: &Resolver,
    problems: &mut Problems,
) -> Option<Access> {
    let key = (site.parent.name.clone(), site.field.name.clone());
    let own = read(cx.directives.of_field(&key), &site.coordinate, problems);
    // A root type is the type of no field, so its fields are what it guards.
    let root = site.root.and_then(|_| of_type(cx, &site.parent.name, problems));
    let yielded = of_output(cx, site, own.is_some() || root.is_some(), problems);
    [own, root, yielded, claims_used(resolver)]
        .into_iter()
        .flatten()
        .reduce(|access, other| access.and(&other))
}

/// A call that carries claims is made for somebody.
fn claims_used(resolver: &Resolver) -> Option<Access> {
    let Resolver::Rest(rest) = resolver else {
        return None;
    };
    let uses_claims = rest.references().any(|reference| matches!(reference, Reference::Claim(_)));
    uses_claims.then(Access::default)
}

/// Who may read what the field yields, as far as its type says so in advance.
fn of_output(cx: &Context<'_>, site: &Site<'_>, is_guarded: bool, problems: &mut Problems) -> Option<Access> {
    let name = site.field.ty.inner_named_type();
    let possible = possible(cx, name);
    let access: Vec<Option<Access>> = possible.iter().map(|name| of_type(cx, name, problems)).collect();
    let guarded = possible.iter().zip(&access).find(|(_, access)| access.is_some());
    let together = access.iter().cloned().reduce(|any, other| Some(any?.or(&other?))).flatten();
    if site.root == Some(OperationType::Mutation)
        && let (Some((name, _)), None, false) = (guarded, &together, is_guarded)
    {
        problems.warning(
            site.field.name.location(),
            format!(
                "{}: it will have changed something when its result turns out to be `{name}`, which is guarded",
                site.coordinate
            ),
            "guard the field itself",
        );
    }
    together
}

/// The object types that a value of this type may have.
fn possible<'c>(cx: &Context<'c>, name: &'c Name) -> Vec<&'c Name> {
    match cx.sdl.types.get(name) {
        Some(ExtendedType::Object(_)) => vec![name],
        Some(ExtendedType::Union(union)) => union.members.iter().map(|member| &member.name).collect(),
        Some(ExtendedType::Interface(_)) => {
            let objects = cx.sdl.types.values().filter_map(ExtendedType::as_object);
            objects.filter(|ty| ty.implements_interfaces.contains(name)).map(|ty| &ty.name).collect()
        }
        _ => Vec::new(),
    }
}

/// What the directives of one place ask for; `None` where there are none.
fn read(directives: &[Node<Directive>], coordinate: &str, problems: &mut Problems) -> Option<Access> {
    let mut access: Option<Access> = None;
    for directive in directives {
        let one = match directive.name.as_str() {
            "authenticated" => {
                Arguments::of_directive(directive, coordinate, arguments::AUTHENTICATED, problems);
                Access::default()
            }
            "requiresScopes" => {
                let args =
                    Arguments::of_directive(directive, coordinate, arguments::REQUIRES_SCOPES, problems);
                // Where there is none, there is a problem, and the schema is not used.
                Access::scopes(alternatives(&args, problems).unwrap_or_default())
            }
            _ => continue,
        };
        access = Some(access.unwrap_or_default().and(&one));
    }
    access
}

fn alternatives(args: &Arguments<'_>, problems: &mut Problems) -> Option<Alternatives> {
    let Some(value) = args.get("scopes") else {
        let message = format!("{} needs `scopes`", args.what());
        problems.error(args.span(), message, "add scopes: [[\"...\"]]");
        return None;
    };
    let lists = match &**value {
        Value::List(lists) if lists.is_empty() => {
            args.wrong("scopes", "nobody could meet it", "write [[\"orders:read\"]]", problems);
            return None;
        }
        Value::List(lists) if lists.iter().all(|list| matches!(&**list, Value::List(_))) => lists,
        // GraphQL would read ["a", "b"] as either of them, and most authors mean both.
        _ => {
            let hint = "write [[\"a\", \"b\"]] for both, or [[\"a\"], [\"b\"]] for either";
            args.wrong("scopes", "not a list of lists", hint, problems);
            return None;
        }
    };
    lists.iter().map(|list| scopes(args, list, problems)).collect()
}

/// One inner list: all of these.
fn scopes(args: &Arguments<'_>, list: &Node<Value>, problems: &mut Problems) -> Option<Vec<Arc<str>>> {
    let items = list.as_list().unwrap_or_default();
    if items.is_empty() {
        let hint = "remove the list, or write @authenticated";
        args.wrong("scopes", "every caller has all scopes of an empty list", hint, problems);
        return None;
    }
    let mut scopes = Vec::with_capacity(items.len());
    for item in items {
        match item.as_str().filter(|text| is_scope(text)) {
            Some(scope) => scopes.push(scope.into()),
            None => {
                let hint = "write a text without spaces and quotes: \"orders:read\"";
                let message = format!("{} `scopes`: {item} is not a scope", args.what());
                problems.error(item.location(), message, hint);
            }
        }
    }
    Some(scopes)
}

/// `scope-token` of RFC 6749, section 3.3: others cannot stand in a token's `scope`.
fn is_scope(text: &str) -> bool {
    let is_allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
    !text.is_empty() && text.bytes().all(is_allowed)
}
