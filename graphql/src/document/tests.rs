use std::fmt::Write;

use super::*;

fn schema() -> Valid<Schema> {
    let sdl = r#"
        directive @oneOf on INPUT_OBJECT
        type Query { user(id: ID!): User, find(by: By, in: [Int!], filter: Filter): User, self: Query, any(of: Any): Any }
        scalar Any
        type User { id: ID!, name: String, friends(first: Int = 3): [User!]! }
        input By @oneOf { id: ID, name: String }
        input Filter { size: Int!, limit: Int! = 5, tags: [String!] }
    "#;
    Schema::parse_and_validate(sdl, "schema.graphql").expect("the schema is valid")
}

fn code_of(text: &str) -> Option<Code> {
    prepare(&schema(), &Limits::default(), text, None).err().map(|e| e.code)
}

#[test]
fn tokens_are_counted_as_the_specification_defines_them() {
    let count = |text| measure::measure(text).tokens;
    assert_eq!(count("{ a }"), 3);
    assert_eq!(count("\u{feff}{a,b # c d e\n ...F @x(y: -1.5e3)}"), 13);
    assert_eq!(count(r#""a \" b" """c "d" \""" e""" "open"#), 3);
}

#[test]
fn a_token_flood_is_refused_before_parsing() {
    let flood = format!("{{{}}}", "a ".repeat(10_001));
    assert_eq!(code_of(&flood), Some(Code::TooManyTokens));
}

#[test]
fn a_document_above_the_byte_limit_is_refused() {
    let long = format!("{{ self {{ __typename }} }} #{}", "x".repeat(64 << 10));
    assert_eq!(code_of(&long), Some(Code::DocumentTooLarge));
}

#[test]
fn deep_brackets_of_every_kind_are_refused_before_parsing() {
    for (open, close) in [("{ self ", "}"), ("[", "]"), ("(", ")")] {
        let deep = format!("{{{}{}}}", open.repeat(3000), close.repeat(3000));
        assert_eq!(code_of(&deep), Some(Code::TooDeep), "{open}");
    }
}

#[test]
fn depth_counts_fields_and_not_fragments() {
    let nested = |depth: usize| {
        format!("{{ {} __typename {} }}", "self { ... on Query {".repeat(depth - 1), "} }".repeat(depth - 1))
    };
    assert_eq!(code_of(&nested(32)), None);
    assert_eq!(code_of(&nested(33)), Some(Code::TooDeep));
}

#[test]
fn a_chain_of_doubling_fragments_is_refused_without_walking_it() {
    let mut text = String::from("{ ...F0 }\n");
    for link in 0..40 {
        let next = link + 1;
        writeln!(text, "fragment F{link} on Query {{ ...F{next} ...F{next} }}").unwrap();
    }
    text.push_str("fragment F40 on Query { self { __typename } }");
    // Whoever walks each of the 2^40 spreads does not come back from here.
    assert_eq!(code_of(&text), Some(Code::TooManySelections));
}

#[test]
fn many_operations_over_one_large_fragment_are_refused() {
    let operations = |count| (0..count).map(|n| format!("query Q{n} {{ ...F }} ")).collect::<String>();
    let fragment = format!("fragment F on Query {{ self {{ {} }} }}", "self { __typename } ".repeat(100));
    let code = |count| {
        let text = operations(count) + &fragment;
        prepare(&schema(), &Limits::default(), &text, Some("Q0")).err().map(|error| error.code)
    };
    assert_eq!(code(50), None);
    assert_eq!(code(200), Some(Code::TooManySelections));
}

#[test]
fn comments_and_commas_cost_the_parser_nothing_and_move_nothing() {
    let blanked = blank::blank("\u{feff}{a,b # é,\r\n \"\"\"#,\"\"\" c}#");
    assert_eq!(blanked, " {a b     \r\n \"\"\"#,\"\"\" c} ");
    let error = prepare(&schema(), &Limits::default(), "{ # ä,\n,,nope é\n}", None).unwrap_err();
    assert_eq!((error.code, &error.messages[0].locations[..]), (Code::SyntaxError, &[(2, 8)][..]));
}

#[test]
fn a_cycle_of_fragments_is_left_to_the_validator() {
    let text = "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }";
    assert_eq!(code_of(text), Some(Code::ValidationFailed));
}

#[test]
fn aliases_root_fields_and_directives_are_counted_through_fragments() {
    let mut aliases = String::from("{ self { ...F ...F } } fragment F on Query {");
    for n in 0..51 {
        write!(aliases, " a{n}: __typename").unwrap();
    }
    aliases.push('}');
    assert_eq!(code_of(&aliases), Some(Code::TooManyAliases));

    let roots = format!("{{ ...F ...F }} fragment F on Query {{ {} }}", "__typename ".repeat(26));
    assert_eq!(code_of(&roots), Some(Code::TooManyRootFields));

    let skips = "@include(if: true) @skip(if: false)";
    let directives = format!("{{ self {{ {} }} }}", format!("__typename {skips} ").repeat(101));
    assert_eq!(code_of(&directives), Some(Code::TooManyDirectives));
}

#[test]
fn what_the_compiler_misses_is_refused() {
    for (text, expected) in [
        (
            r#"{ find(by: {id: 1, name: "a"}) { id } }"#,
            "OneOf Input Object \"By\" must specify exactly one key.",
        ),
        ("{ find(by: {id: null}) { id } }", "Field \"By.id\" must be non-null."),
        (
            "query($i: ID) { find(by: {id: $i}) { id } }",
            "Variable \"$i\" must be non-nullable to be used for OneOf Input Object \"By\".",
        ),
        ("{ find(filter: {size: 1, size: 2}) { id } }", "There can be only one input field named \"size\"."),
        (
            "query($i: Int) { find(in: [1, $i]) { id } }",
            "Variable \"$i\" of type \"Int\" used in position expecting type \"Int!\".",
        ),
        (
            "query($i: Int) { find(filter: {size: $i}) { id } }",
            "Variable \"$i\" of type \"Int\" used in position expecting type \"Int!\".",
        ),
    ] {
        let error = prepare(&schema(), &Limits::default(), text, None).unwrap_err();
        assert_eq!(error.code, Code::ValidationFailed, "{text}");
        assert_eq!(error.messages[0].text, expected, "{text}");
        assert!(!error.messages[0].locations.is_empty(), "{text}");
    }
}

#[test]
fn variables_that_fit_inside_lists_and_objects_pass() {
    for text in [
        "query($i: Int!) { find(in: [1, $i]) { id } }",
        "query($i: Int = 3) { find(filter: {size: $i}) { id } }",
        "query($i: Int) { find(filter: {size: 1, limit: $i}) { id } }",
        "query($i: ID!) { find(by: {id: $i}) { id } }",
    ] {
        assert_eq!(code_of(text), None, "{text}");
    }
}

#[test]
fn objects_in_custom_scalars_have_each_field_once() {
    let undefined = prepare(&schema(), &Limits::default(), "{ any(of: {a: [$b]}) }", None).unwrap_err();
    assert_eq!(undefined.messages[0].text, "Variable \"$b\" is not defined.");
    for text in ["{ any(of: {a: 1, a: 2}) }", "{ any(of: [{a: {b: 1, b: 1}}]) }"] {
        let error = prepare(&schema(), &Limits::default(), text, None).unwrap_err();
        assert!(error.messages[0].text.starts_with("There can be only one input field named"), "{text}");
    }
    assert_eq!(code_of("{ any(of: {a: {a: 1}, b: [{a: 1}, {a: 2}]}) }"), None);
}

#[test]
fn descriptions_of_operations_fragments_and_variables_are_ignored() {
    for text in [
        r#""d" query { user(id: 1) { id } }"#,
        r#"query Q("é" $id: ID!) { user(id: $id) { id } }"#,
        r#""a" query Q("b" $a: ID = "c" """d""" $b: ID = "e") { a: user(id: $a) { id } b: user(id: $b) { id } }"#,
        "{ user(id: \"query\") { ...F } } \"\"\"\n block \\\"\"\" \"quoted\"\n\"\"\" fragment F on User { id }",
    ] {
        assert_eq!(
            prepare(&schema(), &Limits::default(), text, Some("Q"))
                .err()
                .map(|e| e.code)
                .filter(|code| *code != Code::OperationNotFound),
            None,
            "{text}"
        );
    }
    for text in [
        r#""a" "b" query { user(id: 1) { id } }"#,
        r#""a" { user(id: 1) { id } }"#,
        r#"{ "a" user(id: 1) { id } }"#,
        r#"query("a") { user(id: 1) { id } }"#,
        r#"query("a" "b" $a: ID!) { user(id: $a) { id } }"#,
        "\"open\nquery { user(id: 1) { id } }",
        "\"\"\"open query { user(id: 1) { id } }",
        r#"{ user(id: 1) { id } } "last""#,
    ] {
        assert_eq!(code_of(text), Some(Code::SyntaxError), "{text}");
    }
    let error = prepare(&schema(), &Limits::default(), "\"\"\"ä\nb\"\"\" query {\"c\"}", None).unwrap_err();
    assert_eq!(error.messages[0].locations, [(2, 13)]);
}

#[test]
fn the_operation_is_selected_by_name() {
    let text = "query A { self { __typename } } query B { user(id: 1) { id } }";
    let select = |name| prepare(&schema(), &Limits::default(), text, name);
    let chosen = select(Some("B")).unwrap().operation;
    assert_eq!(chosen.name.as_deref(), Some("B"));
    let unknown = select(Some("C")).unwrap_err();
    assert_eq!(unknown.messages[0].text, "Unknown operation named \"C\".");
    assert_eq!(select(None).unwrap_err().code, Code::OperationNotFound);
    let none = code_of("fragment F on User { id }");
    assert!(matches!(none, Some(Code::ValidationFailed | Code::OperationNotFound)));
}

#[test]
fn an_error_points_into_the_document_and_carries_the_code() {
    let error = prepare(&schema(), &Limits::default(), "{\n  nope\n}", None).unwrap_err();
    let body: serde_json::Value = serde_json::from_slice(&error.body()).unwrap();
    let first = &body["errors"][0];
    assert_eq!(first["extensions"]["code"], "graphql_validation_failed");
    assert_eq!(first["locations"][0], serde_json::json!({"line": 2, "column": 3}));
    assert!(body.get("data").is_none());
}
