//! What a message's headers become.

use super::*;

#[test]
fn headers_are_removed_then_set_then_added() {
    let mut headers = HeaderMap::new();
    headers.insert("x-a", HeaderValue::from_static("b"));
    headers.insert("x-b", HeaderValue::from_static("old"));
    let edits = HeaderEdits {
        remove: vec!["x-a".parse().unwrap()],
        set: vec![("x-b".parse().unwrap(), HeaderValue::from_static("c"))],
        add: vec![("x-b".parse().unwrap(), HeaderValue::from_static("d"))],
    };
    edits.apply(&mut headers);
    let values: Vec<_> = headers.get_all("x-b").iter().map(HeaderValue::as_bytes).collect();
    assert_eq!((headers.len(), values), (2, vec![&b"c"[..], b"d"]));
}
