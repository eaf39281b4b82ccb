//! Why a fetched field has no value.
//!
//! Kept apart from the response: one failed call is the fault of every
//! position that waited for it, and each of them becomes an error with its own
//! path when the response is written.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;

use crate::code::Code;
use crate::fetch::FetchError;

/// What an error of a field says besides its path.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    /// `extensions.code`: of [`Code`], or a word of the embedder's.
    pub(crate) code: &'static str,
    pub(crate) message: Cow<'static, str>,
    /// `extensions.source`.
    pub(crate) source: Option<Arc<str>>,
    /// `extensions.status`.
    pub(crate) status: Option<StatusCode>,
    /// `extensions.problem`: a body that the schema exposes, as JSON.
    pub(crate) problem: Option<Bytes>,
}

impl Fault {
    pub(crate) fn of(code: Code) -> Self {
        Self::with(code, code.text())
    }

    pub(crate) fn with(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code: code.word(), message: message.into(), source: None, status: None, problem: None }
    }

    pub(crate) fn at_source(mut self, source: &Arc<str>) -> Self {
        self.source = Some(source.clone());
        self
    }

    pub(super) fn status(code: Code, source: &Arc<str>, status: StatusCode) -> Self {
        let mut fault = Self::of(code).at_source(source);
        fault.status = Some(status);
        fault
    }

    /// What the embedder could not fetch; `too_large` says why a body was.
    pub(super) fn unfetched(error: &FetchError, too_large: Code, source: &Arc<str>) -> Self {
        let (code, message) = match error {
            FetchError::Failed(code) => (*code, "The service could not be reached"),
            FetchError::TimedOut(code) => (*code, "The service did not answer in time"),
            FetchError::BodyTooLarge => (too_large.word(), too_large.text()),
        };
        Self { code, message: message.into(), source: Some(source.clone()), status: None, problem: None }
    }
}
