use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::*;
use crate::policy::authentication::Fit;

fn places() -> [Place; 2] {
    [Place::Header(HeaderName::from_static("x-api-key")), Place::Query("api_key".into())]
}

/// The key that is found, `-` for none, or what is wrong.
fn found(places: &[Place], headers: &[(HeaderName, &str)], query: Option<&str>) -> String {
    let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()));
    let headers: HeaderMap =
        headers.collect::<Vec<_>>().into_iter().fold(HeaderMap::new(), |mut all, (name, value)| {
            all.append(name, value);
            all
        });
    match find(places, Sent { headers: &headers, query }) {
        Ok(Some(key)) => format!("{} {}", key.id(), key.secret()),
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
fn a_key_is_taken_from_the_first_place_that_has_one() {
    let name = HeaderName::from_static("x-api-key");
    assert_eq!(found(&places(), &[], None), "-");
    assert_eq!(found(&places(), &[(name.clone(), "a.b")], None), "a b");
    assert_eq!(found(&places(), &[], Some("x=1&api_key=a.b&y")), "a b");
    assert_eq!(found(&places(), &[(name.clone(), "a.b")], Some("api_key=c.d")), "a b");
    assert_eq!(found(&places()[..1], &[], Some("api_key=a.b")), "-", "only where the query is allowed");
    assert_eq!(
        found(&places(), &[(name.clone(), "a.b"), (name, "c.d")], None),
        "the header `x-api-key` is there twice"
    );
    let twice = Some("api_key=a.b&api%5Fkey=c.d");
    assert_eq!(found(&places(), &[], twice), "the parameter `api_key` is there twice");
    assert_eq!(found(&places(), &[], Some("api_key=a%2Eb%3D%3D")), "a b==");
}

#[test]
fn in_authorization_a_key_has_a_scheme() {
    let place = [Place::Header(header::AUTHORIZATION)];
    let found = |value| found(&place, &[(header::AUTHORIZATION, value)], None);
    for value in ["ApiKey a.b", "apikey a.b", "APIKEY  a.b "] {
        assert_eq!(found(value), "a b");
    }
    for value in ["Bearer a.b", "a.b", "ApiKeya.b", ""] {
        assert_eq!(found(value), "-", "{value}");
    }
    assert!(found("ApiKey a").contains("another form"));
    assert!(found("ApiKey").contains("another form"));
}

#[test]
fn a_key_is_an_id_a_dot_and_a_secret() {
    for (text, id, secret) in [("a.b", "a", "b"), ("gg_1-A.b.c.", "gg_1-A", "b.c."), ("1.é", "1", "é")] {
        let key = Key::read(text.as_bytes()).unwrap();
        assert_eq!((key.id(), key.secret()), (id, secret));
    }
    let long = format!("{}.b", "a".repeat(LONGEST_ID + 1));
    for text in ["", "a", ".b", "a.", ".", "a b.c", "ä.b", long.as_str()] {
        assert!(Key::read(text.as_bytes()).is_none(), "{text}");
    }
    assert!(Key::read(&b"a.\xff"[..]).is_none());
}
