use super::*;
use http::StatusCode;

fn fields(problem: &Problem) -> Vec<&str> {
    problem.errors.iter().map(|error| &error.field[..]).collect()
}

#[test]
fn every_wrong_field_is_named_at_once_with_its_place() {
    let body = br#"{"email": "nobody", "items": [{"id": 1}, 5, {"id": "x", "idd": 2}], "nmae": 1}"#;
    let mut input = Input::read(body).expect("an object");
    input.required("name", |field| field.text(10));
    input.required("email", Field::email);
    input.each("items", 1..=5, |item| item.required("id", Field::id));
    let problem = input.finish(Some(())).expect_err("all wrong");
    assert_eq!(problem.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(fields(&problem), ["name", "email", "items[1]", "items[2].id", "items[2].idd", "nmae"]);
}

#[test]
fn ids_are_read_as_numbers_and_as_graphql_writes_them() {
    let mut input =
        Input::read(br#"{"a": 7, "b": "7", "c": 0, "d": -1, "e": "+7", "f": 7.5}"#).expect("an object");
    let ids = ["a", "b", "c", "d", "e", "f"].map(|name| input.required(name, Field::id));
    assert_eq!(ids, [Some(7), Some(7), None, None, None, None]);
}

#[test]
fn addresses_that_cannot_be_mailed_are_refused() {
    for (text, good) in [
        ("ada@example.com", true),
        ("a@b", false),
        ("@example.com", false),
        ("a b@example.com", false),
        ("a@b@example.com", false),
        ("a@example.", false),
    ] {
        let read = Field(Value::from(text)).email();
        assert_eq!(read.is_ok(), good, "{text}");
    }
}

#[test]
fn what_is_not_an_object_is_a_bad_request() {
    for body in [&b""[..], b"{", b"[]", b"null", b"\xff"] {
        let problem = Input::read(body).expect_err("not an object");
        assert_eq!(problem.status, StatusCode::BAD_REQUEST);
    }
}

#[test]
fn null_is_the_same_as_absent() {
    let mut input = Input::read(br#"{"a": null, "b": null}"#).expect("an object");
    assert_eq!(input.optional("a", Field::id), None);
    assert_eq!(input.required("b", Field::id), None);
    let problem = input.finish(Some(())).expect_err("b is missing");
    assert_eq!(problem.errors, [FieldError::new("b", "is required")]);
}
