use super::*;

#[test]
fn the_whole_preface_is_http2_and_so_is_what_follows_it() {
    assert_eq!(decide(PREFACE), Verdict::Http2);
    assert_eq!(decide(&[PREFACE, b"\0\0\0\x04"].concat()), Verdict::Http2);
}

#[test]
fn every_part_of_the_preface_is_undecided() {
    for n in 0..PREFACE.len() {
        assert_eq!(decide(&PREFACE[..n]), Verdict::Undecided, "{n}");
    }
}

#[test]
fn http1_is_known_at_the_first_differing_byte() {
    for head in ["G", "POST", "PUT / ", "PRI * HTTP/1", "GET / HTTP/1.0\r\n\r\n", "\r\n"] {
        assert_eq!(decide(head.as_bytes()), Verdict::Http1, "{head:?}");
    }
    assert_eq!(decide(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\rX"), Verdict::Http1);
}
