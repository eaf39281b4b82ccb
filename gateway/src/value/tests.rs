//! What each value accepts, refuses and prints.

use serde_json::{from_str, json, to_value};

use super::*;

#[test]
fn durations_are_numbers_with_units() {
    let millis = |text: &str| text.parse::<Duration>().map(|d| d.get().as_millis());
    assert_eq!(millis("50ms"), Ok(50));
    assert_eq!(millis("5s"), Ok(5_000));
    assert_eq!(millis("1m30s"), Ok(90_000));
    assert_eq!(millis("1.5s"), Ok(1_500));
    assert_eq!(millis("0s"), Ok(0));
    for wrong in ["", "5", "s", "5 s", "-5s", "5sec", "1..5s", "0.1ns", "5s3", "5S"] {
        assert!(millis(wrong).is_err(), "{wrong}");
    }
    assert_eq!(millis("4000d").unwrap_err().0, "`4000d` is too long; the most is 3650d");
    assert_eq!(
        from_str::<Duration>("30").unwrap_err().to_string().split(" at ").next(),
        Some("the duration `30` has no unit; write `30s` or `30ms`")
    );
}

#[test]
fn durations_print_as_they_would_be_written() {
    for text in ["0s", "50ms", "1m30s", "1d", "1s500ms"] {
        assert_eq!(text.parse::<Duration>().unwrap().to_string(), text);
    }
    assert_eq!(Duration::from_secs(3600).to_string(), "1h");
}

#[test]
fn sizes_have_binary_and_decimal_units() {
    let bytes = |text: &str| text.parse::<ByteSize>().map(ByteSize::bytes);
    assert_eq!(bytes("64KiB"), Ok(65_536));
    assert_eq!(bytes("1MB"), Ok(1_000_000));
    assert_eq!(bytes("1 GiB"), Ok(1 << 30));
    assert_eq!(bytes("4096"), Ok(4096));
    for wrong in ["", "KiB", "1k", "1KIB", "-1", "1.5MiB", "99999999999999999999"] {
        assert!(bytes(wrong).is_err(), "{wrong}");
    }
    assert_eq!(from_str::<ByteSize>("17").unwrap(), ByteSize::from_bytes(17));
    for text in ["64KiB", "1MB", "0B", "1001B"] {
        assert_eq!(text.parse::<ByteSize>().unwrap().to_string(), text);
    }
}

#[test]
fn rates_are_a_count_and_a_period() {
    let rate = |text: &str| text.parse::<Rate>().map(|rate| (rate.count().get(), rate.period().as_secs()));
    assert_eq!(rate("100/s"), Ok((100, 1)));
    assert_eq!(rate("10000/day"), Ok((10_000, 86_400)));
    assert_eq!(rate("5/10s"), Ok((5, 10)));
    assert_eq!(rate("7 / 1m30s"), Ok((7, 90)));
    assert_eq!(rate("1/366d"), Ok((1, 366 * 86_400)));
    for wrong in [
        "", "100", "/s", "100/", "0/s", "-1/s", "+1/s", "1.5/s", "1/0s", "1/500ms", "1/1.5s", "1/367d",
        "1/week", "1/s/s",
    ] {
        assert!(rate(wrong).is_err(), "{wrong}");
    }
    assert!(rate("1000000/s").is_ok() && rate("1000001/s").is_err() && rate("4294967295/h").is_err());
    for text in ["100/s", "60/m", "1/h", "10000/d", "5/10s", "7/1m30s"] {
        assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
    }
    let error = from_str::<Rate>("30").unwrap_err().to_string();
    assert!(error.starts_with("the rate `30` has no period; write `30/s` or `30/m`"), "{error}");
}

#[test]
fn a_rate_is_never_exceeded_by_rounding() {
    for text in ["1/s", "3/s", "7/m", "999999/s", "1000000/s", "86399/day", "1/366d"] {
        let rate = text.parse::<Rate>().unwrap();
        let all = u128::from(rate.interval()) * u128::from(rate.count().get());
        let period = rate.period().as_nanos();
        assert!(all >= period && all * 999 <= period * 1000, "{text}: {all} instead of {period}");
    }
}

#[test]
fn percentages_are_shares_of_a_whole() {
    let fraction = |text: &str| from_str::<Percent>(text).map(Percent::fraction).ok();
    assert_eq!(fraction(r#""20%""#), Some(0.2));
    assert_eq!(fraction("0.2"), Some(0.2));
    assert_eq!(fraction("1"), Some(1.0));
    for wrong in ["20", "-1", "-0.1", "1.1", r#""120%""#, r#""x%""#, r#""NaN""#, r#""NaN%""#] {
        assert_eq!(fraction(wrong), None, "{wrong}");
    }
    assert_eq!("7%".parse::<Percent>().unwrap().to_string(), "7%");
    assert_eq!(Percent::from_percent(10).to_string(), "10%");
}

#[test]
fn names_have_a_narrow_alphabet() {
    assert_eq!("a.b-C_9".parse::<Name>().unwrap(), "a.b-C_9");
    assert!("x".repeat(64).parse::<Name>().is_ok());
    for wrong in ["", "a b", "a/b", "ä", &"x".repeat(65)] {
        assert!(wrong.parse::<Name>().is_err(), "{wrong}");
    }
}

#[test]
fn a_secret_prints_as_stars() {
    let secret: Secret = from_str(r#""hunter2""#).unwrap();
    assert_eq!(secret.expose(), "hunter2");
    assert_eq!(format!("{secret} {secret:?}"), "*** ***");
    assert_eq!(to_value(&secret).unwrap(), json!("***"));
}

#[test]
fn a_secret_from_a_file_is_without_the_line_end() {
    for (content, secret) in [("x\r\n", "x"), ("x\n", "x"), ("x\n\n", "x\n"), (" x ", " x "), ("\n", "")] {
        assert_eq!(Secret::trimmed(content), secret, "{content:?}");
    }
    assert!(
        from_str::<Secret>(r#""file:/etc/hostname""#).is_err(),
        "the configuration reads it, and nobody else"
    );
}

#[test]
fn moments_print_in_utc_to_the_millisecond() {
    let moment = std::time::UNIX_EPOCH + std::time::Duration::from_micros(1_769_847_300_250_900);
    assert_eq!(rfc3339(moment), "2026-01-31T08:15:00.250Z");
}

#[test]
fn a_path_is_relative_to_the_file_that_names_it() {
    let resolved =
        |file: &str, path: &str| Place { file: file.into(), ..Place::unknown() }.resolve(path.as_ref());
    assert_eq!(resolved("/etc/glassgate.yaml", "key.pem"), std::path::Path::new("/etc/key.pem"));
    assert_eq!(resolved("/etc/glassgate.yaml", "/run/key.pem"), std::path::Path::new("/run/key.pem"));
    assert_eq!(resolved("", "key.pem"), std::path::Path::new("key.pem"));
}

#[test]
fn other_formats_give_a_located_value_without_a_place() {
    let located: Located<Name> = from_str(r#""users""#).unwrap();
    assert_eq!(located.as_str(), "users");
    assert_eq!(located.place(), &Place::unknown());
    assert_eq!(to_value(&located).unwrap(), json!("users"));
    let map: indexmap::IndexMap<Located<Name>, Located<u8>> = from_str(r#"{"a": 1}"#).unwrap();
    assert_eq!(map.get("a").map(|n| **n), Some(1));
}
