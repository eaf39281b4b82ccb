//! The schema: SDL with directives in, a checked and immutable model out.
//!
//! [`Schema::load`] reads any number of files as one document. apollo-compiler
//! parses and validates the GraphQL in it; what our directives say is read and
//! checked here, and every problem of all files is reported at once. The model
//! that results ([`model`]) needs no further checks.
//!
//! Reading files, and knowing which upstreams exist, is the caller's.

mod access;
mod load;
mod model;
mod naming;
mod problem;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use http::HeaderName;

pub(crate) use access::{Access, Refused};
#[cfg(test)]
use load::ARGUMENTS;
pub use model::Schema;
pub(crate) use model::*;
pub use problem::Problem;

/// A file of SDL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SdlFile {
    /// How problems name it.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// The services that `@rest(source:)` may name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources(pub BTreeMap<String, SourceOptions>);

impl Sources {
    /// Sources with default options.
    pub fn named<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        Sources(names.into_iter().map(|name| (name.to_owned(), SourceOptions::default())).collect())
    }
}

/// What is said about a source outside the SDL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceOptions {
    /// The client's headers that every call to the source carries.
    pub forward: Vec<HeaderName>,
}

/// How to load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaOptions {
    /// Warnings are errors.
    pub strict: bool,
    /// Answer `__schema` and `__type`.
    pub introspection: bool,
}

impl Default for SchemaOptions {
    fn default() -> Self {
        SchemaOptions { strict: false, introspection: true }
    }
}

/// A schema, and what its author should look at.
#[derive(Debug)]
pub struct Loaded {
    /// Ready to serve.
    pub schema: Arc<Schema>,
    /// Not wrong, but probably not meant.
    pub warnings: Vec<Problem>,
}

impl Schema {
    /// Whether any call goes to this source.
    pub fn uses(&self, source: &str) -> bool {
        let mut fields = self.types.iter().filter_map(Type::as_object).flat_map(|object| &object.fields);
        fields.any(|field| matches!(&field.resolver, Resolver::Rest(rest) if *rest.source == *source))
    }

    /// Whether some field asks who the caller is.
    pub fn asks_for_identity(&self) -> bool {
        let mut objects = self.types.iter().filter_map(Type::as_object);
        objects
            .any(|object| object.access.is_some() || object.fields.iter().any(|field| field.access.is_some()))
    }

    /// Reads, merges and checks SDL files.
    ///
    /// # Errors
    /// Every problem of every file, in the files' order. Where a file cannot be
    /// parsed, only what the parser says: the rest would be guesses.
    pub fn load(
        files: &[SdlFile],
        sources: &Sources,
        options: &SchemaOptions,
    ) -> Result<Loaded, Vec<Problem>> {
        load::load(files, sources, options)
    }
}
