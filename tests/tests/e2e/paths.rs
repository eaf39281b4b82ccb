//! Spellings of a path: none reaches a route other than its own, and what was
//! matched is what is forwarded.

use tests::raw::{self, RawAnswer};
use tests::{Gateway, Launch, Upstream};

/// `/public` is open, `/admin` is somebody else's.
async fn gateway(upstream: &Upstream, listener: &str) -> Gateway {
    let yaml = format!(
        "
        listeners: [{{ name: public, address: \"127.0.0.1:0\"{listener} }}]
        upstreams: {{ up: {{ endpoints: [\"{}\"] }} }}
        routes:
          - {{ name: public, match: {{ path: /public/** }}, upstream: up }}
          - {{ name: admin, match: {{ path: /admin/** }}, respond: {{ status: 403, body: admin }} }}
        ",
        upstream.url()
    );
    Launch::new(&yaml).start().await
}

async fn get(gateway: &Gateway, target: &[u8]) -> RawAnswer {
    let head = [b"GET ", target, b" HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"].concat();
    let answer = raw::exchange(gateway.address(), head).await;
    answer.unwrap_or_else(|| panic!("no answer: {}", String::from_utf8_lossy(target)))
}

#[tokio::test]
async fn other_spellings_of_a_path_are_that_path() {
    let upstream = Upstream::saying("up").await;
    let gateway = gateway(&upstream, "").await;
    for target in [
        "/admin",
        "/admin/",
        "/admin/x",
        "/%61dmin/x",
        "/%61%64%6d%69%6e",
        "//admin/x",
        "/./admin",
        "/admin/./x",
        "/public/../admin",
        "/public/%2e%2e/admin",
        "/public/%2E./admin",
        "/public/.%2e/admin",
        "/public//../admin",
        "/x/y/../../admin",
        "/public/../public/../admin",
    ] {
        let answer = get(&gateway, target.as_bytes()).await;
        assert_eq!((answer.status, answer.body.as_str()), (403, "admin"), "{target}");
    }
    assert!(upstream.seen().is_empty(), "{:?}", upstream.seen());
}

#[tokio::test]
async fn what_was_matched_is_what_is_forwarded() {
    let upstream = Upstream::saying("up").await;
    let gateway = gateway(&upstream, "").await;
    for (sent, forwarded) in [
        ("/public", "/public"),
        ("/public/a/../b", "/public/b"),
        ("/public/a/./b", "/public/a/b"),
        ("/public//b", "/public/b"),
        ("/%70ublic/%62", "/public/b"),
        ("/admin/../public/b", "/public/b"),
        ("/public/b?c=../admin&d=%2e%2e%2f", "/public/b?c=../admin&d=%2e%2e%2f"),
        ("/public/a%20b", "/public/a%20b"),
        ("/public/%c3%a4", "/public/%C3%A4"),
        ("/public/a%3ab%2bc", "/public/a%3Ab%2Bc"),
        ("http://a.test/public/b", "/public/b"),
    ] {
        assert_eq!(get(&gateway, sent.as_bytes()).await.status, 200, "{sent}");
        assert_eq!(upstream.seen().last().unwrap().target(), forwarded, "{sent}");
    }
}

#[tokio::test]
async fn spellings_that_servers_read_differently_are_refused() {
    let upstream = Upstream::saying("up").await;
    let gateway = gateway(&upstream, "").await;
    for target in [
        "/public/..%2fadmin",
        "/public/..%2Fadmin",
        "/public%2f..%2fadmin",
        "/public/..%5cadmin",
        "/public/%5C..%5Cadmin",
        "/public\\..\\admin",
        "/public/%00",
        "/public/%00/../../admin",
        "/public/%",
        "/public/%zz",
        "/public/%2",
        "/public/..;/admin",
        "/public/..;x=1/admin",
        "/../admin",
        "/%2e%2e/admin",
        "/public/../../admin",
    ] {
        let answer = get(&gateway, target.as_bytes()).await;
        assert_eq!(answer.status, 400, "{target}: {}", answer.head);
        assert!(answer.body.contains("\"invalid_path\""), "{target}: {}", answer.body);
    }
    assert!(upstream.seen().is_empty(), "{:?}", upstream.seen());
}

#[tokio::test]
async fn an_escaped_character_does_not_get_round_its_route() {
    let upstream = Upstream::saying("up").await;
    let yaml = format!(
        "
        upstreams: {{ up: {{ endpoints: [\"{}\"] }} }}
        routes:
          - {{ name: all, match: {{ path: /users/** }}, upstream: up, rewrite: {{ strip_prefix: /users }} }}
          - {{ name: guarded, match: {{ path: \"/users/7:delete\" }}, respond: {{ status: 403, body: no }} }}
          - {{ name: at, match: {{ path: \"/a@b/**\" }}, upstream: up, rewrite: {{ strip_prefix: \"/a@b\" }} }}
        ",
        upstream.url()
    );
    let gateway = Launch::new(&yaml).start().await;
    assert_eq!(get(&gateway, b"/users/7%3Adelete").await.status, 403);
    assert_eq!(get(&gateway, b"/users/%37:delete").await.status, 403);
    for (sent, forwarded) in
        [("/users/7%3Ax", "/7%3Ax"), ("/a%40b/c%2Bd", "/c%2Bd"), ("/a@b/c%2Bd", "/c%2Bd")]
    {
        assert_eq!(get(&gateway, sent.as_bytes()).await.status, 200);
        assert_eq!(upstream.seen().last().unwrap().target(), forwarded, "{sent}");
    }
}

#[tokio::test]
async fn doubly_encoded_paths_are_decoded_once() {
    let upstream = Upstream::saying("up").await;
    let gateway = gateway(&upstream, "").await;
    for target in ["/public/%252e%252e/admin", "/public/..%252fadmin"] {
        assert_eq!(get(&gateway, target.as_bytes()).await.status, 200, "{target}");
        assert_eq!(upstream.seen().last().unwrap().target(), target);
    }
}

#[tokio::test]
async fn no_spelling_gets_behind_the_route_it_was_matched_by() {
    let upstream = Upstream::saying("up").await;
    let gateway = gateway(&upstream, "").await;
    let dots = [
        "..",
        ".",
        "%2e%2e",
        ".%2E",
        "..;",
        "%252e%252e",
        "..%00",
        "..%09",
        " ..",
        "..%20",
        "\u{ff0e}\u{ff0e}",
    ];
    let slashes = ["/", "//", "/./", "%2f", "\\", "%5c", ";/", "%252f", "\u{2215}"];
    for dot in dots {
        for slash in slashes {
            let target = format!("/public{slash}{dot}{slash}admin");
            let answer = get(&gateway, target.as_bytes()).await;
            assert!([200, 400, 403, 404].contains(&answer.status), "{target}: {}", answer.head);
        }
    }
    for seen in upstream.seen() {
        let target = seen.target();
        let segments: Vec<&str> = target.split('/').collect();
        assert_eq!(segments[1], "public", "{target}");
        assert!(!segments.contains(&"..") && !segments.contains(&"."), "{target}");
        let lower = target.to_ascii_lowercase();
        for trick in ["\\", "%2f", "%5c", "%00", "%2e"] {
            assert!(!lower.contains(trick), "{target}");
        }
    }
}

#[tokio::test]
async fn a_listener_may_keep_encoded_slashes_as_data() {
    let upstream = Upstream::saying("up").await;
    let gateway = gateway(&upstream, ", encoded_slashes: keep").await;
    for target in ["/public/a%2Fb", "/public/a%5C%2Fb"] {
        assert_eq!(get(&gateway, target.as_bytes()).await.status, 200, "{target}");
        assert_eq!(upstream.seen().last().unwrap().target(), target);
    }
    for target in ["/public/%00", "/public/..%2Fadmin", "/public/a%5c..%5cadmin"] {
        assert_eq!(get(&gateway, target.as_bytes()).await.status, 400, "{target}");
    }
}
