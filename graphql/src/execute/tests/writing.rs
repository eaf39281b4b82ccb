//! Responses against a model: a naive interpreter that fetches field by field.
//!
//! The model walks the syntax tree object by object, as the specification's
//! algorithms read, and looks every value up in the services' rows. It knows
//! nothing of plans, shapes, batches or slots, so it can only agree with the
//! engine by being right.

use std::collections::BTreeMap;
use std::fmt::Write;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::fetch::FetchRequest;
use crate::testing::{Fake, Reply, ask_text, engine};

const SDL: &str = r#"
    type Query {
        people: [Person]! @rest(source: "users", GET: "/people")
        first: Person @rest(source: "users", GET: "/first")
    }
    type Person {
        id: Int
        name: String!
        age: Int
        friend: Person
            @rest(source: "users", GET: "/by-id{?ids}", batch: {key: "friend_id", param: "ids", match: "id"})
        pets: [Pet!] @rest(source: "orders", GET: "/pets{?owner*}", batch: {key: "id", param: "owner", match: "owner"})
        home: Home
    }
    type Pet {
        tag: ID!
        lives: Int!
        keeper: Person!
            @rest(source: "users", GET: "/by-id{?ids}", batch: {key: "owner", param: "ids", match: "id"})
    }
    type Home { street: String!  rooms: [[Int!]] }
"#;

/// The services' rows.
#[derive(Debug, Clone)]
struct World {
    people: Vec<Value>,
    pets: Vec<Value>,
}

impl World {
    fn answer(&self, call: &FetchRequest) -> Reply {
        let (path, query) = call.path_and_query.split_once('?').unwrap_or((&call.path_and_query, ""));
        let ids: Vec<i64> =
            query.split(['&', ',']).filter_map(|part| part.rsplit('=').next()?.parse().ok()).collect();
        let among = |rows: &[Value], key: &str| {
            let wanted = |row: &&Value| row[key].as_i64().is_some_and(|id| ids.contains(&id));
            rows.iter().filter(wanted).cloned().collect()
        };
        Reply::Json(match path {
            "/people" => json!(self.people),
            "/first" => self.people.first().cloned().unwrap_or(Value::Null),
            "/by-id" => among(&self.people, "id"),
            "/pets" => among(&self.pets, "owner"),
            other => panic!("no such path: {other}"),
        })
    }
}

/// A selection: a response key, a field, and what is selected on it.
#[derive(Debug, Clone)]
struct Selected {
    alias: Option<&'static str>,
    field: &'static str,
    on: Vec<Selected>,
    skip: bool,
}

/// What a field of the model's schema yields.
#[derive(Debug, Clone, Copy)]
struct Defined {
    name: &'static str,
    ty: &'static str,
    non_null: bool,
}

const fn defined(name: &'static str, ty: &'static str, non_null: bool) -> Defined {
    Defined { name, ty, non_null }
}

fn fields(ty: &str) -> &'static [Defined] {
    const QUERY: &[Defined] = &[defined("people", "[Person]", true), defined("first", "Person", false)];
    const PERSON: &[Defined] = &[
        defined("id", "Int", false),
        defined("name", "String", true),
        defined("age", "Int", false),
        defined("friend", "Person", false),
        defined("pets", "[Pet!]", false),
        defined("home", "Home", false),
    ];
    const PET: &[Defined] =
        &[defined("tag", "ID", true), defined("lives", "Int", true), defined("keeper", "Person", true)];
    const HOME: &[Defined] = &[defined("street", "String", true), defined("rooms", "[[Int!]]", false)];
    match ty {
        "Query" => QUERY,
        "Person" => PERSON,
        "Pet" => PET,
        _ => HOME,
    }
}

fn named(ty: &str) -> &str {
    ty.trim_matches(['[', ']', '!'])
}

fn is_object(ty: &str) -> bool {
    matches!(named(ty), "Query" | "Person" | "Pet" | "Home")
}

