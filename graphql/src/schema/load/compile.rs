//! Types and fields by number, each field with its resolver.
//!
//! Works on SDL that may still be invalid, so that problems of both kinds are
//! reported together: what cannot be resolved is left out, and validation says
//! why.

use std::collections::HashMap;
use std::sync::Arc;

use apollo_compiler::ast::{self, Directive};
use apollo_compiler::schema::{self, Component, ExtendedType, FieldDefinition, InputValueDefinition};
use apollo_compiler::{Name, Node, Schema};

use super::super::model::*;
use super::super::naming::snake_case;
use super::super::problem::Problems;
use super::arguments::{self, Arguments};
use super::directives::Directives;
use super::{Sources, access, rest};
use crate::coerce;
use crate::json_path::JsonPath;
use crate::template::{InputName, InputNames};

/// The model's own part of a [`Schema`](super::Schema).
pub(super) struct Model {
    pub types: Vec<Type>,
    pub query: TypeId,
    pub mutation: Option<TypeId>,
    /// Where each call is written, for warnings.
    pub calls: HashMap<Arc<str>, Node<Directive>>,
}

/// What compiling a field needs to know.
pub(super) struct Context<'a> {
    pub sdl: &'a Schema,
    pub sources: &'a Sources,
    pub inputs: Arc<InputNames>,
    pub directives: &'a Directives,
    ids: HashMap<&'a Name, TypeId>,
}

/// The field being compiled.
pub(super) struct Site<'a> {
    pub coordinate: Arc<str>,
    pub parent: &'a schema::ObjectType,
    pub field: &'a FieldDefinition,
    pub root: Option<ast::OperationType>,
}

pub(super) fn compile(
    sdl: &Schema,
    directives: &Directives,
    sources: &Sources,
    problems: &mut Problems,
) -> Option<Model> {
    let definitions: Vec<(&Name, &ExtendedType)> =
        sdl.types.iter().filter(|(name, _)| !name.starts_with("__")).collect();
    let ids = (0u32..).zip(&definitions).map(|(id, (name, _))| (*name, TypeId(id))).collect();
    let mut cx = Context { sdl, sources, directives, ids, inputs: Arc::default() };
    cx.inputs = Arc::new(cx.input_names(&definitions));
    let mut calls = HashMap::new();
    let types: Vec<Type> = definitions
        .iter()
        .map(|(name, ty)| Type { name: name.as_str().into(), kind: cx.kind(name, ty, &mut calls, problems) })
        .collect();
    if let Some(subscription) = &sdl.schema_definition.subscription {
        problems.error(
            subscription.location().or(ty_span(sdl, &subscription.name)),
            "subscriptions are not supported yet",
            "remove the subscription type",
        );
    }
    let root =
        |name: &Option<schema::ComponentName>| name.as_ref().and_then(|name| cx.ids.get(&name.name).copied());
    Some(Model {
        types,
        query: root(&sdl.schema_definition.query)?,
        mutation: root(&sdl.schema_definition.mutation),
        calls,
    })
}

fn ty_span(sdl: &Schema, name: &Name) -> Option<apollo_compiler::parser::SourceSpan> {
    sdl.types.get(name).and_then(|ty| ty.name().location())
}

