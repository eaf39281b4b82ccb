use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn timeouts(read: Option<Duration>) -> Timeouts {
    Timeouts { connect: 2 * SECOND, read, total: Some(60 * SECOND) }
}

#[test]
fn no_wait_outlasts_what_is_left_of_the_total_time() {
    for (read, remaining, expected) in [
        (Some(30 * SECOND), Some(SECOND), (SECOND, Some(SECOND))),
        (Some(30 * SECOND), Some(40 * SECOND), (2 * SECOND, Some(30 * SECOND))),
        (None, Some(SECOND), (SECOND, Some(SECOND))),
        (None, None, (2 * SECOND, None)),
        (Some(SECOND), None, (2 * SECOND, Some(SECOND))),
    ] {
        let bounded = within(timeouts(read), remaining);
        assert_eq!((bounded.connect, bounded.read), expected, "{read:?} {remaining:?}");
    }
}

#[test]
fn headers_are_removed_then_set_then_added() {
    let mut headers = HeaderMap::new();
    headers.insert("x-a", HeaderValue::from_static("b"));
    headers.insert("x-b", HeaderValue::from_static("old"));
    edit(
        &mut headers,
        &HeaderEdits {
            remove: vec!["x-a".parse().unwrap()],
            set: vec![("x-b".parse().unwrap(), HeaderValue::from_static("c"))],
            add: vec![("x-b".parse().unwrap(), HeaderValue::from_static("d"))],
        },
    );
    let values: Vec<_> = headers.get_all("x-b").iter().map(HeaderValue::as_bytes).collect();
    assert_eq!((headers.len(), values), (2, vec![&b"c"[..], b"d"]));
}
