use super::*;

fn keys(texts: &[&str]) -> Result<Option<Vec<u64>>, Problem> {
    let mut keys = Keys::default();
    for text in texts {
        keys.push("id", text)?;
    }
    Ok(keys.finish())
}

#[test]
fn keys_come_out_once_and_ascending() {
    assert_eq!(keys(&["3", "1", "3", "02"]), Ok(Some(vec![1, 2, 3])));
    assert_eq!(keys(&[]), Ok(None));
}

#[test]
fn a_comma_list_is_read_and_an_empty_one_is_an_empty_batch() {
    let read = |text| {
        let mut keys = Keys::default();
        keys.push_list("ids", text).map(|()| keys.finish())
    };
    assert_eq!(read("3,1,2"), Ok(Some(vec![1, 2, 3])));
    assert_eq!(read(""), Ok(Some(vec![])));
    assert!(read("1,,2").is_err());
}

#[test]
fn a_thousand_keys_are_accepted_and_one_more_is_not() {
    let texts: Vec<String> = (1..=1_001).map(|key: u32| key.to_string()).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let accepted = keys(&texts[..1_000]).expect("as many as allowed");
    assert_eq!(accepted.map(|keys| keys.len()), Some(1_000));
    let problem = keys(&texts).expect_err("one too many");
    assert_eq!(problem.detail, "`id` may be given at most 1000 times");
}

#[test]
fn what_is_not_an_id_is_quoted() {
    for bad in ["", "0", "-1", "+1", "1.0", "x", "99999999999999999999"] {
        let problem = id("user_id", bad).expect_err(bad);
        assert!(problem.detail.contains(&format!("but is `{bad}`")), "{}", problem.detail);
    }
    let long = "é".repeat(41);
    let problem = id("user_id", &long).expect_err("not an id");
    assert!(problem.detail.ends_with(&format!("`{}...`", "é".repeat(40))));
}

#[test]
fn pairs_are_decoded_and_repeat() {
    let read: Vec<_> = pairs(Some("id=1&id=2&category=a%20b+c")).collect();
    let expected = [("id", "1"), ("id", "2"), ("category", "a b c")];
    assert_eq!(read, expected.map(|(name, value)| (name.into(), value.into())));
    assert_eq!(pairs(None).count(), 0);
}