impl Context<'_> {
    fn kind(
        &self,
        name: &Name,
        ty: &ExtendedType,
        calls: &mut HashMap<Arc<str>, Node<Directive>>,
        problems: &mut Problems,
    ) -> TypeKind {
        match ty {
            ExtendedType::Scalar(_) => TypeKind::Scalar(match name.as_str() {
                "Int" => Scalar::Int,
                "Float" => Scalar::Float,
                "String" => Scalar::String,
                "Boolean" => Scalar::Boolean,
                "ID" => Scalar::Id,
                _ => Scalar::Custom,
            }),
            ExtendedType::Enum(ty) => TypeKind::Enum(EnumType {
                values: ty.values.keys().map(|value| value.as_str().into()).collect(),
            }),
            ExtendedType::InputObject(ty) => {
                self.check_input(ty, problems);
                TypeKind::Input
            }
            ExtendedType::Object(ty) => TypeKind::Object(self.object(ty, calls, problems)),
            ExtendedType::Interface(_) => {
                let members = self.implementers(name);
                TypeKind::Interface(self.abstract_type(name, members, problems))
            }
            ExtendedType::Union(ty) => {
                let members = ty.members.iter().filter_map(|name| self.member(&name.name)).collect();
                TypeKind::Union(self.abstract_type(name, members, problems))
            }
        }
    }

    fn implementers(&self, interface: &Name) -> Vec<(TypeId, &Name)> {
        self.sdl
            .types
            .values()
            .filter_map(ExtendedType::as_object)
            .filter(|ty| ty.implements_interfaces.contains(interface))
            .filter_map(|ty| self.member(&ty.name))
            .collect()
    }

    fn member<'n>(&self, name: &'n Name) -> Option<(TypeId, &'n Name)> {
        self.sdl.types.get(name)?.is_object().then_some((*self.ids.get(name)?, name))
    }

    fn abstract_type(
        &self,
        name: &Name,
        mut members: Vec<(TypeId, &Name)>,
        problems: &mut Problems,
    ) -> AbstractType {
        members.sort();
        let mut values: HashMap<Arc<str>, TypeId> =
            members.iter().map(|(id, name)| (name.as_str().into(), *id)).collect();
        for (id, member) in &members {
            let snake = snake_case(member);
            if let Some(other) = values.insert(snake.as_str().into(), *id)
                && other != *id
            {
                problems.error(
                    ty_span(self.sdl, name),
                    format!("{name}: `{snake}` would name two of its types"),
                    "rename one of the types",
                );
            }
        }
        AbstractType {
            possible: members.into_iter().map(|(id, _)| id).collect(),
            discriminator: self.discriminator(name, problems),
            values,
        }
    }

    fn discriminator(&self, name: &Name, problems: &mut Problems) -> Vec<Arc<str>> {
        let default = || vec!["__typename".into()];
        let Some(directive) = self.directives.of_type(name).first() else {
            return default();
        };
        let Some(path) = json_path(directive, name, problems) else {
            return default();
        };
        match path.member_names().filter(|names| !names.is_empty()) {
            Some(names) => names,
            None => {
                problems.error(
                    directive.location(),
                    format!("{name}: @json `path`: not a path of member names"),
                    "the concrete type's name must be in one member: \"$.kind\"",
                );
                default()
            }
        }
    }

    fn check_input(&self, ty: &schema::InputObjectType, problems: &mut Problems) {
        let one_of = ty.directives.has("oneOf");
        for field in ty.fields.values() {
            let coordinate = format!("{}.{}", ty.name, field.name);
            if one_of && (field.ty.is_non_null() || field.default_value.is_some()) {
                problems.error(
                    field.name.location(),
                    format!("{coordinate}: a field of a @oneOf input cannot be required or have a default"),
                    "remove `!` and the default: exactly one of the fields is given",
                );
            }
            self.check_default(field, &coordinate, problems);
        }
    }

    fn check_default(&self, definition: &InputValueDefinition, coordinate: &str, problems: &mut Problems) {
        if let Some(value) = &definition.default_value
            && let Err(wrong) = coerce::default(self.sdl, &definition.ty, value)
        {
            let message = format!("{coordinate}: the default does not fit: {wrong}");
            problems.error(value.location(), message, None);
        }
    }

    pub(super) fn type_ref(&self, ty: &ast::Type) -> Option<TypeRef> {
        let shape = match ty {
            ast::Type::Named(name) | ast::Type::NonNullNamed(name) => TypeShape::Named(*self.ids.get(name)?),
            ast::Type::List(item) | ast::Type::NonNullList(item) => {
                TypeShape::List(Box::new(self.type_ref(item)?))
            }
        };
        Some(TypeRef { non_null: ty.is_non_null(), shape })
    }

    fn object(
        &self,
        ty: &schema::ObjectType,
        calls: &mut HashMap<Arc<str>, Node<Directive>>,
        problems: &mut Problems,
    ) -> ObjectType {
        let root = self
            .sdl
            .schema_definition
            .iter_root_operations()
            .find(|(_, name)| name.name == ty.name)
            .map(|(operation, _)| operation);
        let mut fields: Vec<Field> = Vec::new();
        for field in ty.fields.values() {
            let coordinate: Arc<str> = format!("{}.{}", ty.name, field.name).into();
            let site = Site { coordinate, parent: ty, field, root };
            fields.extend(self.field(&site, calls, problems));
        }
        self.check_collisions(ty, &fields, problems);
        let names = fields.iter().zip(0..).map(|(field, place)| (field.name.clone(), place)).collect();
        let access = access::of_type(self, &ty.name, problems).map(Arc::new);
        ObjectType { fields, names, access }
    }

    fn field(
        &self,
        site: &Site<'_>,
        calls: &mut HashMap<Arc<str>, Node<Directive>>,
        problems: &mut Problems,
    ) -> Option<Field> {
        let field = site.field;
        let resolver = self.resolver(site, calls, problems)?;
        for argument in &field.arguments {
            if !matches!(resolver, Resolver::Rest(_)) {
                problems.warning(
                    argument.name.location(),
                    format!("{}: nothing uses the argument `{}`", site.coordinate, argument.name),
                    "the field is read from its parent; remove the argument or add @rest(...)",
                );
            }
            let coordinate = format!("{}({}:)", site.coordinate, argument.name);
            self.check_default(argument, &coordinate, problems);
        }
        Some(Field {
            name: field.name.as_str().into(),
            coordinate: site.coordinate.clone(),
            ty: self.type_ref(&field.ty)?,
            access: access::of_field(self, site, &resolver, problems).map(Arc::new),
            resolver,
        })
    }

    /// Where the field's value comes from; `None` where nothing says so rightly.
    fn resolver(
        &self,
        site: &Site<'_>,
        calls: &mut HashMap<Arc<str>, Node<Directive>>,
        problems: &mut Problems,
    ) -> Option<Resolver> {
        let name = &site.field.name;
        let key = (site.parent.name.clone(), name.clone());
        let ours = self.directives.of_field(&key);
        let rest = ours.iter().find(|directive| directive.name == "rest");
        let json = ours.iter().find(|directive| directive.name == "json");
        if let (Some(_), Some(json)) = (rest, json) {
            problems.error(
                json.location(),
                format!("{}: @json beside @rest", site.coordinate),
                "write @rest(select: \"$...\") to read a part of the answer",
            );
        }
        if let Some(directive) = rest {
            calls.insert(site.coordinate.clone(), directive.clone());
            return Some(Resolver::Rest(Arc::new(rest::compile(self, site, directive, problems)?)));
        }
        if self.directives.doubtful.contains(&key) {
            return None;
        }
        if site.root.is_some() {
            problems.error(
                name.location(),
                format!("{}: nothing says where this field comes from", site.coordinate),
                "a field of a root type has no parent to read from; add @rest(...)",
            );
            return None;
        }
        Some(match json {
            Some(directive) => {
                Resolver::JsonPath(Arc::new(json_path(directive, &site.coordinate, problems)?))
            }
            None => Resolver::Property(property(name)),
        })
    }

    /// Two fields that may read the same member would give one value two names by accident.
    fn check_collisions(&self, ty: &schema::ObjectType, fields: &[Field], problems: &mut Problems) {
        let mut readers: HashMap<&str, &str> = HashMap::new();
        for field in fields {
            let Resolver::Property(property) = &field.resolver else {
                continue;
            };
            for member in std::iter::once(&property.name).chain(&property.snake) {
                if let Some(other) = readers.insert(member, &field.name) {
                    let definition: Option<&Component<FieldDefinition>> = ty.fields.get(&*field.name);
                    problems.error(
                        definition.and_then(|definition| definition.name.location()),
                        format!("{}: `{other}` and `{}` would both read `{member}`", ty.name, field.name),
                        "say @json(path: \"$...\") on one of them",
                    );
                }
            }
        }
    }

    fn input_names(&self, definitions: &[(&Name, &ExtendedType)]) -> InputNames {
        let inputs = definitions
            .iter()
            .map(|(_, ty)| match ty {
                ExtendedType::InputObject(ty) => ty
                    .fields
                    .values()
                    .map(|field| {
                        let snake = snake_case(&field.name).into();
                        let input = self.input_index(&field.ty);
                        (field.name.as_str().into(), InputName { snake, input })
                    })
                    .collect(),
                _ => HashMap::new(),
            })
            .collect();
        InputNames { inputs }
    }

    /// The number of the input object type inside `ty`, if it is one.
    pub(super) fn input_index(&self, ty: &ast::Type) -> Option<usize> {
        let name = ty.inner_named_type();
        self.sdl.get_input_object(name)?;
        self.ids.get(name).map(|id| id.index())
    }
}

fn property(name: &str) -> Property {
    let snake = snake_case(name);
    Property { name: name.into(), snake: (snake != name).then(|| snake.into()) }
}

/// `@json(path:)`.
fn json_path(directive: &Node<Directive>, coordinate: &str, problems: &mut Problems) -> Option<JsonPath> {
    let arguments = Arguments::of_directive(directive, coordinate, arguments::JSON, problems);
    arguments.required_string("path", problems)?;
    rest::json_path(&arguments, "path", problems)
}
