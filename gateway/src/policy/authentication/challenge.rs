//! What a 401 says about how to do better: `WWW-Authenticate` (RFC 9110 section 11.6.1).

use http::HeaderValue;

use crate::reason::Reason;

/// How credentials are sent, as far as clients are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// A token of RFC 6750.
    Bearer,
    /// Name and password, RFC 7617.
    Basic,
    /// A key of ours. No RFC knows it; it says which of several ways a client may look up.
    ApiKey,
}

impl Scheme {
    /// The word in `WWW-Authenticate`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Basic => "Basic",
            Self::ApiKey => "ApiKey",
        }
    }
}

/// One challenge. Of a bearer token that was refused it says so (RFC 6750 section 3.1); of one that is missing nothing,
/// for then there is no error.
pub fn challenge(scheme: Scheme, realm: &str, reason: Reason) -> HeaderValue {
    let mut text = format!("{} realm=\"{}\"", scheme.as_str(), quoted(realm));
    let is_error = !matches!(reason, Reason::CredentialsMissing | Reason::AuthenticationUnavailable);
    if scheme == Scheme::Bearer && is_error {
        // Titles are plain sentences: no quotes, no backslashes.
        text.push_str(&format!(", error=\"invalid_token\", error_description=\"{}\"", reason.row().title));
    }
    if scheme == Scheme::Basic {
        text.push_str(", charset=\"UTF-8\"");
    }
    // The realm was checked when the configuration was.
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(scheme.as_str()))
}

/// The challenge to a caller that is known and lacks these scopes, which stand with spaces between them (RFC 6750
/// section 3.1).
pub fn insufficient_scope(realm: &str, scopes: &str) -> HeaderValue {
    let text =
        format!("Bearer realm=\"{}\", error=\"insufficient_scope\", scope=\"{scopes}\"", quoted(realm));
    // Scopes have no quotes and nothing that no header can carry.
    HeaderValue::try_from(text)
        .unwrap_or_else(|_| HeaderValue::from_static("Bearer error=\"insufficient_scope\""))
}

/// As the inside of a quoted string (RFC 9110 section 5.6.4).
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reason::TABLE;

    #[test]
    fn only_credentials_that_were_sent_are_an_error() {
        let bearer = |reason| challenge(Scheme::Bearer, "api", reason);
        assert_eq!(bearer(Reason::CredentialsMissing), "Bearer realm=\"api\"");
        assert_eq!(
            bearer(Reason::TokenExpired),
            "Bearer realm=\"api\", error=\"invalid_token\", error_description=\"The token has expired\""
        );
    }

    #[test]
    fn other_schemes_say_nothing_of_what_was_wrong() {
        for reason in [Reason::CredentialsMissing, Reason::CredentialsInvalid] {
            assert_eq!(challenge(Scheme::Basic, "a", reason), "Basic realm=\"a\", charset=\"UTF-8\"");
            assert_eq!(challenge(Scheme::ApiKey, "a", reason), "ApiKey realm=\"a\"");
        }
    }

    #[test]
    fn a_realm_cannot_end_its_quotes() {
        let value = challenge(Scheme::Bearer, "a\"b\\", Reason::CredentialsMissing);
        assert_eq!(value, r#"Bearer realm="a\"b\\""#);
    }

    #[test]
    fn every_title_fits_into_quotes() {
        assert!(
            TABLE.iter().all(|row| row.title.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '))
        );
        assert!(TABLE.iter().all(|row| !row.title.contains(['"', '\\'])));
    }
}
