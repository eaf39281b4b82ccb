//! Schemes of `Authorization` and `WWW-Authenticate` (RFC 9110 section 11).

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
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Basic => "Basic",
            Self::ApiKey => "ApiKey",
        }
    }

    /// What comes after the word in a field's value; `None` if it is of another scheme. Schemes know no case (RFC 9110
    /// section 11.1).
    pub fn credentials(self, value: &[u8]) -> Option<&[u8]> {
        let (word, rest) = value.split_at_checked(self.as_str().len())?;
        let is_ours = word.eq_ignore_ascii_case(self.as_str().as_bytes())
            && matches!(rest.first(), None | Some(b' ' | b'\t'));
        is_ours.then(|| rest.trim_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_follow_their_scheme() {
        for (value, token) in [
            ("Bearer abc", Some("abc")),
            ("bearer  abc ", Some("abc")),
            ("BEARER\tabc", Some("abc")),
            ("Bearer", Some("")),
            ("Bearer ", Some("")),
            ("Bearerabc", None),
            ("Bearer:abc", None),
            ("Basic abc", None),
            ("Bear", None),
            ("", None),
        ] {
            assert_eq!(Scheme::Bearer.credentials(value.as_bytes()), token.map(str::as_bytes), "{value}");
        }
        assert_eq!(Scheme::Basic.credentials(b"basic\tYTpi"), Some(&b"YTpi"[..]));
        assert_eq!(Scheme::ApiKey.credentials(b"APIKEY a.b"), Some(&b"a.b"[..]));
    }
}
