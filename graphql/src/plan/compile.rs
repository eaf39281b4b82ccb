//! Compiles a validated operation into a [`Plan`].
//!
//! One walk over the operation, a selection set of an object type at a time.
//! It must not do more work than the document's bounds allow: fields on
//! interfaces and unions are compiled once per possible type, and selected
//! there or not, so what is made and what is looked at are counted as well.

use std::collections::HashMap;
use std::sync::Arc;

use apollo_compiler::ast::OperationType;
use apollo_compiler::collections::IndexMap;
use apollo_compiler::{Name, Node as Ast, executable};

use super::collect::{Found, Set, collect};
use super::locate::Want;
use super::{
    Abstract, Condition, Field, FieldValue, GateId, Introspect, Node, NodeId, Occurrence, Only, Origin,
    Output, Path, Place, PlaceId, Plan, Possible, ROOT, Read, Select, Selection, SelectionId, Shape, ShapeId,
};
use crate::code::Code;
use crate::coerce::Arguments;
use crate::document::Prepared;
use crate::error::RequestError;
use crate::json_path::{JsonPath, Step as JsonStep};
use crate::schema::{self, Access, Resolver, Rest, Schema, TypeId};
use crate::template::Reference;

/// How many more fields than the selection limit a plan may have, because
/// several types are possible at a position.
const FIELDS_PER_SELECTION: usize = 4;

/// How many times the selection limit selections may be looked at, each once
/// for every type that is possible where it stands.
const VISITS_PER_SELECTION: usize = 16;

/// Compiles the operation of `prepared`.
pub(crate) fn compile(
    schema: &Schema,
    prepared: Prepared,
    max_selections: usize,
) -> Result<Plan, RequestError> {
    let operation = prepared.operation.clone();
    let root_type = match operation.is_mutation() {
        true => schema.mutation(),
        false => Some(schema.query()),
    };
    let root_type = root_type.ok_or_else(|| RequestError::of(Code::OperationNotSupported))?;
    let mut compiler = Compiler {
        schema,
        prepared: &prepared,
        is_mutation: operation.is_mutation(),
        selections: Vec::new(),
        nodes: Vec::new(),
        places: vec![Place { shape: ROOT, origin: Origin::Root, lists: 0, only: None }],
        shapes: vec![Shape::new(None)],
        conditions: IndexMap::default(),
        gates: IndexMap::default(),
        around: Vec::new(),
        introspection: None,
        arguments: HashMap::new(),
        fields_left: max_selections.saturating_mul(FIELDS_PER_SELECTION),
        visits_left: max_selections.saturating_mul(VISITS_PER_SELECTION),
    };
    let sets = [(&operation.selection_set, Condition::default())];
    let at = At { ty: root_type, place: 0, shape: ROOT, node: None };
    let root = compiler.selection(at, &sets)?;
    let Compiler { selections, nodes, places, shapes, conditions, gates, introspection, .. } = compiler;
    let (conditions, gates) = (conditions.into_keys().collect(), gates.into_keys().collect());
    Ok(Plan { prepared, root, selections, nodes, places, shapes, conditions, gates, introspection })
}

/// The objects whose selection is being compiled.
#[derive(Clone, Copy)]
pub(super) struct At {
    ty: TypeId,
    place: PlaceId,
    pub(super) shape: ShapeId,
    pub(super) node: Option<NodeId>,
}

pub(super) struct Compiler<'a> {
    schema: &'a Schema,
    prepared: &'a Prepared,
    is_mutation: bool,
    selections: Vec<Selection>,
    nodes: Vec<Node>,
    places: Vec<Place>,
    pub(super) shapes: Vec<Shape>,
    conditions: IndexMap<Condition, ()>,
    gates: IndexMap<Arc<Access>, ()>,
    /// The gates of what is being compiled and of everything around it.
    around: Vec<GateId>,
    introspection: Option<Introspect>,
    /// Arguments of a field in the document, which fragments may put to many places.
    arguments: HashMap<(TypeId, *const executable::Field), Arguments>,
    fields_left: usize,
    visits_left: usize,
}

