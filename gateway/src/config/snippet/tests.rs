//! What is shown of a line, and what never is.

use super::*;

const UNTOLD: &str = "hunter2";

fn place(line: u32, column: u32) -> Place {
    Place { line, column, ..Place::unknown() }
}

fn mark(line: u32, column: u32) -> Mark {
    Mark { line, column }
}

/// The second line of a rendered snippet and the one with the caret, without the margin.
fn lines(source: &Source, line: u32, column: u32) -> (String, String) {
    let rendered = source.snippet(&place(line, column)).unwrap().render(str::to_owned);
    let mut lines = rendered.lines().skip(1).map(|line| line.split_once("| ").unwrap().1.to_owned());
    (lines.next().unwrap(), lines.next().unwrap())
}

fn shown(text: &str, column: u32) -> (String, String) {
    lines(&Source::unread(text), 1, column)
}

#[test]
fn the_caret_covers_the_word() {
    let caret = |text: &str, column| shown(text, column).1;
    assert_eq!(caret("upstream: order # the service", 11), "          ^^^^^");
    assert_eq!(caret("upstream: order", 1), "^^^^^^^^");
    assert_eq!(caret("[a, bc, d]", 5), "    ^^");
    assert_eq!(caret("{ path: /a }", 9), "        ^^");
    assert_eq!(caret("url: http://a:1/b", 6), "     ^^^^^^^^^^^^");
    assert_eq!(caret("a: 'b c' d", 4), "   ^^^^^");
    assert_eq!(caret("a: 'b c", 4), "   ^");
    assert_eq!(caret("a: [b, c]", 4), "   ^");
    assert_eq!(caret("a: ü, b", 4), "   ^");
}

#[test]
fn every_line_is_found_by_its_number() {
    let source = Source::new("one\n\r\nthree \r\nfour", Vec::new());
    let text = |line| source.snippet(&place(line, 1)).map(|snippet| snippet.text);
    assert_eq!(text(1).as_deref(), Some("one"));
    assert_eq!(text(2), None);
    assert_eq!(text(3).as_deref(), Some("three"));
    assert_eq!(text(4).as_deref(), Some("four"));
    assert_eq!((text(0), text(5)), (None, None));
}

#[test]
fn a_tab_takes_one_column() {
    assert_eq!(shown("\ta: b", 5), (" a: b".into(), "    ^".into()));
}

#[test]
fn a_place_beyond_the_line_is_its_end() {
    assert_eq!(shown("a: b", 40), ("a: b".into(), "    ^".into()));
}

#[test]
fn a_secret_is_shown_as_stars() {
    let text = "  set: { x-a: hunter2, x-b: hunter2 } # end";
    let source = Source::new(text, vec![(mark(1, 29), mark(1, 36)), (mark(1, 15), mark(1, 22))]);
    let (line, caret) = lines(&source, 1, 39);
    assert_eq!(line, "  set: { x-a: ***, x-b: *** } # end");
    assert_eq!(caret, "                              ^");
    assert_eq!(lines(&source, 1, 15).1, "              ^^^");
    assert_eq!(lines(&source, 1, 18).1, "              ^^^");
}

#[test]
fn a_secret_may_cover_several_lines() {
    let source = Source::new("a: |\n  hunter2\n  hunter2\nb: c", vec![(mark(1, 4), mark(4, 1))]);
    assert_eq!(lines(&source, 1, 1).0, "a: ***");
    assert_eq!(lines(&source, 2, 3).0, "***");
    assert_eq!(lines(&source, 3, 1).0, "***");
    assert_eq!(lines(&source, 4, 1).0, "b: c");
}

#[test]
fn secrets_that_overlap_are_hidden_as_one() {
    let whole = (mark(1, 4), mark(1, 22));
    let part = (mark(1, 6), mark(1, 13));
    let source = Source::new("a: {b: hunter2, c: d} # x", vec![part, whole, whole, part]);
    assert_eq!(lines(&source, 1, 1).0, "a: *** # x");
}

#[test]
fn the_value_of_a_key_that_speaks_of_secrets_is_hidden() {
    for key in [
        "password",
        "x-api-key",
        "\"Authorization\"",
        "client_secret",
        "{ a: b, token",
        "- cookie",
        "clientSecret",
    ] {
        let text = format!("{key}: {UNTOLD} and more");
        assert_eq!(shown(&text, 1).0, format!("{key}: ***"));
    }
    assert_eq!(shown("tokens: 10", 1).0, "tokens: 10");
    assert_eq!(shown("path: /token", 1).0, "path: /token");
}

