//! Paths as they are forwarded.

use super::*;

fn rewritten(from: &str, to: &str, path: &str) -> String {
    Rewrite { from: from.into(), to: to.into() }.apply(path)
}

#[test]
fn leading_segments_are_taken_away() {
    assert_eq!(rewritten("/api", "/", "/api/users/7"), "/users/7");
    assert_eq!(rewritten("/api/v1", "/", "/api/v1/users"), "/users");
    assert_eq!(rewritten("/api", "/", "/api/api"), "/api");
}

#[test]
fn leading_segments_are_replaced() {
    assert_eq!(rewritten("/api", "/v1", "/api/users"), "/v1/users");
    assert_eq!(rewritten("/api", "/v1/internal", "/api"), "/v1/internal");
}

#[test]
fn a_slash_at_the_end_is_kept() {
    assert_eq!(rewritten("/api", "/", "/api/"), "/");
    assert_eq!(rewritten("/api", "/v1", "/api/"), "/v1/");
    assert_eq!(rewritten("/api", "/", "/api/users/"), "/users/");
}

#[test]
fn what_is_left_of_the_path_is_never_nothing() {
    assert_eq!(rewritten("/api", "/", "/api"), "/");
    assert_eq!(rewritten("/", "/", "/"), "/");
}

#[test]
fn from_the_root_a_prefix_is_put_in_front() {
    assert_eq!(rewritten("/", "/v1", "/users"), "/v1/users");
    assert_eq!(rewritten("/", "/v1", "/"), "/v1/");
}

#[test]
fn a_prefix_may_be_spelled_with_escapes() {
    assert_eq!(rewritten("/a@b", "/", "/a%40b/c%2Bd"), "/c%2Bd");
    assert_eq!(rewritten("/a@b", "/v1", "/a%40b"), "/v1");
}

#[test]
fn encoded_letters_of_the_rest_are_left_alone() {
    assert_eq!(rewritten("/api", "/", "/api/a%20b/%C3%BC"), "/a%20b/%C3%BC");
}
