//! Who a request comes from, once its credentials were accepted.
//!
//! Every way to authenticate ends in the same form, claims as a JSON object, so that what comes after (rules, rate
//! limits, headers for services) need not know how the caller was recognised.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use serde_json::{Map, Value};

use super::{
    Rejected,
    claim_headers::{ClaimHeaders, ToldHeaders},
};
use crate::value::{self, Name, Quota};

/// A caller whose credentials were accepted.
#[derive(Clone)]
pub struct Identity {
    /// The authenticator's name in the configuration.
    pub authenticator: Arc<str>,
    /// What is known of the caller; always an object.
    pub claims: Value,
    /// The id of the API key that the caller has used.
    pub api_key: Option<Box<str>>,
    /// What the caller has of rate limits, by their names, in place of what everybody has.
    pub quotas: Box<[(Name, Quota)]>,
    subject: Option<Box<str>>,
    /// Worked out for the headers of the first route that wanted any. Most routes have the same, and a caller comes again.
    told: OnceLock<(ClaimHeaders, ToldHeaders)>,
}

/// Claims that name scopes, in the order in which they are looked for: RFC 8693 section 4.2, and what issuers write in its
/// place.
pub const SCOPE_CLAIMS: [&str; 3] = ["scope", "scp", "scopes"];

impl Identity {
    /// A caller with these claims.
    pub fn new(authenticator: Arc<str>, claims: Map<String, Value>) -> Self {
        let subject = claims.get("sub").and_then(Value::as_str).map(Into::into);
        let claims = Value::Object(claims);
        let (api_key, quotas, told) = (None, Box::default(), OnceLock::new());
        Self { authenticator, claims, api_key, quotas, subject, told }
    }

    /// The same, recognised by an API key that may have quotas of its own.
    pub fn with_key(self, api_key: Option<Box<str>>, quotas: Box<[(Name, Quota)]>) -> Self {
        Self { api_key, quotas, ..self }
    }

    /// What services are told of the caller by these headers.
    ///
    /// # Errors
    /// Those of [`ClaimHeaders::of`].
    pub fn told(&self, headers: &ClaimHeaders) -> Result<ToldHeaders, Rejected> {
        match self.told.get() {
            Some((known, told)) if known == headers => Ok(told.clone()),
            known => {
                let told = headers.of(self)?;
                if known.is_none() {
                    // Another request may have been faster.
                    let _ = self.told.set((headers.clone(), told.clone()));
                }
                Ok(told)
            }
        }
    }

    /// What the caller has of the rate limit of this name, if not what everybody has.
    pub fn quota(&self, limit: &str) -> Option<Quota> {
        self.quotas.iter().find(|(name, _)| name.as_str() == limit).map(|(_, quota)| *quota)
    }

    /// Whom the claims are about: `sub`, if it is a text.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// What the caller may do, from the first of `scope`, `scp` and `scopes` that is there: a text with spaces between the
    /// scopes, or a list of texts.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        let claim = SCOPE_CLAIMS.iter().find_map(|name| self.claims.get(name));
        let (text, list) = match claim {
            Some(Value::String(text)) => (text.as_str(), &[][..]),
            Some(Value::Array(list)) => ("", list.as_slice()),
            _ => ("", &[][..]),
        };
        text.split_ascii_whitespace().chain(list.iter().filter_map(Value::as_str))
    }

    /// Whether a scope is among them.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes().any(|own| own == scope)
    }

    /// The claim at a path: `sub`, `tenant.id`. Names that have dots themselves, as in `https://example.com/roles`, are
    /// found as they are.
    pub fn claim(&self, path: &str) -> Option<&Value> {
        value::claim(&self.claims, path)
    }
}

/// By what is known of the caller; the rest follows from it.
impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        let Self { authenticator, claims, api_key, quotas, subject: _, told: _ } = self;
        *authenticator == other.authenticator
            && *claims == other.claims
            && *api_key == other.api_key
            && *quotas == other.quotas
    }
}

/// Whether a text can be a scope: `scope-token` of RFC 6749 section 3.3.
pub fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
}

/// Without the claims, which are personal.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("authenticator", &self.authenticator).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn identity(claims: Value) -> Identity {
        Identity::new("users".into(), claims.as_object().unwrap().clone())
    }

    #[test]
    fn scopes_are_a_text_or_a_list_under_one_of_three_names() {
        for claims in [
            json!({ "scope": "orders:read  payments:read" }),
            json!({ "scp": "orders:read payments:read" }),
            json!({ "scp": ["orders:read", 7, "payments:read"] }),
            json!({ "scopes": ["orders:read", "payments:read"] }),
            json!({ "scope": ["orders:read", "payments:read"], "scp": "admin" }),
        ] {
            let identity = identity(claims.clone());
            assert_eq!(identity.scopes().collect::<Vec<_>>(), ["orders:read", "payments:read"], "{claims}");
            assert!(identity.has_scope("payments:read") && !identity.has_scope("admin"), "{claims}");
            assert!(!identity.has_scope("payments"), "{claims}");
        }
        for claims in [json!({}), json!({ "scope": 7 }), json!({ "scope": { "admin": true } })] {
            assert_eq!(identity(claims).scopes().next(), None);
        }
    }

    #[test]
    fn a_path_leads_into_objects_and_through_names_with_dots() {
        let claims = json!({
            "sub": "7",
            "tenant": { "id": "acme", "plan": { "name": "gold" } },
            "https://example.com/roles": ["admin"],
            "app.v1": { "user.id": 7 },
        });
        let identity = identity(claims);
        let claim = |path: &str| identity.claim(path).cloned();
        assert_eq!(claim("sub"), Some(json!("7")));
        assert_eq!(claim("tenant.plan.name"), Some(json!("gold")));
        assert_eq!(claim("https://example.com/roles"), Some(json!(["admin"])));
        assert_eq!(claim("app.v1.user.id"), Some(json!(7)));
        for missing in ["", ".", "tenant.", "tenant.name", "sub.id", "tenant.plan.name.x"] {
            assert_eq!(claim(missing), None, "{missing}");
        }
    }

    #[test]
    fn a_subject_is_a_text() {
        assert_eq!(identity(json!({ "sub": "7" })).subject(), Some("7"));
        assert_eq!(identity(json!({ "sub": 7 })).subject(), None);
    }

    #[test]
    fn claims_are_not_printed_by_accident() {
        let printed = format!("{:?}", identity(json!({ "email": "ada@example.com" })));
        assert!(printed.contains("users") && !printed.contains("ada"), "{printed}");
    }
}
