use super::*;

fn parse(arguments: &[&str]) -> Result<Options, String> {
    Options::try_parse_from(["stub-services"].iter().chain(arguments)).map_err(|error| error.to_string())
}

#[test]
fn the_demo_addresses_are_the_defaults() {
    let options = parse(&["all"]).expect("valid");
    let ports =
        [options.users_address, options.orders_address, options.products_address, options.payments_address]
            .map(|address| (address.ip().is_loopback(), address.port()));
    assert_eq!(ports, [(true, 7001), (true, 7002), (true, 7003), (true, 7004)]);
}

#[test]
fn trouble_is_read_with_its_units() {
    let options = parse(&["users", "--latency", "50ms", "--error-rate", "20%"]).expect("valid");
    let trouble = options.trouble();
    assert_eq!(trouble.latency_ms, 50);
    assert!((trouble.error_rate - 0.2).abs() < 1e-9);
    assert_eq!(share("0.25"), Ok(0.25));
    assert_eq!(latency("2s"), Ok(Duration::from_secs(2)));
}

#[test]
fn a_bad_value_is_refused_with_an_example() {
    for bad in ["50", "-1s", "soon", "2h"] {
        let error = latency(bad).expect_err(bad);
        assert!(error.contains("for example 50ms"), "{bad}: {error}");
    }
    for bad in ["20", "101%", "-0.1", "NaN", "half"] {
        let error = share(bad).expect_err(bad);
        assert!(error.contains("for example 20%"), "{bad}: {error}");
    }
    for bad in ["users", "https://users", "http://", "users:7001", "http://users?x=1"] {
        let error = url(bad).expect_err(bad);
        assert!(error.contains("http://HOST:PORT"), "{bad}: {error}");
    }
    assert!(endpoint("collector:4317").is_err());
    assert_eq!(endpoint(""), Ok(String::new()));
    assert!(parse(&["everything"]).is_err());
}
