use proptest::prelude::*;

use super::*;

fn refuse(path: &str) -> Result<Cow<'_, str>, Reason> {
    normalise(path.as_bytes(), EncodedSlashes::Refuse)
}

#[test]
fn a_plain_path_is_borrowed() {
    for path in ["/", "/api/users/1", "/a.b/c..d/~x", "/a:b@c", "/a/"] {
        assert!(matches!(refuse(path), Ok(Cow::Borrowed(same)) if same == path), "{path}");
    }
}

#[test]
fn every_spelling_of_a_path_becomes_the_same() {
    let spellings = [
        "/%61dmin",
        "//admin",
        "/./admin",
        "/x/../admin",
        "/%2e/admin",
        "/x/%2E%2e/admin",
        "/x/.%2e/admin",
        "///x//..//admin",
        "/%41dmin/../admin",
        "/adm%69n",
        "/x/y/../../admin",
    ];
    for path in spellings {
        assert_eq!(refuse(path).as_deref(), Ok("/admin"), "{path}");
    }
}

#[test]
fn a_trailing_slash_stays_and_dots_leave_one() {
    assert_eq!(refuse("/a//").as_deref(), Ok("/a/"));
    assert_eq!(refuse("/a/.").as_deref(), Ok("/a/"));
    assert_eq!(refuse("/a/b/..").as_deref(), Ok("/a/"));
    assert_eq!(refuse("/a/..").as_deref(), Ok("/"));
    assert_eq!(refuse("//").as_deref(), Ok("/"));
}

#[test]
fn ambiguous_spellings_are_refused() {
    let refused = [
        "",
        "admin",
        "*",
        "/a%2Fb",
        "/a%2fb",
        "/a%5Cb",
        "/a\\b",
        "/a%00",
        "/a%0a",
        "/a%09",
        "/a%7F",
        "/a/..%3b/b",
        "/..%3Bx/a",
        "/a%",
        "/a%4",
        "/a%zz",
        "/a%+1",
        "/..",
        "/a/../..",
        "/%2e%2e/a",
        "/a/..;/b",
        "/a/.;x/b",
        "/a/%2e%2e;/b",
        "/a b",
        "/a\tb",
        "/a\u{7f}",
        "/a#b",
    ];
    for path in refused {
        assert_eq!(refuse(path), Err(Reason::InvalidPath), "{path:?}");
    }
}

#[test]
fn kept_slashes_stay_encoded() {
    let keep = |path: &'static str| normalise(path.as_bytes(), EncodedSlashes::Keep);
    assert_eq!(keep("/a%2fb%5cc").as_deref(), Ok("/a%2Fb%5Cc"));
    assert_eq!(keep("/a%2f...%2fb").as_deref(), Ok("/a%2F...%2Fb"));
    for hidden in ["/a%2f..%2fb", "/..%5cb", "/a%2F.", "/a%2f..;x%2fb", "/a%00"] {
        assert_eq!(keep(hidden), Err(Reason::InvalidPath), "{hidden}");
    }
}

#[test]
fn escapes_that_stay_have_upper_case_digits() {
    assert_eq!(refuse("/a%c3%bc%20%3b").as_deref(), Ok("/a%C3%BC%20%3B"));
    assert_eq!(refuse("/a\u{fc}").as_deref(), Ok("/a%C3%BC"));
    assert_eq!(refuse("/v1/things%3adelete").as_deref(), Ok("/v1/things%3Adelete"));
}

#[test]
fn reserved_characters_are_compared_decoded_and_kept_as_they_came() {
    for (normal, compared) in [
        ("/v1/things%3Adelete", "/v1/things:delete"),
        ("/key%2Bone%40home", "/key+one@home"),
        ("/a%3Bb%2Cc%20d%C3%BC", "/a%3Bb,c%20d%C3%BC"),
        ("/%253A", "/%253A"),
        ("/plain", "/plain"),
    ] {
        assert_eq!(refuse(normal).as_deref(), Ok(normal));
        assert_eq!(comparable(normal), compared);
    }
}

#[test]
fn an_escape_is_decoded_once() {
    assert_eq!(refuse("/%2561dmin").as_deref(), Ok("/%2561dmin"));
    assert_eq!(refuse("/%252e%252e/a").as_deref(), Ok("/%252e%252e/a"));
}

#[test]
fn a_byte_and_its_escape_are_compared_alike_or_one_of_them_is_refused() {
    let compared = |path: &[u8]| refuse_bytes(path).map(|path| comparable(&path).into_owned());
    for byte in (0..=u8::MAX).filter(|byte| *byte != b';') {
        let raw = compared(&[b"/a", &[byte][..], b"b"].concat());
        let escaped = compared(format!("/a%{byte:02X}b").as_bytes());
        // A percent sign begins an escape, a slash ends a segment: neither is itself.
        let is_itself = !matches!(byte, b'%' | b'/');
        if let (Ok(raw), Ok(escaped), true) = (&raw, &escaped, is_itself) {
            assert_eq!(raw, escaped, "{byte:#04x}");
        }
    }
}

fn refuse_bytes(path: &[u8]) -> Result<String, Reason> {
    normalise(path, EncodedSlashes::Refuse).map(Cow::into_owned)
}

proptest! {
    #[test]
    fn the_form_is_final(path in "/[a-c./%2-7EeFf;:\\\\]{0,24}") {
        for slashes in [EncodedSlashes::Refuse, EncodedSlashes::Keep] {
            if let Ok(once) = normalise(path.as_bytes(), slashes) {
                let twice = normalise(once.as_bytes(), slashes);
                prop_assert_eq!(twice.as_deref(), Ok(once.as_ref()));
                let compared = comparable(&once).into_owned();
                prop_assert_eq!(comparable(&compared).into_owned(), compared);
                prop_assert!(!once.contains("//") && !once.split('/').any(|s| s == "." || s == ".."));
            }
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(path in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = normalise(&path, EncodedSlashes::Refuse);
        let _ = normalise(&path, EncodedSlashes::Keep);
    }
}
