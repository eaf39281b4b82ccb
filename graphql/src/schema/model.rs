//! The compiled schema: what the engine plans and executes against.
//!
//! Everything is resolved when the schema is loaded: types and fields are found
//! by number, templates and JSON paths are parsed, default values are checked.
//! A value of these types is immutable and can only come from
//! [`Schema::load`](crate::schema::Schema::load), so whoever holds one never
//! checks it again. The SDL's own view (descriptions, deprecations, directives)
//! stays with apollo-compiler's schema, which validates operations and answers
//! introspection.

use std::collections::HashMap;
use std::sync::Arc;

use apollo_compiler::collections::HashMap as ApolloMap;
use apollo_compiler::schema::Implementers;
use apollo_compiler::validation::Valid;
use http::{HeaderName, Method};

use super::access::Access;
use crate::json_path::JsonPath;
use crate::template::{BodyTemplate, HeaderTemplate, Reference, UriTemplate};

/// Number of a type within its [`Schema`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeId(pub(crate) u32);

impl TypeId {
    /// As an index into per-type tables.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A composed API, loaded and checked.
#[derive(Debug)]
pub struct Schema {
    pub(crate) types: Vec<Type>,
    pub(crate) query: TypeId,
    pub(crate) mutation: Option<TypeId>,
    pub(crate) apollo: Valid<apollo_compiler::Schema>,
    pub(crate) implementers: ApolloMap<apollo_compiler::Name, Implementers>,
    pub(crate) version: u64,
    pub(crate) introspection: bool,
}

impl Schema {
    /// The SDL as apollo-compiler holds it, for validating operations.
    pub(crate) fn apollo(&self) -> &Valid<apollo_compiler::Schema> {
        &self.apollo
    }

    /// Changes whenever anything that a plan depends on changes.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Whether `__schema` and `__type` are answered.
    pub(crate) fn introspection_enabled(&self) -> bool {
        self.introspection
    }

    /// The root type of queries.
    pub(crate) fn query(&self) -> TypeId {
        self.query
    }

    /// The root type of mutations.
    pub(crate) fn mutation(&self) -> Option<TypeId> {
        self.mutation
    }

    /// A type by number.
    pub(crate) fn ty(&self, id: TypeId) -> &Type {
        &self.types[id.index()]
    }
}

/// A named type.
#[derive(Debug)]
pub struct Type {
    /// Its name in the SDL.
    pub name: Arc<str>,
    /// What it is.
    pub kind: TypeKind,
}

impl Type {
    /// The object type, if this is one.
    pub fn as_object(&self) -> Option<&ObjectType> {
        match &self.kind {
            TypeKind::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The interface or union, if this is one.
    pub fn as_abstract(&self) -> Option<&AbstractType> {
        match &self.kind {
            TypeKind::Interface(ty) | TypeKind::Union(ty) => Some(ty),
            _ => None,
        }
    }

    /// Whether it is a scalar or an enum, and values have no selection.
    pub fn is_leaf(&self) -> bool {
        matches!(self.kind, TypeKind::Scalar(_) | TypeKind::Enum(_))
    }
}

/// The six kinds of named types.
#[derive(Debug)]
pub enum TypeKind {
    /// A built-in or custom scalar.
    Scalar(Scalar),
    /// An object type.
    Object(ObjectType),
    /// An interface.
    Interface(AbstractType),
    /// A union.
    Union(AbstractType),
    /// An enum.
    Enum(EnumType),
    /// An input object type.
    Input,
}

/// How values of a scalar are read and checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar {
    /// 32-bit signed integer.
    Int,
    /// Double-precision number.
    Float,
    /// Text.
    String,
    /// `true` or `false`.
    Boolean,
    /// Text; integers are accepted and become text.
    Id,
    /// Declared by the SDL: any JSON value, passed through as it is.
    Custom,
}

/// An object type: where each of its fields comes from.
#[derive(Debug)]
pub struct ObjectType {
    /// In the SDL's order.
    pub fields: Vec<Field>,
    /// Their places by name.
    pub(crate) names: HashMap<Arc<str>, usize>,
    /// Who may read objects of this type, where it is one of several that are
    /// possible; `None`: everybody.
    pub(crate) access: Option<Arc<Access>>,
}

impl ObjectType {
    /// A field by name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.names.get(name).map(|place| &self.fields[*place])
    }
}

/// A field of an object type.
#[derive(Debug)]
pub struct Field {
    /// Its name in the SDL.
    pub name: Arc<str>,
    /// `Type.field`, for reports and messages.
    pub coordinate: Arc<str>,
    /// What it yields.
    pub ty: TypeRef,
    /// Where its value comes from.
    pub resolver: Resolver,
    /// Who may read it, by itself and by what it yields; `None`: everybody.
    pub(crate) access: Option<Arc<Access>>,
}

/// Where a field's value comes from.
#[derive(Debug, Clone)]
pub enum Resolver {
    /// A member of the parent's JSON.
    Property(Property),
    /// Elsewhere in the parent's JSON.
    JsonPath(Arc<JsonPath>),
    /// A call to a service.
    Rest(Arc<Rest>),
}

/// A member read by the naming rule: the exact name if the member is present,
/// even as null, else the snake_case form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    /// The name as the SDL has it.
    pub name: Arc<str>,
    /// The snake_case form, where it differs.
    pub snake: Option<Arc<str>>,
}

