use proptest::prelude::*;
use serde_json::json;

use super::super::pattern::{OriginPattern, OriginRegex};
use super::*;

/// What somebody may try who owns a name, a port, a frame or a whole client.
#[test]
fn only_the_very_origin_is_allowed() {
    let exact = of(&[APP, "http://localhost:3000", "http://[::1]:8080", "capacitor://localhost"]);
    let below = of(&["https://*.example.com", "https://*.staging.example.net:8443"]);
    let regex = cors(json!({ "origins": [{ "regex": r"https://pr-[0-9]+\.example\.com|https://a\.test" }] }));
    for (origin, is_exact, is_below, is_regex) in [
        (APP, true, true, false),
        ("https://app.example.com:443", true, true, false),
        ("http://localhost:3000", true, false, false),
        ("http://[::1]:8080", true, false, false),
        ("capacitor://localhost", true, false, false),
        ("https://a.b.example.com", false, true, false),
        ("https://x.staging.example.net:8443", false, true, false),
        ("https://pr-17.example.com", false, true, true),
        ("https://pr-17.example.com:443", false, true, true),
        ("https://a.test", false, false, true),
        // Scheme and port are part of it.
        ("http://app.example.com", false, false, false),
        ("https://app.example.com:8443", false, false, false),
        ("https://app.example.com:80", false, false, false),
        ("http://localhost", false, false, false),
        ("https://localhost:3000", false, false, false),
        ("https://x.staging.example.net", false, false, false),
        ("capacitor://localhost:443", false, false, false),
        // Before, behind and around it.
        ("https://evilapp.example.com.evil.test", false, false, false),
        ("https://app.example.com.evil.test", false, false, false),
        ("https://evil-example.com", false, false, false),
        ("https://evilexample.com", false, false, false),
        ("https://example.com", false, false, false),
        ("https://.example.com", false, false, false),
        ("https://a..example.com", false, false, false),
        ("https://*.example.com", false, false, false),
        ("https://example.com.", false, false, false),
        ("https://app.example.comevil", false, false, false),
        ("https://pr-17.example.com.evil.test", false, false, false),
        ("https://evil.test/https://pr-17.example.com", false, false, false),
        ("xhttps://a.test", false, false, false),
        ("https://a.testing", false, false, false),
        ("https://pr-17xexample.com", false, false, false),
        // What no browser writes.
        ("HTTPS://app.example.com", false, false, false),
        ("https://APP.example.com", false, false, false),
        ("https://app.example.com.", false, false, false),
        ("https://app.example.com/", false, false, false),
        ("https://app.example.com/path", false, false, false),
        ("https://app.example.com?q", false, false, false),
        ("https://app.example.com#f", false, false, false),
        ("https://app.example.com:", false, false, false),
        ("https://app.example.com:0443", false, false, false),
        ("https://app.example.com:+443", false, false, false),
        ("https://app.example.com:65979", false, false, false),
        ("https://user@app.example.com", false, false, false),
        ("https://evil.test@app.example.com", false, false, false),
        ("https://app.example.com@evil.test", false, false, false),
        ("https://app.example.com:pass@evil.test", false, false, false),
        ("https://evil.test\\.example.com", false, false, false),
        ("https://evil.test%2e.example.com", false, false, false),
        ("https://evil.test`.example.com", false, false, false),
        ("https://evil.test\t.example.com", false, false, false),
        ("https:app.example.com", false, false, false),
        ("//app.example.com", false, false, false),
        ("app.example.com", false, false, false),
        ("https://app.example.com https://evil.test", false, false, false),
        ("https://app.example.com, https://app.example.com", false, false, false),
        (" https://app.example.com", false, false, false),
        ("http://[::1]", false, false, false),
        ("http://[::1]:8080]", false, false, false),
        ("http://[0:0:0:0:0:0:0:1]:8080", false, false, false),
        ("null", false, false, false),
        ("Null", false, false, false),
        ("", false, false, false),
        // Names that look alike, as they would come from a client that does not write them in ASCII.
        ("https://\u{430}pp.example.com", false, false, false),
        ("https://app.ex\u{e4}mple.com", false, false, false),
        ("https://app\u{3002}example.com", false, false, false),
    ] {
        assert_eq!(
            (allows(&exact, origin), allows(&below, origin), allows(&regex, origin)),
            (is_exact, is_below, is_regex),
            "{origin:?}"
        );
    }
}

#[test]
fn bytes_that_are_no_text_are_no_origin() {
    let mut headers = HeaderMap::new();
    headers.insert(ORIGIN, HeaderValue::from_bytes(b"https://app.example.com\xff").unwrap());
    assert_eq!(of(&[APP]).origin(&headers), None);
}

#[test]
fn of_two_origins_none_counts() {
    for second in [APP, "https://evil.test", "null"] {
        for (first, second) in [(APP, second), (second, APP)] {
            let headers = map(&[("origin", first), ("origin", second)]);
            assert_eq!(of(&[APP]).origin(&headers), None, "{first} {second}");
            assert!(of(&[APP]).check_websocket(&headers, None, false).is_err(), "{first} {second}");
        }
    }
}

