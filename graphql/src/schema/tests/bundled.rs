//! The schema of the demo.

use super::*;

fn bundled() -> Vec<SdlFile> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/schema");
    let mut files: Vec<SdlFile> = std::fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| SdlFile {
            text: std::fs::read_to_string(&path).expect("a file"),
            name: path.file_name().expect("a name").to_string_lossy().into_owned(),
        })
        .collect();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    files
}

#[test]
fn the_bundled_schema_loads_without_a_warning() {
    let strict = SchemaOptions { strict: true, ..SchemaOptions::default() };
    if let Err(problems) = Schema::load(&bundled(), &Sources::named(SOURCES), &strict) {
        panic!("{}", told(&problems));
    }
}

#[test]
fn its_batches_allow_a_thousand_keys() {
    let loaded = Schema::load(&bundled(), &Sources::named(SOURCES), &SchemaOptions::default());
    let schema = loaded.expect("a schema").schema;
    for (ty, field) in [("User", "orders"), ("Order", "user"), ("Order", "payment"), ("OrderItem", "product")]
    {
        match &super::field(&schema, ty, field).resolver {
            Resolver::Rest(rest) => assert_eq!(rest.batch.as_ref().expect("a batch").max, 1000),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_snake_case_body_is_what_orders_expects() {
    struct Given(serde_json::Value);
    impl crate::template::Scope for Given {
        fn value(&self, _: &crate::template::Reference) -> Option<crate::template::Value<'_>> {
            Some(crate::template::Value::Json(std::borrow::Cow::Borrowed(&self.0)))
        }
    }
    let loaded = Schema::load(&bundled(), &Sources::named(SOURCES), &SchemaOptions::default());
    let schema = loaded.expect("a schema").schema;
    let field = field(&schema, "Mutation", "createOrder");
    let Resolver::Rest(rest) = &field.resolver else { panic!("a call") };
    let input = serde_json::json!({"userId": "7", "items": [{"productId": "3", "quantity": 2}]});
    let body = rest.body.as_ref().expect("a body").expand(&Given(input)).expect("a body").expect("a body");
    let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    let expected = serde_json::json!({"user_id": "7", "items": [{"product_id": "3", "quantity": 2}]});
    assert_eq!(body, expected);
}
