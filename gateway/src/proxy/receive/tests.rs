use super::*;

fn kept(lines: &[(&'static str, &str)], has_trailers: bool) -> Vec<String> {
    let mut head = ResponseHeader::build(200, None).unwrap();
    for (name, value) in lines {
        head.append_header(*name, *value).unwrap();
    }
    remove_hop_by_hop(&mut head, has_trailers);
    let mut names: Vec<String> = head.headers.keys().map(ToString::to_string).collect();
    names.sort_unstable();
    names
}

#[test]
fn fields_that_a_connection_nominates_go_and_those_that_frame_the_message_stay() {
    let lines = [
        ("connection", "close, X-One"),
        ("connection", "x-two , content-length"),
        ("x-one", "1"),
        ("x-two", "2"),
        ("content-length", "3"),
        ("x-three", "3"),
    ];
    assert_eq!(kept(&lines, true), ["content-length", "x-three"]);
}

#[test]
fn fields_of_one_connection_go() {
    let lines = [
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "close"),
        ("proxy-authenticate", "Basic"),
        ("te", "trailers"),
        ("upgrade", "h2c"),
        ("server", "up"),
    ];
    assert_eq!(kept(&lines, true), ["server"]);
}

#[test]
fn a_plain_connection_is_left_to_pingora_and_trailers_to_those_who_get_them() {
    assert_eq!(kept(&[("connection", "Keep-Alive"), ("trailer", "x")], true), ["connection", "trailer"]);
    assert_eq!(kept(&[("connection", "close"), ("trailer", "x")], false), ["connection"]);
}

#[test]
fn only_what_opens_a_websocket_counts_as_one() {
    let opens = |method: &str, lines: &[(&'static str, &str)]| {
        let mut head = RequestHeader::build(method, b"/", None).unwrap();
        for (name, value) in lines {
            head.append_header(*name, *value).unwrap();
        }
        wants_websocket(&head)
    };
    let (upgrade, connection) = (("upgrade", "WebSocket"), ("connection", "keep-alive, Upgrade"));
    assert!(opens("GET", &[upgrade, connection]));
    assert!(opens("GET", &[upgrade, connection, ("content-length", "0")]));
    for (method, lines) in [
        ("POST", &[upgrade, connection][..]),
        ("GET", &[upgrade]),
        ("GET", &[upgrade, ("connection", "close")]),
        ("GET", &[("upgrade", "h2c"), connection]),
        ("GET", &[connection]),
        ("GET", &[upgrade, connection, ("content-length", "3")]),
        ("GET", &[upgrade, connection, ("transfer-encoding", "chunked")]),
    ] {
        assert!(!opens(method, lines), "{method} {lines:?}");
    }
}

#[test]
fn an_answer_is_whole_only_if_nothing_came_before_its_last_piece() {
    let piece = Bytes::from_static(b"twelve bytes");
    assert!(is_whole(Some(&piece), 12));
    assert!(!is_whole(Some(&piece), 24));
    assert!(is_whole(None, 0));
    assert!(!is_whole(None, 12), "an end without bytes after others");
}
