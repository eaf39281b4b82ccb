//! Expressions: what they may say, what they see, and what they may cost.

use super::*;

fn parameters() -> Vec<Parameter> {
    [("tenant", 1), ("file", 3)].map(|(name, segment)| Parameter { name: name.into(), segment }).into()
}

fn compiled(text: &str) -> Expression {
    Expression::compile(text, Some(&parameters())).unwrap_or_else(|mistakes| panic!("{text}: {mistakes:?}"))
}

fn mistakes(text: &str) -> Vec<String> {
    let told = |mistake: &Mistake| match mistake.position {
        Some(position) => format!("{position}: {}", mistake.text),
        None => mistake.text.clone(),
    };
    match Expression::compile(text, Some(&parameters())) {
        Ok(_) => panic!("compiles: {text}"),
        Err(mistakes) => mistakes.iter().map(told).collect(),
    }
}

fn evaluated_for(text: &str, claims: &Value, asked: &Asked) -> Result<bool, Undecided> {
    let caller = Caller { claims, scopes: vec!["orders:read", "admin"] };
    compiled(text).evaluate(Some(&caller), &asked.request())
}

fn evaluated(text: &str) -> Result<bool, Undecided> {
    let claims = json!({
        "sub": "zoe", "tenant": "acme", "roles": ["admin", "dev"], "level": 7, "share": 1.5, "big": u64::MAX,
        "active": true, "nothing": null, "realm": {"roles": ["r1"], "deep": {"x": 1}}, "odd name": "yes",
    });
    evaluated_for(text, &claims, &Asked::usual())
}

#[test]
fn expressions_see_claims_scopes_and_the_request() {
    for text in [
        "claims.tenant == request.path.tenant && \"admin\" in claims.roles",
        "claims.roles.exists(role, role.startsWith('ad'))",
        "claims.roles.all(role, role in ['admin', 'dev'])",
        "claims.roles.filter(role, role != 'dev') == ['admin']",
        "claims.roles.map(role, size(role)) == [5, 3]",
        "claims['odd name'] == 'yes'",
        "'tenant' in claims && !('other' in claims)",
        "has(claims.realm.deep.x) && !has(claims.realm.deep.y) && !has(claims.other)",
        "claims.realm.roles[0] == 'r1' && size(claims.realm) == 2",
        "claims.level == 7 && claims.level > 6.5 && claims.share == 1.5 && claims.big > 7u",
        "claims.active && claims.nothing == null",
        "claims.exists(name, name == 'sub')",
        "size(claims) == 10",
        "string(claims.level) == '7' && int('7') == claims.level",
        "type(claims.level) == int",
        "'orders:read' in scopes && size(scopes) == 2",
        "request.method == 'GET' && request.host == 'api.example.com'",
        "request.host.endsWith('.example.com')",
        "request.client == '192.0.2.7'",
        "request.url_path.startsWith('/tenants/')",
        "request.path['tenant'] == 'acme' && 'file' in request.path",
        "request.path.file == 'a/bé'",
        "request.path == {'tenant': 'acme', 'file': 'a/bé'}",
        "request.headers['x-team'] == 'blue' && request.headers.accept == 'a/b, c/d'",
        "'x-team' in request.headers && !('x-other' in request.headers)",
        "request.headers.exists(name, name == 'x-team')",
        "request.query.name == 'a b!' && request.query.q == '1' && request.query.flag == ''",
        "size(request.query) == 3",
        "claims.sub.matches('^z[a-z]+$') && !claims.sub.matches('b') && matches(claims.tenant, 'cm')",
        "claims.roles.exists(role, role.matches('^adm'))",
        "request.method in ['GET', 'HEAD'] ? true : 'admin' in claims.roles",
        "claims.other == 'x' || true",
        "!(claims.other == 'x' && false)",
        "claims.sub == 'zoe' // who she is\n && true",
    ] {
        assert_eq!(evaluated(text), Ok(true), "{text}");
    }
}

#[test]
fn what_cannot_be_decided_says_why_without_showing_values() {
    for (text, error) in [
        ("claims.other == 'x'", "there is no `other`"),
        ("claims.realm.other == 'x'", "there is no `other`"),
        ("'x' in claims.other", "there is no `other`"),
        ("request.query.other == 'x'", "there is no `other`"),
        ("request.headers['x-other'] == 'x'", "there is no `x-other`"),
        ("claims.sub > 1", "found no matching overload for '_>_' applied to '(string, int)'"),
        ("claims.sub + 1 == 'x'", "values of these types cannot be combined (`add`)"),
        ("claims.level / 0 == 1", "division by zero"),
        ("claims.level * 9223372036854775807 == 1", "a number is too large"),
        ("claims.roles[7] == 'x'", "a list has fewer items"),
        ("int(claims.sub) == 1", "`int` cannot take this value"),
        ("claims.sub", "it is a `string`, not true or false"),
        ("claims.roles.exists(role, role.other)", ""),
        ("claims.sub && true", ""),
    ] {
        let found = evaluated(text).expect_err(text).to_string();
        assert!(error.is_empty() || found == error, "{text}: {found}");
        assert!(!found.contains("zoe") && !found.contains("admin"), "{text}: {found}");
    }
}

