//! Every way the engine refuses an operation or fails a field: one table.
//!
//! The word stands in `extensions.code` of the GraphQL error, in the report,
//! and so in the embedder's logs, spans and metrics; `docs/` has a paragraph
//! for each. Codes of failed calls that the embedder's `Fetch` reports are
//! its own and pass through unchanged: they are not in this table.

use http::StatusCode;

/// Why an operation was refused or a field has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Code {
    /// The HTTP request does not carry a GraphQL request.
    MalformedRequest,
    /// The hash of a document in place of the document.
    PersistedQueryNotSupported,
    /// A method other than GET and POST.
    MethodNotAllowed,
    /// A mutation sent by GET.
    MutationByGet,
    /// A GET that a page of another site could have sent.
    PreflightRequired,
    /// `Accept` admits none of the media types GraphQL is answered in.
    NotAcceptable,
    /// A body that is not `application/json`.
    UnsupportedMediaType,
    /// The HTTP body is longer than the limit, or has more variables.
    RequestTooLarge,
    /// The document is longer than the limit.
    DocumentTooLarge,
    /// The document has more tokens than the limit.
    TooManyTokens,
    /// The operation nests deeper than the limit.
    TooDeep,
    /// More selections than the limit once fragments are expanded.
    TooManySelections,
    /// More aliases than the limit once fragments are expanded.
    TooManyAliases,
    /// More root fields than the limit once fragments are expanded.
    TooManyRootFields,
    /// More directives than the limit once fragments are expanded.
    TooManyDirectives,
    /// The document breaks GraphQL's grammar.
    SyntaxError,
    /// The document does not fit the schema.
    ValidationFailed,
    /// The operation to run is ambiguous or not in the document.
    OperationNotFound,
    /// A subscription, which this transport does not carry.
    OperationNotSupported,
    /// `__schema` and `__type` are switched off.
    IntrospectionDisabled,
    /// A variable is missing or does not fit its type.
    VariableInvalid,
    /// An argument has no value that fits once variables are known.
    ArgumentInvalid,
    /// The caller has not enough left of a rate limit for what the operation costs.
    RateLimited,
    /// Nobody can say at present what is left of a rate limit.
    RateLimitUnavailable,
    /// A non-null field has no value.
    NullValue,
    /// A service's value does not fit the field's type.
    InvalidValue,
    /// A service's object does not say which type it is.
    UnknownType,
    /// A value may not stand in the request to a service.
    UnsendableValue,
    /// The caller lacks a claim that a call carries.
    ClaimMissing,
    /// A batch key is neither an integer nor a string.
    InvalidKey,
    /// The field is for callers who are known.
    CredentialsMissing,
    /// The caller lacks a scope that the field needs.
    InsufficientScope,
    /// A service answered with an error status.
    UpstreamStatus,
    /// A service answered with a redirect.
    UpstreamRedirect,
    /// A service's body is not the JSON that was asked for.
    UpstreamInvalidBody,
    /// A service's body is longer than the limit.
    UpstreamBodyTooLarge,
    /// A service's answer is as long as its row cap: rows may be missing.
    RowsCapped,
    /// The deadline passed before the field was fetched, or before anything was
    /// executed.
    DeadlineExceeded,
    /// More rows read than the limit for one operation.
    TooManyRows,
    /// More bytes held than the limit for one operation.
    TooManyBytes,
    /// More calls than the limit for one operation.
    TooManyCalls,
    /// The response is longer than the limit.
    ResponseTooLarge,
    /// The engine failed by its own fault.
    Internal,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The code this row is about.
    pub code: Code,
    /// The word for it everywhere.
    pub word: &'static str,
    /// HTTP status where the whole request is refused with it; 200 for codes
    /// that only ever concern a field, and where clients expect it.
    pub status: u16,
    /// What the client is told where nothing more precise is known.
    pub text: &'static str,
}

const fn row(code: Code, word: &'static str, status: u16, text: &'static str) -> Row {
    Row { code, word, status, text }
}

