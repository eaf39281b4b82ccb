//! Keys, and what is said of those that cannot be used.

use super::*;

fn read(jwk: Value, algorithms: &[Algorithm]) -> Result<usize, String> {
    let document = json!({ "keys": [jwk] });
    let Jwks { keys, left_out } = read_jwks(document.to_string().as_bytes(), algorithms, false)?;
    left_out.into_iter().next().map_or(Ok(keys.len()), |left_out| Err(left_out.to_string()))
}

fn with(signer: &Signer, name: &str, value: Value) -> Value {
    let mut jwk = signer.jwk();
    jwk[name] = value;
    jwk
}

#[test]
fn a_key_without_alg_is_for_the_algorithm_of_its_kind_or_those_that_are_configured() {
    let accepts = |jwk: &Value, configured: &[Algorithm], algorithm: Algorithm, signer: &Signer| {
        let document = json!({ "keys": [jwk] });
        let keys = read_jwks(document.to_string().as_bytes(), configured, false).unwrap().keys;
        let token = signer.token(&json!({ "alg": algorithm.as_str() }), &claims());
        decide(token.as_bytes(), &keys).is_ok()
    };
    let rsa = Signer::new(Algorithm::RS256);
    let jwk = rsa.jwk();
    let both = [Algorithm::PS256, Algorithm::RS512];
    for (configured, algorithm, expected) in [
        (&[][..], Algorithm::RS256, true),
        (&[], Algorithm::PS256, false),
        (&both, Algorithm::PS256, true),
        (&both, Algorithm::RS512, true),
        (&both, Algorithm::RS256, false),
    ] {
        assert_eq!(accepts(&jwk, configured, algorithm, &rsa), expected, "{configured:?} {algorithm}");
    }
    for algorithm in [Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA] {
        let signer = Signer::new(algorithm);
        assert!(accepts(&signer.jwk(), &[], algorithm, &signer), "{algorithm}");
    }
}

#[test]
fn ed25519_has_two_names() {
    let signer = Signer::new(Algorithm::EdDSA);
    for (key, token) in [("EdDSA", "Ed25519"), ("Ed25519", "EdDSA"), ("Ed25519", "Ed25519")] {
        let keys = set(&[named(&signer, "k", key)]);
        let token = signer.token(&json!({ "alg": token }), &claims());
        assert!(decide(token.as_bytes(), &keys).is_ok(), "{key}");
    }
}

#[test]
fn what_cannot_be_used_is_left_out() {
    let (ec, rsa) = (Signer::new(Algorithm::ES256), Signer::new(Algorithm::RS256));
    for (jwk, why) in [
        (with(&ec, "use", json!("enc")), "not for signatures"),
        (with(&ec, "key_ops", json!(["sign"])), "not for signatures"),
        (with(&ec, "alg", json!("ES384")), "`alg` is not for that"),
        (with(&ec, "alg", json!("HS256")), "`alg` is not for that"),
        (with(&ec, "alg", json!("none")), "`alg` is not for that"),
        (with(&rsa, "alg", json!("ES256")), "`alg` is not for that"),
        (with(&rsa, "alg", json!("RSA-OAEP")), "`alg` is not for that"),
        (with(&ec, "x", json!("AAAA")), "no uncompressed point on P-256"),
        (with(&ec, "x", json!("not base64!")), "a key whose `x` is not base64url"),
        (with(&rsa, "n", json!("AQAB=")), "a key whose `n` is not base64url"),
        (with(&rsa, "e", json!("AQ+B")), "a key whose `e` is not base64url"),
        (with(&ec, "crv", json!("P-521")), "of a kind that is unknown here"),
        (with(&ec, "crv", json!("secp256k1")), "of a kind that is unknown here"),
        (with(&rsa, "n", json!("AQAB")), "an RSA key of 17 bits"),
        (json!({ "kty": "oct", "k": "c2VjcmV0" }), "a secret, which nobody may publish"),
        (json!({ "kty": "AKP" }), "of a kind that is unknown here"),
        (json!("key"), "no JWK"),
    ] {
        let said = read(jwk, &[]).unwrap_err();
        assert!(said.contains(why), "{said} instead of {why}");
    }
    assert_eq!(read(ec.jwk(), &[]), Ok(1));
    assert_eq!(read(with(&ec, "use", json!("sig")), &[Algorithm::ES256]), Ok(1));
    assert!(read(ec.jwk(), &[Algorithm::RS256]).unwrap_err().contains("none of the `algorithms`"));
}

