//! Header templates: `Name: text with {values}`.
//!
//! Values are not percent-encoded; one with CR, LF, NUL or another control
//! character is refused, so no value can begin another header.

use http::{HeaderName, HeaderValue};

use super::parse::{self, Part, Syntax};
use super::value::Plain;
use super::{ExpandError, Reference, Scope};

/// Headers that frame the message or belong to the connection, and those the
/// gateway sets itself: a template must not touch them.
const RESERVED: [&str; 17] = [
    "accept-encoding",
    "baggage",
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-request-id",
];

/// One header to send.
#[derive(Debug, Clone)]
pub struct HeaderTemplate {
    name: HeaderName,
    parts: Vec<Part>,
}

impl HeaderTemplate {
    /// Reads `Name: value`; errors are left in `syntax`.
    pub(crate) fn parse(text: &str, syntax: &mut Syntax<'_>) -> Option<Self> {
        let Some((name, value)) = text.split_once(':') else {
            syntax.error(0, format!("`{text}` has no `:`"), "write \"Name: value\"");
            return None;
        };
        let Ok(header) = name.trim_end().parse::<HeaderName>() else {
            syntax.error(
                0,
                format!("`{name}` is not a header name"),
                "write \"Name: value\" with a literal name",
            );
            return None;
        };
        if is_reserved(&header) {
            syntax.error(0, format!("`{header}` is set by the gateway"), "remove this header");
            return None;
        }
        let errors = syntax.errors.len();
        let skipped = name.len() + 1 + (value.len() - value.trim_start().len());
        let parts = syntax.parts(value.trim());
        for error in &mut syntax.errors[errors..] {
            error.offset += skipped;
        }
        for part in &parts {
            if let Part::Literal(text) = part
                && HeaderValue::from_bytes(text.as_bytes()).is_err()
            {
                syntax.error(
                    skipped,
                    format!("the value of `{header}` has a control character"),
                    "remove it",
                );
            }
        }
        Some(HeaderTemplate { name: header, parts })
    }

    /// The header's name.
    pub fn name(&self) -> &HeaderName {
        &self.name
    }

    /// The names the value uses.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        parse::references(&self.parts)
    }

    /// The header's value; `None` where a value is null or undefined: the
    /// header is then not sent.
    pub fn expand(&self, scope: &dyn Scope) -> Result<Option<HeaderValue>, ExpandError> {
        let mut text = Vec::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.extend_from_slice(literal.as_bytes()),
                Part::Value(reference) => {
                    let Some(value) = scope.value(reference) else {
                        return Ok(None);
                    };
                    match value.plain() {
                        Plain::Null => return Ok(None),
                        Plain::Scalar(scalar) if !fits(reference, &scalar) => {
                            return Err(ExpandError::HeaderValue(reference.for_client()));
                        }
                        Plain::Scalar(scalar) => text.extend_from_slice(scalar.as_bytes()),
                        Plain::List(_) | Plain::Object => {
                            return Err(ExpandError::NotScalar(reference.for_client()));
                        }
                        Plain::Broken => return Err(ExpandError::NotJson(reference.for_client())),
                    }
                }
            }
        }
        // Each part was looked at by now.
        HeaderValue::from_bytes(&text).map(Some).map_err(|_| ExpandError::HeaderValue("a value".to_owned()))
    }
}

/// Whether a value stands in a header as it is. Space around it would be taken away on the way, and a claim would then
/// be another one.
fn fits(reference: &Reference, text: &str) -> bool {
    let is_whole = !matches!(reference, Reference::Claim(_)) || text.trim() == text;
    is_whole && HeaderValue::from_bytes(text.as_bytes()).is_ok()
}

/// Whether templates and forward lists must leave a header alone.
pub fn is_reserved(name: &HeaderName) -> bool {
    RESERVED.contains(&name.as_str())
}
