//! What a good schema compiles to.

use super::*;
use crate::json_path::{JsonPath, Step};
use crate::template::Reference;

const BUNDLED_LIKE: &str = r#"
type Query {
  users(limit: Int = 20): [User!]! @rest(source: "users", GET: "/users{?limit}")
  user(id: ID!): User @rest(source: "users", GET: "/users/{id}")
}
type User {
  id: ID!
  createdAt: String
  city: String @json(path: "$.address.city")
  tags: [String] @json(path: "$.labels[*].name")
  orders(first: Int = 10): [Order!]! @rest(source: "orders", GET: "/orders{?user_id*,first}",
    batch: {key: "id", param: "user_id", match: "user_id", each: ["first"], max: 1000})
}
type Order { id: ID! lines: [Line!]! }
type Line {
  stock: Stock @rest(source: "products", POST: "/stock", body: {items: "{keys}"},
    select: "$.data", batch: {key: ["sku", "place.id"], match: ["item", "site"], rows: 500})
}
type Stock { count: Int! }
type Mutation {
  createOrder(input: CreateOrder!): Order @rest(source: "orders", POST: "/orders", body: "{input}", case: snake,
    headers: ["Idempotency-Key: {headers.idempotency-key}", "X-Kind: web"], expose: [409, 422])
}
input CreateOrder { userId: ID! note: String = "none" items: [Item!]! = [{productId: 3}] }
input Item { productId: ID! quantity: Int = 1 }
"#;

