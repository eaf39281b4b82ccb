//! Templates: how a call's path, query, headers and body are made of values.
//!
//! A template is parsed and checked once, when the schema is loaded; expanding
//! it cannot add a path segment, a query parameter or a header, whatever the
//! values are. Names are already told apart by then ([`Reference`]), so that
//! expansion looks nothing up by text and an unknown name cannot occur.

mod body;
mod header;
mod parse;
mod uri;
mod uri_reader;
mod value;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use http::HeaderName;

pub use body::BodyTemplate;
pub use header::HeaderTemplate;
pub use uri::UriTemplate;
pub use value::Value;

pub(crate) use body::{Casing, InputName, InputNames};
pub use header::is_reserved as is_reserved_header;
pub(crate) use parse::Syntax;

/// What a name in a template stands for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reference {
    /// An argument of the field, or a member within it: `id`, `input.userId`.
    Argument(Vec<Arc<str>>),
    /// A member of the parent's JSON: `parent.address.city`.
    Parent(Vec<Arc<str>>),
    /// A verified claim of the caller, by its path: `claims.sub`, `claims.https://app.example/tenant`.
    Claim(Arc<str>),
    /// A header of the client's request: `headers.idempotency-key`.
    Header(HeaderName),
    /// The keys of a batch: its parameter's name, or `keys`.
    Keys,
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reference::Argument(path) => f.write_str(&path.join(".")),
            Reference::Parent(path) => write!(f, "parent.{}", path.join(".")),
            Reference::Claim(path) => write!(f, "claims.{path}"),
            Reference::Header(name) => write!(f, "headers.{name}"),
            Reference::Keys => f.write_str("keys"),
        }
    }
}

impl Reference {
    /// What a client may be told. Only arguments are its own names; the others
    /// show how the schema's author asks a service.
    fn for_client(&self) -> String {
        match self {
            Reference::Argument(_) => format!("`{self}`"),
            Reference::Parent(_) | Reference::Keys => "a member of the service's data".to_owned(),
            Reference::Claim(_) => "a claim of the caller".to_owned(),
            Reference::Header(_) => "a header of the request".to_owned(),
        }
    }
}

/// Where expansion finds values.
pub trait Scope {
    /// The value a reference stands for; `None` where it is undefined.
    fn value(&self, reference: &Reference) -> Option<Value<'_>>;
}

/// Why a template could not be expanded; nothing may be sent then. The texts
/// are for the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpandError {
    /// A value that must be there is null, undefined or empty.
    #[error("{0} has no value")]
    Missing(String),
    /// A path value that would change the path's structure.
    #[error("{0} is not allowed in a path")]
    PathValue(String),
    /// A header value with a character that would end the header.
    #[error("{0} is not allowed in a header")]
    HeaderValue(String),
    /// A list or an object where only a scalar can go.
    #[error("{0} is not a scalar")]
    NotScalar(String),
    /// A value that is not JSON.
    #[error("{0} cannot be read")]
    NotJson(String),
}
