//! Takes our directives out of the parsed schema, and refuses all it does not know.
//!
//! A directive that is silently ignored is the worst kind of configuration
//! error: `@authenticated` with a typo would publish a field. So only the
//! specification's own directives stay, ours are read, and any other is a
//! problem, also one that a later version will know.

use std::collections::{HashMap, HashSet};

use apollo_compiler::ast::Directive;
use apollo_compiler::schema::{self, ExtendedType};
use apollo_compiler::{Name, Node, Schema};

use super::super::problem::{Problems, did_you_mean, listed};

/// The specification's.
const STANDARD: [&str; 5] = ["deprecated", "specifiedBy", "oneOf", "skip", "include"];

/// Ours.
const OURS: [&str; 4] = ["rest", "json", "authenticated", "requiresScopes"];

/// Those of ours that say who may read.
const ACCESS: [&str; 2] = ["authenticated", "requiresScopes"];

/// Ours, but not yet.
const LATER: [&str; 5] = ["cache", "invalidate", "fallback", "cost", "listSize"];

/// What was taken out.
#[derive(Default)]
pub(super) struct Directives {
    /// By type and field.
    pub fields: HashMap<(Name, Name), Vec<Node<Directive>>>,
    /// Fields with a directive that was refused: it may have been meant as ours.
    pub doubtful: HashSet<(Name, Name)>,
    /// By interface, union or object type.
    pub types: HashMap<Name, Vec<Node<Directive>>>,
}

impl Directives {
    /// What is written on a field.
    pub(super) fn of_field(&self, key: &(Name, Name)) -> &[Node<Directive>] {
        self.fields.get(key).map(Vec::as_slice).unwrap_or_default()
    }

    /// What is written on a type.
    pub(super) fn of_type(&self, name: &Name) -> &[Node<Directive>] {
        self.types.get(name).map(Vec::as_slice).unwrap_or_default()
    }
}

/// What a directive is written on.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Object,
    ObjectField,
    InterfaceField,
    Abstract,
    Other(&'static str),
}

pub(super) fn take(sdl: &mut Schema, problems: &mut Problems) -> Directives {
    let mut taken = Directives::default();
    let mut sieve = Sieve { problems };
    sieve.definitions(sdl);
    let root = sdl.schema_definition.make_mut();
    sieve.components(&mut root.directives, Place::Other("the schema"));
    for (type_name, ty) in &mut sdl.types {
        if type_name.starts_with("__") {
            continue;
        }
        sieve.ty(type_name, ty, &mut taken);
    }
    taken
}

struct Sieve<'p> {
    problems: &'p mut Problems,
}