#[test]
fn null_is_allowed_where_it_is_listed() {
    assert!(allows(&of(&["null"]), "null"));
    assert!(!allows(&of(&["https://null", "https://*.null"]), "null"));
    // What matches anything matches origins, and `null` is none.
    assert!(!allows(&cors(json!({ "origins": [{ "regex": ".*" }] })), "null"));
}

#[test]
fn patterns_are_brought_into_the_form_that_browsers_write() {
    for (written, read) in [
        ("HTTPS://App.Example.COM:443", APP),
        ("http://localhost:80", "http://localhost"),
        ("https://localhost:80", "https://localhost:80"),
        ("https://*.Example.com:443", "https://*.example.com"),
        ("http://*.example.com:8080", "http://*.example.com:8080"),
        (" * ", "*"),
        ("null", "null"),
    ] {
        assert_eq!(written.parse::<OriginPattern>().map(|read| read.to_string()), Ok(read.to_owned()));
    }
}

#[test]
fn what_is_no_origin_is_told_the_way_out() {
    for (text, hint) in [
        ("app.example.com", "write `https://app.example.com`"),
        ("*.example.com", "write `https://*.example.com`"),
        ("https://app.example.com/", "it has no path; write `https://app.example.com`"),
        ("https://app.example.com/a/b?c", "it has no path; write `https://app.example.com`"),
        ("https://app-*.example.com", "`regex`"),
        ("https://*", "`regex`"),
        ("*://app.example.com", "write scheme, host"),
        ("https://*.10.0.0.1", "`regex`"),
        ("https://user@app.example.com", "write scheme, host"),
        ("https://b\u{fc}cher.example", "`xn--`"),
        ("https://app.example.com.", "write scheme, host"),
        ("https://", "write scheme, host"),
        ("", "write scheme and host"),
    ] {
        let error = text.parse::<OriginPattern>().unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("`{text}` is not an origin; ")) && error.contains(hint),
            "{error}"
        );
    }
}

#[test]
fn an_expression_that_lets_strangers_in_is_known() {
    for (text, lets_in) in [
        (".*", true),
        ("https://.*", true),
        ("http://.*", true),
        ("https?://[^/]+", true),
        (r"https://.*\.com", true),
        (r"https://[a-z0-9-]+\.(io|dev)", true),
        (r"https://.*:8443", true),
        (r"http://[0-9.]+(:[0-9]+)?", true),
        ("", false),
        (r"https://[a-z]+\.example\.com", false),
        (r"https://.*\.example\.com", false),
        (r"http://192\.168\.[0-9.]+", false),
        ("http://localhost(:[0-9]+)?", false),
    ] {
        assert_eq!(OriginRegex::new(text).unwrap().stranger().is_some(), lets_in, "{text}");
    }
}

#[test]
fn an_expression_cannot_step_out_of_its_anchors_nor_be_large() {
    for text in ["(", "a)|(?:b", r"https://a\.test)|(?:https://.*", r"https://\w{200}\.test"] {
        assert!(OriginRegex::new(text).is_err(), "{text}");
    }
}

#[test]
fn below_a_top_level_domain_are_names_of_everybody() {
    for (text, expected) in [
        ("https://*.com", true),
        ("http://*.dev:8080", true),
        ("https://*.example.com", false),
        ("http://*.localhost:3000", false),
        ("https://*.internal", false),
    ] {
        let OriginPattern::Below(below) = text.parse().unwrap() else { panic!("{text}") };
        assert_eq!(below.is_for_everybody(), expected, "{text}");
    }
}

#[test]
fn what_is_longer_than_any_name_is_no_origin() {
    let long = format!("https://{}.example.com", "a".repeat(500));
    assert!(!allows(&of(&["https://*.example.com"]), &long));
    assert!(!allows(&cors(json!({ "origins": [{ "regex": ".*" }] })), &long));
}

proptest! {
    /// Whoever owns only names that do not end in the right one gets in by none of them.
    #[test]
    fn no_other_name_is_below_it(text in r"[a-zA-Z0-9.:/@?#\\ %*-]{0,40}") {
        let below = of(&["https://*.example.com"]);
        let origin = format!("https://{text}");
        if allows(&below, &origin) {
            let host = text.strip_suffix(":443").unwrap_or(&text);
            prop_assert!(host.ends_with(".example.com") && host.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-".contains(&b)));
        }
    }

    #[test]
    fn any_labels_are_below_it(labels in "[a-z0-9-]{1,10}(\\.[a-z0-9-]{1,10}){0,3}") {
        let origin = format!("https://{labels}.example.com");
        prop_assert!(allows(&of(&["https://*.example.com"]), &origin));
        prop_assert!(allows(&of(&[&origin]), &origin));
    }
}
