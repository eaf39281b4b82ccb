use super::*;
use crate::reason::Reason::*;

fn verdict(head: &str) -> Result<(), Reason> {
    check(head.as_bytes(), &Limits::default())
}

fn with(fields: &str) -> Result<(), Reason> {
    verdict(&format!("GET / HTTP/1.1\r\n{fields}\r\n"))
}

#[test]
fn ordinary_heads_pass() {
    assert_eq!(with("Host: example.com\r\nAccept: */*\r\n"), Ok(()));
    assert_eq!(with("HOST:example.com:8080\r\ncontent-length: 5\r\n"), Ok(()));
    assert_eq!(with("host: [::1]:80 \r\nTransfer-Encoding: Chunked\r\n"), Ok(()));
    assert_eq!(verdict("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), Ok(()));
}

#[test]
fn a_bare_line_feed_ends_no_line() {
    assert_eq!(verdict("GET / HTTP/1.1\nHost: a\r\n\r\n"), Err(MalformedRequest));
    assert_eq!(verdict("GET / HTTP/1.1\r\nHost: a\n\r\n"), Err(MalformedRequest));
    assert_eq!(verdict("GET / HTTP/1.1\r\nHost: a\r\n\n"), Err(MalformedRequest));
}

#[test]
fn framing_that_two_servers_could_read_differently_is_refused() {
    for fields in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 0\r\n",
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length:\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: \"chunked\"\r\n",
    ] {
        assert_eq!(with(&format!("Host: a\r\n{fields}")), Err(AmbiguousFraming), "{fields}");
    }
}

#[test]
fn a_request_names_one_host() {
    assert_eq!(with("Accept: */*\r\n"), Err(MissingHost));
    assert_eq!(with("Host:\r\n"), Err(MissingHost));
    assert_eq!(with("Host: a b\r\n"), Err(MissingHost));
    assert_eq!(with("Host: user@a\r\n"), Err(MissingHost));
    assert_eq!(with("Host: a/b\r\n"), Err(MissingHost));
    assert_eq!(with("Host: a\r\nHost: a\r\n"), Err(MalformedRequest));
    assert_eq!(with("Host: a\r\nHOST: b\r\n"), Err(MalformedRequest));
    assert_eq!(with("X-Host: a\r\n"), Err(MissingHost));
}

#[test]
fn http_1_0_may_leave_the_host_out_but_not_send_a_bad_one() {
    assert_eq!(verdict("GET / HTTP/1.0\r\n\r\n"), Ok(()));
    assert_eq!(verdict("GET / HTTP/1.0\r\nHost: a\r\n\r\n"), Ok(()));
    assert_eq!(verdict("GET / HTTP/1.0\r\nHost: a b\r\n\r\n"), Err(MissingHost));
    assert_eq!(verdict("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"), Err(MalformedRequest));
}

#[test]
fn limits_count_bytes_and_fields() {
    let field = |n: usize| "x: y\r\n".repeat(n);
    assert_eq!(with(&format!("Host: a\r\n{}", field(99))), Ok(()));
    assert_eq!(with(&format!("Host: a\r\n{}", field(100))), Err(TooManyHeaders));
    let long = format!("Host: a\r\nx: {}\r\n", "y".repeat(60 * 1024));
    assert_eq!(with(&long), Err(HeadTooLarge));
}

#[test]
fn limits_hold_for_heads_that_were_never_text() {
    let limits = Limits::default();
    let mut fields = HeaderMap::new();
    for _ in 0..100 {
        fields.append("x", "y".parse().unwrap());
    }
    assert_eq!(check_fields(1, &fields, &limits), Ok(()));
    fields.append("x", "y".parse().unwrap());
    assert_eq!(check_fields(1, &fields, &limits), Err(TooManyHeaders));
    let mut fields = HeaderMap::new();
    fields.insert("x", "y".repeat(61 * 1024).parse().unwrap());
    assert_eq!(check_fields(1, &fields, &limits), Err(HeadTooLarge));
    // The target counts as it does over HTTP/1.
    assert_eq!(check_fields(61 * 1024, &HeaderMap::new(), &limits), Err(HeadTooLarge));
}

#[test]
fn a_host_that_was_never_text_is_held_to_the_same_rule() {
    let with = |hosts: &[&[u8]]| {
        let mut fields = HeaderMap::new();
        for host in hosts {
            fields.append("host", http::HeaderValue::from_bytes(host).unwrap());
        }
        check_fields(1, &fields, &Limits::default())
    };
    // Without it there is `:authority`.
    assert_eq!(with(&[]), Ok(()));
    assert_eq!(with(&[b"a.test:8443"]), Ok(()));
    for bad in [&b""[..], b"a b", b"user@a", b"a/b", b"a\xff", b"a, b", b"a\"b"] {
        assert_eq!(with(&[bad]), Err(MissingHost), "{}", bad.escape_ascii());
    }
    assert_eq!(with(&[b"a", b"a"]), Err(MalformedRequest));
}

fn line(data: &[u8]) -> bool {
    let whole = RequestLine::default().feed(data);
    let mut pieces = RequestLine::default();
    let in_pieces = data.iter().all(|byte| pieces.feed(&[*byte]));
    assert_eq!(whole, in_pieces, "{}", data.escape_ascii());
    whole
}

#[test]
fn a_request_line_has_two_spaces_and_no_control_bytes() {
    assert!(line(b"GET /a?b=c HTTP/1.1\r\nwhat follows\nis not \x00 looked at"));
    assert!(line(b"\r\n\r\nGET / HTTP/1.1\r\n"));
    assert!(line("GET /\u{fc} HTTP/1.1\r\n".as_bytes()));
    for bad in [
        &b"GET /a b HTTP/1.1\r\n"[..],
        b"GET  / HTTP/1.1\r\n",
        b"GET /\r\n",
        b"GET /\tb HTTP/1.1\r\n",
        b"GET /\x00 HTTP/1.1\r\n",
        b"GET /\x7f HTTP/1.1\r\n",
        b"GET / HTTP/1.1\n",
        b"GET / HTTP/1.1\rX",
        b"GET /\rb HTTP/1.1\r\n",
        b" GET / HTTP/1.1\r\n",
        b"\x16\x03\x01\x02\x00",
    ] {
        assert!(!line(bad), "{}", bad.escape_ascii());
    }
}

#[test]
fn a_head_full_of_empty_lines_is_read_like_any() {
    let mut lines = b"\r\n".repeat(30 * 1024);
    assert!(line(&lines));
    lines.extend_from_slice(b"GET / HTTP/1.1\r\n");
    assert!(line(&lines));
}

#[test]
fn an_unfinished_request_line_may_still_become_one() {
    assert!(line(b""));
    assert!(line(b"GET"));
    assert!(line(b"GET / HTTP/1.1\r"));
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_checks_panic(data: Vec<u8>) {
        let _ = check(&data, &Limits::default());
        line(&data);
    }
}
