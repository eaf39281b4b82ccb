//! How large an introspection answer will be, before it is made.
//!
//! The answer is built as a whole, and a hundred aliases on the fields of all
//! types of a large schema are millions of values. So the same walk is done
//! first without making anything, and ends where the bound on responses does.
//! It counts too little rather than too much, but for fields that are selected
//! several times under one name.

use apollo_compiler::ast::{DirectiveDefinition, DirectiveList, Type, Value as Literal};
use apollo_compiler::executable::{Field, Selection, SelectionSet};
use apollo_compiler::schema::{EnumValueDefinition, ExtendedType, FieldDefinition, InputValueDefinition};
use apollo_compiler::{ExecutableDocument, Name, Node};

use crate::coerce::{Values, is_true};
use crate::schema::Schema;

/// What a value takes in a response, its name and what holds it included: as
/// much as `"name":null,`, which is hardly ever less.
const BYTES_PER_VALUE: usize = 12;

/// The answer would be larger than the bound.
#[derive(Debug)]
pub(super) struct TooLarge;

/// The walk over an operation's `__schema` and `__type`.
pub(super) struct Sizer<'a> {
    pub(super) schema: &'a Schema,
    pub(super) document: &'a ExecutableDocument,
    pub(super) variables: &'a Values,
    pub(super) bytes_left: usize,
}

