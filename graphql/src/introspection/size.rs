//! How large an introspection answer will be, before it is made.
//!
//! The answer is built as a whole, and a hundred aliases on the fields of all
//! types of a large schema are millions of values. So the same walk is done
//! first without making anything, and ends where the bound on responses does.
//! It counts too little rather than too much, but for fields that are selected
//! several times under one name.

use std::collections::HashMap;
use std::ptr;
use std::rc::Rc;

use apollo_compiler::ast::{DirectiveDefinition, DirectiveList, Type, Value as Literal};
use apollo_compiler::executable::{Field, Selection, SelectionSet};
use apollo_compiler::schema::{EnumValueDefinition, ExtendedType, FieldDefinition, InputValueDefinition};
use apollo_compiler::{ExecutableDocument, Name};

use crate::coerce::{Values, is_true};
use crate::schema::Schema;

/// What a value takes in a response, its name and what holds it included: as
/// much as `"name":null,`, which is hardly ever less.
const BYTES_PER_VALUE: usize = 12;

/// The answer would be larger than the bound.
#[derive(Debug)]
pub(super) struct TooLarge;

/// The fields of a selection set, fragments expanded.
type Fields<'a> = Rc<[&'a Field]>;

/// The walk over an operation's `__schema` and `__type`.
pub(super) struct Sizer<'a> {
    schema: &'a Schema,
    document: &'a ExecutableDocument,
    variables: &'a Values,
    bytes_left: usize,
    /// By set, which is expanded once for all objects.
    known: HashMap<*const SelectionSet, Fields<'a>>,
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
    pub(super) fn new(
        schema: &'a Schema,
        document: &'a ExecutableDocument,
        variables: &'a Values,
        max_bytes: usize,
    ) -> Self {
        Self { schema, document, variables, bytes_left: max_bytes, known: HashMap::new() }
    }

    /// Walks the root of an operation.
    pub(super) fn root(&mut self, set: &'a SelectionSet) -> Result<(), TooLarge> {
        for field in self.fields(set).iter() {
            match field.name.as_str() {
                "__schema" => self.set(Object::Schema, &field.selection_set)?,
                "__type" => self.types(self.named(field), &field.selection_set)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// The type that `__type` is asked for.
    fn named(&self, field: &'a Field) -> Option<&'a Name> {
        let name = field.specified_argument_by_name("name")?;
        let name = match &**name {
            Literal::Variable(variable) => self.variables.get(variable.as_str())?.as_str(),
            literal => literal.as_str(),
        };
        self.schema.apollo().types.get_key_value(name?).map(|(name, _)| name)
    }

    fn set(&mut self, object: Object<'a>, set: &'a SelectionSet) -> Result<(), TooLarge> {
        self.spend("{}".len())?;
        for field in self.fields(set).iter() {
            self.spend(BYTES_PER_VALUE.max(object.text(&field.name)))?;
            if !field.selection_set.selections.is_empty() {
                self.below(object, field)?;
            }
        }
        Ok(())
    }

    fn spend(&mut self, bytes: usize) -> Result<(), TooLarge> {
        self.bytes_left = self.bytes_left.checked_sub(bytes).ok_or(TooLarge)?;
        Ok(())
    }

    fn fields(&mut self, set: &'a SelectionSet) -> Fields<'a> {
        if let Some(fields) = self.known.get(&ptr::from_ref(set)) {
            return fields.clone();
        }
        let mut found = Vec::new();
        self.collect(set, &mut found);
        let fields = Fields::from(found);
        self.known.insert(set, fields.clone());
        fields
    }

    /// Adds the fields of a set that are selected. The types of introspection
    /// are all object types, so every fragment applies.
    fn collect(&self, set: &'a SelectionSet, found: &mut Vec<&'a Field>) {
        for selection in set.selections.iter().filter(|selection| self.is_selected(selection.directives())) {
            match selection {
                Selection::Field(field) => found.push(field),
                Selection::InlineFragment(fragment) => self.collect(&fragment.selection_set, found),
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.document.fragments.get(&spread.fragment_name) {
                        self.collect(&fragment.selection_set, found);
                    }
                }
            }
        }
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
            (Object::Type(ty), _) => self.below_type(ty, field),
            (Object::Wrapped(ty, _), "ofType") if ty.is_list() && !ty.is_non_null() => {
                self.ty(ty.item_type(), set)
            }
            (Object::Wrapped(ty, true), "ofType") => self.ty(ty.item_type(), set),
            (Object::Wrapped(ty, false), "ofType") if ty.is_list() => {
                self.set(Object::Wrapped(ty, true), set)
            }
            (Object::Wrapped(ty, _), "ofType") => self.types([ty.inner_named_type()], set),
            (Object::Field(of), "type") => self.ty(&of.ty, set),
            (Object::Field(of), "args") => {
                self.current(of.arguments.iter().map(|argument| Object::Input(argument)), field)
            }
            (Object::Directive(of), "args") => {
                self.current(of.arguments.iter().map(|argument| Object::Input(argument)), field)
            }
            (Object::Input(input), "type") => self.ty(&input.ty, set),
            _ => Ok(()),
        }
    }

    fn below_type(&mut self, ty: &'a ExtendedType, field: &'a Field) -> Result<(), TooLarge> {
        use ExtendedType::{Enum, InputObject, Interface, Object as ObjectType, Union};
        let set = &field.selection_set;
        match (field.name.as_str(), ty) {
            ("fields", ObjectType(ty)) => self.current(ty.fields.values().map(|f| Object::Field(f)), field),
            ("fields", Interface(ty)) => self.current(ty.fields.values().map(|f| Object::Field(f)), field),
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
            ("enumValues", Enum(ty)) => self.current(ty.values.values().map(|v| Object::EnumValue(v)), field),
            ("inputFields", InputObject(ty)) => {
                self.current(ty.fields.values().map(|f| Object::Input(f)), field)
            }
            _ => Ok(()),
        }
    }

    /// Walks the objects that `field` yields, deprecated ones where it asks for them.
    fn current(
        &mut self,
        objects: impl Iterator<Item = Object<'a>>,
        field: &'a Field,
    ) -> Result<(), TooLarge> {
        let asked = field.specified_argument_by_name("includeDeprecated");
        let deprecated = asked.is_some_and(|literal| is_true(literal, self.variables) == Ok(true));
        self.all(objects.filter(|object| deprecated || !object.is_deprecated()), &field.selection_set)
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

impl<'a> Object<'a> {
    fn is_deprecated(self) -> bool {
        self.directives().is_some_and(|directives| directives.has("deprecated"))
    }

    fn directives(self) -> Option<&'a DirectiveList> {
        match self {
            Object::Field(field) => Some(&field.directives),
            Object::Input(input) => Some(&input.directives),
            Object::EnumValue(value) => Some(&value.directives),
            _ => None,
        }
    }

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
        match (self, field) {
            (_, "description") => description.map_or(0, |text| text.len()),
            (_, "deprecationReason") => {
                let deprecated = self.directives().and_then(|directives| directives.get("deprecated"));
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
