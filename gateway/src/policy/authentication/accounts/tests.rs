use std::time::{Duration, UNIX_EPOCH};

use argon2::Params;
use serde_json::json;

use super::*;

const NOW: SystemTime = UNIX_EPOCH;

fn sha256(secret: &str) -> SecretHash {
    SecretHash::sha256(&SecretHash::write_sha256(secret.as_bytes())).unwrap()
}

/// Cheap, since tests check many.
fn argon2id(secret: &str, memory: u32) -> SecretHash {
    let params = Params::new(memory, 1, 1, Some(32)).unwrap();
    SecretHash::Argon2id(Arc::new(Argon2id::of(secret.as_bytes(), [7; 16], params)))
}

fn account(name: &str, hash: SecretHash) -> (Box<str>, Account) {
    let claims = json!({ "sub": name });
    let identity = Arc::new(Identity::new("keys".into(), claims.as_object().unwrap().clone()));
    (name.into(), Account { hash, expires: None, identity })
}

fn expiring(name: &str, hash: SecretHash, expires: SystemTime) -> (Box<str>, Account) {
    let (name, account) = account(name, hash);
    (name, Account { expires: Some(expires), ..account })
}

/// Solves what is costly, as the gateway does beside its serving threads. Gives whose it was, and whether it was costly.
fn ask(accounts: &Accounts, name: &str, secret: &str, now: SystemTime) -> (Result<String, Refused>, bool) {
    let subject = |identity: Arc<Identity>| identity.subject().unwrap().to_owned();
    match accounts.check(name, secret.as_bytes(), now) {
        Verdict::Known(identity) => (Ok(subject(identity)), false),
        Verdict::Refused(refused) => (Err(refused), false),
        Verdict::Costly(costly) => {
            let right = costly.solve();
            accounts.learn(costly.fingerprint, right);
            (accounts.settle(name, right, now).map(subject), true)
        }
    }
}

#[test]
fn only_the_right_secret_of_the_name_is_let_in() {
    for hash in [sha256 as fn(&str) -> SecretHash, |secret| argon2id(secret, 8)] {
        let accounts = Accounts::new([account("a", hash("one")), account("b", hash("two"))]);
        assert_eq!(ask(&accounts, "a", "one", NOW).0, Ok("a".into()));
        assert_eq!(ask(&accounts, "b", "two", NOW).0, Ok("b".into()));
        for (name, secret) in [("a", "two"), ("a", ""), ("a", "one "), ("a", "One"), ("b", "one")] {
            assert_eq!(ask(&accounts, name, secret, NOW).0, Err(Refused::Wrong(name.into())));
        }
        for name in ["", "c", "A", "a "] {
            assert_eq!(ask(&accounts, name, "one", NOW).0, Err(Refused::Unknown));
        }
    }
}

#[test]
fn a_right_secret_counts_until_it_expires() {
    let expires = NOW + Duration::from_secs(10);
    let hashes = [sha256("one"), argon2id("one", 8)];
    for hash in hashes {
        let accounts = Accounts::new([expiring("a", hash, expires)]);
        assert!(ask(&accounts, "a", "one", expires - Duration::from_nanos(1)).0.is_ok());
        assert_eq!(ask(&accounts, "a", "one", expires).0, Err(Refused::Expired("a".into())));
        assert_eq!(ask(&accounts, "a", "two", expires).0, Err(Refused::Wrong("a".into())));
    }
}

#[test]
fn a_costly_secret_is_costly_once() {
    let accounts = Accounts::new([account("a", argon2id("one", 8))]);
    assert_eq!(ask(&accounts, "a", "one", NOW), (Ok("a".into()), true));
    assert_eq!(ask(&accounts, "a", "one", NOW), (Ok("a".into()), false));
    assert!(ask(&accounts, "a", "two", NOW).1);
    assert!(ask(&accounts, "a", "two", NOW).1, "what was wrong is not remembered");
}

#[test]
fn a_list_goes_on_with_what_was_found_out_while_the_hash_stays() {
    let list = |hash: SecretHash, others: &[&str]| {
        let others = others.iter().map(|name| account(name, argon2id("two", 8)));
        Accounts::new(others.chain([account("a", hash)]))
    };
    let before = list(argon2id("one", 8), &["b"]);
    assert_eq!(ask(&before, "a", "one", NOW), (Ok("a".into()), true));
    let same = list(argon2id("one", 8), &["c", "d"]).following(&before);
    assert_eq!(ask(&same, "a", "one", NOW), (Ok("a".into()), false));
    assert_eq!(ask(&same, "c", "two", NOW), (Ok("c".into()), true));
    assert_eq!(ask(&same, "b", "two", NOW), (Err(Refused::Unknown), true));
    // Another secret, and the same one hashed anew: what was right before is a question again.
    let changed = list(argon2id("three", 8), &[]).following(&same);
    assert_eq!(ask(&changed, "a", "one", NOW), (Err(Refused::Wrong("a".into())), true));
    let anew = list(argon2id("one", 16), &[]).following(&same);
    assert_eq!(ask(&anew, "a", "one", NOW), (Ok("a".into()), true));
    // What was found out in the meantime counts in all of them; nothing else does.
    assert_eq!(ask(&before, "a", "one", NOW), (Ok("a".into()), false));
    let apart = list(argon2id("one", 8), &[]);
    assert_eq!(ask(&apart, "a", "one", NOW), (Ok("a".into()), true));
    let cheap = Accounts::new([account("a", sha256("one"))]).following(&same);
    assert_eq!(ask(&cheap, "a", "one", NOW), (Ok("a".into()), false));
    assert_eq!(ask(&cheap, "a", "two", NOW), (Err(Refused::Wrong("a".into())), false));
}

