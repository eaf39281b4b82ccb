//! Tokens that must not count, each with the reason that it gets.

use super::{
    issuer::{encode, hmac_of},
    *,
};

/// An issuer with one key, and what an attacker makes of its tokens.
struct Attack {
    signer: Signer,
    keys: KeySet,
    algorithm: &'static str,
}

impl Attack {
    fn on(algorithm: Algorithm) -> Self {
        let signer = Signer::new(algorithm);
        let keys = set(&[named(&signer, "k", algorithm.as_str())]);
        Self { signer, keys, algorithm: algorithm.as_str() }
    }

    fn header(&self) -> Value {
        json!({ "alg": self.algorithm, "kid": "k", "typ": "JWT" })
    }

    fn good(&self) -> String {
        self.signer.token(&self.header(), &claims())
    }

    #[track_caller]
    fn refused(&self, token: impl AsRef<[u8]>, reason: Reason, why: &str) {
        assert_refused(token, &self.keys, reason, why);
    }
}

/// Header and claims without a signature.
fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", encode(header.to_string()), encode(claims.to_string()))
}

#[test]
fn a_token_without_a_signature_is_not_trusted() {
    let attack = Attack::on(Algorithm::ES256);
    for algorithm in ["none", "None", "NONE", "nOnE", " none", "none ", "", "null", "es256", "ES256 "] {
        let message = unsigned(&json!({ "alg": algorithm, "kid": "k" }), &claims());
        for tag in [String::new(), encode([0; 64]), attack.good().rsplit('.').next().unwrap().to_owned()] {
            attack.refused(format!("{message}.{tag}"), Reason::TokenNotTrusted, algorithm);
        }
    }
    let good = attack.good();
    let (message, _) = good.rsplit_once('.').unwrap();
    attack.refused(format!("{message}."), Reason::TokenNotTrusted, "stripped signature");
    attack.refused(message, Reason::TokenMalformed, "stripped signature and its dot");
}

#[test]
fn a_public_key_is_no_secret() {
    let rsa = Attack::on(Algorithm::RS256);
    let ec = Attack::on(Algorithm::ES256);
    let pem = b"-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n-----END PUBLIC KEY-----\n";
    for attack in [rsa, ec] {
        let jwk = attack.signer.jwk();
        let text = jwk.to_string();
        let modulus = jwk["n"].as_str().or(jwk["x"].as_str()).unwrap().to_owned();
        for secret in [text.as_bytes(), modulus.as_bytes(), pem, b""] {
            for algorithm in ["HS256", "HS384", "HS512"] {
                let message = unsigned(&json!({ "alg": algorithm, "kid": "k" }), &claims());
                let tag = hmac_of(algorithm, secret, message.as_bytes());
                attack.refused(format!("{message}.{}", encode(tag)), Reason::TokenNotTrusted, algorithm);
            }
        }
    }
}

#[test]
fn the_algorithm_is_the_key_s_and_not_the_token_s() {
    let attack = Attack::on(Algorithm::RS256);
    for other in ["RS384", "RS512", "PS256", "PS384", "PS512"] {
        let token = attack.signer.token(&json!({ "alg": other, "kid": "k" }), &claims());
        attack.refused(token, Reason::TokenNotTrusted, other);
    }
    // Said to be what the key is for, signed by another algorithm of the same key.
    let message = unsigned(&attack.header(), &claims());
    for other in ["RS384", "PS256"] {
        let tag = encode(attack.signer.sign(other, message.as_bytes()));
        attack.refused(format!("{message}.{tag}"), Reason::TokenNotTrusted, other);
    }
    let two = Attack {
        keys: set(&[
            named(&Signer::new(Algorithm::ES256), "ec", "ES256"),
            named(&attack.signer, "k", "RS256"),
        ]),
        ..attack
    };
    let token = two.signer.token(&json!({ "alg": "RS256", "kid": "ec" }), &claims());
    two.refused(token, Reason::TokenNotTrusted, "another key of the set, for another algorithm");
}

#[test]
fn only_the_provider_s_keys_count() {
    let attack = Attack::on(Algorithm::ES256);
    let evil = Signer::new(Algorithm::ES256);
    let forged = |header: Value| evil.token(&header, &claims());
    attack.refused(forged(attack.header()), Reason::TokenNotTrusted, "the right kid");
    for kid in ["other", "", "../../../dev/null", "k\0", "K", "' OR 1=1 --"] {
        attack.refused(forged(json!({ "alg": "ES256", "kid": kid })), Reason::TokenNotTrusted, kid);
        let own = attack.signer.token(&json!({ "alg": "ES256", "kid": kid }), &claims());
        attack.refused(own, Reason::TokenNotTrusted, "the right key by a wrong kid");
    }
    attack.refused(forged(json!({ "alg": "ES256" })), Reason::TokenNotTrusted, "no kid");
    let jwk = evil.jwk();
    for (name, value) in [
        ("jwk", jwk.clone()),
        ("jku", json!("https://evil.test/jwks.json")),
        ("x5u", json!("https://evil.test/cert.pem")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("AAAA")),
    ] {
        let mut header = attack.header();
        header[name] = value;
        attack.refused(forged(header.clone()), Reason::TokenNotTrusted, name);
        header["kid"] = "evil".into();
        attack.refused(forged(header), Reason::TokenNotTrusted, name);
    }
}

