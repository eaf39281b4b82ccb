//! What a 401 says about how to do better: `WWW-Authenticate` (RFC 9110 section 11.6.1).

use http::HeaderValue;

use super::Scheme;
use crate::reason::Reason;

/// One challenge. `refused` is why credentials of this scheme were refused, if they were: of a bearer token it is said
/// (RFC 6750 section 3.1); where none was sent there is no error.
pub fn challenge(scheme: Scheme, realm: &str, refused: Option<Reason>) -> HeaderValue {
    let mut text = format!("{} realm=\"{}\"", scheme.as_str(), quoted(realm));
    if let Some(reason) = refused.filter(|_| scheme == Scheme::Bearer) {
        let error = match reason {
            Reason::CredentialsAmbiguous => "invalid_request",
            _ => "invalid_token",
        };
        // Titles are plain sentences: no quotes, no backslashes.
        text.push_str(&format!(", error=\"{error}\", error_description=\"{}\"", reason.row().title));
    }
    if scheme == Scheme::Basic {
        text.push_str(", charset=\"UTF-8\"");
    }
    // The realm was checked when the configuration was.
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(scheme.as_str()))
}

/// The challenge to a caller that has come by this scheme and lacks these scopes, which stand with spaces between them
/// (RFC 6750 section 3.1; other schemes have no word for it, and borrow this one).
pub fn insufficient_scope(scheme: Scheme, realm: &str, scopes: &str) -> HeaderValue {
    let word = scheme.as_str();
    let text =
        format!("{word} realm=\"{}\", error=\"insufficient_scope\", scope=\"{scopes}\"", quoted(realm));
    // Scopes have no quotes and nothing that no header can carry.
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(word))
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
        let bearer = |refused| challenge(Scheme::Bearer, "api", refused);
        assert_eq!(bearer(None), "Bearer realm=\"api\"");
        assert_eq!(
            bearer(Some(Reason::TokenExpired)),
            "Bearer realm=\"api\", error=\"invalid_token\", error_description=\"The token has expired\""
        );
        let several = bearer(Some(Reason::CredentialsAmbiguous));
        assert!(several.to_str().unwrap().contains("error=\"invalid_request\""), "{several:?}");
    }

    #[test]
    fn other_schemes_say_nothing_of_what_was_wrong() {
        for refused in [None, Some(Reason::CredentialsInvalid)] {
            assert_eq!(challenge(Scheme::Basic, "a", refused), "Basic realm=\"a\", charset=\"UTF-8\"");
            assert_eq!(challenge(Scheme::ApiKey, "a", refused), "ApiKey realm=\"a\"");
        }
    }

    #[test]
    fn a_missing_scope_is_named_in_the_callers_own_scheme() {
        for scheme in ["Bearer", "Basic", "ApiKey"] {
            let own = [Scheme::Bearer, Scheme::Basic, Scheme::ApiKey]
                .into_iter()
                .find(|own| own.as_str() == scheme);
            assert_eq!(
                insufficient_scope(own.unwrap(), "a", "x:read y"),
                format!("{scheme} realm=\"a\", error=\"insufficient_scope\", scope=\"x:read y\"")
            );
        }
    }

    #[test]
    fn a_realm_cannot_end_its_quotes() {
        let value = challenge(Scheme::Bearer, "a\"b\\", None);
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
