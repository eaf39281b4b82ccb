//! `@authenticated` and `@requiresScopes`: what is refused, and what is put together.

use super::*;

const CASES: &[Case] = &[
    (
        "no scopes",
        r##"type Query { a: ID @rest(source: "users", GET: "/a") @requiresScopes }"##,
        &[r##"api.graphql:1:54: Query.a: @requiresScopes needs `scopes`; add scopes: [["..."]]"##],
    ),
    (
        "empty lists",
        r##"type Query { a: ID @rest(source: "users", GET: "/a") @requiresScopes(scopes: []) b: ID @rest(source: "users", GET: "/b") @requiresScopes(scopes: [["a"], []]) }"##,
        &[
            r##"api.graphql:1:78: Query.a: @requiresScopes `scopes`: nobody could meet it; write [["orders:read"]]"##,
            r##"api.graphql:1:146: Query.b: @requiresScopes `scopes`: every caller has all scopes of an empty list; remove the list, or write @authenticated"##,
        ],
    ),
    (
        "one list, which could mean both and either",
        r##"type Query { a: ID @rest(source: "users", GET: "/a") @requiresScopes(scopes: ["a", "b"]) b: ID @rest(source: "users", GET: "/b") @requiresScopes(scopes: "a") }"##,
        &[
            r##"api.graphql:1:78: Query.a: @requiresScopes `scopes`: not a list of lists; write [["a", "b"]] for both, or [["a"], ["b"]] for either"##,
            r##"api.graphql:1:154: Query.b: @requiresScopes `scopes`: not a list of lists; write [["a", "b"]] for both, or [["a"], ["b"]] for either"##,
        ],
    ),
    (
        "no scopes at all",
        r##"type Query { a: ID @rest(source: "users", GET: "/a") @requiresScopes(scopes: [["a b", 7, ""]]) }"##,
        &[
            r##"api.graphql:1:80: Query.a: @requiresScopes `scopes`: "a b" is not a scope; write a text without spaces and quotes: "orders:read""##,
            r##"api.graphql:1:87: Query.a: @requiresScopes `scopes`: 7 is not a scope; write a text without spaces and quotes: "orders:read""##,
            r##"api.graphql:1:90: Query.a: @requiresScopes `scopes`: "" is not a scope; write a text without spaces and quotes: "orders:read""##,
        ],
    ),
    (
        "arguments",
        r##"type Query { a: ID @rest(source: "users", GET: "/a") @authenticated(scopes: [["a"]]) @requiresScopes(scope: [["a"]]) }"##,
        &[
            r##"api.graphql:1:69: Query.a: @authenticated has no argument `scopes`; it has none"##,
            r##"api.graphql:1:86: Query.a: @requiresScopes needs `scopes`; add scopes: [["..."]]"##,
            r##"api.graphql:1:102: Query.a: @requiresScopes has no argument `scope`; did you mean `scopes`?"##,
        ],
    ),
    (
        "twice",
        r##"type Query @authenticated @authenticated { a: ID @rest(source: "users", GET: "/a") }"##,
        &[r##"api.graphql:1:27: `@authenticated` is written twice; keep one of them"##],
    ),
    (
        "where nothing would act on it",
        r##"type Query { a: A @rest(source: "users", GET: "/a") } interface A @authenticated { b: ID @authenticated } type B implements A { b: ID } union C @requiresScopes(scopes: [["a"]]) = B enum E @authenticated { F }"##,
        &[
            r##"api.graphql:1:67: `@authenticated` on an interface or union; say it on each of the object types: the concrete type counts"##,
            r##"api.graphql:1:90: `@authenticated` on a field of an interface; say for each object type who may read the field"##,
            r##"api.graphql:1:145: `@requiresScopes` on an interface or union; say it on each of the object types: the concrete type counts"##,
            r##"api.graphql:1:189: `@authenticated` on an enum; `@authenticated` belongs on an object type or a field of one"##,
        ],
    ),
    (
        "a wrong directive of a type, told once",
        r##"type Query { a: A @rest(source: "users", GET: "/a") b: A @rest(source: "users", GET: "/b") } type A @requiresScopes { b: ID }"##,
        &[r##"api.graphql:1:101: A: @requiresScopes needs `scopes`; add scopes: [["..."]]"##],
    ),
];

#[test]
fn every_mistake_is_told_with_place_and_way_out() {
    check(CASES);
}

/// What a known caller without any scope lacks for a field; `None` for a field
/// that everybody may read.
fn lacking(schema: &Schema, ty: &str, name: &str) -> Option<String> {
    let caller = crate::testing::caller(serde_json::json!({}));
    let access = field(schema, ty, name).access.as_ref()?;
    Some(match access.check(Some(&*caller)) {
        Ok(()) => String::new(),
        Err(Refused::Scopes(missing)) => missing,
        Err(Refused::Anonymous) => panic!("the caller is known"),
    })
}

#[test]
fn a_field_asks_for_what_it_says_and_what_its_types_say() {
    let schema = good(
        r#"
        type Query {
            open: ID @rest(source: "users", GET: "/a")
            known: ID @rest(source: "users", GET: "/a") @authenticated
            either: ID @rest(source: "users", GET: "/a") @requiresScopes(scopes: [["a", "b"], ["c"]])
            typed: [[Card]] @rest(source: "users", GET: "/a")
            both: Card @rest(source: "users", GET: "/a") @requiresScopes(scopes: [["a"]])
            all: All @rest(source: "users", GET: "/a")
            some: Some @rest(source: "users", GET: "/a")
            mine: ID @rest(source: "users", GET: "/of/{claims.sub}")
        }
        type Card @requiresScopes(scopes: [["card"]]) { id: ID owner: ID @authenticated }
        type Check @authenticated { id: ID }
        type Bill @requiresScopes(scopes: [["bill"]]) { id: ID }
        type Cash { id: ID }
        union All = Card | Bill
        union Some = Card | Cash
        type Mutation @requiresScopes(scopes: [["write"]]) { do: Card @rest(source: "users", POST: "/a") }
        "#,
    );
    let found = |name| lacking(&schema, "Query", name);
    assert_eq!(found("open"), None);
    assert_eq!(found("known").as_deref(), Some(""));
    assert_eq!(found("either").as_deref(), Some("`a` and `b`, or `c`"));
    assert_eq!(found("typed").as_deref(), Some("`card`"));
    assert_eq!(found("both").as_deref(), Some("`a`; and `card`"));
    assert_eq!(found("all").as_deref(), Some("`card`, or `bill`"), "one of them at the least");
    assert_eq!(found("some"), None, "the concrete type decides");
    assert_eq!(found("mine").as_deref(), Some(""), "claims are somebody's");
    assert_eq!(lacking(&schema, "Card", "id"), None, "whoever has a card may read it");
    assert_eq!(lacking(&schema, "Mutation", "do").as_deref(), Some("`write`; and `card`"));
    assert!(schema.asks_for_identity());
    assert!(!good("type Query { a: ID @rest(source: \"users\", GET: \"/a\") }").asks_for_identity());
}

#[test]
fn a_mutation_that_knows_too_late_is_warned_of() {
    let sdl = |guard: &str| {
        format!(
            "type Query {{ a: ID @rest(source: \"users\", GET: \"/a\") }} \
             type Mutation {{ pay: R {guard} @rest(source: \"users\", POST: \"/a\") }} \
             union R = Card | Cash type Card @authenticated {{ id: ID }} type Cash {{ id: ID }}"
        )
    };
    assert_eq!(
        warnings(&sdl("")),
        "api.graphql:1:72: Mutation.pay: it will have changed something when its result turns out to be `Card`, \
         which is guarded; guard the field itself"
    );
    assert_eq!(warnings(&sdl("@authenticated")), "");
}
