//! Rows that carry their JSON.
//!
//! Rows are read far more often than written (the benchmark only reads), so
//! each is encoded once, when it is stored, and reading is copying bytes.

use std::ops::Deref;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CONTENT_TYPE, LOCATION};
use serde::Serialize;

/// A stored value together with its encoding.
#[derive(Debug)]
pub struct Row<T> {
    value: T,
    json: Box<[u8]>,
}

impl<T: Serialize> Row<T> {
    /// Encodes `value`.
    pub fn new(value: T) -> Row<T> {
        let json = serde_json::to_vec(&value).expect("rows have string keys and plain values");
        Row { value, json: json.into_boxed_slice() }
    }

    /// Changes the value and encodes it again.
    pub fn update(&mut self, change: impl FnOnce(&mut T)) {
        change(&mut self.value);
        self.json = serde_json::to_vec(&self.value)
            .expect("rows have string keys and plain values")
            .into_boxed_slice();
    }
}

impl<T> Row<T> {
    /// The row's JSON.
    pub fn json(&self) -> Vec<u8> {
        self.json.to_vec()
    }
}

impl<T> Deref for Row<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// The rows as one JSON array.
pub fn array<'a, T: 'a>(rows: impl IntoIterator<Item = &'a Row<T>>) -> Vec<u8> {
    let mut json = vec![b'['];
    for row in rows {
        if json.len() > 1 {
            json.push(b',');
        }
        json.extend_from_slice(&row.json);
    }
    json.push(b']');
    json
}

/// 200 with encoded JSON.
pub fn ok(json: Vec<u8>) -> Response {
    with_status(StatusCode::OK, json)
}

/// 201 with encoded JSON, and where the new thing is.
pub fn created(location: String, json: Vec<u8>) -> Response {
    ([(LOCATION, location)], with_status(StatusCode::CREATED, json)).into_response()
}

/// Encoded JSON under any status.
pub fn with_status(status: StatusCode, json: Vec<u8>) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], json).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_join_into_an_array_and_follow_their_changes() {
        let mut rows = [Row::new(1), Row::new(2)];
        rows[1].update(|value| *value = 5);
        assert_eq!(array(&rows), b"[1,5]");
        assert_eq!(array::<i32>([]), b"[]");
        assert_eq!((rows[1].json(), *rows[1]), (b"5".to_vec(), 5));
    }
}