fn rest<'s>(schema: &'s Schema, ty: &str, field: &str) -> &'s Rest {
    match &super::field(schema, ty, field).resolver {
        Resolver::Rest(rest) => rest,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_field_knows_where_it_comes_from() {
    let schema = good(BUNDLED_LIKE);
    let resolver = |name| &field(&schema, "User", name).resolver;
    match resolver("createdAt") {
        Resolver::Property(property) => {
            assert_eq!(&*property.name, "createdAt");
            assert_eq!(property.snake.as_deref(), Some("created_at"));
        }
        other => panic!("{other:?}"),
    }
    match resolver("id") {
        Resolver::Property(property) => assert_eq!(property.snake, None),
        other => panic!("{other:?}"),
    }
    match resolver("city") {
        Resolver::JsonPath(path) => match &**path {
            JsonPath::Singular(steps) => {
                assert_eq!(*steps, [Step::Name("address".into()), Step::Name("city".into())]);
            }
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
    assert!(matches!(resolver("tags"), Resolver::JsonPath(path) if matches!(**path, JsonPath::General(_))));
}

#[test]
fn a_batch_is_resolved() {
    let schema = good(BUNDLED_LIKE);
    let orders = rest(&schema, "User", "orders");
    assert_eq!(&*orders.source, "orders");
    assert_eq!(&*orders.coordinate, "User.orders");
    let batch = orders.batch.as_ref().expect("a batch");
    assert_eq!(batch.max, 1000);
    assert_eq!(batch.rows, None);
    assert_eq!(
        batch.keys,
        [BatchKey { parent: vec!["id".into()], row: vec!["user_id".into()], name: "user_id".into() }]
    );
    assert_eq!(
        orders.references().collect::<Vec<_>>(),
        [&Reference::Keys, &Reference::Argument(vec!["first".into()])]
    );
}

#[test]
fn a_composite_key_is_sent_under_the_rows_names() {
    let schema = good(BUNDLED_LIKE);
    let stock = rest(&schema, "Line", "stock");
    let batch = stock.batch.as_ref().expect("a batch");
    assert_eq!(batch.keys.len(), 2);
    assert_eq!(batch.keys[1].parent, ["place".into(), "id".into()]);
    assert_eq!(&*batch.keys[1].name, "site");
    assert_eq!((batch.max, batch.rows), (100, Some(500)));
    assert!(stock.select.is_some());
}

#[test]
fn introspection_and_validation_see_a_schema_without_our_directives() {
    let schema = good(BUNDLED_LIKE);
    let sdl = schema.apollo().to_string();
    assert!(!sdl.contains("@rest") && !sdl.contains("@json"), "{sdl}");
}

#[test]
fn a_row_names_its_type_by_typename_or_the_declared_member_exactly_or_in_snake_case() {
    let schema = good(
        r#"
        type Query { a: [Method!]! @rest(source: "payments", GET: "/a") b: [Any] @rest(source: "payments", GET: "/b") }
        interface Method @json(path: "$.meta.kind") { id: ID! }
        type CreditCard implements Method { id: ID! }
        type Invoice implements Method { id: ID! }
        union Any = CreditCard | Invoice
        "#,
    );
    let ty = |name| type_id(&schema, name);
    let method = schema.ty(ty("Method")).as_abstract().expect("an interface");
    assert_eq!(method.discriminator, ["meta".into(), "kind".into()]);
    assert_eq!(method.concrete("credit_card"), Some(ty("CreditCard")));
    assert_eq!(method.concrete("CreditCard"), Some(ty("CreditCard")));
    assert_eq!(method.concrete("cash"), None);
    assert_eq!(method.possible, [ty("CreditCard"), ty("Invoice")]);
    let any = schema.ty(ty("Any")).as_abstract().expect("a union");
    assert_eq!(any.discriminator, ["__typename".into()]);
}

#[test]
fn files_are_one_document_and_types_can_be_extended_across_them() {
    let file = |name: &str, text: &str| SdlFile { name: name.into(), text: text.into() };
    let loaded = Schema::load(
        &[
            file("a.graphql", "extend type Query { b: ID @rest(source: \"users\", GET: \"/b\") }"),
            file("b.graphql", "type Query { a: ID @rest(source: \"users\", GET: \"/a\") }"),
        ],
        &Sources::named(SOURCES),
        &SchemaOptions::default(),
    )
    .expect("a schema");
    for name in ["a", "b"] {
        assert_eq!(&*field(&loaded.schema, "Query", name).name, name);
    }
}

#[test]
fn the_version_follows_the_sdl_and_the_sources() {
    let sdl = |path: &str| format!("type Query {{ a: ID @rest(source: \"users\", GET: \"{path}\") }}");
    let version = |sdl: &str, sources: &Sources| {
        Schema::load(&files(sdl), sources, &SchemaOptions::default()).expect("a schema").schema.version()
    };
    let plain = Sources::named(SOURCES);
    let mut forwarding = plain.clone();
    let source = forwarding.0.get_mut("users").expect("a source");
    source.forward.push(http::HeaderName::from_static("x-tenant"));
    assert_eq!(version(&sdl("/a"), &plain), version(&sdl("/a"), &plain));
    assert_ne!(version(&sdl("/a"), &plain), version(&sdl("/b"), &plain));
    assert_ne!(version(&sdl("/a"), &plain), version(&sdl("/a"), &forwarding));
    let mut more = plain.clone();
    more.0.insert("nobody-asks".to_owned(), SourceOptions::default());
    assert_eq!(
        version(&sdl("/a"), &plain),
        version(&sdl("/a"), &more),
        "what the SDL does not name is no part of it"
    );
    let renamed = sdl("/a").replace("users", "orders");
    assert_ne!(version(&sdl("/a"), &plain), version(&renamed, &plain));
}

#[test]
fn a_source_forwards_headers() {
    let mut sources = Sources::named(SOURCES);
    let tenant = http::HeaderName::from_static("x-tenant");
    sources.0.get_mut("users").expect("a source").forward.push(tenant.clone());
    let sdl = r#"type Query { a: ID @rest(source: "users", GET: "/a") }"#;
    let loaded = Schema::load(&files(sdl), &sources, &SchemaOptions::default()).expect("a schema");
    assert_eq!(rest(&loaded.schema, "Query", "a").forward, [tenant]);
    assert!(loaded.schema.uses("users") && !loaded.schema.uses("orders"));
}

#[test]
fn a_call_for_every_item_of_a_list_is_warned_of_with_its_path() {
    let sdl = r#"
type Query {
  users: [User!]! @rest(source: "users", GET: "/users")
  me: User @rest(source: "users", GET: "/me")
}
type User {
  avatar: Avatar @rest(source: "users", GET: "/avatars/{parent.id}")
  motd: Avatar @rest(source: "users", GET: "/motd")
}
type Avatar { url: String }
"#;
    assert_eq!(
        warnings(sdl),
        "api.graphql:7:18: User.avatar: one call for every item of Query.users[]; \
         add batch: {...} to make it one call for all"
    );
    let strict = SchemaOptions { strict: true, ..SchemaOptions::default() };
    assert!(Schema::load(&files(sdl), &Sources::named(SOURCES), &strict).is_err());
}

#[test]
fn a_call_for_a_single_parent_is_not_warned_of() {
    let sdl = r#"
type Query { me: User @rest(source: "users", GET: "/me") }
type User { avatar: Avatar @rest(source: "users", GET: "/avatars/{parent.id}") }
type Avatar { url: String }
"#;
    assert_eq!(warnings(sdl), "");
}

#[test]
fn an_argument_that_nothing_uses_is_warned_of() {
    assert_eq!(
        warnings(r#"type Query { a(b: Int): ID @rest(source: "users", GET: "/a") }"#),
        "api.graphql:1:16: Query.a: nothing uses the argument `b`; use it in a template, or remove it"
    );
}

#[test]
fn snake_case_splits_words_where_a_reader_would() {
    for (name, snake) in [
        ("id", "id"),
        ("userId", "user_id"),
        ("userID", "user_id"),
        ("HTTPPort", "http_port"),
        ("aB", "a_b"),
        ("line2Text", "line2_text"),
        ("already_snake", "already_snake"),
        ("Mixed_Case", "mixed_case"),
        ("X", "x"),
    ] {
        assert_eq!(naming::snake_case(name), snake, "{name}");
    }
}
