//! `api_keys`: a file of keys, and where in a request they are.

use std::{num::NonZeroU16, sync::Arc};

use http::HeaderName;

use super::{
    accounts::{self, Entry, path_of, refuse},
    places,
};
use crate::{
    config::{
        check::{
            Check, policies,
            yaml::{self, Read},
        },
        de,
        error::Problem,
        masking::Document,
        tree::{self, Fault},
    },
    policy::authentication::{
        Accounts, Place,
        api_keys::{
            KEY_ID, LONGEST_ID,
            config::{ApiKeysConfig, KeyConfig, KeysFile, QuotaConfig},
            is_id, is_owner,
        },
    },
    value::{Name, Quota},
};

/// Where keys are if nothing is said.
const HEADER: HeaderName = HeaderName::from_static("x-api-key");

/// API keys that can be used.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiKeys {
    /// Where they are in a request, in the order in which one looks.
    pub places: Vec<Place>,
    /// The keys.
    pub accounts: Arc<Accounts>,
}

pub fn check(check: &mut Check<'_>, name: &str, config: &ApiKeysConfig) -> Option<ApiKeys> {
    let ApiKeysConfig { file, from } = config;
    let places = places::check(check, from, HEADER);
    let Read { value: KeysFile { keys }, broken } = yaml::read(check, file, "keys")?;
    if keys.is_empty() && broken.is_empty() {
        let text = "the file has no keys, so nobody is let in; add one that `glassgate apikey new` prints";
        check.problems.push(Problem::warning(file.place().clone(), text));
    }
    let mut complete = broken.is_empty();
    for key in keys.iter().filter(|key| !is_id(&key.id)) {
        // Not shown: it may be a whole key.
        let text = format!(
            "this is not the id of a key; write what stands before the dot, 1 to {LONGEST_ID} letters, digits, `_` and `-`"
        );
        refuse(check, key.id.place(), text);
        complete = false;
    }
    for owner in keys.iter().filter_map(|key| key.owner.as_ref()).filter(|owner| !is_owner(owner)) {
        let text = "this is not the name of an owner; write one without space around it, or remove it";
        refuse(check, owner.place(), text);
        complete = false;
    }
    let quotas: Vec<_> = keys.iter().map(|key| quotas(check, name, key)).collect();
    complete &= quotas.iter().all(Option::is_some);
    let entries: Vec<Entry<'_>> = keys
        .iter()
        .zip(quotas)
        // What else is wrong with others would be told by what may be a secret.
        .filter(|(key, _)| is_id(&key.id))
        .map(|(key, quotas)| Entry {
            name: &key.id,
            is_broken: broken.contains(path_of(&key.id)),
            sha256: key.sha256.as_ref(),
            argon2id: key.argon2id.as_ref(),
            scopes: &key.scopes,
            expires: key.expires,
            own: vec![
                ("sub", key.owner.as_ref().unwrap_or(&key.id).to_string()),
                (KEY_ID, key.id.to_string()),
            ],
            claims: &key.claims,
            api_key: Some(key.id.as_str().into()),
            quotas: quotas.unwrap_or_default(),
        })
        .collect();
    let accounts = accounts::check(check, name, "key", &entries)?;
    Some(ApiKeys { places: places?, accounts: complete.then_some(accounts)? })
}

/// What a key has of rate limits; `None` if anything of it was refused.
fn quotas(check: &mut Check<'_>, authenticator: &str, key: &KeyConfig) -> Option<Box<[(Name, Quota)]>> {
    let instances = check.counting.as_ref().map_or(NonZeroU16::MIN, |counting| counting.instances);
    let mut quotas = Vec::with_capacity(key.rate_limits.len());
    for (name, QuotaConfig { limit, burst }) in &key.rate_limits {
        check
            .quotas
            .entry((authenticator.to_owned(), (**name).clone()))
            .or_insert_with(|| name.place().clone());
        quotas.push(
            policies::quota(check, limit, burst.as_ref(), instances).map(|quota| ((**name).clone(), quota)),
        );
    }
    quotas.into_iter().collect()
}

/// The ids in a file of keys, in their order. What its variables and files of secrets hold does not matter.
///
/// # Errors
/// What is wrong with the file; not with the hashes and limits in it.
pub fn ids_of_keys(text: &str) -> Result<Vec<String>, String> {
    let told = |fault: &Fault| format!("line {}: {}", fault.place.line, fault.message);
    let (tree, faults) = tree::parse("keys".into(), text, &|_| Some("x".into()));
    if let Some(fault) = faults.first() {
        return Err(told(fault));
    }
    let tree = tree.ok_or("it is empty")?;
    let (value, findings) = de::read::<KeysFile>(&tree, Document::Accounts("keys"), &|_| Ok("x".into()));
    match (value, findings.faults.first()) {
        (Some(file), None) => Ok(file.keys.iter().map(|key| key.id.to_string()).collect()),
        (_, Some(fault)) => Err(told(fault)),
        (None, None) => Err("it is no file of keys".into()),
    }
}