#[test]
fn a_text_is_no_number_and_nothing_is_guessed() {
    for text in [
        "claims.level == '7'",
        "claims.sub == null",
        "claims.nothing == ''",
        "'ADMIN' in claims.roles",
        "claims.tenant == 'ac'",
        "request.method == 'get'",
    ] {
        assert_eq!(evaluated(text), Ok(false), "{text}");
    }
}

#[test]
fn a_parameter_that_is_there_twice_decides_nothing() {
    let twice = Asked { query: Some("tenant=acme&x=1&tenan%74=other"), ..Asked::usual() };
    for text in
        ["request.query.tenant == 'acme'", "request.query.tenant != 'acme'", "size(request.query) > 0"]
    {
        let found = evaluated_for(text, &json!({}), &twice);
        assert_eq!(
            found,
            Err(Undecided::Unreadable("the query has a parameter twice that it reads".into())),
            "{text}"
        );
    }
    assert_eq!(evaluated_for("request.query.x == '1'", &json!({}), &twice), Ok(true));
    let broken = Asked { path: "/tenants/%FF/files/x", ..Asked::usual() };
    assert!(evaluated_for("request.path.tenant != 'x'", &json!({}), &broken).is_err());
    assert_eq!(evaluated_for("request.path.file == 'x'", &json!({}), &broken), Ok(true));
}

#[test]
fn mistakes_are_told_with_their_place() {
    let functions = "there are `contains`, `startsWith`, `endsWith`, `matches`, `size`, `has`, `exists`, \
                     `exists_one`, `all`, `filter`, `map`, and conversions such as `string`";
    let unknown =
        |name: &str| format!("unknown variable `{name}`; there are `claims`, `scopes` and `request`");
    for (text, expected) in [
        ("claim.tenant == 'x'", vec![format!("1: {}", unknown("claim"))]),
        ("true && role == 'é' && x", vec![format!("9: {}", unknown("role")), format!("24: {}", unknown("x"))]),
        ("role in ['a'].map(role, role)", vec![format!("1: {}", unknown("role"))]),
        ("lower(claims.sub) == 'x'", vec![format!("1: unknown function `lower`; {functions}")]),
        ("claims.sub.lowerAscii() == 'x'", vec![format!("12: unknown function `lowerAscii`; {functions}")]),
        ("duration('1h') > duration('2h')", vec![format!("1: unknown function `duration`; {functions}"), format!("18: unknown function `duration`; {functions}")]),
        ("request == 1", vec!["1: `request` alone is no value; write one of its parts: `request.method`".into()]),
        ("request.body == ''", vec!["9: `request` has no `body`; it has `method`, `host`, `path`, `url_path`, `query`, `headers`, `client`".into()]),
        ("request['path'] == ''", vec!["8: is always there; write `request.path`".into()]),
        ("request.path.user == ''", vec!["14: the route's path has no parameter `{user}`; it has `{tenant}`, `{file}`".into()]),
        ("request.headers['X-Team'] == ''", vec!["16: no header is called `X-Team`; their names are in lower case here: `x-team`".into()]),
        ("claims.a.matches(claims.b)", vec!["10: the pattern of `matches` must be written out, as a text in quotes".into()]),
        ("claims.a.exists(claims, claims == 1)", vec!["10: `claims` is a variable already; give the loop's another name".into()]),
        ("Message{a: 1}.a == 1", vec!["8: makes a message, and there are no types of messages here".into()]),
    ] {
        assert_eq!(mistakes(text), expected, "{text}");
    }
    for (text, beginning) in [
        ("claims.a ==", "12: syntax error: "),
        ("true &&\n  )", "11: syntax error: "),
        ("claims.?a == 1", "7: "),
        ("claims.a.matches('(')", "18: not a regular expression: "),
        ("claims.a.matches('a{1000}{1000}')", "18: not a regular expression: "),
        ("", "is empty; "),
        (" \n", "is empty; "),
    ] {
        let found = mistakes(text);
        assert!(found[0].starts_with(beginning), "{text}: {found:?}");
    }
}