/// A random selection set on `ty`, at most `depth` deep.
fn selection(ty: &'static str, depth: u32) -> BoxedStrategy<Vec<Selected>> {
    let fields: Vec<Defined> =
        fields(ty).iter().filter(|field| depth > 0 || !is_object(field.ty)).copied().collect();
    let one = proptest::sample::select(fields).prop_flat_map(move |field| {
        let on = match is_object(field.ty) {
            true => selection(named(field.ty), depth.saturating_sub(1)),
            false => Just(Vec::new()).boxed(),
        };
        (on, proptest::bool::weighted(0.15), proptest::bool::weighted(0.2)).prop_map(
            move |(on, skip, alias)| {
                // One alias per field, so that selections can always be merged.
                let alias = alias.then(|| field.name.to_uppercase().leak() as &str);
                Selected { alias, field: field.name, on, skip }
            },
        )
    });
    proptest::collection::vec(one, 1..5).boxed()
}

fn print(selected: &[Selected], out: &mut String) {
    out.push_str("{ ");
    for (index, one) in selected.iter().enumerate() {
        if let Some(alias) = one.alias {
            write!(out, "{alias}: ").unwrap();
        }
        out.push_str(one.field);
        out.push(' ');
        if one.skip {
            out.push_str("@include(if: $yes) @skip(if: $no) ");
        }
        match (one.on.is_empty(), index % 2) {
            (true, _) => {}
            // Fragments change nothing, but how fields are collected.
            (false, 0) => print(&one.on, out),
            (false, _) => {
                out.push_str("{ ... ");
                print(&one.on, out);
                out.push_str("} ");
            }
        }
    }
    out.push_str("} ");
}

/// A field's value, or that null has to travel on.
type Outcome = Result<String, ()>;

struct Model<'w> {
    world: &'w World,
    no: bool,
    errors: Vec<Vec<Value>>,
}

impl Model<'_> {
    fn object(&mut self, ty: &str, row: &Value, sets: &[&Vec<Selected>], path: &[Value]) -> Outcome {
        let mut keys: Vec<(&str, Vec<&Selected>)> = Vec::new();
        for selected in sets.iter().flat_map(|set| set.iter()).filter(|one| !(one.skip && self.no)) {
            let key = selected.alias.unwrap_or(selected.field);
            match keys.iter_mut().find(|(known, _)| *known == key) {
                Some((_, found)) => found.push(selected),
                None => keys.push((key, vec![selected])),
            }
        }
        let mut out = String::from("{");
        for (index, (key, found)) in keys.iter().enumerate() {
            let field = fields(ty).iter().find(|field| field.name == found[0].field).unwrap();
            let sets: Vec<&Vec<Selected>> = found.iter().map(|one| &one.on).collect();
            let mut path = path.to_vec();
            path.push(json!(key));
            let value = self.resolve(field.name, row);
            let ty = if field.non_null { format!("{}!", field.ty) } else { field.ty.to_owned() };
            let value = self.complete(&ty, &value, &sets, &path)?;
            let comma = if index > 0 { "," } else { "" };
            write!(out, "{comma}\"{key}\":{value}").unwrap();
        }
        Ok(out + "}")
    }

    fn resolve(&self, field: &str, row: &Value) -> Value {
        let person = |id: &Value| {
            let mut people = self.world.people.iter();
            let found = people.find(|person| !id.is_null() && person["id"] == *id);
            found.cloned().unwrap_or(Value::Null)
        };
        match field {
            "people" => json!(self.world.people),
            "first" => self.world.people.first().cloned().unwrap_or(Value::Null),
            "friend" => person(&row["friend_id"]),
            "keeper" => person(&row["owner"]),
            "pets" => {
                let of = |pet: &&Value| !row["id"].is_null() && pet["owner"] == row["id"];
                self.world.pets.iter().filter(of).cloned().collect()
            }
            plain => row[plain].clone(),
        }
    }

    fn complete(&mut self, ty: &str, value: &Value, sets: &[&Vec<Selected>], path: &[Value]) -> Outcome {
        let (inner, non_null) = ty.strip_suffix('!').map_or((ty, false), |inner| (inner, true));
        let outcome = match (value, inner.strip_prefix('[').and_then(|list| list.strip_suffix(']'))) {
            (Value::Null, _) if !non_null => return Ok("null".into()),
            (Value::Null, _) => self.fail(path),
            (Value::Array(items), Some(item_ty)) => self.list(item_ty, items, sets, path),
            (_, Some(_)) | (Value::Array(_), None) => self.fail(path),
            (Value::Object(_), None) if is_object(inner) => self.object(inner, value, sets, path),
            (_, None) if is_object(inner) => self.fail(path),
            (value, None) => match (inner, value) {
                ("Int", Value::Number(_)) | ("String" | "ID", Value::String(_)) => Ok(value.to_string()),
                ("String" | "ID", Value::Number(_)) => Ok(format!("\"{value}\"")),
                _ => self.fail(path),
            },
        };
        outcome.or_else(|()| if non_null { Err(()) } else { Ok("null".into()) })
    }

    fn list(&mut self, ty: &str, items: &[Value], sets: &[&Vec<Selected>], path: &[Value]) -> Outcome {
        let mut out = String::from("[");
        for (index, item) in items.iter().enumerate() {
            let mut path = path.to_vec();
            path.push(json!(index));
            if index > 0 {
                out.push(',');
            }
            out += &self.complete(ty, item, sets, &path)?;
        }
        Ok(out + "]")
    }

    fn fail(&mut self, path: &[Value]) -> Outcome {
        self.errors.push(path.to_vec());
        Err(())
    }
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => (0..50_i64).prop_map(Value::from),
        4 => "[a-zé\"\\\\\n]{0,4}".prop_map(Value::from),
        1 => Just(Value::Null),
        1 => Just(json!([])),
    ]
}

