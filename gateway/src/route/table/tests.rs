use http::HeaderName;
use proptest::prelude::*;

use super::*;
use crate::route::matcher::{HeaderCondition, PathPattern, QueryCondition, ValueCondition};

fn matcher(host: &str, path: &str, methods: &[Method]) -> Matcher {
    Matcher {
        host: HostPattern::parse(host).expect("a host"),
        path: PathPattern::parse(path).expect("a path"),
        methods: if methods.is_empty() { MethodSet::any() } else { MethodSet::of(methods.iter().cloned()) },
        headers: Vec::new(),
        query: Vec::new(),
    }
}

fn with_header(mut matcher: Matcher, name: &'static str, value: &str) -> Matcher {
    let value = ValueCondition::Exact(value.to_owned());
    matcher.headers.push(HeaderCondition { name: HeaderName::from_static(name), value });
    matcher
}

fn with_query(mut matcher: Matcher, name: &str) -> Matcher {
    matcher.query.push(QueryCondition { name: name.to_owned(), value: ValueCondition::Present });
    matcher
}

fn table(routes: Vec<(Matcher, &'static str)>) -> Table<&'static str> {
    let numbers = routes.iter().enumerate().map(|(number, (matcher, _))| (matcher.clone(), Arc::new(number)));
    let names: Vec<_> = routes.iter().map(|(_, name)| Arc::new(*name)).collect();
    // As a snapshot is built from a checked configuration.
    Table::build(numbers).expect("no collision").map(|number| names[*number].clone())
}

fn outcome(table: &Table<&'static str>, host: &str, method: Method, target: &str, x: Option<&str>) -> String {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let mut headers = HeaderMap::new();
    if let Some(value) = x {
        headers.insert("x", value.parse().expect("a header value"));
    }
    match table.lookup(&Head { host, path, method: &method, headers: &headers, announced: &[], query }) {
        Lookup::Found(name) => (**name).to_owned(),
        Lookup::OtherMethods(set) => set.iter().map(Method::as_str).collect::<Vec<_>>().join(","),
        Lookup::ConditionsNotMet => "conditions".to_owned(),
        Lookup::NotFound => "none".to_owned(),
    }
}

fn get(table: &Table<&'static str>, target: &str) -> String {
    outcome(table, "h", Method::GET, target, None)
}

#[test]
fn literal_before_parameter_before_tail() {
    let table = table(vec![
        (matcher("*", "/**", &[]), "all"),
        (matcher("*", "/a/{x}", &[]), "parameter"),
        (matcher("*", "/a/b", &[]), "literal"),
        (matcher("*", "/a/**", &[]), "tail"),
        (matcher("*", "/", &[]), "root"),
    ]);
    assert_eq!(get(&table, "/a/b"), "literal");
    assert_eq!(get(&table, "/a/c"), "parameter");
    assert_eq!(get(&table, "/a/b/c"), "tail");
    assert_eq!(get(&table, "/a/"), "tail");
    assert_eq!(get(&table, "/a"), "tail");
    assert_eq!(get(&table, "/x"), "all");
    assert_eq!(get(&table, "/"), "root");
}

#[test]
fn a_dead_end_leads_back_to_the_next_best() {
    let table = table(vec![
        (matcher("*", "/a/b/c", &[]), "deep"),
        (matcher("*", "/{x}/b/d", &[]), "parameter"),
        (matcher("*", "/a/**", &[Method::POST]), "tail"),
    ]);
    assert_eq!(get(&table, "/a/b/d"), "parameter");
    assert_eq!(outcome(&table, "h", Method::POST, "/a/b/d/e", None), "tail");
    assert_eq!(get(&table, "/a/b/d/e"), "POST");
}

#[test]
fn a_tail_and_an_exact_path_are_not_prefixes_of_words() {
    let table =
        table(vec![(matcher("*", "/static/**", &[]), "static"), (matcher("*", "/admin", &[]), "admin")]);
    assert_eq!(get(&table, "/static"), "static");
    assert_eq!(get(&table, "/static/"), "static");
    assert_eq!(get(&table, "/statics"), "none");
    assert_eq!(get(&table, "/admin/"), "none");
}

#[test]
fn exact_host_before_longer_wildcard_before_any() {
    let table = table(vec![
        (matcher("*", "/", &[]), "any"),
        (matcher("*.example.com", "/", &[]), "wide"),
        (matcher("*.api.example.com", "/", &[]), "narrow"),
        (matcher("x.api.example.com", "/", &[]), "exact"),
        (matcher("*", "/health", &[]), "health"),
    ]);
    let at = |host| outcome(&table, host, Method::GET, "/", None);
    assert_eq!(at("x.api.example.com"), "exact");
    assert_eq!(at("X.API.example.com:8080"), "exact");
    assert_eq!(at("y.api.example.com"), "narrow");
    assert_eq!(at("a.b.api.example.com"), "narrow");
    assert_eq!(at("api.example.com"), "wide");
    assert_eq!(at("example.com"), "any");
    assert_eq!(outcome(&table, "x.api.example.com", Method::GET, "/health", None), "health");
}

#[test]
fn the_methods_of_all_that_match_otherwise_are_allowed() {
    let table = table(vec![
        (matcher("*", "/a", &[Method::GET]), "get"),
        (matcher("*", "/a", &[Method::POST]), "post"),
        (matcher("*", "/{x}", &[Method::DELETE]), "delete"),
    ]);
    assert_eq!(outcome(&table, "h", Method::DELETE, "/a", None), "delete");
    assert_eq!(outcome(&table, "h", Method::PUT, "/a", None), "GET,HEAD,POST,DELETE");
    assert_eq!(outcome(&table, "h", Method::HEAD, "/a", None), "get");
}

#[test]
fn conditions_make_a_route_more_specific() {
    let plain = || matcher("*", "/a", &[Method::GET]);
    let table = table(vec![
        (plain(), "plain"),
        (with_header(plain(), "x", "1"), "header"),
        (with_query(plain(), "q"), "query"),
        (with_query(with_header(plain(), "x", "1"), "q"), "both"),
    ]);
    assert_eq!(outcome(&table, "h", Method::GET, "/a", Some("1")), "header");
    assert_eq!(outcome(&table, "h", Method::GET, "/a?q=2", Some("1")), "both");
    assert_eq!(outcome(&table, "h", Method::GET, "/a?q=2", Some("3")), "query");
    assert_eq!(outcome(&table, "h", Method::GET, "/a", Some("3")), "plain");
}

#[test]
fn a_condition_that_fails_is_told_apart_from_no_route() {
    let table = table(vec![(with_header(matcher("*", "/a", &[]), "x", "1"), "a")]);
    assert_eq!(outcome(&table, "h", Method::GET, "/a", None), "conditions");
    assert_eq!(outcome(&table, "h", Method::GET, "/b", None), "none");
}

#[test]
fn routes_that_cannot_be_told_apart_are_refused() {
    let routes = vec![
        (matcher("*", "/a/{x}", &[Method::GET]), Arc::new("one")),
        (matcher("*", "/b", &[]), Arc::new("other")),
        (matcher("*", "/a/{y}", &[Method::GET, Method::POST]), Arc::new("two")),
    ];
    let collisions = Table::build(routes).expect_err("they collide");
    assert_eq!(collisions, [Collision { first: 0, second: 2 }]);
}

#[test]
fn each_route_that_repeats_another_is_refused_once() {
    let routes = (0..1_000).map(|_| (matcher("*", "/a", &[]), Arc::new("same")));
    let collisions = Table::build(routes).expect_err("they collide");
    let expected: Vec<_> = (1..1_000).map(|second| Collision { first: 0, second }).collect();
    assert_eq!(collisions, expected);
}

#[test]
fn the_order_in_the_file_means_nothing() {
    let mut routes = vec![
        (matcher("*", "/**", &[]), "all"),
        (matcher("*", "/a/{x}", &[Method::GET]), "get"),
        (matcher("*", "/a/{x}", &[]), "any"),
        (with_header(matcher("*", "/a/{x}", &[]), "x", "1"), "header"),
        (matcher("h", "/a/**", &[]), "host"),
    ];
    let targets = ["/a/b", "/a", "/b", "/a/b/c"];
    let answers = |routes: &[(Matcher, &'static str)]| -> Vec<String> {
        let table = table(routes.to_vec());
        let methods = [Method::GET, Method::POST];
        let cases = methods.iter().flat_map(|m| targets.iter().map(move |t| (m.clone(), *t)));
        cases.flat_map(|(m, t)| ["h", "i"].map(|h| outcome(&table, h, m.clone(), t, Some("1")))).collect()
    };
    let forwards = answers(&routes);
    routes.reverse();
    assert_eq!(forwards, answers(&routes));
}

/// The rules read as a sentence: try every route, keep the most specific.
fn by_hand(routes: &[&'static str], path: &str) -> Option<&'static str> {
    let kind = |segment: &str| match segment {
        "**" => 0,
        s if s.starts_with('{') => 1,
        _ => 2,
    };
    let fits = |route: &str| {
        let pattern: Vec<_> = route[1..].split('/').collect();
        let asked: Vec<_> = path[1..].split('/').collect();
        let open = pattern.last() == Some(&"**");
        let fixed = &pattern[..pattern.len() - usize::from(open)];
        (if open { asked.len() >= fixed.len() } else { asked.len() == fixed.len() })
            && fixed.iter().zip(&asked).all(|(p, a)| if kind(p) == 1 { !a.is_empty() } else { p == a })
    };
    // A pattern that ends is more exact than one that goes on with `**`.
    let weight = |route: &str| -> Vec<i32> {
        route[1..].split('/').map(kind).chain([3]).filter(|k| *k > 0 || route.ends_with("**")).collect()
    };
    routes.iter().copied().filter(|route| fits(route)).max_by_key(|route| weight(route))
}

proptest! {
    #[test]
    fn the_tree_finds_what_trying_every_route_finds(
        chosen in proptest::sample::subsequence(vec![
            "/**", "/{x}", "/a", "/a/**", "/{x}/**", "/a/{x}", "/{x}/b", "/a/b", "/a/b/**", "/{x}/{y}/c",
            "/a/{y}/c", "/{x}/b/**", "/",
        ], 0..13),
        path in "/(a|b|c)?(/(a|b|c)){0,3}",
    ) {
        let table = table(chosen.iter().map(|path| (matcher("*", path, &[]), *path)).collect());
        prop_assert_eq!(get(&table, &path), by_hand(&chosen, &path).unwrap_or("none"));
    }
}