/// A type with its lists and non-nulls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeRef {
    /// Whether null is not among its values.
    pub non_null: bool,
    /// A named type, or a list.
    pub shape: TypeShape,
}

/// What a [`TypeRef`] is without its outermost `!`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypeShape {
    /// A named type.
    Named(TypeId),
    /// A list of the inner type.
    List(Box<TypeRef>),
}

impl TypeRef {
    /// The named type inside all lists.
    pub fn named(&self) -> TypeId {
        match &self.shape {
            TypeShape::Named(id) => *id,
            TypeShape::List(inner) => inner.named(),
        }
    }

    /// The type of the items, if this is a list.
    pub fn item(&self) -> Option<&TypeRef> {
        match &self.shape {
            TypeShape::Named(_) => None,
            TypeShape::List(inner) => Some(inner),
        }
    }

    /// Whether this is a list.
    pub fn is_list(&self) -> bool {
        matches!(self.shape, TypeShape::List(_))
    }
}

/// An interface or a union.
///
/// The concrete type of a JSON object is named by its member [`discriminator`]:
/// the type's exact name, or its snake_case form. Where there is only one
/// possible type the member is not needed.
///
/// [`discriminator`]: AbstractType::discriminator
#[derive(Debug)]
pub struct AbstractType {
    /// The object types a value may have, in ascending order.
    pub possible: Vec<TypeId>,
    /// Member names leading to the text that names the concrete type;
    /// `["__typename"]` unless the SDL says `@json(path:)` on the type.
    pub discriminator: Vec<Arc<str>>,
    pub(crate) values: HashMap<Arc<str>, TypeId>,
}

impl AbstractType {
    /// The concrete type that a discriminator's text names.
    pub fn concrete(&self, value: &str) -> Option<TypeId> {
        self.values.get(value).copied()
    }
}

/// An enum's values.
#[derive(Debug)]
pub struct EnumType {
    /// In the SDL's order.
    pub values: Vec<Arc<str>>,
}

/// A call to a service: `@rest`.
#[derive(Debug)]
pub struct Rest {
    /// `Type.field`.
    pub coordinate: Arc<str>,
    /// The upstream's name.
    pub source: Arc<str>,
    /// The request method.
    pub method: Method,
    /// Path and query.
    pub uri: UriTemplate,
    /// Headers to send, in the SDL's order.
    pub headers: Vec<HeaderTemplate>,
    /// The caller's headers that the source asks for: each once, and none that
    /// the call sets itself.
    pub forward: Vec<HeaderName>,
    /// A JSON body.
    pub body: Option<BodyTemplate>,
    /// Which part of the answer is the field's value; `None`: all of it.
    pub select: Option<JsonPath>,
    /// One call for all parents of a level.
    pub batch: Option<Batch>,
    /// Statuses whose problem the client may see.
    pub expose: Vec<u16>,
}

impl Rest {
    /// Every name the call's templates use, repetitions included.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        self.uri
            .references()
            .chain(self.headers.iter().flat_map(HeaderTemplate::references))
            .chain(self.body.iter().flat_map(BodyTemplate::references))
    }
}

/// How one call answers for many parents.
#[derive(Debug)]
pub struct Batch {
    /// One part, or several for a composite key.
    pub keys: Vec<BatchKey>,
    /// The argument by which each parent's rows are cut; never sent.
    pub take: Option<Arc<str>>,
    /// Most keys in one call.
    pub max: usize,
    /// Most rows the service ever answers with: as many means the answer may be cut.
    pub rows: Option<usize>,
}

/// One part of a batch key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchKey {
    /// Member names leading to the part in the parent's JSON.
    pub parent: Vec<Arc<str>>,
    /// Member names leading to the part in a row of the answer.
    pub row: Vec<Arc<str>>,
    /// The part's name in what is sent.
    pub name: Arc<str>,
}