fn world() -> impl Strategy<Value = World> {
    let id = || prop_oneof![6 => (0..6_i64).prop_map(Value::from), 1 => Just(Value::Null)];
    let home = prop_oneof![
        3 => (leaf(), proptest::collection::vec(proptest::collection::vec(leaf(), 0..3), 0..3))
            .prop_map(|(street, rooms)| json!({"street": street, "rooms": rooms, "unknown": [{}]})),
        1 => leaf(),
    ];
    let person = (leaf(), leaf(), id(), home).prop_map(
        |(name, age, friend, home)| json!({"name": name, "age": age, "friend_id": friend, "home": home}),
    );
    let pet = (id(), leaf(), leaf())
        .prop_map(|(owner, tag, lives)| json!({"owner": owner, "tag": tag, "lives": lives}));
    (proptest::collection::vec(person, 0..5), proptest::collection::vec(pet, 0..6)).prop_map(
        |(people, pets)| {
            let people = people.into_iter().enumerate().map(|(id, mut person)| {
                person["id"] = json!(id);
                person
            });
            World { people: people.collect(), pets }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn responses_are_what_a_naive_interpreter_says(
        world in world(),
        selected in selection("Query", 4),
        no in any::<bool>(),
    ) {
        let mut query = String::from("query($yes: Boolean = true, $no: Boolean!) ");
        print(&selected, &mut query);
        if !query.contains("$yes)") {
            query = query.replace("($yes: Boolean = true, $no: Boolean!) ", "");
        }
        let mut model = Model { world: &world, no, errors: Vec::new() };
        let data = model.object("Query", &Value::Null, &[&selected], &[]).unwrap_or_else(|()| "null".into());

        let services = world.clone();
        let fake = Fake::new(move |call| services.answer(call));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let text = runtime.block_on(ask_text(&engine(SDL), &fake, &query, json!({"no": no})));
        let expected = format!("{{\"data\":{data}");
        prop_assert!(text.starts_with(&expected), "{query}\n{text}\n{expected}");
        let response: Value = serde_json::from_str(&text).unwrap();
        let errors: Vec<Value> = response["errors"]
            .as_array()
            .map(|errors| errors.iter().map(|error| error["path"].clone()).collect())
            .unwrap_or_default();
        let omitted = usize::try_from(response["extensions"]["omittedErrors"].as_u64().unwrap_or(0)).unwrap();
        prop_assert_eq!(errors.len() + omitted, model.errors.len(), "{}", query);
        for (error, path) in errors.iter().zip(&model.errors) {
            prop_assert_eq!(error, &json!(path), "{}", query);
        }
        let mut calls = BTreeMap::new();
        for call in fake.calls() {
            *calls.entry(call).or_insert(0) += 1;
        }
        prop_assert!(calls.values().all(|count| *count == 1), "a read left twice: {calls:?}");
    }
}
