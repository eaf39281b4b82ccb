//! What the engine is asked, and what it answers.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::budget::Budget;
use crate::code::Code;
use crate::coerce::Values;
use crate::error::RequestError;

/// A GraphQL request, whatever carried it.
#[derive(Debug, Clone, Default)]
pub struct GraphqlRequest {
    /// The document.
    pub query: String,
    /// Which of the document's operations to run.
    pub operation_name: Option<String>,
    /// Variables, not coerced yet.
    pub variables: Values,
}

/// A caller whom the embedder has authenticated. It alone can say so: nothing of a
/// request makes one.
pub trait Identity: Debug + Send + Sync {
    /// The verified claim at a path, as `{claims.tenant.id}` writes it: `tenant.id`.
    fn claim(&self, path: &str) -> Option<&serde_json::Value>;

    /// Whether the caller was given this scope.
    fn has_scope(&self, scope: &str) -> bool;
}

/// Who asks, and until when an answer is of use.
#[derive(Debug, Clone)]
pub struct Context {
    /// The client's headers: templates and forward lists choose among them.
    pub headers: HeaderMap,
    /// Who asks; `None` where nobody knows.
    pub identity: Option<Arc<dyn Identity>>,
    /// Who pays for the operation; without, nobody has to.
    pub budget: Option<Arc<dyn Budget>>,
    /// The answer is written by then, complete or not.
    pub deadline: Instant,
}

/// The engine's answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// Status for `application/graphql-response+json`: 200 once the operation
    /// was executed, however many of its fields failed.
    pub status: StatusCode,
    /// Why the operation was not executed, if it was not.
    pub refused: Option<Code>,
    /// A GraphQL response, as JSON.
    pub body: Bytes,
}

impl Response {
    /// The answer to a request that is not executed.
    pub(crate) fn refused(error: &RequestError) -> Self {
        Self { status: error.code.status(), refused: Some(error.code), body: Bytes::from(error.body()) }
    }
}