#[test]
fn habits_of_other_languages_are_told_once_and_with_what_to_write() {
    for (text, expected) in [
        ("claims.a = 'x'", "10: `=` does not compare; write `==`"),
        ("claims.a === 'x'", "10: there is no `===`; write `==`"),
        ("claims.a == 'x' and claims.b == 'y'", "17: there is no `and`; write `&&`"),
        ("claims.a == 'and' OR true", "19: there is no `OR`; write `||`"),
        ("not claims.a", "1: there is no `not`; write `!`"),
        ("claims.a == 'x' & true", "17: there is no `&`; write `&&`"),
        ("true && claims.a == \"x", "21: the text that begins here has no end; close it with `\"`"),
        ("claims.a == 'x // y", "13: the text that begins here has no end; close it with `'`"),
        ("claims.and == 'a=b' ] // or", "21: syntax error: extraneous input ']'"),
    ] {
        assert_eq!(mistakes(text), [expected], "{text}");
    }
}

#[test]
fn what_is_never_true_or_false_is_refused() {
    for (text, position, what) in [
        ("1 + 1", 3, "a sum"),
        ("'admin'", 1, "a text"),
        ("claims.role == 'a' || 'b'", 23, "a text"),
        ("!(size(scopes))", 3, "a number"),
        ("request.method == 'GET' ? true : claims.level * 2", 47, "a number"),
        ("scopes", 1, "a list"),
        ("claims", 1, "a map"),
        ("request.method", 9, "a text"),
        ("request.headers.accept && true", 17, "a text"),
        ("claims.roles.filter(role, role == 'a')", 14, "a list"),
    ] {
        let text_of = format!(
            "{position}: {what} is neither true nor false; compare it, as in `claims.tenant == \"acme\"`"
        );
        assert_eq!(mistakes(text), [text_of], "{text}");
    }
    for (text, is_bare) in [
        ("claims.admin", true),
        ("claims['https://example.com/admin']", true),
        ("claims.realm.admin", true),
        ("claims.admin == true", false),
        ("claims.admin && true", false),
        ("has(claims.admin)", false),
        ("claims.roles.exists(role, role == 'a')", false),
        ("claims.a.exists_one(role, role == 'a')", false),
        ("bool(claims.a) ? claims.b : false", false),
    ] {
        assert_eq!(compiled(text).is_bare_claim(), is_bare, "{text}");
    }
}

#[test]
fn an_expression_that_could_take_long_is_refused() {
    let too_many = |text: &str| {
        let found = mistakes(text);
        assert!(found[0].contains(" steps, and 100000 are allowed"), "{text}: {found:?}");
    };
    too_many("claims.a.exists(x, claims.b.exists(y, x == y))");
    too_many("claims.a.all(x, claims.b.exists(y, x.startsWith(y)))");
    too_many("claims.a.map(x, claims.b).map(y, y).exists(z, z.exists(w, w == 1))");
    too_many("claims.a.exists(x, x + x == x)");
    too_many(&format!("{} == ''", ["claims.a"; 30].join("+")));
    too_many(
        "claims.a.exists(x, request.url_path.matches('a') || request.url_path.matches('b') || request.url_path.matches('c') || request.url_path.matches('d') || request.url_path.matches('e') || request.url_path.matches('f') || request.url_path.matches('g'))",
    );
    let deep = format!("{}true{}", "(!".repeat(40), ")".repeat(40));
    assert!(mistakes(&deep)[0].contains("nests deeper than 32 levels"), "{:?}", mistakes(&deep));
    let nested = format!("{}true{}", "(".repeat(500), ")".repeat(500));
    assert_eq!(mistakes(&nested), ["nests too deep; say it in a flatter way"]);
    for unfinished in ["&&", "(", "claims.a ? ", "[[[[["] {
        let found = mistakes(unfinished).join(" ");
        assert!(!found.contains("ParseError") && !found.contains("No `"), "{unfinished}: {found}");
    }
    let long = format!("'{}' == ''", "x".repeat(MAX_LENGTH));
    assert_eq!(mistakes(&long), ["has more than 1024 bytes; let a claim say what it works out"]);

    compiled("claims.a.exists(x, x in claims.b)");
    compiled("claims.a.exists(x, x == request.path.tenant) && claims.b.exists(x, x.startsWith('team-'))");
    compiled("['a', 'b'].all(x, ['c', 'd'].exists(y, x + y in claims.roles))");
    compiled(&["claims.a == 'x'"; 60].join("||"));
}

