//! What the cache holds, whatever documents clients send.

use std::sync::Arc;

use super::cache::BYTES_PER_PLACE;
use super::{Plan, PlanCache, PlanKey, compile};
use crate::document::prepare;
use crate::limits::Limits;
use crate::schema::Schema;
use crate::testing::schema;

const SDL: &str = r#"
    type Query { user(ids: [ID!]): User @rest(source: "users", GET: "/user{?ids}") }
    type User {
        id: ID!  a: User  b: User  c: User @rest(source: "users", GET: "/c/{parent.id}")
        d(ids: [ID!]): User @rest(source: "users", GET: "/d/{parent.id}{?ids}")
    }
"#;

fn plan(schema: &Schema, document: &str) -> Arc<Plan> {
    let limits = Limits::default();
    let prepared = prepare(schema.apollo(), &limits, document, None).expect("a valid document");
    Arc::new(compile(schema, prepared, limits.selections).expect("a plan"))
}

/// A short document that selects 3^7 leaves, and half as many objects; `name`
/// makes it another one.
fn expanding(name: usize) -> String {
    let mut document = format!("query Q{name} {{ user {{ ...F0 }} }}\n");
    for level in 0..7 {
        let next = level + 1;
        document += &format!(
            "fragment F{level} on User {{ a {{ ...F{next} }} b {{ ...F{next} }} c {{ ...F{next} }} }}\n"
        );
    }
    document + "fragment F7 on User { id }"
}

#[test]
fn a_plan_weighs_what_it_holds_and_not_what_its_document_is_long() {
    let schema = schema(SDL);
    let weight = |document: &str| plan(&schema, document).weight(document);
    let small = weight("{ user { id } }");
    assert!(small < BYTES_PER_PLACE, "{small}");
    let document = expanding(0);
    assert!(document.len() < 700);
    assert!(weight(&document) > 3000 * 200, "{}", weight(&document));
    let literal = format!("{{ user(ids: [{}]) {{ id }} }}", "1 ".repeat(2000));
    assert!(weight(&literal) > 2000 * 32, "{}", weight(&literal));
}

#[test]
fn defaults_beside_variables_weigh_too() {
    let document = "query($id: ID) { find(id: $id) }";
    let [short, long] = [1, 5000].map(|len| {
        let text = "x".repeat(len);
        let sdl = format!(
            "type Query {{ find(id: ID, text: String = \"{text}\"): ID @rest(source: \"users\", GET: \"/{{?id,text}}\") }}"
        );
        plan(&schema(&sdl), document).weight(document)
    });
    assert_eq!(long - short, 4999);
}

#[test]
fn a_literal_is_held_once_however_often_fragments_repeat_it() {
    let schema = schema(SDL);
    let long = format!("d(ids: [{}]) {{ id }} }}", "1 ".repeat(500));
    let [short, long] = ["d(ids: []) { id } }", &*long].map(|field| {
        let document =
            expanding(0).replace("fragment F7 on User { id }", &format!("fragment F7 on User {{ {field}"));
        plan(&schema, &document).weight(&document)
    });
    assert!(long - short < 500 * 500, "{short} and {long}");
}

#[test]
fn expanding_documents_do_not_fill_memory() {
    let schema = schema(SDL);
    let places = 200;
    let cache = PlanCache::new(places);
    let plan = plan(&schema, &expanding(0));
    for name in 0..100 {
        let document = expanding(name);
        cache.insert(PlanKey::new(1, None, &document), &document, plan.clone());
    }
    let (count, bytes) = cache.held();
    assert!(bytes <= (places * BYTES_PER_PLACE) as u64, "{bytes}");
    assert!((1..100).contains(&count), "{count}");
}