/// The table, in the order of the enum.
#[rustfmt::skip]
pub const TABLE: [Row; 43] = [
    row(Code::MalformedRequest, "graphql_malformed_request", 400, "The request is not a GraphQL request"),
    // Text, word and status are those that clients look for: Apollo's, which others took over.
    row(Code::PersistedQueryNotSupported, "PERSISTED_QUERY_NOT_SUPPORTED", 200, "PersistedQueryNotSupported"),
    row(Code::MethodNotAllowed, "graphql_method_not_allowed", 405, "GraphQL is asked for by GET or POST"),
    row(Code::MutationByGet, "graphql_mutation_by_get", 405, "A mutation must be sent by POST"),
    row(Code::PreflightRequired, "graphql_preflight_required", 403, "Another site could have sent this GET: add the header `graphql-require-preflight: 1`, or send a POST"),
    row(Code::NotAcceptable, "graphql_not_acceptable", 406, "The answer is application/graphql-response+json or application/json"),
    row(Code::UnsupportedMediaType, "graphql_unsupported_media_type", 415, "The body must be application/json in UTF-8"),
    row(Code::RequestTooLarge, "graphql_request_too_large", 413, "The request body is too large"),
    row(Code::DocumentTooLarge, "graphql_document_too_large", 400, "The document is too long"),
    row(Code::TooManyTokens, "graphql_too_many_tokens", 400, "The document has too many tokens"),
    row(Code::TooDeep, "graphql_too_deep", 400, "The operation nests too deep"),
    row(Code::TooManySelections, "graphql_too_many_selections", 400, "The operation selects too many fields"),
    row(Code::TooManyAliases, "graphql_too_many_aliases", 400, "The operation has too many aliases"),
    row(Code::TooManyRootFields, "graphql_too_many_root_fields", 400, "The operation has too many root fields"),
    row(Code::TooManyDirectives, "graphql_too_many_directives", 400, "The operation has too many directives"),
    row(Code::SyntaxError, "graphql_syntax_error", 400, "The document cannot be parsed"),
    row(Code::ValidationFailed, "graphql_validation_failed", 400, "The document does not fit the schema"),
    row(Code::OperationNotFound, "graphql_operation_not_found", 400, "The operation to run cannot be told"),
    row(Code::OperationNotSupported, "graphql_operation_not_supported", 400, "Subscriptions are not supported here"),
    row(Code::IntrospectionDisabled, "graphql_introspection_disabled", 400, "Introspection is switched off"),
    row(Code::VariableInvalid, "graphql_variable_invalid", 400, "A variable does not fit its type"),
    row(Code::ArgumentInvalid, "graphql_argument_invalid", 200, "An argument does not fit its type"),
    row(Code::RateLimited, "rate_limited", 429, "Too many requests"),
    row(Code::RateLimitUnavailable, "rate_limit_unavailable", 503, "Rate limits cannot be checked at present"),
    row(Code::NullValue, "graphql_null_value", 200, "A field that is never null has no value"),
    row(Code::InvalidValue, "graphql_invalid_value", 200, "The service's value does not fit the field's type"),
    row(Code::UnknownType, "graphql_unknown_type", 200, "The service's object does not say which type it is"),
    row(Code::UnsendableValue, "graphql_unsendable_value", 200, "A value cannot stand in the request to the service"),
    row(Code::ClaimMissing, "graphql_claim_missing", 200, "The caller lacks a claim that this field needs"),
    row(Code::InvalidKey, "graphql_invalid_key", 200, "A key is neither an integer nor a string"),
    row(Code::CredentialsMissing, "credentials_missing", 200, "Credentials are required here"),
    row(Code::InsufficientScope, "insufficient_scope", 200, "A required scope is missing"),
    row(Code::UpstreamStatus, "upstream_error_status", 200, "The service answered with an error"),
    row(Code::UpstreamRedirect, "upstream_redirect", 200, "The service answered with a redirect"),
    row(Code::UpstreamInvalidBody, "upstream_invalid_body", 200, "The service's answer is not the expected JSON"),
    row(Code::UpstreamBodyTooLarge, "upstream_body_too_large", 200, "The service's answer is too large"),
    row(Code::RowsCapped, "graphql_rows_capped", 200, "The service's answer may lack rows"),
    row(Code::DeadlineExceeded, "graphql_deadline_exceeded", 503, "There was no time left to fetch this field"),
    row(Code::TooManyRows, "graphql_too_many_rows", 200, "The operation reads too many rows"),
    row(Code::TooManyBytes, "graphql_too_many_bytes", 200, "The operation reads too many bytes"),
    row(Code::TooManyCalls, "graphql_too_many_calls", 200, "The operation needs too many calls to services"),
    row(Code::ResponseTooLarge, "graphql_response_too_large", 400, "The response is too large"),
    row(Code::Internal, "graphql_internal_error", 500, "The operation could not be executed"),
];

impl Code {
    /// This code's row.
    pub fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// The word for it everywhere.
    pub fn word(self) -> &'static str {
        self.row().word
    }

    /// Status where the whole request is refused with it.
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.row().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// What the client is told where nothing more precise is known.
    pub fn text(self) -> &'static str {
        self.row().text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_stands_at_its_own_row_and_has_its_own_word() {
        let mut words = std::collections::BTreeSet::new();
        for (index, row) in TABLE.iter().enumerate() {
            assert_eq!(row.code as usize, index, "{}", row.word);
            assert!(words.insert(row.word), "{} stands twice", row.word);
        }
    }

    #[test]
    fn every_word_has_its_paragraph_in_the_documentation() {
        let page = include_str!("../../docs/graphql-errors.md");
        let headings: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("### ")).collect();
        let words: Vec<String> = TABLE.iter().map(|row| format!("`{}`", row.word)).collect();
        for word in &words {
            assert!(headings.contains(&word.as_str()), "docs/graphql-errors.md has no heading for {word}");
        }
        for heading in headings {
            assert!(words.iter().any(|word| word == heading), "{heading} is no code");
        }
    }
}
