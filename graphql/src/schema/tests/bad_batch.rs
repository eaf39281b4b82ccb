//! Every kind of mistake in a batch, with its exact messages.

use super::*;

const CASES: &[Case] = &[
    (
        "batch needs",
        r##"type Query { us: [U!]! @rest(source: "users", GET: "/u") } type U { id: ID a: V @rest(source: "users", GET: "/a{?id}", batch: {param: "id"}) } type V { x: ID }"##,
        &[
            r##"api.graphql:1:127: U.a: @rest `batch` needs `key`; name the parent's member that identifies it: key: "id""##,
            r##"api.graphql:1:127: U.a: @rest `batch` needs `match`; name the member of each row that holds the key: match: "user_id""##,
        ],
    ),
    (
        "batch unknown",
        r##"type Query { us: [U!]! @rest(source: "users", GET: "/u") } type U { id: ID a: V @rest(source: "users", GET: "/a{?ids}", batch: {kye: "id", key: "id", param: "ids", match: "id"}) } type V { x: ID }"##,
        &[r##"api.graphql:1:129: U.a: @rest `batch` has no argument `kye`; did you mean `key`?"##],
    ),
    (
        "batch not an object",
        r##"type Query { us: [U!]! @rest(source: "users", GET: "/u") } type U { id: ID a: V @rest(source: "users", GET: "/a", batch: "id") } type V { x: ID }"##,
        &[r##"api.graphql:1:122: U.a: @rest `batch` is not an object; write {key: ...}"##],
    ),
    (
        "keys not sent",
        r##"type Query { us: [U!]! @rest(source: "users", GET: "/u") } type U { id: ID a: V @rest(source: "users", GET: "/a", batch: {key: "id", param: "ids", match: "id"}) } type V { x: ID }"##,
        &[
            r##"api.graphql:1:122: U.a: @rest `batch`: the keys are not sent; use `{?ids*}` in the URL, or "{keys}" in a body"##,
        ],
    ),
    (
        "paging",
        r##"type Query { us: [U!]! @rest(source: "users", GET: "/u") } type U { id: ID a(first: Int): [V] @rest(source: "users", GET: "/a{?ids,first}", batch: {key: "id", param: "ids", match: "id"}) b(page: Int): [V] @rest(source: "users", GET: "/a{?ids}", batch: {key: "id", param: "ids", match: "id"}) } type V { x: ID }"##,
        &[
            r##"api.graphql:1:78: U.a: nothing says how `first` applies to a batch; say each: ["first"] if the service applies it per key, or take: "first" to cut each parent's rows here"##,
            r##"api.graphql:1:190: U.b: nothing says how `page` applies to a batch; say each: ["page"] if the service applies it per key, or take: "page" to cut each parent's rows here"##,
        ],
    ),
    (
        "each",
        r##"type Query { us: [U!]! @rest(source: "users", GET: "/u") } type U { id: ID a(first: Int, n: Int): [V] @rest(source: "users", GET: "/a{?ids,n}", batch: {key: "id", param: "ids", match: "id", each: ["first", "m"]}) } type V { x: ID }"##,
        &[
            r##"api.graphql:1:197: U.a: @rest `batch` `each`: `first` is not sent; use `{?first}` in the URL; `take` cuts the rows here instead"##,
            r##"api.graphql:1:197: U.a: @rest `batch` `each`: `m` is not an argument of U.a; did you mean `n`?"##,
        ],
    ),
    (
        "take",
        r##"type Query { us: [U!]! @rest(source: "users", GET: "/u") } type U { id: ID a(first: Int): [V] @rest(source: "users", GET: "/a{?ids,first}", batch: {key: "id", param: "ids", match: "id", take: "first"}) b(first: Int): V @rest(source: "users", GET: "/a{?ids}", batch: {key: "id", param: "ids", match: "id", take: "first"}) c(first: String): [V] @rest(source: "users", GET: "/a{?ids}", batch: {key: "id", param: "ids", match: "id", take: "first"}) d: [V] @rest(source: "users", GET: "/a{?ids}", batch: {key: "id", param: "ids", match: "id", take: "first"}) } type V { x: ID }"##,
        &[
            r##"api.graphql:1:193: U.a: @rest `batch` `take`: `first` is sent, too; the service would apply it to the whole batch; remove it from the templates"##,
            r##"api.graphql:1:312: U.b: @rest `batch` `take`: the field is `V`, not a list; remove it"##,
            r##"api.graphql:1:436: U.c: @rest `batch` `take`: `first` is `String`; it must be `Int`"##,
            r##"api.graphql:1:545: U.d: @rest `batch` `take`: `first` is not an argument of U.d"##,
        ],
    ),
    (
        "param clash",
        r##"type Query { us: [U!]! @rest(source: "users", GET: "/u") } type U { id: ID a(ids: ID): V @rest(source: "users", GET: "/a{?ids}", batch: {key: "id", param: "ids", match: "id"}) } type V { x: ID }"##,
        &[
            r##"api.graphql:1:156: U.a: @rest `batch` `param`: `ids` is an argument, too; rename one of them"##,
        ],
    ),
    (
        "composite in url",
        r##"type Query { us: [U!]! @rest(source: "users", GET: "/u") } type U { id: ID a: V @rest(source: "users", GET: "/a{?keys}", batch: {key: ["id", "b"], match: ["x", "y"]}) } type V { x: ID }"##,
        &[
            r##"api.graphql:1:129: U.a: @rest `batch`: a key of several parts cannot be written into a URL or a header; use POST with body: {items: "{keys}"}"##,
        ],
    ),
    (
        "composite counts",
        r##"type Query { us: [U!]! @rest(source: "users", GET: "/u") } type U { id: ID a: V @rest(source: "users", POST: "/a", body: "{keys}", batch: {key: ["id", "b"], match: ["x"]}) b: V @rest(source: "users", POST: "/a", body: "{keys}", batch: {key: ["id", "b"], match: ["x", "y"], param: ["x"]}) c: V @rest(source: "users", POST: "/a", body: "{keys}", batch: {key: ["id", "b"], match: ["q.x", "r.x"]}) } type V { x: ID }"##,
        &[
            r##"api.graphql:1:165: U.a: @rest `batch` `match`: 1 parts, but `key` has 2; name one member of the rows for each part"##,
            r##"api.graphql:1:281: U.b: @rest `batch` `param`: 1 names, but `key` has 2 parts; name each part once"##,
            r##"api.graphql:1:352: U.c: @rest `batch` `param`: two parts are called `x`; name the parts: param: ["a", "b"]"##,
        ],
    ),
    (
        "batch paths",
        r##"type Query { us: [U!]! @rest(source: "users", GET: "/u") } type U { id: ID a: V @rest(source: "users", GET: "/a{?ids}", batch: {key: "$.id", param: "ids", match: "a..b"}) } type V { x: ID }"##,
        &[
            r##"api.graphql:1:134: U.a: @rest `batch` `key`: `$.id` is not a path of member names; write "id" or "address.id""##,
            r##"api.graphql:1:163: U.a: @rest `batch` `match`: `a..b` is not a path of member names; write "id" or "address.id""##,
        ],
    ),
    (
        "batch numbers",
        r##"type Query { us: [U!]! @rest(source: "users", GET: "/u") } type U { id: ID a: V @rest(source: "users", GET: "/a{?ids}", batch: {key: "id", param: "ids", match: "id", max: 0, rows: "x"}) } type V { x: ID }"##,
        &[
            r##"api.graphql:1:172: U.a: @rest `batch` `max`: not a whole number above 0"##,
            r##"api.graphql:1:181: U.a: @rest `batch` `rows`: not a whole number above 0"##,
        ],
    ),
    (
        "batch of leaves",
        r##"type Query { us: [U!]! @rest(source: "users", GET: "/u") } type U { id: ID a: Int @rest(source: "users", GET: "/a{?ids}", batch: {key: "id", param: "ids", match: "id"}) b: [[V]] @rest(source: "users", GET: "/a{?ids}", batch: {key: "id", param: "ids", match: "id"}) } type V { x: ID }"##,
        &[
            r##"api.graphql:1:76: U.a: a batch's rows are objects and cannot be `Int`; return an object type or a list of one"##,
            r##"api.graphql:1:170: U.b: a batch's rows are objects and cannot be `[[V]]`; return an object type or a list of one"##,
        ],
    ),
    (
        "reserved param",
        r##"type Query { us: [U!]! @rest(source: "users", GET: "/u") } type U { id: ID a: V @rest(source: "users", GET: "/a{?keys}", batch: {key: "id", param: "parent", match: "id"}) } type V { x: ID }"##,
        &[r##"api.graphql:1:148: U.a: @rest `batch` `param`: `parent` is reserved; rename it"##],
    ),
    (
        "keys in header",
        r##"type Query { us: [U!]! @rest(source: "users", GET: "/u") } type U { id: ID a: V @rest(source: "users", GET: "/a{?ids}", headers: ["X-K: {keys}"], batch: {key: "id", param: "ids", match: "id"}) } type V { x: ID }"##,
        &[r##"api.graphql:1:130: U.a: @rest `headers`: `keys` is a list, and a header takes one value"##],
    ),
    (
        "batch on a root",
        r##"type Query { a: V @rest(source: "users", GET: "/a{?ids}", batch: {key: "id", param: "ids", match: "id"}) } type Mutation { a: V @rest(source: "users", DELETE: "/a{?ids}", batch: {key: "id", param: "ids", match: "id"}) } type V { x: ID }"##,
        &[
            r##"api.graphql:1:66: Query.a: @rest `batch`: a field of the query type has one parent only; remove the batch"##,
            r##"api.graphql:1:179: Mutation.a: @rest `batch`: a field of the mutation type has one parent only; remove the batch"##,
            r##"api.graphql:1:179: Mutation.a: @rest `batch`: a batch is a read; use GET or POST"##,
        ],
    ),
    (
        "batch of a custom scalar",
        r##"type Query { us: [U!]! @rest(source: "users", GET: "/u") } type U { id: ID a: Any @rest(source: "users", GET: "/a{?ids}", batch: {key: "id", param: "ids", match: "id"}) } scalar Any"##,
        &[
            r##"api.graphql:1:76: U.a: a batch's rows are objects and cannot be `Any`; return an object type or a list of one"##,
        ],
    ),
];

#[test]
fn every_mistake_in_a_batch_is_told_with_place_and_way_out() {
    check(CASES);
}