/// An object of introspection.
#[derive(Clone, Copy)]
enum Object<'a> {
    Schema,
    Type(&'a ExtendedType),
    /// A list or a non-null type; whether its `!` is taken off.
    Wrapped(&'a Type, bool),
    Field(&'a FieldDefinition),
    Input(&'a InputValueDefinition),
    EnumValue(&'a EnumValueDefinition),
    Directive(&'a DirectiveDefinition),
}

impl<'a> Sizer<'a> {
    /// Walks the root of an operation.
    pub(super) fn root(&mut self, set: &'a SelectionSet) -> Result<(), TooLarge> {
        self.fields(set, &mut |sizer, field| match field.name.as_str() {
            "__schema" => sizer.set(Object::Schema, &field.selection_set),
            "__type" => {
                let name = field.specified_argument_by_name("name").and_then(|name| match &**name {
                    Literal::Variable(variable) => sizer.variables.get(variable.as_str())?.as_str(),
                    literal => literal.as_str(),
                });
                let ty = name.and_then(|name| sizer.schema.apollo().types.get(name));
                ty.map_or(Ok(()), |ty| sizer.set(Object::Type(ty), &field.selection_set))
            }
            _ => Ok(()),
        })
    }

    fn set(&mut self, object: Object<'a>, set: &'a SelectionSet) -> Result<(), TooLarge> {
        self.fields(set, &mut |sizer, field| {
            let bytes = BYTES_PER_VALUE.max(object.text(&field.name));
            sizer.bytes_left = sizer.bytes_left.checked_sub(bytes).ok_or(TooLarge)?;
            if field.selection_set.selections.is_empty() {
                return Ok(());
            }
            sizer.below(object, field)
        })
    }

    /// Calls `each` with every field of a set that is selected.
    fn fields(
        &mut self,
        set: &'a SelectionSet,
        each: &mut dyn FnMut(&mut Self, &'a Node<Field>) -> Result<(), TooLarge>,
    ) -> Result<(), TooLarge> {
        for selection in &set.selections {
            if !self.is_selected(selection.directives()) {
                continue;
            }
            match selection {
                Selection::Field(field) => each(self, field)?,
                Selection::InlineFragment(fragment) => self.fields(&fragment.selection_set, each)?,
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.document.fragments.get(&spread.fragment_name) {
                        self.fields(&fragment.selection_set, each)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn is_selected(&self, directives: &DirectiveList) -> bool {
        [("skip", false), ("include", true)].into_iter().all(|(name, wanted)| {
            let literal = directives.get(name).and_then(|found| found.specified_argument_by_name("if"));
            literal.is_none_or(|literal| is_true(literal, self.variables) == Ok(wanted))
        })
    }

    /// Walks the objects that a field of `object` yields.
    fn below(&mut self, object: Object<'a>, field: &'a Field) -> Result<(), TooLarge> {
        let set = &field.selection_set;
        let sdl = self.schema.apollo();
        let root = &sdl.schema_definition;
        match (object, field.name.as_str()) {
            (Object::Schema, "types") => self.all(sdl.types.values().map(Object::Type), set),
            (Object::Schema, "directives") => {
                self.all(sdl.directive_definitions.values().map(|d| Object::Directive(d)), set)
            }
            (Object::Schema, "queryType") => self.types(root.query.iter().map(|name| &name.name), set),
            (Object::Schema, "mutationType") => self.types(root.mutation.iter().map(|name| &name.name), set),
            (Object::Type(ty), name) => self.below_type(ty, name, set),
            (Object::Wrapped(ty, _), "ofType") if ty.is_list() && !ty.is_non_null() => {
                self.ty(ty.item_type(), set)
            }
            (Object::Wrapped(ty, true), "ofType") => self.ty(ty.item_type(), set),
            (Object::Wrapped(ty, false), "ofType") if ty.is_list() => {
                self.set(Object::Wrapped(ty, true), set)
            }
            (Object::Wrapped(ty, _), "ofType") => self.types([ty.inner_named_type()], set),
            (Object::Field(field), "type") => self.ty(&field.ty, set),
            (Object::Field(field), "args") => {
                self.all(field.arguments.iter().map(|argument| Object::Input(argument)), set)
            }
            (Object::Directive(directive), "args") => {
                self.all(directive.arguments.iter().map(|argument| Object::Input(argument)), set)
            }
            (Object::Input(input), "type") => self.ty(&input.ty, set),
            _ => Ok(()),
        }
    }

    fn below_type(
        &mut self,
        ty: &'a ExtendedType,
        name: &str,
        set: &'a SelectionSet,
    ) -> Result<(), TooLarge> {
        use ExtendedType::{Enum, InputObject, Interface, Object as ObjectType, Union};
        match (name, ty) {
            ("fields", ObjectType(ty)) => self.all(ty.fields.values().map(|f| Object::Field(f)), set),
            ("fields", Interface(ty)) => self.all(ty.fields.values().map(|f| Object::Field(f)), set),
            ("interfaces", ObjectType(ty)) => {
                self.types(ty.implements_interfaces.iter().map(|i| &i.name), set)
            }
            ("interfaces", Interface(ty)) => {
                self.types(ty.implements_interfaces.iter().map(|i| &i.name), set)
            }
            ("possibleTypes", Union(ty)) => self.types(ty.members.iter().map(|member| &member.name), set),
            ("possibleTypes", Interface(ty)) => {
                let implementers = self.schema.implementers.get(&ty.name);
                self.types(implementers.into_iter().flat_map(|found| &found.objects), set)
            }
            ("enumValues", Enum(ty)) => self.all(ty.values.values().map(|v| Object::EnumValue(v)), set),
            ("inputFields", InputObject(ty)) => self.all(ty.fields.values().map(|f| Object::Input(f)), set),
            _ => Ok(()),
        }
    }

    fn all(
        &mut self,
        objects: impl IntoIterator<Item = Object<'a>>,
        set: &'a SelectionSet,
    ) -> Result<(), TooLarge> {
        objects.into_iter().try_for_each(|object| self.set(object, set))
    }

    fn types(
        &mut self,
        names: impl IntoIterator<Item = &'a Name>,
        set: &'a SelectionSet,
    ) -> Result<(), TooLarge> {
        let types = &self.schema.apollo().types;
        self.all(names.into_iter().filter_map(|name| types.get(name)).map(Object::Type), set)
    }

    fn ty(&mut self, ty: &'a Type, set: &'a SelectionSet) -> Result<(), TooLarge> {
        match ty {
            Type::Named(name) => self.types([name], set),
            wrapped => self.set(Object::Wrapped(wrapped, false), set),
        }
    }
}

impl Object<'_> {
    /// Bytes of the text that a field yields, if it may be long.
    fn text(self, field: &str) -> usize {
        let description = match self {
            Object::Type(ty) => ty.description(),
            Object::Field(field) => field.description.as_ref(),
            Object::Input(input) => input.description.as_ref(),
            Object::EnumValue(value) => value.description.as_ref(),
            Object::Directive(directive) => directive.description.as_ref(),
            Object::Schema | Object::Wrapped(..) => None,
        };
        let directives = match self {
            Object::Field(field) => Some(&field.directives),
            Object::Input(input) => Some(&input.directives),
            Object::EnumValue(value) => Some(&value.directives),
            _ => None,
        };
        match (self, field) {
            (_, "description") => description.map_or(0, |text| text.len()),
            (_, "deprecationReason") => {
                let deprecated = directives.and_then(|directives| directives.get("deprecated"));
                let reason = deprecated.and_then(|found| found.specified_argument_by_name("reason"));
                reason.and_then(|reason| reason.as_str()).map_or(0, str::len)
            }
            (Object::Input(input), "defaultValue") => {
                let default = input.default_value.as_ref();
                default.map_or(0, |value| value.serialize().no_indent().to_string().len())
            }
            _ => 0,
        }
    }
}
