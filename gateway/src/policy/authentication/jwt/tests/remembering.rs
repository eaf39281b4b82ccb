//! Tokens that were accepted once.

use std::sync::Arc;

use super::*;
use crate::policy::authentication::{Identity, jwt::remembered::TokenHash};

struct Accepted {
    name: TokenHash,
    keys: KeySet,
    remembered: Remembered,
}

/// A memory with one token in it.
fn accepted(claims: &Value) -> Accepted {
    let signer = Signer::new(Algorithm::ES256);
    let keys = set(&[named(&signer, "k", "ES256")]);
    let token = signer.token(&json!({ "alg": "ES256", "kid": "k" }), claims);
    let (claims, Verified { key, period }) = decide(token.as_bytes(), &keys).unwrap();
    let remembered = Remembered::new(10);
    let name = remembered.name_of(token.as_bytes()).unwrap();
    remembered.insert(
        name,
        Arc::new(Identity::new("users".into(), claims.as_object().unwrap().clone())),
        key,
        period,
    );
    Accepted { name, keys, remembered }
}

impl Accepted {
    fn get(&self, keys: &KeySet, now: SystemTime) -> Option<Result<String, Reason>> {
        let found = self.remembered.get(&self.name, keys, &rules(), now)?;
        let subject = |identity: Arc<Identity>| identity.subject().unwrap().to_owned();
        Some(found.map(subject).map_err(|rejected| rejected.reason))
    }
}

#[test]
fn a_token_is_known_again_until_it_ends() {
    let accepted = accepted(&claims());
    let at = |seconds: u64| now() + Duration::from_secs(seconds);
    assert_eq!(accepted.get(&accepted.keys, now()), Some(Ok("7".into())));
    assert_eq!(accepted.get(&accepted.keys, at(89)), Some(Ok("7".into())));
    assert_eq!(accepted.get(&accepted.keys, at(90)), Some(Err(Reason::TokenExpired)));
    assert_eq!(accepted.get(&accepted.keys, at(90)), None, "it is forgotten then");
}

#[test]
fn a_clock_that_goes_back_is_believed() {
    let accepted = accepted(&claims_with(json!({ "nbf": NOW })));
    let before = now() - Duration::from_secs(31);
    assert_eq!(accepted.get(&accepted.keys, before), Some(Err(Reason::TokenNotYetValid)));
}

#[test]
fn it_goes_when_its_key_goes() {
    let accepted = accepted(&claims());
    let other = set(&[named(&Signer::new(Algorithm::ES256), "k", "ES256")]);
    assert_eq!(accepted.get(&other, now()), None);
    assert_eq!(accepted.get(&accepted.keys, now()), None, "and does not come back with it");
}

#[test]
fn another_token_is_not_taken_for_it() {
    let accepted = accepted(&claims());
    let other = accepted.remembered.name_of(b"another").unwrap();
    assert!(accepted.remembered.get(&other, &accepted.keys, &rules(), now()).is_none());
}

#[test]
fn they_are_counted_at_once() {
    assert_eq!(accepted(&claims()).remembered.len(), 1);
}

#[test]
fn a_memory_of_nothing_remembers_nothing() {
    let none = Remembered::new(0);
    assert!(none.name_of(b"token").is_none());
    assert_eq!(none.len(), 0);
}
