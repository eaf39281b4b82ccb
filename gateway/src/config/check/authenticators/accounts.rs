//! Lists of names and secrets: what API keys and users of `basic` have in common.

use std::{collections::HashMap, sync::Arc, time::SystemTime};

use serde_json::{Map, Value};

use crate::{
    config::{check::Check, de::UNKNOWN, error::Problem},
    policy::authentication::{Account, Accounts, Identity, SCOPE_CLAIMS, SecretHash, is_scope},
    value::{Located, Name, Place, Quota, Secret, Timestamp},
};

/// What is better than a SHA-256 for what people choose.
const ARGON2ID: &str = "write the `argon2id` in its place that `glassgate password` makes";

/// An entry of a list, as it was written.
pub struct Entry<'c> {
    /// What it is called by: an id, a name.
    pub name: &'c Located<String>,
    /// Reading it has found a problem already.
    pub is_broken: bool,
    pub sha256: Option<&'c Located<Secret>>,
    pub argon2id: Option<&'c Located<Secret>>,
    pub scopes: &'c [Located<String>],
    pub expires: Option<Timestamp>,
    /// Claims that come from other keys of the entry.
    pub own: Vec<(&'static str, String)>,
    /// The operator's further claims.
    pub claims: &'c Located<Map<String, Value>>,
    /// The id, where it is an API key.
    pub api_key: Option<Box<str>>,
    /// What it has of rate limits.
    pub quotas: Box<[(Name, Quota)]>,
}

/// The list of an authenticator; `None` if any entry was refused.
pub fn check(
    check: &mut Check<'_>,
    authenticator: &str,
    what: &str,
    entries: &[Entry<'_>],
) -> Option<Arc<Accounts>> {
    let authenticator: Arc<str> = authenticator.into();
    let unique = unique(check, what, entries);
    let mut accounts = Vec::with_capacity(entries.len());
    for entry in entries {
        let (hash, claims) = (hash(check, what, entry), claims(check, entry));
        let account = hash.zip(claims).map(|(hash, claims)| {
            let (api_key, quotas) = (entry.api_key.clone(), entry.quotas.clone());
            let identity = Arc::new(Identity::new(authenticator.clone(), claims).with_key(api_key, quotas));
            let expires = entry.expires.map(Timestamp::get);
            (entry.name.as_str().into(), Account { hash, expires, identity })
        });
        accounts.push(account);
    }
    let accounts: Vec<_> = accounts.into_iter().collect::<Option<_>>()?;
    let hashes = accounts.iter().map(|(_, account): &(Box<str>, Account)| &account.hash);
    same_cost(check, what, entries, hashes);
    expired(check, what, entries);
    unique.then(|| Arc::new(Accounts::new(accounts)))
}

fn unique(check: &mut Check<'_>, what: &str, entries: &[Entry<'_>]) -> bool {
    let mut seen: HashMap<&str, &Place> = HashMap::with_capacity(entries.len());
    let mut unique = true;
    for Entry { name, .. } in entries {
        if let Some(first) = seen.insert(name.as_str(), name.place()) {
            let text = format!(
                "the {what} in line {} of `{}` is {} too; remove one",
                first.line,
                first.file,
                shown(what, name)
            );
            refuse(check, name.place(), text);
            unique = false;
        }
    }
    unique
}

fn hash(check: &mut Check<'_>, what: &str, entry: &Entry<'_>) -> Option<SecretHash> {
    let name = entry.name;
    let is_unknown = |hash: Option<&Located<Secret>>| hash.is_some_and(|hash| hash.expose() == UNKNOWN);
    if is_unknown(entry.sha256) || is_unknown(entry.argon2id) {
        return None;
    }
    let read = match (entry.sha256, entry.argon2id) {
        (Some(hash), None) => {
            let maker = if what == "key" { "`glassgate apikey new` writes one" } else { ARGON2ID };
            SecretHash::sha256(hash.expose()).map_err(|text| (hash.place(), format!("{text}; {maker}")))
        }
        (None, Some(hash)) => {
            SecretHash::argon2id(hash.expose()).map_err(|text| (hash.place(), text.to_owned()))
        }
        // What was given may have been refused.
        (None, None) if entry.is_broken => return None,
        (None, None) => {
            let text = format!(
                "the {what} {} has no hash of its secret; add `sha256` or `argon2id`",
                shown(what, name)
            );
            Err((name.place(), text))
        }
        (Some(_), Some(second)) => {
            let text = format!(
                "the {what} {} has two hashes; keep one of `sha256` and `argon2id`",
                shown(what, name)
            );
            Err((second.place(), text))
        }
    };
    read.map_err(|(place, text)| refuse(check, place, text)).ok()
}

