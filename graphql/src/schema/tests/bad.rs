//! Every kind of mistake, with its exact messages.

use super::*;

const CASES: &[Case] = &[
    (
        "not GraphQL",
        r##"type Query {"##,
        &[
            r##"api.graphql:1:13: syntax error: expected Field Definition"##,
            r##"api.graphql:1:13: syntax error: expected R_CURLY, got EOF"##,
        ],
    ),
    (
        "unknown type",
        r##"type Query { a: Usr @rest(source: "users", GET: "/a") } type User { id: ID }"##,
        &[r##"api.graphql:1:17: cannot find type `Usr` in this document; did you mean `User`?"##],
    ),
    (
        "no query",
        r##"type User { id: ID }"##,
        &[r##"missing query root operation type in schema definition; define `type Query`"##],
    ),
    (
        "unknown directive",
        r##"type Query { a: ID @rst(source: "users", GET: "/a") }"##,
        &[r##"api.graphql:1:20: unknown directive `@rst`; did you mean `@rest`?"##],
    ),
    (
        "later directive",
        r##"type Query { a: ID @rest(source: "users", GET: "/a") @cache(ttl: "1s") }"##,
        &[r##"api.graphql:1:54: `@cache` is not supported yet; remove it: nothing would act on it"##],
    ),
    (
        "definition",
        r##"directive @rest(source: String) on FIELD_DEFINITION directive @mine on OBJECT type Query @mine { a: ID @rest(source: "users", GET: "/a") }"##,
        &[
            r##"api.graphql:1:12: `@rest` is defined by the gateway; remove this definition"##,
            r##"api.graphql:1:64: the gateway does not know `@mine` and would ignore it; remove this definition and its uses"##,
            r##"api.graphql:1:90: unknown directive `@mine`; the gateway knows `@rest`, `@json`, `@authenticated` and `@requiresScopes`"##,
        ],
    ),
    (
        "rest on interface field",
        r##"type Query { a: A @rest(source: "users", GET: "/a") } interface A { b: ID @rest(source: "users", GET: "/b") } type B implements A { b: ID }"##,
        &[
            r##"api.graphql:1:75: `@rest` on a field of an interface; say for each object type where the field comes from"##,
        ],
    ),
    (
        "json on interface field",
        r##"type Query { a: A @rest(source: "users", GET: "/a") } interface A { b: ID @json(path: "$.b") } type B implements A { b: ID }"##,
        &[
            r##"api.graphql:1:75: `@json` on a field of an interface; say for each object type where the field comes from"##,
        ],
    ),
    (
        "rest misplaced",
        r##"type Query @rest(source: "users") { a: ID @rest(source: "users", GET: "/a") } enum E @json(path: "$") { A }"##,
        &[
            r##"api.graphql:1:12: `@rest` on an object type; `@rest` belongs on a field of an object type"##,
            r##"api.graphql:1:86: `@json` on an enum; `@json` belongs on a field of an object type"##,
        ],
    ),
    (
        "rest twice",
        r##"type Query { a: ID @rest(source: "users", GET: "/a") @rest(source: "users", GET: "/b") }"##,
        &[r##"api.graphql:1:54: `@rest` is written twice; keep one of them"##],
    ),
    (
        "rest and json",
        r##"type Query { a: ID @rest(source: "users", GET: "/a") @json(path: "$.a") }"##,
        &[
            r##"api.graphql:1:54: Query.a: @json beside @rest; write @rest(select: "$...") to read a part of the answer"##,
        ],
    ),
    (
        "root without rest",
        r##"type Query { a: ID }"##,
        &[
            r##"api.graphql:1:14: Query.a: nothing says where this field comes from; a field of a root type has no parent to read from; add @rest(...)"##,
        ],
    ),
    (
        "unknown source",
        r##"type Query { a: ID @rest(source: "order", GET: "/a") b: ID @rest(source: "zzz", GET: "/a") }"##,
        &[
            r##"api.graphql:1:34: Query.a: @rest `source`: no upstream named `order`; did you mean `orders`?"##,
            r##"api.graphql:1:74: Query.b: @rest `source`: no upstream named `zzz`; the upstreams are `orders`, `payments`, `products` and `users`"##,
        ],
    ),
    (
        "no source",
        r##"type Query { a: ID @rest(GET: "/a") }"##,
        &[r##"api.graphql:1:20: Query.a: @rest needs `source`; add source: "...""##],
    ),
    (
        "no method",
        r##"type Query { a: ID @rest(source: "users") }"##,
        &[r##"api.graphql:1:20: Query.a: @rest has no method; write GET: "/path""##],
    ),
    (
        "two methods",
        r##"type Query { a: ID @rest(source: "users", GET: "/a", POST: "/a") }"##,
        &[r##"api.graphql:1:60: Query.a: @rest `POST`: a second method; a call has one method"##],
    ),
    (
        "write in query",
        r##"type Query { a: ID @rest(source: "users", DELETE: "/a") }"##,
        &[
            r##"api.graphql:1:51: Query.a: @rest `DELETE`: a read must not change anything; only fields of the mutation type may use PUT, PATCH and DELETE"##,
        ],
    ),
    (
        "unknown argument",
        r##"type Query { a: ID @rest(sorce: "users", source: "users", GET: "/a", zap: 1) }"##,
        &[
            r##"api.graphql:1:26: Query.a: @rest has no argument `sorce`; did you mean `source`?"##,
            r##"api.graphql:1:70: Query.a: @rest has no argument `zap`; it has `source`, `GET`, `POST`, `PUT`, `PATCH`, `DELETE`, `body`, `case`, `select`, `headers`, `batch` and `expose`"##,
        ],
    ),
    (
        "argument twice",
        r##"type Query { a: ID @rest(source: "users", GET: "/a", GET: "/b") }"##,
        &[r##"api.graphql:1:54: Query.a: @rest has `GET` twice; keep one of them"##],
    ),
    (
        "not a text",
        r##"type Query { a: ID @rest(source: users, GET: 3) }"##,
        &[
            r##"api.graphql:1:34: Query.a: @rest `source`: not a text; write it in quotes"##,
            r##"api.graphql:1:46: Query.a: @rest `GET`: not a text; write it in quotes"##,
        ],
    ),
    (
        "subscription",
        r##"type Query { a: ID @rest(source: "users", GET: "/a") } type Subscription { b: ID @rest(source: "users", GET: "/a") }"##,
        &[r##"api.graphql:1:61: subscriptions are not supported yet; remove the subscription type"##],
    ),
    (
        "reserved operators",
        r##"type Query { a(b: ID): ID @rest(source: "users", GET: "/{+b}") c(b: ID): ID @rest(source: "users", GET: "/{#b}") d(b: ID): ID @rest(source: "users", GET: "/a{/b}") e(b: ID): ID @rest(source: "users", GET: "/a{;b}") }"##,
        &[
            r##"api.graphql:1:58: Query.a: @rest: `{+...}` is not supported; it would let a value add path segments or parameters; write `{name}`"##,
            r##"api.graphql:1:108: Query.c: @rest: `{#...}` is not supported; it would let a value add path segments or parameters; write `{name}`"##,
            r##"api.graphql:1:159: Query.d: @rest: `{/...}` is not supported; it would let a value add path segments or parameters; write `{name}`"##,
            r##"api.graphql:1:210: Query.e: @rest: `{;...}` is not supported; write `{name}`, `{?name}` or `{&name}`"##,
        ],
    ),
    (
        "names",
        r##"type Query { a(id: ID, input: In): ID @rest(source: "users", GET: "/a/{di}{?input.usr,parent.x,keys,claims,zzz}") } input In { user: ID }"##,
        &[
            r##"api.graphql:1:72: Query.a: @rest: `di` is not an argument of Query.a; did you mean `id`?"##,
            r##"api.graphql:1:77: Query.a: @rest: `input` has no field `usr`; did you mean `user`?"##,
            r##"api.graphql:1:87: Query.a: @rest: `parent.x`: a field of a root type has no parent"##,
            r##"api.graphql:1:96: Query.a: @rest: `keys` are the keys of a batch, and this call has none; add batch: {...}"##,
            r##"api.graphql:1:101: Query.a: @rest: `claims` is not a value; write `claims.name`"##,
            r##"api.graphql:1:108: Query.a: @rest: `zzz` is not an argument of Query.a; there is `id` and `input`"##,
        ],
    ),
    (
        "names that are nearly a prefix",
        r##"type Query { a(id: ID): ID @rest(source: "users", GET: "/a?b={claim.sub}&c={header.x}&d={claims.a b}&e={claims.a..b}{&claims.https://a.example/t}") }"##,
        &[
            r##"api.graphql:1:63: Query.a: @rest: `claim` is not an argument of Query.a; did you mean `claims`?"##,
            r##"api.graphql:1:77: Query.a: @rest: `header` is not an argument of Query.a; did you mean `headers`?"##,
            r##"api.graphql:1:90: Query.a: @rest: `claims.a b` is not a name; a claim's name here is letters, digits, `_`, `-`, `:` and `/`, joined by `.`"##,
            r##"api.graphql:1:105: Query.a: @rest: `claims.a..b` is not a name; a claim's name here is letters, digits, `_`, `-`, `:` and `/`, joined by `.`"##,
            r##"api.graphql:1:119: Query.a: @rest: the parameter would be called `claims.https://a.example/t`; write `?t={claims.https://a.example/t}`"##,
        ],
    ),
    (
        "name of the parent",
        r##"type Query { u: U @rest(source: "users", GET: "/u") } type U { id: ID a: V @rest(source: "users", GET: "/a/{id}") } type V { x: ID }"##,
        &[
            r##"api.graphql:1:109: U.a: @rest: `id` is not an argument of U.a; the parent's member is `{parent.id}`"##,
        ],
    ),
    (
        "template syntax",
        r##"type Query { a(b: ID): ID @rest(source: "users", GET: "a/{b}") c(b: ID): ID @rest(source: "users", GET: "/{b") d(b: ID): ID @rest(source: "users", GET: "/b}") e(b: ID): ID @rest(source: "users", GET: "/{b:3}") f(b: ID): ID @rest(source: "users", GET: "/{b*}") g(b: ID): ID @rest(source: "users", GET: "/a?x={b}{?b}") h(b: ID): ID @rest(source: "users", GET: "/a{&b}") i(b: ID): ID @rest(source: "users", GET: "/a?{b}") j(b: ID): ID @rest(source: "users", GET: "http://x/{b}") k(b: ID): ID @rest(source: "users", GET: "/a/../{b}") l(b: ID): ID @rest(source: "users", GET: "/a//{b}#x%2") m(b: ID): ID @rest(source: "users", GET: "/{ b}") }"##,
        &[
            r##"api.graphql:1:56: Query.a: @rest: a template begins with `/`; write `/a/{b}`"##,
            r##"api.graphql:1:107: Query.c: @rest: `{` is never closed; close the expression with `}`"##,
            r##"api.graphql:1:156: Query.d: @rest: `}` closes nothing; remove it; a literal brace is `%7D`"##,
            r##"api.graphql:1:204: Query.e: @rest: the prefix modifier `:` is not supported; send the whole value"##,
            r##"api.graphql:1:255: Query.f: @rest: `*` repeats a parameter, and this is none; write `{?b*}`"##,
            r##"api.graphql:1:312: Query.g: @rest: `{?...}` after a query has begun; write `{&...}`"##,
            r##"api.graphql:1:363: Query.h: @rest: `{&...}` before a query has begun; write `{?...}`"##,
            r##"api.graphql:1:415: Query.i: @rest: a value cannot be a parameter's name; write `{?name}` or `?name={value}`"##,
            r##"api.graphql:1:462: Query.j: @rest: a template has no host; the source's endpoints say where; begin with the path: `/users/{id}`"##,
            r##"api.graphql:1:519: Query.k: @rest: the path has a `.` or `..` segment; write the path it stands for"##,
            r##"api.graphql:1:573: Query.l: @rest: the path has an empty segment; write one `/`"##,
            r##"api.graphql:1:580: Query.l: @rest: a fragment is never sent; write `%23` for a literal `#`"##,
            r##"api.graphql:1:582: Query.l: @rest: `%` without two hex digits; write `%25`"##,
            r##"api.graphql:1:631: Query.m: @rest: ` b` is not a name; names are letters, digits, `_` and `-`, joined by `.`"##,
        ],
    ),
    (
        "dotted parameter",
        r##"type Query { a(i: In): ID @rest(source: "users", GET: "/a{?i.id}") } input In { id: ID }"##,
        &[r##"api.graphql:1:60: Query.a: @rest: the parameter would be called `i.id`; write `?id={i.id}`"##],
    ),
    (
        "object in url",
        r##"type Query { a(i: In): ID @rest(source: "users", GET: "/a{?i}", headers: ["X-A: {i}"]) b(l: [ID]): ID @rest(source: "users", GET: "/b", headers: ["X-A: {l}"]) } input In { id: ID }"##,
        &[
            r##"api.graphql:1:55: Query.a: @rest `GET`: `i` is `In`, and only a scalar can be written here; name one of its fields: `{i.field}`"##,
            r##"api.graphql:1:74: Query.a: @rest `headers`: `i` is `In`, and only a scalar can be written here; name one of its fields: `{i.field}`"##,
            r##"api.graphql:1:146: Query.b: @rest `headers`: `l` is a list, and a header takes one value"##,
        ],
    ),
    (
        "headers",
        r##"type Query { a: ID @rest(source: "users", GET: "/a", headers: ["nocolon", "Host: x", "bad name: x", "X-A: {b}", "X-Request-ID: x", "Baggage: x"]) }"##,
        &[
            r##"api.graphql:1:65: Query.a: @rest: `nocolon` has no `:`; write "Name: value""##,
            r##"api.graphql:1:76: Query.a: @rest: `host` is set by the gateway; remove this header"##,
            r##"api.graphql:1:87: Query.a: @rest: `bad name` is not a header name; write "Name: value" with a literal name"##,
            r##"api.graphql:1:108: Query.a: @rest: `b` is not an argument of Query.a; Query.a has no arguments"##,
            r##"api.graphql:1:114: Query.a: @rest: `x-request-id` is set by the gateway; remove this header"##,
            r##"api.graphql:1:133: Query.a: @rest: `baggage` is set by the gateway; remove this header"##,
        ],
    ),
    (
        "reserved argument",
        r##"type Query { a(keys: ID): ID @rest(source: "users", GET: "/a{?keys}") }"##,
        &[
            r##"api.graphql:1:16: Query.a: the argument name `keys` is reserved in templates; rename the argument"##,
            r##"api.graphql:1:63: Query.a: @rest: `keys` are the keys of a batch, and this call has none; add batch: {...}"##,
        ],
    ),
    (
        "body",
        r##"type Query { a(b: ID): ID @rest(source: "users", GET: "/a", body: "{b}") c(b: ID): ID @rest(source: "users", POST: "/a", body: {x: b, y: "{z}", l: ["a {?b}"]}) d: ID @rest(source: "users", POST: "/a", case: snake) e(b: ID): ID @rest(source: "users", POST: "/a", body: "{b}", case: camel) }"##,
        &[
            r##"api.graphql:1:67: Query.a: @rest `body`: a GET has no body; use POST, or send it in the query"##,
            r##"api.graphql:1:132: Query.c: @rest `body`: `b` is not a JSON value; write "b" for the text, or "{b}" for the value"##,
            r##"api.graphql:1:140: Query.c: @rest `body`: `z` is not an argument of Query.c; did you mean `b`?"##,
            r##"api.graphql:1:153: Query.c: @rest `body`: only `{name}` is possible here; `{?name}`, `{&name}`, `*` and lists of names belong in a query"##,
            r##"api.graphql:1:208: Query.d: @rest `case`: there is no body; `case` is about member names of the body"##,
            r##"api.graphql:1:282: Query.e: @rest `case`: camel is no case; write case: snake"##,
        ],
    ),
    (
        "snake collision",
        r##"type Query { a(i: In): ID @rest(source: "users", POST: "/a", body: "{i}", case: snake) } input In { userId: ID user_id: ID }"##,
        &[
            r##"api.graphql:1:81: Query.a: @rest `case`: two fields of `In` would become `user_id`; rename one of them"##,
        ],
    ),
    (
        "select",
        r##"type Query { a: ID @rest(source: "users", GET: "/a", select: "data.x") b: ID @rest(source: "users", GET: "/a", select: "$.a[") }"##,
        &[
            r##"api.graphql:1:63: Query.a: @rest `select`: not a JSONPath (RFC 9535); did you mean `$.data.x`?"##,
            r##"api.graphql:1:123: Query.b: @rest `select`: not a JSONPath (RFC 9535)"##,
        ],
    ),
    (
        "expose",
        r##"type Query { a: ID @rest(source: "users", GET: "/a", expose: [409, 200, "x"]) }"##,
        &[
            r##"api.graphql:1:62: Query.a: @rest `expose`: 200 is no error status; write [409, 422]"##,
            r##"api.graphql:1:62: Query.a: @rest `expose`: "x" is no error status; write [409, 422]"##,
        ],
    ),
    (
        "collision",
        r##"type Query { u: U @rest(source: "users", GET: "/u") } type U { userId: ID user_id: ID ok: ID @json(path: "$.user_id") }"##,
        &[
            r##"api.graphql:1:75: U: `userId` and `user_id` would both read `user_id`; say @json(path: "$...") on one of them"##,
        ],
    ),
    (
        "default",
        r##"type Query { a(b: Int = "x", c: [In!] = [{id: 3}], d: E = B): ID @rest(source: "users", GET: "/a{?b}", headers: []) } input In { id: ID! x: Int! } enum E { A }"##,
        &[
            r##"api.graphql:1:25: Query.a(b:): the default does not fit: "x" is no `Int`"##,
            r##"api.graphql:1:41: Query.a(c:): the default does not fit: `In.x` is missing"##,
            r##"api.graphql:1:59: Query.a(d:): the default does not fit: B is no value of `E`"##,
        ],
    ),
    (
        "one of",
        r##"type Query { a(i: In): ID @rest(source: "users", POST: "/a", body: "{i}") } input In @oneOf { a: ID! b: ID = 1 c: ID }"##,
        &[
            r##"api.graphql:1:95: In.a: a field of a @oneOf input cannot be required or have a default; remove `!` and the default: exactly one of the fields is given"##,
            r##"api.graphql:1:102: In.b: a field of a @oneOf input cannot be required or have a default; remove `!` and the default: exactly one of the fields is given"##,
        ],
    ),
    (
        "discriminator",
        r##"type Query { a: A @rest(source: "users", GET: "/a") } union A @json(path: "$.k[0]") = B | C type B { x: ID } type C { x: ID }"##,
        &[
            r##"api.graphql:1:63: A: @json `path`: not a path of member names; the concrete type's name must be in one member: "$.kind""##,
        ],
    ),
    (
        "discriminator clash",
        r##"type Query { a: A @rest(source: "users", GET: "/a") } union A = Url | URL type Url { x: ID } type URL { x: ID }"##,
        &[r##"api.graphql:1:61: A: `url` would name two of its types; rename one of the types"##],
    ),
    (
        "default cycle",
        r##"type Query { a(i: In = {}): ID @rest(source: "users", POST: "/a", body: "{i}") } input In { again: In = {} }"##,
        &[
            r##"api.graphql:1:24: Query.a(i:): the default does not fit: default values contain each other without end"##,
            r##"api.graphql:1:105: In.again: the default does not fit: default values contain each other without end"##,
        ],
    ),
];

#[test]
fn every_mistake_is_told_with_place_and_way_out() {
    check(CASES);
}

#[test]
fn problems_of_all_files_are_told_in_the_files_order() {
    let file = |name: &str, text: &str| SdlFile { name: name.into(), text: text.into() };
    let files = [
        file("b.graphql", "type Query {\n  b: Missing @rest(source: \"nope\", GET: \"/b\")\n}"),
        file("a.graphql", "extend type Query {\n  a: ID\n  é: ID\n}\n"),
    ];
    let found =
        Schema::load(&files, &Sources::named(SOURCES), &SchemaOptions::default()).expect_err("problems");
    assert!(found.iter().all(|problem| problem.file == "a.graphql"), "{}", told(&found));
    let files = [files[0].clone(), file("a.graphql", "extend type Query {\n  a: ID\n}\n")];
    let found =
        Schema::load(&files, &Sources::named(SOURCES), &SchemaOptions::default()).expect_err("problems");
    assert_eq!(
        told(&found),
        "b.graphql:2:6: cannot find type `Missing` in this document\n\
         b.graphql:2:28: Query.b: @rest `source`: no upstream named `nope`; \
         the upstreams are `orders`, `payments`, `products` and `users`\n\
         a.graphql:2:3: Query.a: nothing says where this field comes from; \
         a field of a root type has no parent to read from; add @rest(...)"
    );
}

#[test]
fn no_file_is_a_problem() {
    let found = Schema::load(&[], &Sources::default(), &SchemaOptions::default()).expect_err("a problem");
    assert_eq!(told(&found), "no schema file; name at least one file with a `Query` type");
}