impl<'a> Compiler<'a> {
    fn selection(&mut self, at: At, sets: &[Set<'a>]) -> Result<SelectionId, RequestError> {
        let name = self.schema.ty(at.ty).name.clone();
        let (apollo, document) = (self.schema.apollo(), &self.prepared.document);
        let found = collect(apollo, document, &name, sets, &mut self.visits_left)?;
        let mut fields = Vec::with_capacity(found.len());
        for (key, found) in found {
            self.fields_left =
                self.fields_left.checked_sub(1).ok_or_else(|| RequestError::of(Code::TooManySelections))?;
            fields.push(self.field(at, key, &found)?);
        }
        let conditional = fields
            .iter()
            .any(|field| field.occurrences.len() > 1 || field.occurrences[0].condition.is_some());
        self.selections.push(Selection { fields, conditional });
        Ok(self.selections.len() - 1)
    }

    fn field(&mut self, at: At, key: &Name, found: &[Found<'a>]) -> Result<Field, RequestError> {
        let ty = self.schema.ty(at.ty);
        let first = found[0].field;
        let occurrences = self.occurrences(found);
        let mut field = Field {
            response_key: key.as_str().into(),
            key: format!("\"{key}\":").into_bytes().into(),
            coordinate: format!("{}.{}", ty.name, first.name).into(),
            occurrences,
            nullable: [false].into(),
            gate: None,
            value: FieldValue::Constant(Box::default()),
            output: Output::Leaf(at.ty),
        };
        match first.name.as_str() {
            "__typename" => {
                field.value = FieldValue::Constant(format!("\"{}\"", ty.name).into_bytes().into())
            }
            "__schema" | "__type" => field.value = FieldValue::Introspection(self.introspect(found)),
            name => {
                let defined = ty.as_object().and_then(|object| object.field(name));
                let defined = defined.ok_or_else(|| RequestError::of(Code::Internal))?;
                self.resolved(at, &mut field, defined, found)?;
            }
        }
        Ok(field)
    }

    /// Adds `__schema` or `__type`; the number of its answer.
    fn introspect(&mut self, found: &[Found<'a>]) -> usize {
        let operation = &self.prepared.operation;
        let query = self.schema.apollo().root_operation(OperationType::Query);
        let new = || Introspect::new(operation, query.unwrap_or(operation.object_type()).clone());
        self.introspection.get_or_insert_with(new).add(found)
    }

    /// Completes a field that the schema defines.
    fn resolved(
        &mut self,
        at: At,
        field: &mut Field,
        defined: &schema::Field,
        found: &[Found<'a>],
    ) -> Result<(), RequestError> {
        let named = defined.ty.named();
        let want = if self.schema.ty(named).is_leaf() { Want::Leaf } else { Want::Object };
        field.coordinate = defined.coordinate.clone();
        field.nullable = nullable(&defined.ty);
        field.gate = self.enter(defined.access.as_ref());
        let (child, node, origin);
        match &defined.resolver {
            Resolver::Property(property) => {
                let located = self.property(at, property, want);
                (child, node) = (located.child, at.node);
                origin = Origin::Within(at.place, located.path.clone());
                field.value = FieldValue::Path(located.path);
            }
            Resolver::JsonPath(path) => {
                let located = self.json_path(at, path, want);
                (child, node) = (located.child, at.node);
                origin = Origin::Within(at.place, located.path.clone());
                field.value = FieldValue::Path(located.path);
            }
            Resolver::Rest(rest) => {
                let arguments = self.arguments(at, found[0].field)?;
                let id = self.nodes.len();
                child = self.node(at, rest, arguments, want, &field.occurrences, defined);
                (node, origin) = (Some(id), Origin::Fetched(id));
                field.value = FieldValue::Fetch(id);
            }
        }
        field.output = match child {
            None => Output::Leaf(named),
            Some(shape) => {
                let sets: Vec<Set<'a>> =
                    found.iter().map(|f| (&f.field.selection_set, f.condition.clone())).collect();
                let lists = field.nullable.len() - 1;
                self.output(At { ty: named, place: at.place, shape, node }, origin, lists, &sets)?
            }
        };
        self.leave(field.gate);
        Ok(())
    }

    /// Compiles the selections on what a field yields.
    fn output(
        &mut self,
        at: At,
        origin: Origin,
        lists: usize,
        sets: &[Set<'a>],
    ) -> Result<Output, RequestError> {
        let Some(ty) = self.schema.ty(at.ty).as_abstract() else {
            let place = self.place(Place { shape: at.shape, origin, lists, only: None });
            return Ok(Output::Object(self.selection(At { place, ..at }, sets)?));
        };
        let discriminator = (ty.possible.len() > 1)
            .then(|| self.members(at.shape, at.node, &ty.discriminator, Want::Leaf).path);
        let whole = self.place(Place { shape: at.shape, origin, lists, only: None });
        let mut possible = Vec::with_capacity(ty.possible.len());
        for &concrete in &ty.possible {
            let place = match &discriminator {
                None => whole,
                Some(path) => self.place(Place {
                    shape: at.shape,
                    origin: Origin::Within(whole, Path([].into())),
                    lists: 0,
                    only: Some(Only { ty: at.ty, discriminator: path.clone(), concrete }),
                }),
            };
            let access = self.schema.ty(concrete).as_object().and_then(|object| object.access.as_ref());
            let gate = self.enter(access);
            let selection = self.selection(At { ty: concrete, place, ..at }, sets)?;
            self.leave(gate);
            possible.push(Possible { ty: concrete, selection, gate });
        }
        Ok(Output::Abstract(Abstract { ty: at.ty, discriminator, possible }))
    }

    /// Adds the node of a `@rest` field; the shape of its objects, if any.
    fn node(
        &mut self,
        at: At,
        rest: &Arc<Rest>,
        arguments: Arguments,
        want: Want,
        occurrences: &[Occurrence],
        defined: &schema::Field,
    ) -> Option<ShapeId> {
        let id = self.nodes.len();
        let keys = rest.batch.iter().flat_map(|batch| &batch.keys);
        let mut parents: Vec<(Vec<Arc<str>>, Path)> = Vec::new();
        for reference in rest.references() {
            if let Reference::Parent(names) = reference
                && !parents.iter().any(|(known, _)| known == names)
            {
                parents.push((names.clone(), self.members(at.shape, at.node, names, Want::Leaf).path));
            }
        }
        let keys_in_parent =
            keys.clone().map(|key| self.members(at.shape, at.node, &key.parent, Want::Leaf).path).collect();
        self.nodes.push(Node {
            rest: rest.clone(),
            arguments,
            place: at.place,
            children: Vec::new(),
            occurrences: occurrences.to_vec(),
            gates: self.around.clone().into(),
            keys: keys_in_parent,
            row_keys: Vec::new(),
            parents,
            read: Read::Leaf,
            select: Select::Path(Path([].into())),
            is_list: defined.ty.is_list(),
            is_nullable: !defined.ty.non_null,
            is_read: !(self.is_mutation && at.node.is_none()),
        });
        if let Some(parent) = at.node {
            self.nodes[parent].children.push(id);
        }
        let child = self.answer(id, rest.select.as_ref(), want);
        if let Some(child) = child {
            let row_keys = keys.map(|key| self.members(child, Some(id), &key.row, Want::Leaf).path).collect();
            self.nodes[id].row_keys = row_keys;
        }
        child
    }

    /// Decides how a node's bodies are read.
    fn answer(&mut self, id: NodeId, select: Option<&JsonPath>, want: Want) -> Option<ShapeId> {
        match select {
            Some(JsonPath::Singular(steps)) if matches!(steps.first(), Some(JsonStep::Name(_))) => {
                let whole = self.shape(Some(id));
                let located = self.steps(whole, Some(id), steps, want);
                self.nodes[id].read = Read::Object(whole);
                self.nodes[id].select = Select::Path(located.path);
                located.child
            }
            select => {
                let (read, child) = self.read(Some(id), want);
                self.nodes[id].read = read;
                if let Some(path) = select {
                    self.nodes[id].select = Select::General(path.clone());
                }
                child
            }
        }
    }

    pub(super) fn shape(&mut self, node: Option<NodeId>) -> ShapeId {
        self.shapes.push(Shape::new(node));
        self.shapes.len() - 1
    }

    fn place(&mut self, place: Place) -> PlaceId {
        self.places.push(place);
        self.places.len() - 1
    }

    /// The arguments of a field as its concrete type defines them.
    fn arguments(&mut self, at: At, field: &'a executable::Field) -> Result<Arguments, RequestError> {
        let known = (at.ty, std::ptr::from_ref(field));
        if let Some(arguments) = self.arguments.get(&known) {
            return Ok(arguments.clone());
        }
        let apollo = self.schema.apollo();
        let definition = apollo.type_field(&self.schema.ty(at.ty).name, &field.name);
        let definitions: &[Ast<_>] = definition.as_ref().map_or(&[], |found| &found.arguments);
        let arguments = Arguments::new(apollo, definitions, &field.arguments).map_err(|error| {
            let sources = &self.prepared.document.sources;
            RequestError::at(Code::ValidationFailed, error.0, field.name.location(), sources)
        })?;
        self.arguments.insert(known, arguments.clone());
        Ok(arguments)
    }

    /// Occurrences up to the first that always counts: those behind it never
    /// decide anything.
    fn occurrences(&mut self, found: &[Found<'a>]) -> Vec<Occurrence> {
        let mut occurrences = Vec::with_capacity(1);
        for Found { field, position, condition } in found {
            let condition = (!condition.is_always()).then(|| self.condition(condition));
            let location = self.location(field.alias.as_ref().unwrap_or(&field.name));
            occurrences.push(Occurrence { position: *position, condition, location });
            if condition.is_none() {
                break;
            }
        }
        occurrences
    }

    /// Notes who may read what is compiled next.
    fn enter(&mut self, access: Option<&Arc<Access>>) -> Option<GateId> {
        let gate = self.gates.insert_full(access?.clone(), ()).0;
        self.around.push(gate);
        Some(gate)
    }

    fn leave(&mut self, gate: Option<GateId>) {
        if gate.is_some() {
            self.around.pop();
        }
    }

    fn condition(&mut self, condition: &Condition) -> usize {
        self.conditions.insert_full(condition.clone(), ()).0
    }

    fn location(&self, name: &Name) -> Option<(u32, u32)> {
        let place = name.location()?.line_column(&self.prepared.document.sources)?;
        Some((u32::try_from(place.line).ok()?, u32::try_from(place.column).ok()?))
    }
}

/// Whether null is allowed, per level from the outside in.
fn nullable(ty: &schema::TypeRef) -> Box<[bool]> {
    let mut levels = vec![!ty.non_null];
    let mut ty = ty;
    while let Some(item) = ty.item() {
        levels.push(!item.non_null);
        ty = item;
    }
    levels.into()
}