#[test]
fn a_refusal_names_the_account_that_is_known() {
    let account = |refused: Refused| {
        let rejected = Rejected::from(refused);
        (rejected.fit, rejected.account)
    };
    assert_eq!(account(Refused::Unknown), (Fit::Unknown, None));
    assert_eq!(account(Refused::Wrong("a".into())), (Fit::Unknown, Some("a".into())));
    assert_eq!(account(Refused::Expired("a".into())), (Fit::Own, Some("a".into())));
}

#[test]
fn where_one_is_costly_every_refusal_is_as_costly_as_the_dearest() {
    let dearest = argon2id("three", 64);
    let SecretHash::Argon2id(expected) = &dearest else { unreachable!() };
    let list = [
        account("cheap", sha256("one")),
        account("costly", argon2id("two", 8)),
        account("dear", dearest.clone()),
    ];
    let accounts = Accounts::new(list);
    assert_eq!(ask(&accounts, "cheap", "one", NOW), (Ok("cheap".into()), false));
    for name in ["cheap", "nobody", ""] {
        let Verdict::Costly(costly) = accounts.check(name, b"wrong", NOW) else {
            panic!("{name} is told at once")
        };
        assert_eq!(costly.hash.cost(), expected.cost());
        assert!(!costly.solve());
    }
    // Even what a decoy is of lets nobody in.
    let Verdict::Costly(costly) = accounts.check("nobody", b"three", NOW) else { panic!("told at once") };
    assert!(!costly.solve());
}

#[test]
fn the_same_question_has_the_same_fingerprint_in_one_list_only() {
    let list = || Accounts::new([account("a", argon2id("one", 8))]);
    let fingerprint = |accounts: &Accounts, name: &str, secret: &[u8]| match accounts.check(name, secret, NOW)
    {
        Verdict::Costly(costly) => costly.fingerprint,
        other => panic!("{other:?}"),
    };
    let (one, other) = (list(), list());
    assert_eq!(fingerprint(&one, "a", b"x"), fingerprint(&one, "a", b"x"));
    assert_ne!(fingerprint(&one, "a", b"bx"), fingerprint(&one, "ab", b"x"));
    assert_ne!(fingerprint(&one, "a", b"x"), fingerprint(&other, "a", b"x"));
}

#[test]
fn a_list_is_the_same_while_its_accounts_are() {
    let list = |secret: &str| Accounts::new([account("a", argon2id(secret, 8)), account("b", sha256("two"))]);
    assert!(list("one") == list("one"));
    assert!(list("one") != list("three"));
}

#[test]
fn a_secret_of_any_length_is_answered() {
    let accounts = Accounts::new([account("a", sha256(&"x".repeat(LONGEST_SECRET)))]);
    assert!(ask(&accounts, "a", &"x".repeat(LONGEST_SECRET), NOW).0.is_ok());
    assert_eq!(ask(&accounts, "a", &"x".repeat(LONGEST_SECRET + 1), NOW).0, Err(Refused::Unknown));
}

#[test]
fn nothing_shows_a_secret() {
    let accounts = Accounts::new([account("a", argon2id("hunter2", 8)), account("b", sha256("hunter2"))]);
    let Verdict::Costly(costly) = accounts.check("a", b"hunter2", NOW) else { panic!() };
    let shown = format!("{accounts:?} {costly:?} {:?}", accounts.accounts);
    assert!(!shown.contains("hunter2") && !shown.contains("104, 117"), "{shown}");
    assert!(shown.contains("argon2id"), "{shown}");
}

#[test]
fn what_is_written_is_read() {
    let text = SecretHash::write_argon2id(b"one", [1; 16]);
    assert!(text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{text}");
    let hash = SecretHash::argon2id(&text).unwrap();
    assert!(hash.is_of(b"one") && !hash.is_of(b"two"));
}

#[test]
fn others_hashes_are_read() {
    // `printf %s password | sha256sum`, and the reference implementation: `argon2 somesalt -id -t 2 -m 8 -l 32 -e`.
    let sha = SecretHash::sha256("5E884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8").unwrap();
    assert!(sha.is_of(b"password"));
    let text = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    assert!(SecretHash::argon2id(text).unwrap().is_of(b"password"));
}

#[test]
fn other_hashes_are_refused_with_a_way_out() {
    let digest = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8";
    for text in
        ["", "abc", &digest[1..], &format!("{digest}0"), &digest.replace('a', "g"), &digest.replace('5', "é")]
    {
        assert!(SecretHash::sha256(text).unwrap_err().contains("64 digits"), "{text}");
    }
    let good = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    for (text, told) in [
        ("password".to_owned(), "not a PHC string"),
        (good.replace("argon2id", "argon2i"), "only Argon2id"),
        (good.replace("argon2id", "scrypt"), "not a PHC string"),
        (good.replace("v=19", "v=16"), "not a PHC string"),
        (good.replace("m=256", "m=4"), "not a PHC string"),
        (good.replace("m=256", "m=1000000"), "costs too much"),
        (good.replace("t=2", "t=1000"), "costs too much"),
        (good.replace("c29tZXNhbHQ", "c29t"), "salt"),
        (good.rsplit_once('$').unwrap().0.to_owned(), "not a PHC string"),
        ("$2y$05$bvIG6Nmid91Mu9RcmmWZfO5HJIMCT8riNW0hEp8f6/FuA2/mHZFpe".to_owned(), "bcrypt"),
        ("$apr1$1234$xyz".to_owned(), "htpasswd"),
        ("{SHA}abc=".to_owned(), "htpasswd"),
    ] {
        let error = SecretHash::argon2id(&text).unwrap_err();
        assert!(error.contains(told) && error.contains("; "), "{text}: {error}");
    }
}