#[test]
fn a_key_of_the_token_s_own_is_not_looked_at_even_where_it_makes_no_sense() {
    let attack = Attack::on(Algorithm::ES256);
    for (name, value) in [("jwk", json!(7)), ("jku", json!([])), ("x5c", json!({}))] {
        let mut header = attack.header();
        header[name] = value;
        let token = attack.signer.token(&header, &claims());
        assert!(decide(token.as_bytes(), &attack.keys).is_ok(), "{name}");
    }
}

#[test]
fn a_signature_fits_exactly() {
    for algorithm in
        [Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA, Algorithm::RS256, Algorithm::HS256]
    {
        let attack = Attack::on(algorithm);
        let message = unsigned(&attack.header(), &claims());
        let tag = attack.signer.sign(attack.algorithm, message.as_bytes());
        let length = tag.len();
        let mut flipped = tag.clone();
        flipped[length / 2] ^= 1;
        let longer = [&tag[..], &[0]].concat();
        let twice = [&tag[..], &tag[..]].concat();
        for (why, tag) in [
            ("zeros (r = s = 0)", vec![0; length]),
            ("ones", vec![0xff; length]),
            ("flipped", flipped),
            ("shorter", tag[..length - 1].to_vec()),
            ("half", tag[..length / 2].to_vec()),
            ("longer", longer),
            ("twice", twice),
            ("one byte", vec![1]),
            (
                "ASN.1 (DER)",
                [&[0x30, 0x44, 0x02, 0x20][..], &tag[..length / 2], &[0x02, 0x20], &tag[length / 2..]]
                    .concat(),
            ),
        ] {
            let token = format!("{message}.{}", encode(tag));
            attack.refused(token, Reason::TokenNotTrusted, &format!("{algorithm}, {why}"));
        }
        let good = attack.good();
        let (_, foreign) = good.rsplit_once('.').unwrap();
        let other = unsigned(&attack.header(), &claims_with(json!({ "sub": "1" })));
        attack.refused(
            format!("{other}.{foreign}"),
            Reason::TokenNotTrusted,
            "the signature of another token",
        );
    }
}

#[test]
fn claims_are_held_to_the_rules() {
    let attack = Attack::on(Algorithm::ES256);
    use Reason::{TokenClaimsRefused as Claims, TokenExpired, TokenMalformed as Malformed, TokenNotYetValid};
    for (others, reason) in [
        (json!({ "exp": NOW - 60 }), TokenExpired),
        (json!({ "exp": 0 }), TokenExpired),
        (json!({ "nbf": NOW + 60 }), TokenNotYetValid),
        (json!({ "aud": "somebody else" }), Claims),
        (json!({ "aud": ["a", "b"] }), Claims),
        (json!({ "aud": [] }), Claims),
        (json!({ "aud": "" }), Claims),
        (json!({ "aud": "SHOP" }), Claims),
        (json!({ "aud": "shop " }), Claims),
        (json!({ "iss": "https://evil.test" }), Claims),
        (json!({ "iss": "https://issuer.test/" }), Claims),
        (json!({ "iss": "" }), Claims),
        (json!({ "exp": null }), Claims),
        (json!({ "iss": null }), Claims),
        (json!({ "aud": null }), Claims),
        (json!({ "exp": "1800000060" }), Malformed),
        (json!({ "exp": true }), Malformed),
        (json!({ "exp": [NOW + 60] }), Malformed),
        (json!({ "exp": {} }), Malformed),
        (json!({ "nbf": "0" }), Malformed),
        (json!({ "nbf": {} }), Malformed),
        (json!({ "aud": 7 }), Malformed),
        (json!({ "aud": { "shop": true } }), Malformed),
        (json!({ "aud": ["shop", 7] }), Malformed),
        (json!({ "aud": [["shop"]] }), Malformed),
        (json!({ "iss": 7 }), Malformed),
        (json!({ "iss": ["https://issuer.test"] }), Malformed),
    ] {
        let token = attack.signer.token(&attack.header(), &claims_with(others.clone()));
        attack.refused(token, reason, &others.to_string());
    }
    // A claim that is there and says nothing is missing, whatever removes it from the test's own claims.
    let token =
        attack.signer.token(&attack.header(), &json!({ "iss": ISSUER, "aud": AUDIENCE, "exp": null }));
    attack.refused(token, Claims, "exp is null");
}

