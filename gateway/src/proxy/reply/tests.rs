use super::*;

#[test]
fn a_query_stands_before_the_fragment() {
    assert_eq!(with_query("/new", "a=1"), "/new?a=1");
    assert_eq!(with_query("https://a.test/x#top", "a=1"), "https://a.test/x?a=1#top");
}

#[test]
fn answers_without_a_body_end_with_their_head() {
    for (status, length, ends) in [
        (204, None, true),
        (304, Some("12"), true),
        (200, Some("0"), true),
        (200, Some("1"), false),
        (200, None, false),
    ] {
        let mut head = ResponseHeader::build(status, None).unwrap();
        if let Some(length) = length {
            head.insert_header(header::CONTENT_LENGTH, length).unwrap();
        }
        assert_eq!(has_no_body(&head), ends, "{status} {length:?}");
    }
}
