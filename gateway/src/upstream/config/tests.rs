//! What the section accepts, refuses and fills in.

use serde_json::{from_value, json, to_value};

use super::*;

fn parse(value: serde_json::Value) -> Result<UpstreamConfig, String> {
    from_value(value).map_err(|error| error.to_string())
}

#[test]
fn a_list_of_urls_is_enough() {
    let config = parse(json!({ "endpoints": ["http://127.0.0.1:7001"] })).unwrap();
    assert_eq!(config.endpoints[0].weight, 1);
    assert_eq!(config.balance, Balance::RoundRobin);
    assert_eq!(config.connect_retries, 1);
    assert_eq!(config.timeouts, TimeoutsConfig::default());
    assert_eq!(config.health, None);
}

#[test]
fn an_endpoint_may_have_a_weight() {
    let config = parse(json!({ "endpoints": [{ "url": "https://a.example", "weight": 3 }] })).unwrap();
    assert_eq!(
        config.endpoints[0],
        EndpointConfig { url: "https://a.example:443".parse().unwrap(), weight: 3 }
    );
    for weight in [0, 1001] {
        let error = parse(json!({ "endpoints": [{ "url": "http://a", "weight": weight }] })).unwrap_err();
        assert!(error.contains("from 1 to 1000"), "{error}");
    }
    assert!(parse(json!({ "endpoints": [{ "url": "http://a", "wieght": 1 }] })).is_err());
}

#[test]
fn what_was_read_can_be_read_again() {
    let config = parse(json!({
        "endpoints": ["http://a:1", { "url": "http://[::1]:2", "weight": 9 }],
        "balance": "least_request",
        "health": { "path": "/health", "expect": [204, "200-299"], "panic_below": "50%" },
    }))
    .unwrap();
    assert_eq!(parse(to_value(&config).unwrap()).unwrap(), config);
}

#[test]
fn urls_are_scheme_host_and_port() {
    for (text, shown) in [
        ("http://localhost", "http://localhost"),
        ("http://localhost:80/", "http://localhost"),
        ("https://Orders.Internal:8443", "https://orders.internal:8443"),
        ("http://[::1]:7001", "http://[::1]:7001"),
        ("https://[::1]", "https://[::1]"),
        ("http://10.0.0.1:1", "http://10.0.0.1:1"),
        ("http://under_score.internal.:8", "http://under_score.internal.:8"),
    ] {
        assert_eq!(text.parse::<EndpointUrl>().unwrap().to_string(), shown);
    }
    for wrong in [
        "",
        "localhost:80",
        "ftp://a",
        "HTTP://a",
        "http://",
        "http://:80",
        "http://a:0",
        "http://a:65536",
        "http://a:+1",
        "http://a:",
        "http://a/b",
        "http://a?b",
        "http://a#b",
        "http://u:p@a",
        "http://a b",
        "http://[::1",
        "http://[::1]x",
        "http://::1",
        "http://1.2.3",
        "http://1.2.3.4.5",
        "http://a..b",
        "http://-a",
    ] {
        assert!(wrong.parse::<EndpointUrl>().is_err(), "{wrong}");
    }
}

#[test]
fn an_address_in_brackets_is_a_server_name_without_them() {
    let url: EndpointUrl = "https://[::1]:7001".parse().unwrap();
    assert_eq!(url.host.server_name(), "::1");
    assert_eq!(url.authority(), "[::1]:7001");
}

#[test]
fn statuses_are_codes_or_ranges() {
    let range: StatusRange = "200-299".parse().unwrap();
    assert!(range.contains(200) && range.contains(299) && !range.contains(300) && !range.contains(199));
    assert_eq!(from_value::<StatusRange>(json!(204)).unwrap().to_string(), "204");
    for wrong in ["", "99", "600", "299-200", "2xx", "200-"] {
        assert!(wrong.parse::<StatusRange>().is_err(), "{wrong}");
    }
}

#[test]
fn unknown_keys_are_refused() {
    let error = parse(json!({ "endpoints": [], "retries": 3 })).unwrap_err();
    assert!(error.contains("unknown field `retries`"), "{error}");
}