#[test]
fn what_is_no_token_is_malformed() {
    let attack = Attack::on(Algorithm::ES256);
    let good = attack.good();
    let [header, payload, tag]: [&str; 3] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let part = |text: &str| encode(text);
    let header_of = |text: &str| format!("{}.{payload}.{tag}", part(text));
    let claims_of = |text: &str| format!("{header}.{}.{tag}", part(text));
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(2000), "]".repeat(2000));
    for (why, token) in [
        ("nothing", String::new()),
        ("a word", "token".into()),
        ("dots", "..".into()),
        ("two parts", format!("{header}.{payload}")),
        ("four parts", format!("{good}.{tag}")),
        ("five parts, as if encrypted", format!("{header}..{payload}.{tag}.{tag}")),
        ("empty header", format!(".{payload}.{tag}")),
        ("empty claims", format!("{header}..{tag}")),
        ("header not base64url", format!("{header}+.{payload}.{tag}")),
        ("header with padding", format!("{header}=.{payload}.{tag}")),
        ("claims not base64url", format!("{header}.{payload}/.{tag}")),
        ("claims with padding", format!("{header}.{payload}==.{tag}")),
        ("signature not base64url", format!("{header}.{payload}.{tag}!")),
        ("signature with padding", format!("{header}.{payload}.{tag}==")),
        ("space within", format!("{header}. {payload}.{tag}")),
        ("line end", format!("{good}\n")),
        ("header no JSON", header_of("alg=ES256")),
        ("header cut off", header_of("{\"alg\":\"ES256\"")),
        ("header with more after it", header_of("{\"alg\":\"ES256\"}{}")),
        ("header a list", header_of("[\"ES256\"]")),
        ("header without alg", header_of("{\"kid\":\"k\"}")),
        ("alg a number", header_of("{\"alg\":256}")),
        ("alg null", header_of("{\"alg\":null}")),
        ("alg a list", header_of("{\"alg\":[\"ES256\"]}")),
        ("alg twice", header_of("{\"alg\":\"none\",\"alg\":\"ES256\"}")),
        ("kid a number", header_of("{\"alg\":\"ES256\",\"kid\":7}")),
        ("kid an object", header_of("{\"alg\":\"ES256\",\"kid\":{}}")),
        ("crit", header_of("{\"alg\":\"ES256\",\"kid\":\"k\",\"crit\":[\"exp\"]}")),
        ("crit, empty", header_of("{\"alg\":\"ES256\",\"kid\":\"k\",\"crit\":[]}")),
        ("crit null", header_of("{\"alg\":\"ES256\",\"kid\":\"k\",\"crit\":null}")),
        ("b64", header_of("{\"alg\":\"ES256\",\"kid\":\"k\",\"b64\":false}")),
        ("b64 and crit", header_of("{\"alg\":\"ES256\",\"kid\":\"k\",\"b64\":false,\"crit\":[\"b64\"]}")),
        ("claims no JSON", claims_of("sub=7")),
        ("claims a text", claims_of("\"7\"")),
        ("claims a list", claims_of("[]")),
        ("claims null", claims_of("null")),
        ("claims a token, nested", claims_of(&good)),
        ("claims too deep", claims_of(&deep)),
    ] {
        attack.refused(&token, Reason::TokenMalformed, why);
    }
    attack.refused(b"\xff\xfe.a.b", Reason::TokenMalformed, "bytes that are no text");
    let invalid = format!("{header}.{}.{tag}", encode(b"{\"sub\":\"\xff\"}"));
    attack.refused(invalid, Reason::TokenMalformed, "claims that are no text");
    let huge = attack.signer.token(&attack.header(), &claims_with(json!({ "x": "y".repeat(13_000) })));
    attack.refused(&huge, Reason::TokenMalformed, "huge");
    let large = attack.signer.token(&attack.header(), &claims_with(json!({ "x": "y".repeat(11_000) })));
    assert!(decide(large.as_bytes(), &attack.keys).is_ok());
}

#[test]
fn a_good_token_with_other_letters_is_another_token() {
    let attack = Attack::on(Algorithm::EdDSA);
    let good = attack.good();
    assert!(decide(good.as_bytes(), &attack.keys).is_ok());
    for at in 0..good.len() {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        assert!(decide(&bytes, &attack.keys).is_err(), "{at}");
        bytes.truncate(at);
        assert!(decide(&bytes, &attack.keys).is_err(), "{at}");
    }
}

#[test]
fn no_detail_holds_the_token_or_what_is_long() {
    let attack = Attack::on(Algorithm::ES256);
    let long = "x".repeat(5_000);
    for token in [
        attack.signer.token(&json!({ "alg": "ES256", "kid": long }), &claims()),
        unsigned(&json!({ "alg": long }), &claims()) + ".AAAA",
        attack.signer.token(&attack.header(), &claims_with(json!({ "iss": long }))),
    ] {
        let rejected = decide(token.as_bytes(), &attack.keys).unwrap_err();
        assert!(rejected.detail.len() < 200, "{}", rejected.detail);
    }
}
