//! Good and bad SDL, with exact messages.

mod access;
mod bad;
mod bad_batch;
mod bundled;
mod docs;
mod good;

use super::*;

const SOURCES: [&str; 4] = ["users", "orders", "products", "payments"];

fn files(sdl: &str) -> Vec<SdlFile> {
    vec![SdlFile { name: "api.graphql".into(), text: sdl.into() }]
}

fn load(sdl: &str) -> Result<Loaded, Vec<Problem>> {
    Schema::load(&files(sdl), &Sources::named(SOURCES), &SchemaOptions::default())
}

fn good(sdl: &str) -> Arc<Schema> {
    match load(sdl) {
        Ok(loaded) => loaded.schema,
        Err(problems) => panic!("{}", told(&problems)),
    }
}

fn type_id(schema: &Schema, name: &str) -> TypeId {
    let place = schema.types.iter().position(|ty| &*ty.name == name).expect("a type");
    TypeId(u32::try_from(place).expect("a small number"))
}

fn field<'s>(schema: &'s Schema, ty: &str, field: &str) -> &'s Field {
    let object = schema.ty(type_id(schema, ty)).as_object().expect("an object type");
    object.field(field).expect("a field")
}

fn warnings(sdl: &str) -> String {
    match load(sdl) {
        Ok(loaded) => told(&loaded.warnings),
        Err(problems) => panic!("{}", told(&problems)),
    }
}

fn problems(sdl: &str) -> String {
    match load(sdl) {
        Ok(_) => panic!("loaded: {sdl}"),
        Err(problems) => told(&problems),
    }
}

fn told(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}

/// What is wrong, SDL, and what is said.
type Case = (&'static str, &'static str, &'static [&'static str]);

fn check(cases: &[Case]) {
    for (name, sdl, expected) in cases {
        assert_eq!(problems(sdl), expected.join("\n"), "{name}: {sdl}");
    }
}
