use super::*;

fn head(target: &str) -> RequestHeader {
    RequestHeader::build("GET", target.as_bytes(), None).unwrap()
}

fn refused() -> EncodedSlashes {
    EncodedSlashes::Refuse
}

fn strip() -> Rewrite {
    Rewrite { from: "/api".into(), to: "/".into() }
}

fn sent_on(target: &str, rewrite: Option<&Rewrite>) -> Option<String> {
    let head = head(target);
    let path = path(&head, refused()).unwrap();
    forwarded(&head, &path, rewrite).unwrap().map(|uri| uri.to_string())
}

#[test]
fn the_path_is_that_of_the_target_in_every_form() {
    for (target, expected) in [
        ("/a/b?c=/../d", "/a/b"),
        ("/a?b", "/a"),
        ("http://a.test/x/../b?c", "/b"),
        ("http://a.test", "/"),
        ("/a?x=http://b", "/a"),
    ] {
        assert_eq!(path(&head(target), refused()).unwrap(), expected, "{target}");
    }
    assert_eq!(path(&head("*"), refused()), Err(Reason::InvalidPath));
}

#[test]
fn bytes_that_are_no_text_are_escaped_and_not_replaced() {
    let head = RequestHeader::build("GET", b"/a\xe4?b", None).unwrap();
    let path = path(&head, refused()).unwrap();
    assert_eq!(path, "/a%E4");
    assert_eq!(forwarded(&head, &path, None).unwrap().unwrap().path(), "/a%E4");
}

#[test]
fn what_did_not_change_is_not_built_again() {
    for target in ["/", "/a/b", "/a/b?c=%2e%2e", "/a?"] {
        assert_eq!(sent_on(target, None), None, "{target}");
    }
}

#[test]
fn what_was_matched_is_what_is_sent_on_with_the_query_as_it_came() {
    for (target, expected) in [
        ("/a/../b?c=%2e/..", "/b?c=%2e/.."),
        ("//a", "/a"),
        ("http://a.test/b?c", "/b?c"),
        ("http://a.test/../b", "/b"),
    ] {
        let Ok(_) = path(&head(target), refused()) else { continue };
        assert_eq!(sent_on(target, None).as_deref(), Some(expected), "{target}");
    }
}

#[test]
fn a_prefix_is_taken_away_however_it_is_spelled() {
    for (target, expected) in
        [("/api/users?x=1", "/users?x=1"), ("/api", "/"), ("/%61pi/a%2Bb", "/a%2Bb"), ("/api?", "/?")]
    {
        assert_eq!(sent_on(target, Some(&strip())).as_deref(), Some(expected), "{target}");
    }
    let at = Rewrite { from: "/a@b".into(), to: "/".into() };
    assert_eq!(sent_on("/a%40b/c%2Bd", Some(&at)).as_deref(), Some("/c%2Bd"));
}

#[test]
fn over_http_2_the_authority_stays() {
    let mut head = head("/");
    head.set_uri("http://a.test/x//y".parse().unwrap());
    let path = path(&head, refused()).unwrap();
    assert_eq!(forwarded(&head, &path, None).unwrap().unwrap(), "http://a.test/x/y");
}
