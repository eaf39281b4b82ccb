use super::*;

fn limits(body: Option<&str>, uri: Option<&str>) -> Limits {
    let size = |text: Option<&str>| text.map(|text| text.parse().unwrap());
    Limits::new(&LimitsConfig { body: size(body), uri: size(uri) })
}

fn length(limits: Limits, text: &str) -> Result<(), Refused> {
    limits.check_head(0, Some(&HeaderValue::from_str(text).unwrap()))
}

#[test]
fn what_is_off_lets_everything_pass() {
    let off = Limits::default();
    assert!(off.is_off() && !limits(Some("0B"), None).is_off());
    assert_eq!(
        off.check_head(usize::MAX, Some(&HeaderValue::from_static("99999999999999999999999"))),
        Ok(())
    );
    assert_eq!(off.check_body(u64::MAX), Ok(()));
}

#[test]
fn a_limit_is_the_last_size_that_passes() {
    let limits = limits(Some("1KiB"), Some("10B"));
    assert_eq!(limits.check_head(10, None), Ok(()));
    assert_eq!(Reason::from(&limits.check_head(11, None).unwrap_err()), Reason::UriTooLong);
    assert_eq!((length(limits, "1024"), limits.check_body(1024)), (Ok(()), Ok(())));
    for refused in [length(limits, "1025"), limits.check_body(1025)] {
        assert_eq!(Reason::from(&refused.unwrap_err()), Reason::BodyTooLarge);
    }
}

#[test]
fn a_route_may_take_no_body() {
    let none = limits(Some("0B"), None);
    assert_eq!((length(none, "0"), none.check_body(0)), (Ok(()), Ok(())));
    assert!(length(none, "1").is_err() && none.check_body(1).is_err());
}

#[test]
fn a_length_beyond_any_number_is_too_large() {
    let most = limits(Some("1GiB"), None);
    for text in ["18446744073709551616", &"9".repeat(500)] {
        let error = length(most, text).unwrap_err().to_string();
        assert!(error.len() < 120 && error.starts_with("limits.body is 1GiB, and"), "{error}");
    }
    assert_eq!(length(most, "007"), Ok(()));
    assert_eq!(length(most, "+1"), Ok(()), "no length; refused elsewhere");
}