fn claims(check: &mut Check<'_>, entry: &Entry<'_>) -> Option<Map<String, Value>> {
    let mut complete = true;
    for scope in entry.scopes.iter().filter(|scope| !is_scope(scope)) {
        let text =
            format!("`{}` is not a scope; write it without spaces and quotes, as in `orders:read`", **scope);
        refuse(check, scope.place(), text);
        complete = false;
    }
    let mut claims = (**entry.claims).clone();
    for taken in SCOPE_CLAIMS {
        complete &= is_free(check, entry, taken, "`scopes`");
    }
    for (name, value) in &entry.own {
        complete &= is_free(check, entry, name, "the other keys");
        claims.insert((*name).to_owned(), Value::String(value.clone()));
    }
    if !entry.scopes.is_empty() {
        let scopes: Vec<&str> = entry.scopes.iter().map(|scope| scope.as_str()).collect();
        claims.insert("scope".to_owned(), Value::String(scopes.join(" ")));
    }
    complete.then_some(claims)
}

fn is_free(check: &mut Check<'_>, entry: &Entry<'_>, claim: &str, from: &str) -> bool {
    let free = !entry.claims.contains_key(claim);
    if !free {
        let text = format!("the claim `{claim}` is made of {from}; remove it here");
        refuse(check, entry.claims.place(), text);
    }
    free
}

/// A refusal takes as long as the dearest hash, unless it is of a name whose own is cheaper.
fn same_cost<'h>(
    check: &mut Check<'_>,
    what: &str,
    entries: &[Entry<'_>],
    hashes: impl Iterator<Item = &'h SecretHash>,
) {
    let costs: Vec<_> =
        entries.iter().zip(hashes).filter_map(|(entry, hash)| Some((hash.cost()?, entry))).collect();
    let (Some(least), Some(most)) =
        (costs.iter().min_by_key(|(cost, _)| *cost), costs.iter().max_by_key(|(cost, _)| *cost))
    else {
        return;
    };
    if least.0 != most.0 {
        let text = format!(
            "its hash costs less than that of {}, so the time of a refusal tells that there is such a name; hash all with the same parameters",
            shown(what, most.1.name)
        );
        check.problems.push(Problem::warning(least.1.name.place().clone(), text));
    }
}

/// Who looks for the cause of a refusal finds it here.
fn expired(check: &mut Check<'_>, what: &str, entries: &[Entry<'_>]) {
    let now = SystemTime::now();
    for entry in entries.iter().filter(|entry| entry.expires.is_some_and(|expires| expires.get() <= now)) {
        let text = format!("the {what} {} has expired, so it is refused; remove it", shown(what, entry.name));
        check.problems.push(Problem::warning(entry.name.place().clone(), text));
    }
}

/// A name for messages, up to where a secret may follow by mistake: an id to the dot, a user to the colon.
pub fn shown(what: &str, name: &str) -> String {
    let end = if what == "key" { '.' } else { ':' };
    match name.split_once(end) {
        Some((begin, _)) => format!("`{begin}{end}***`"),
        None => format!("`{name}`"),
    }
}

/// In a file of its own, whose paths are not those of the configuration.
pub fn refuse(check: &mut Check<'_>, place: &Place, text: impl Into<String>) {
    check.problems.push(Problem::error(place.clone(), text));
}

/// The key path of the entry that a name stands in.
pub fn path_of(name: &Located<String>) -> &str {
    name.place().path.rsplit_once('.').map_or("", |(entry, _)| entry)
}