#[test]
fn a_long_line_is_cut_around_the_caret() {
    let text = format!("{}mistake{}", "a ".repeat(200), " b".repeat(200));
    let (line, caret) = shown(&text, 401);
    assert!(line.starts_with("...a ") && line.ends_with(" b ..."), "{line}");
    assert_eq!(line.chars().count(), WIDTH + 6);
    assert_eq!(&line[caret.find('^').unwrap()..][..7], "mistake");
    assert_eq!(caret.trim_start(), "^^^^^^^");
}

#[test]
fn the_end_of_a_long_line_is_shown_in_full_width() {
    let (line, caret) = shown(&format!("{}mistake", "a ".repeat(200)), 401);
    assert!(line.starts_with("...") && line.ends_with(" a mistake"), "{line}");
    assert_eq!((line.chars().count(), caret.find('^')), (WIDTH + 3, Some(WIDTH - 4)));
}

#[test]
fn a_line_nobody_can_read_is_not_shown() {
    let source = Source::new("x".repeat(LONGEST + 1), Vec::new());
    assert_eq!(source.snippet(&place(1, 1)), None);
}

#[test]
fn the_margin_has_room_for_the_line_number() {
    let source = Source::new("\n".repeat(99) + "a: b", Vec::new());
    let snippet = source.snippet(&place(100, 4)).unwrap();
    assert_eq!(snippet.render(|caret| format!("<{caret}>")), "    |\n100 | a: b\n    |    <^>\n");
}

#[test]
fn credentials_in_a_url_are_shown_as_stars() {
    for (line, expected) in [
        ("endpoints: [\"http://user:hunter2@a:1\"]", "endpoints: [\"http://***@a:1\"]"),
        ("- http://hunter2@a/b@c", "- http://***@a/b@c"),
        ("- http://u:hunt@er2@a, https://hunter2@b", "- http://***@a, https://***@b"),
        ("- http://a/b@c", "- http://a/b@c"),
    ] {
        assert_eq!(shown(line, 1).0, expected);
    }
}

#[test]
fn a_key_that_speaks_of_secrets_hides_its_value_wherever_it_stands() {
    for line in [
        "token: hunter2",
        "h: {set2: [authorization: Bearer hunter2]}",
        "[{x-api-key: hunter2}]",
        "{\"client_secret\":\"hunter2\"}",
    ] {
        assert!(!shown(line, 1).0.contains(UNTOLD), "{line}");
    }
}

#[test]
fn a_switch_is_no_secret() {
    for (line, shown) in [
        ("cors: { credentials: true }", "cors: { credentials: true }"),
        ("credentials: false, token: hunter2", "credentials: false, token: ***"),
        ("password: trueish", "password: ***"),
    ] {
        let place = Place { line: 1, column: 1, ..Place::unknown() };
        let snippet = Source::unread(line).snippet(&place).unwrap();
        assert_eq!(snippet.text, shown);
    }
}

#[test]
fn the_rules_of_a_route_are_no_header() {
    let whole = |text: &str| shown(text, 1).0;
    assert_eq!(whole("authorization: { scopes: [a] }"), "authorization: { scopes: [a] }");
    assert_eq!(whole("- { authorization: { scopes: [a] } }"), "- { authorization: { scopes: [a] } }");
    assert_eq!(whole("set: { authorization: Basic hunter2 }"), "set: { authorization: ***");
    assert_eq!(whole("x-authorization: { a: hunter2 }"), "x-authorization: ***");
    assert_eq!(whole("authorization: { token: hunter2 }"), "authorization: { token: ***");
}

#[test]
fn of_a_text_that_was_read_only_secrets_and_comments_about_them_are_hidden() {
    let text = "from: { cookie: session, query: access_token } # password: hunter2";
    let source = Source::new(text, Vec::new());
    assert_eq!(lines(&source, 1, 1).0, "from: { cookie: session, query: access_token } # password: ***");
    assert_eq!(lines(&Source::unread(text), 1, 1).0, "from: { cookie: ***");
}