#[test]
fn what_matching_costs_is_counted_by_the_pattern() {
    let costly = "[ab]*a[ab]{190}";
    let twice =
        |pattern: &str| format!("request.url_path.matches('{pattern}') || claims.sub.matches('x{pattern}')");
    compiled(&format!("claims.sub.matches('{costly}')"));
    compiled("claims.groups.exists(group, group.name.matches('^team-[a-z]+$'))");
    compiled(&twice("^/[a-z]+$"));
    let many = ["claims.sub.matches('[ab]*a[ab]{190}')"; 4].join("||");
    let in_a_loop = format!("claims.groups.exists(group, group.matches('{costly}'))");
    for text in [many, in_a_loop] {
        let found = mistakes(&text);
        assert!(found[0].contains("large patterns of `matches`"), "{text}: {found:?}");
    }
    let large = mistakes(r"claims.sub.matches('^\\pL+$')");
    assert!(large[0].contains("it is too large once it is compiled"), "{large:?}");
}

#[test]
fn classes_of_a_pattern_are_of_ascii() {
    let asked = Asked::usual();
    for (pattern, matching, other) in [
        (r"^\\w+$", "a_1", "é"),
        (r"^\\W$", "é", "a"),
        (r"^[\\w.-]+@\\d{2}$", "a.b-c@42", "é@42"),
        (r"^[^\\d\\s]+$", "é", "4"),
        (r"^[]\\d]+$", "]4]", "a"),
        (r"^[^]\\d]$", "a", "]"),
        (r"\\bx\\b", "a x b", "axb"),
        (r"^\\\\w$", r"\w", "a"),
        (r"^[[:alpha:]\\d]+\\.\\S$", "a4.x", "a4.. "),
    ] {
        let text = format!("claims.sub.matches('{pattern}')");
        let evaluated = |sub| evaluated_for(&text, &json!({ "sub": sub }), &asked);
        assert_eq!((evaluated(matching), evaluated(other)), (Ok(true), Ok(false)), "{pattern}");
    }
}

#[test]
fn a_text_that_is_too_long_for_a_pattern_decides_nothing() {
    let asked = Asked::usual();
    let evaluated = |text, length: usize| evaluated_for(text, &json!({ "sub": "x".repeat(length) }), &asked);
    assert_eq!(evaluated("claims.sub.matches('x$')", 2048), Ok(true));
    for text in ["claims.sub.matches('x$')", "!claims.sub.matches('y')"] {
        let refused = Undecided::Failed("`matches` takes texts of up to 2048 bytes".into());
        assert_eq!(evaluated(text, 2049), Err(refused), "{text}");
    }
}

#[test]
fn what_a_request_adds_is_bounded() {
    let asked = Asked::usual();
    let list = |len: usize| json!({ "roles": vec!["r"; len], "other": vec!["x"; 10_000] });
    let text = "'r' in claims.roles";
    assert_eq!(
        evaluated_for(text, &list(MAX_VALUES - 1), &asked),
        Ok(true),
        "what is not read does not count"
    );
    assert_eq!(evaluated_for(text, &list(MAX_VALUES), &asked), Err(Undecided::TooMuch));
    assert_eq!(evaluated_for("size(claims) > 0", &list(1), &asked), Err(Undecided::TooMuch));
    let long = |len: usize| json!({ "sub": "x".repeat(len) });
    assert_eq!(evaluated_for("claims.sub != ''", &long(MAX_TEXT), &asked), Ok(true));
    assert_eq!(evaluated_for("claims.sub != ''", &long(MAX_TEXT + 1), &asked), Err(Undecided::TooMuch));
    assert_eq!(
        evaluated_for("claims.sub != '' || true", &long(MAX_TEXT + 1), &asked),
        Err(Undecided::TooMuch)
    );
    let mut deep = json!("x");
    for _ in 0..MAX_VALUES {
        deep = json!([deep]);
    }
    assert_eq!(
        evaluated_for("size(claims.deep) == 1", &json!({ "deep": deep }), &asked),
        Err(Undecided::TooMuch)
    );
}

#[test]
fn nobody_has_no_claims_and_no_scopes() {
    let asked = Asked::usual();
    for (text, expected) in [
        ("size(claims) == 0 && size(scopes) == 0", Ok(true)),
        ("'sub' in claims", Ok(false)),
        ("claims.sub == 'zoe'", Err(())),
    ] {
        assert_eq!(compiled(text).evaluate(None, &asked.request()).map_err(|_| ()), expected, "{text}");
    }
}

#[test]
fn before_the_route_is_known_any_parameter_may_be_meant() {
    assert!(Expression::compile("request.path.whatever == 'x'", None).is_ok());
}
