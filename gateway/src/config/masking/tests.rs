//! Which values of a document are hidden, and which are shown.

use super::*;
use crate::config::{de, file::Config, snippet::Source, tree};
use crate::policy::authentication::{api_keys::config::KeysFile, basic::config::UsersFile};
use crate::value::Place;

/// Every line of a document as it would be shown.
fn shown<T: serde::de::DeserializeOwned>(text: &str, document: Document) -> String {
    let (tree, _) = tree::parse("f".into(), text, &|_| None);
    let tree = tree.unwrap();
    let (_, findings) = de::read::<T>(&tree, document, &|_| Err("no file".into()));
    let source = Source::new(text, hidden(&tree, &findings, document));
    let line = |line| source.snippet(&Place { line, column: 1, ..Place::unknown() });
    let lines = (1..).take(text.lines().count()).filter_map(line).map(|snippet| snippet.text);
    lines.collect::<Vec<_>>().join("\n")
}

fn configuration(text: &str) -> String {
    shown::<Config>(text, Document::Configuration)
}

/// What is shown of an authenticator.
fn authenticator(text: &str) -> String {
    let shown = configuration(&format!("authenticators: {{ u: {text} }}"));
    let inner = shown.strip_prefix("authenticators: { u: ").and_then(|rest| rest.strip_suffix(" }"));
    inner.unwrap().to_owned()
}

#[test]
fn a_secret_in_the_wrong_place_is_hidden() {
    for (text, expected) in [
        ("{ jwt: { keys: hunter2 } }", "{ jwt: { keys: *** } }"),
        ("{ jwt: { keys: [hunter2] } }", "{ jwt: { keys: [***] } }"),
        (
            "{ jwt: { keys: { secrets: hunter2, url: \"https://a\" } } }",
            "{ jwt: { keys: { secrets: ***, url: \"https://a\" } } }",
        ),
        ("{ jwt: { keys: { hmac: hunter2 } } }", "{ jwt: { keys: { hmac: *** } } }"),
        ("{ introspection: { clientSecret: hunter2 } }", "{ introspection: { clientSecret: *** } }"),
        ("{ introspection: { client_secret: [hunter2] } }", "{ introspection: { client_secret: [***] } }"),
        (
            "{ basic: { users: [{ name: ann, pw: hunter2 }] } }",
            "{ basic: { users: [{ name: ann, pw: *** }] } }",
        ),
        ("{ basic: { users: { ann: hunter2 } } }", "{ basic: { users: { ann: *** } } }"),
        ("{ basic: { users: [\"ann:hunter2\"] } }", "{ basic: { users: [***] } }"),
        ("{ basic: { users: [{ name: \"ann:hunter2\" }] } }", "{ basic: { users: [{ name: *** }] } }"),
        ("{ basic: { users: [{ \"ann:hunter2\": x }] } }", "{ basic: { users: [{ ***: *** }] } }"),
        ("{ basic: { users: [{ name: ann, hunter2 }] } }", "{ basic: { users: [{ name: ann, *** }] } }"),
        ("{ basic: { usres: } }", "{ basic: { usres: } }"),
        ("hunter2", "***"),
    ] {
        assert_eq!(authenticator(text), expected);
    }
    for (text, expected) in [
        ("redis: { url: \"redis://h\", auth: hunter2 }", "redis: { url: ***, auth: *** }"),
        ("redis: \"redis://u:hunter2@h\"", "redis: ***"),
        ("redis: { cluster: \"redis://u:hunter2@h\" }", "redis: { cluster: *** }"),
        ("authenticator: { u: { basic: hunter2 } }", "authenticator: { u: { basic: *** } }"),
        ("defaults: { headers: { add: { x-a: hunter2 } } }", "defaults: { headers: { add: { x-a: *** } } }"),
        ("x-a: { clientSecret: hunter2, b: c }", "x-a: { clientSecret: ***, b: c }"),
        (
            "routes: [{ request_headers: { set: [\"a: hunter2\"] } }]",
            "routes: [{ request_headers: { set: [***] } }]",
        ),
        (
            "routes: [{ headers: { set: { token: hunter2, b: c } } }]",
            "routes: [{ headers: { set: { token: ***, b: *** } } }]",
        ),
    ] {
        assert_eq!(configuration(text), expected);
    }
}

#[test]
fn in_files_of_accounts_all_is_hidden_that_makes_no_sense() {
    for (text, expected) in [
        ("keys:\n  - gg_x.hunter2\n", "keys:\n  - ***"),
        ("keys:\n  - key: gg_x.hunter2\n    owner: ann\n", "keys:\n  - key: ***\n    owner: ann"),
        ("keys:\n  - id: gg_x.hunter2\n", "keys:\n  - id: ***"),
        ("keys:\n  - gg_x.hunter2:\n      owner: ann\n", "keys:\n  - ***:\n      owner: ***"),
        ("keys:\n  gg_x: hunter2\nmore: hunter2\n", "keys:\n  gg_x: ***\nmore: ***"),
        ("- id: a\n  secret: hunter2\n", "- id: ***\n  secret: ***"),
        ("hunter2", "***"),
    ] {
        assert_eq!(self::shown::<KeysFile>(text, Document::Accounts("keys")), expected);
    }
    let users = "users:\n  - ann:hunter2\n  - name: bob\n    password: hunter2\n";
    let expected = "users:\n  - ***\n  - name: bob\n    password: ***";
    assert_eq!(self::shown::<UsersFile>(users, Document::Accounts("users")), expected);
}

#[test]
fn what_makes_sense_is_shown() {
    for text in [
        "{ jwt: { from: { cookie: session, query: access_token }, issuer: x } }",
        "{ jwt: { cache: { tokens: 5 }, algorithms: [none] } }",
        "{ api_keys: { file: keys.yaml } }",
        "{ basic: { users: [{ name: ann, claims: { tenant: a } }] } }",
    ] {
        assert_eq!(authenticator(text), text);
    }
    for text in [
        "routes: [{ authentication: { credentials: keep }, cors: { credentials: true } }]",
        "routes: [{ authorization: { scopes: a }, upstrem: a, cors: { headers: authorization } }]",
        "rate_limits: { token: { limit: 1/s } }",
        "authenticators: { secret: { jwt: { issuer: x } } }",
        "tokens: 10",
    ] {
        assert_eq!(configuration(text), text);
    }
}

#[test]
fn secrets_are_known_by_words_in_any_spelling() {
    for key in [
        "clientSecret",
        "CLIENT_SECRET",
        "x-api-key",
        "apiKey",
        "accessToken",
        "refresh-token",
        "pwd",
        "Authorization",
    ] {
        assert!(speaks_of_secrets(key), "{key}");
    }
    for key in ["tokens", "keys", "pass_through", "cookies", "author", "power"] {
        assert!(!speaks_of_secrets(key), "{key}");
    }
}

#[test]
fn lines_of_sections_that_cannot_be_read_are_told_from_others() {
    let text = "listeners: []\nauthenticators:\n  u:\n# note\n    pw: x\nroutes:\n  - a\n\"redis\": {\n";
    let found: Vec<u32> = (1..9).filter(|line| is_sensitive_line(text, *line)).collect();
    assert_eq!(found, [2, 3, 4, 5, 8]);
}
