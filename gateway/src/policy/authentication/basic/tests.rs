use http::{HeaderMap, HeaderValue};

use super::*;
use crate::policy::authentication::Fit;

/// `NAME PASSWORD`, `-` for none, or what is wrong.
fn found(values: &[&str]) -> String {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
    }
    match find(Sent { headers: &headers, query: None }) {
        Ok(Some(login)) => format!("{} {}", login.name(), String::from_utf8_lossy(login.password())),
        Ok(None) => "-".into(),
        Err(rejected) => {
            let expected = match rejected.fit {
                Fit::Foreign => Reason::CredentialsInvalid,
                _ => Reason::CredentialsAmbiguous,
            };
            assert_eq!(rejected.reason, expected);
            rejected.detail.into()
        }
    }
}

#[test]
fn name_and_password_are_read() {
    // RFC 7617 section 2.
    assert_eq!(found(&["Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="]), "Aladdin open sesame");
    for (value, login) in [
        ("basic  YTpi", "a b"),
        ("BASIC YTo=", "a "),
        ("Basic YTo", "a "),
        ("Basic\tYTpi", "a b"),
        ("Basic Og==", " "),
        ("Basic YTpiOmM=", "a b:c"),
        ("Basic dGVzdDoxMjPCow==", "test 123£"),
    ] {
        assert_eq!(found(&[value]), login);
    }
}

#[test]
fn another_scheme_is_no_login() {
    for values in [&[][..], &["Bearer YTpi"], &["YTpi"], &["Basically YTpi"]] {
        assert_eq!(found(values), "-", "{values:?}");
    }
}

#[test]
fn what_cannot_be_read_is_refused() {
    let long = format!("Basic {}", "YTpi".repeat(LONGEST / 4 + 1));
    for values in [
        &["Basic ?"][..],
        &["Basic YQ=="],
        &["Basic /zph"],
        &["Basic "],
        &["Basic"],
        &["Basic\t?"],
        &["Basic YTpi", "Basic YTpi"],
        &[&long],
    ] {
        assert!(found(values).len() > 5, "{values:?}");
    }
}