impl Sieve<'_> {
    fn definitions(&mut self, sdl: &mut Schema) {
        sdl.directive_definitions.retain(|name, definition| {
            if STANDARD.contains(&name.as_str()) {
                return true;
            }
            if OURS.contains(&name.as_str()) || LATER.contains(&name.as_str()) {
                self.problems.error(
                    name.location().or(definition.location()),
                    format!("`@{name}` is defined by the gateway"),
                    "remove this definition",
                );
            } else {
                self.problems.error(
                    definition.name.location(),
                    format!("the gateway does not know `@{name}` and would ignore it"),
                    "remove this definition and its uses",
                );
            }
            false
        });
    }

    fn ty(&mut self, type_name: &Name, ty: &mut ExtendedType, taken: &mut Directives) {
        match ty {
            ExtendedType::Scalar(ty) if !ty.is_built_in() => {
                self.components(&mut ty.make_mut().directives, Place::Other("a scalar"));
            }
            ExtendedType::Scalar(_) => {}
            ExtendedType::Object(ty) => {
                let ty = ty.make_mut();
                let ours = self.components(&mut ty.directives, Place::Object);
                taken.types.insert(type_name.clone(), ours);
                self.fields(type_name, &mut ty.fields, Place::ObjectField, taken);
            }
            ExtendedType::Interface(ty) => {
                let ty = ty.make_mut();
                let ours = self.components(&mut ty.directives, Place::Abstract);
                taken.types.insert(type_name.clone(), ours);
                self.fields(type_name, &mut ty.fields, Place::InterfaceField, taken);
            }
            ExtendedType::Union(ty) => {
                let ours = self.components(&mut ty.make_mut().directives, Place::Abstract);
                taken.types.insert(type_name.clone(), ours);
            }
            ExtendedType::Enum(ty) => {
                let ty = ty.make_mut();
                self.components(&mut ty.directives, Place::Other("an enum"));
                for value in ty.values.values_mut() {
                    self.nodes(&mut value.make_mut().directives.0, Place::Other("an enum value"));
                }
            }
            ExtendedType::InputObject(ty) => {
                let ty = ty.make_mut();
                self.components(&mut ty.directives, Place::Other("an input type"));
                for field in ty.fields.values_mut() {
                    self.nodes(&mut field.make_mut().directives.0, Place::Other("an input field"));
                }
            }
        }
    }

    fn fields(
        &mut self,
        type_name: &Name,
        fields: &mut apollo_compiler::collections::IndexMap<Name, schema::Component<schema::FieldDefinition>>,
        place: Place,
        taken: &mut Directives,
    ) {
        for (field_name, field) in fields {
            let field = field.make_mut();
            let before = self.problems.len();
            let ours = self.nodes(&mut field.directives.0, place);
            if self.problems.len() > before {
                taken.doubtful.insert((type_name.clone(), field_name.clone()));
            }
            if !ours.is_empty() {
                taken.fields.insert((type_name.clone(), field_name.clone()), ours);
            }
            for argument in &mut field.arguments {
                self.nodes(&mut argument.make_mut().directives.0, Place::Other("an argument"));
            }
        }
    }

    fn components(&mut self, list: &mut schema::DirectiveList, place: Place) -> Vec<Node<Directive>> {
        let mut ours = Vec::new();
        list.0.retain(|directive| self.keep(&directive.node, place, &mut ours));
        ours
    }

    fn nodes(&mut self, list: &mut Vec<Node<Directive>>, place: Place) -> Vec<Node<Directive>> {
        let mut ours = Vec::new();
        list.retain(|directive| self.keep(directive, place, &mut ours));
        ours
    }

    /// Whether apollo-compiler shall see the directive.
    fn keep(&mut self, directive: &Node<Directive>, place: Place, ours: &mut Vec<Node<Directive>>) -> bool {
        let name = directive.name.as_str();
        if STANDARD.contains(&name) {
            return true;
        }
        let span = directive.location();
        if LATER.contains(&name) {
            self.problems.error(
                span,
                format!("`@{name}` is not supported yet"),
                "remove it: nothing would act on it",
            );
        } else if !OURS.contains(&name) {
            let known = ["@deprecated", "@specifiedBy", "@oneOf"].map(str::to_owned);
            let known: Vec<String> = OURS.iter().map(|name| format!("@{name}")).chain(known).collect();
            self.problems.error(
                span,
                format!("unknown directive `@{name}`"),
                did_you_mean(&format!("@{name}"), known.iter().map(String::as_str)).or_else(|| {
                    let ours = known.iter().take(OURS.len()).map(String::as_str);
                    Some(format!("the gateway knows {}", listed(ours)))
                }),
            );
        } else {
            self.ours(directive, place, ours);
        }
        false
    }

    fn ours(&mut self, directive: &Node<Directive>, place: Place, ours: &mut Vec<Node<Directive>>) {
        let name = directive.name.as_str();
        let is_access = ACCESS.contains(&name);
        let belongs = match is_access {
            true => format!("`@{name}` belongs on an object type or a field of one"),
            false => format!("`@{name}` belongs on a field of an object type"),
        };
        let (on, hint) = match (name, place) {
            (_, Place::ObjectField) | ("json", Place::Abstract) => return self.once(directive, ours),
            (_, Place::Object) if is_access => return self.once(directive, ours),
            (_, Place::InterfaceField) if is_access => {
                ("a field of an interface", "say for each object type who may read the field".to_owned())
            }
            (_, Place::InterfaceField) => {
                ("a field of an interface", "say for each object type where the field comes from".to_owned())
            }
            (_, Place::Abstract) if is_access => (
                "an interface or union",
                "say it on each of the object types: the concrete type counts".to_owned(),
            ),
            (_, Place::Abstract) => ("an interface or union", belongs),
            (_, Place::Object) => ("an object type", belongs),
            (_, Place::Other(what)) => (what, belongs),
        };
        self.problems.error(directive.location(), format!("`@{name}` on {on}"), hint);
    }

    fn once(&mut self, directive: &Node<Directive>, ours: &mut Vec<Node<Directive>>) {
        if ours.iter().any(|other| other.name == directive.name) {
            let message = format!("`@{}` is written twice", directive.name);
            self.problems.error(directive.location(), message, "keep one of them");
        } else {
            ours.push(directive.clone());
        }
    }
}
