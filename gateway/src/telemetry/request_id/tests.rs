//! Ids are made and taken by the rules.

use std::collections::HashSet;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

#[test]
fn a_new_id_is_a_uuid_of_version_7_with_its_time() {
    let at = UNIX_EPOCH + Duration::from_millis(1_700_000_000_042);
    let uuid: uuid::Uuid = RequestId::new(at).parse().expect("a UUID");
    assert_eq!(uuid.get_version(), Some(uuid::Version::SortRand));
    assert_eq!(uuid.get_variant(), uuid::Variant::RFC4122);
    let (seconds, nanos) = uuid.get_timestamp().expect("version 7 has one").to_unix();
    assert_eq!((seconds, nanos), (1_700_000_000, 42_000_000));
    let later = RequestId::new(at + Duration::from_millis(1));
    assert!(later.as_str() > RequestId::new(at).as_str());
}

#[test]
fn ids_of_one_moment_differ() {
    let ids: HashSet<_> = (0..10_000).map(|_| RequestId::new(UNIX_EPOCH).to_string()).collect();
    assert_eq!(ids.len(), 10_000);
}

proptest! {
    #[test]
    fn only_short_plain_ids_of_clients_are_kept(text: Vec<u8>, plain in "[A-Za-z0-9._-]{1,64}") {
        let fit = !text.is_empty()
            && text.len() <= 64
            && text.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        prop_assert_eq!(RequestId::parse(&text).is_some(), fit);
        let kept = RequestId::parse(plain.as_bytes()).expect("plain");
        prop_assert_eq!(kept.as_str(), &plain);
        let long = plain.repeat(65);
        prop_assert!(RequestId::parse(long.as_bytes()).is_none());
        let broken = plain + " ";
        prop_assert!(RequestId::parse(broken.as_bytes()).is_none());
    }
}
