//! For whom a token is: `aud` (RFC 7519 section 4.1.3), in a token as in what its issuer says of it.

use serde_json::Value;

use super::Rejected;
use crate::reason::Reason;

/// Whether a token is for one of `ours`; where there are none, for anybody.
///
/// # Errors
/// It is for others, and the next authenticator of the route may be meant; or `aud` is neither a text nor a list of texts.
pub fn check(aud: &Value, ours: &[Box<str>]) -> Result<(), Rejected> {
    let wrong_type = |detail: &'static str| Err(Rejected::new(Reason::TokenMalformed, detail));
    let audiences = match aud {
        Value::Array(list) => list.as_slice(),
        Value::String(_) => std::slice::from_ref(aud),
        _ => return wrong_type("`aud` is neither a text nor a list"),
    };
    if audiences.iter().any(|audience| !audience.is_string()) {
        return wrong_type("`aud` has an entry that is no text");
    }
    let is_ours = |audience: &Value| ours.iter().any(|own| audience.as_str() == Some(own));
    if ours.is_empty() || audiences.iter().any(is_ours) {
        return Ok(());
    }
    Err(Rejected::unknown(Reason::TokenClaimsRefused, "`aud` has none of the audiences"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_of_the_audiences_must_be_ours_and_all_must_be_texts() {
        let ours = ["api".into(), "web".into()];
        for aud in [json!("api"), json!(["else", "web"])] {
            assert_eq!(check(&aud, &ours), Ok(()));
        }
        let reason = |aud: Value| check(&aud, &ours).unwrap_err().reason;
        for aud in [json!("ap"), json!([]), json!(["else"])] {
            assert_eq!(reason(aud), Reason::TokenClaimsRefused);
        }
        for aud in [json!(["api", 5]), json!({ "api": 1 }), json!(5), json!([["api"]])] {
            assert_eq!(reason(aud), Reason::TokenMalformed);
        }
        assert_eq!(check(&json!("else"), &[]), Ok(()));
    }
}
