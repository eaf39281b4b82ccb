//! Tokens that were accepted once.

use std::sync::Arc;

use super::*;
use crate::policy::authentication::Identity;

struct Accepted {
    token: String,
    keys: KeySet,
    remembered: Remembered,
}

/// A memory with one token in it.
fn accepted(claims: &Value) -> Accepted {
    let signer = Signer::new(Algorithm::ES256);
    let keys = set(&[named(&signer, "k", "ES256")]);
    let token = signer.token(&json!({ "alg": "ES256", "kid": "k" }), claims);
    let accepted = Accepted { token, keys, remembered: Remembered::new(10) };
    accepted.accept(&accepted.remembered, "7");
    accepted
}

impl Accepted {
    /// Takes the token for this subject's, in that memory.
    fn accept(&self, remembered: &Remembered, subject: &str) {
        let (_, Verified { key, period }) = decide(self.token.as_bytes(), &self.keys).unwrap();
        let claims = json!({ "sub": subject }).as_object().unwrap().clone();
        let identity = Arc::new(Identity::new("users".into(), claims));
        remembered.insert(self.token.as_bytes(), identity, key, period);
    }

    fn get(&self, keys: &KeySet, now: SystemTime) -> Option<Result<String, Reason>> {
        self.get_from(&self.remembered, keys, now)
    }

    fn get_from(
        &self,
        remembered: &Remembered,
        keys: &KeySet,
        now: SystemTime,
    ) -> Option<Result<String, Reason>> {
        let found = remembered.get(self.token.as_bytes(), keys, &rules(), now)?;
        let subject = |identity: Arc<Identity>| identity.subject().unwrap().to_owned();
        Some(found.map(subject).map_err(|rejected| rejected.reason))
    }

    /// So often that it is found before it is hashed.
    fn meet(&self) {
        for _ in 0..3 {
            assert_eq!(self.get(&self.keys, now()), Some(Ok("7".into())));
        }
    }
}

#[test]
fn a_token_is_known_again_until_it_ends() {
    for meetings in 0..3 {
        let accepted = accepted(&claims());
        let at = |seconds: u64| now() + Duration::from_secs(seconds);
        for _ in 0..meetings {
            assert_eq!(accepted.get(&accepted.keys, at(89)), Some(Ok("7".into())));
        }
        assert_eq!(accepted.get(&accepted.keys, at(90)), Some(Err(Reason::TokenExpired)));
        assert_eq!(accepted.get(&accepted.keys, at(90)), None, "it is forgotten then");
        assert_eq!(accepted.get(&accepted.keys, at(89)), None, "for good");
    }
}

#[test]
fn a_clock_that_goes_back_is_believed() {
    let accepted = accepted(&claims_with(json!({ "nbf": NOW })));
    accepted.meet();
    let before = now() - Duration::from_secs(31);
    assert_eq!(accepted.get(&accepted.keys, before), Some(Err(Reason::TokenNotYetValid)));
}

#[test]
fn it_goes_when_its_key_goes() {
    for is_met in [false, true] {
        let accepted = accepted(&claims());
        if is_met {
            accepted.meet();
        }
        let other = set(&[named(&Signer::new(Algorithm::ES256), "k", "ES256")]);
        assert_eq!(accepted.get(&other, now()), None);
        assert_eq!(accepted.get(&accepted.keys, now()), None, "and does not come back with it");
    }
}

#[test]
fn another_token_is_not_taken_for_it() {
    let accepted = accepted(&claims());
    accepted.meet();
    let mut other = accepted.token.clone().into_bytes();
    for at in 0..other.len() {
        other[at] ^= 1;
        assert!(accepted.remembered.get(&other, &accepted.keys, &rules(), now()).is_none(), "{at}");
        other[at] ^= 1;
    }
    let shorter = &other[..other.len() - 1];
    assert!(accepted.remembered.get(shorter, &accepted.keys, &rules(), now()).is_none());
    accepted.meet();
}

#[test]
fn what_one_memory_knows_another_does_not() {
    let accepted = accepted(&claims());
    accepted.meet();
    let other = Remembered::new(10);
    assert_eq!(accepted.get_from(&other, &accepted.keys, now()), None);
    accepted.accept(&other, "8");
    for _ in 0..3 {
        assert_eq!(accepted.get_from(&other, &accepted.keys, now()), Some(Ok("8".into())));
        assert_eq!(accepted.get(&accepted.keys, now()), Some(Ok("7".into())));
    }
}

#[test]
fn so_many_tokens_that_they_drive_each_other_out_are_still_told_apart() {
    let accepted = accepted(&claims());
    let (_, Verified { key, period }) = decide(accepted.token.as_bytes(), &accepted.keys).unwrap();
    let remembered = Remembered::new(10_000);
    let token = |number: usize| format!("{}{number}", accepted.token);
    for number in 0..2_000 {
        let claims = json!({ "sub": number.to_string() }).as_object().unwrap().clone();
        let identity = Arc::new(Identity::new("users".into(), claims));
        remembered.insert(token(number).as_bytes(), identity, key, period);
    }
    for number in (0..2_000).chain(0..2_000) {
        let found = remembered.get(token(number).as_bytes(), &accepted.keys, &rules(), now());
        assert_eq!(found.unwrap().unwrap().subject(), Some(&*number.to_string()));
    }
}

#[test]
fn they_are_counted_at_once() {
    assert_eq!(accepted(&claims()).remembered.len(), 1);
}

#[test]
fn a_memory_of_nothing_remembers_nothing() {
    let accepted = accepted(&claims());
    let none = Remembered::new(0);
    accepted.accept(&none, "7");
    assert_eq!(accepted.get_from(&none, &accepted.keys, now()), None);
    assert_eq!(none.len(), 0);
}