#[test]
fn other_keys_do_not_matter_to_a_good_one() {
    let ec = Signer::new(Algorithm::ES256);
    let document = json!({ "keys": [{ "kty": "AKP" }, 7, with(&ec, "use", json!("enc")), ec.jwk()] });
    let Jwks { keys, left_out } = read_jwks(document.to_string().as_bytes(), &[], false).unwrap();
    let missed: Vec<bool> = left_out.iter().map(LeftOut::is_missed).collect();
    assert_eq!((keys.len(), missed), (1, vec![true, true, false]));
}

#[test]
fn what_is_no_set_is_an_error() {
    for text in ["", "[]", "{}", "{\"keys\":{}}", "<html>"] {
        assert!(read_jwks(text.as_bytes(), &[], false).is_err(), "{text}");
    }
    let many = json!({ "keys": vec![Signer::new(Algorithm::ES256).jwk(); 65] });
    assert!(read_jwks(many.to_string().as_bytes(), &[], false).unwrap_err().contains("65 keys"));
}

#[test]
fn a_token_that_names_no_key_is_tried_with_some_of_them() {
    let signers: Vec<Signer> = (0..9).map(|_| Signer::new(Algorithm::EdDSA)).collect();
    let jwks: Vec<Value> =
        signers.iter().enumerate().map(|(at, signer)| named(signer, &at.to_string(), "EdDSA")).collect();
    let keys = set(&jwks);
    let accepted = |signer: &Signer| {
        decide(signer.token(&json!({ "alg": "EdDSA" }), &claims()).as_bytes(), &keys).is_ok()
    };
    assert!(accepted(&signers[7]) && !accepted(&signers[8]));
}

/// What the set lacks, by its algorithm; `None` where a newer set would not help.
fn lacks(keys: &KeySet, token: &str) -> Option<Algorithm> {
    match keys.signer(&Token::parse(token.as_bytes()).unwrap()) {
        Err(Unsigned::UnknownKey { algorithm, .. }) => Some(algorithm),
        _ => None,
    }
}

#[test]
fn a_name_that_no_key_has_may_be_that_of_a_newer_one_whatever_its_algorithm() {
    let (rsa, ec) = (Signer::new(Algorithm::RS256), Signer::new(Algorithm::ES256));
    let token = |signer: &Signer, header: Value| signer.token(&header, &claims());
    let old = set(&[named(&rsa, "old", "RS256")]);
    let to_es256 = token(&ec, json!({ "alg": "ES256", "kid": "new" }));
    assert_eq!(lacks(&old, &to_es256), Some(Algorithm::ES256));
    assert_eq!(lacks(&old, &token(&ec, json!({ "alg": "ES256" }))), Some(Algorithm::ES256));
    assert_eq!(lacks(&old, &token(&rsa, json!({ "alg": "RS256", "kid": "new" }))), Some(Algorithm::RS256));
    assert_eq!(lacks(&set(&[rsa.jwk()]), &to_es256), Some(Algorithm::ES256), "beside a key without a name");
    for header in [json!({ "alg": "ES256", "kid": "old" }), json!({ "alg": "RS512", "kid": "old" })] {
        let signer = if header["alg"] == "ES256" { &ec } else { &rsa };
        assert_eq!(lacks(&old, &token(signer, header.clone())), None, "{header}: the key is known");
    }
    let evil = Signer::new(Algorithm::ES256);
    assert_eq!(lacks(&set(&[ec.jwk()]), &token(&evil, json!({ "alg": "ES256" }))), None);
}

#[test]
fn a_set_is_the_same_while_its_keys_are() {
    let (a, b) = (Signer::new(Algorithm::ES256), Signer::new(Algorithm::ES256));
    let one = set(&[named(&a, "a", "ES256")]);
    assert_eq!(one, set(&[named(&a, "a", "ES256")]));
    for other in [named(&a, "b", "ES256"), named(&b, "a", "ES256")] {
        assert_ne!(one, set(&[other]));
    }
}

#[test]
fn keys_are_not_printed() {
    let signer = Signer::new(Algorithm::HS256);
    let keys = set(&[named(&signer, "k", "HS256")]);
    assert_eq!(format!("{keys:?}"), "KeySet([HS256 k])");
}
