//! `basic`: users, in the configuration and in a file of their own.

use std::{collections::HashSet, sync::Arc};

use super::accounts::{self, Entry, path_of, refuse};
use crate::{
    config::check::{
        Check,
        yaml::{self, Read},
    },
    policy::authentication::{
        Accounts,
        basic::config::{BasicConfig, UserConfig, UsersFile},
    },
};

/// Characters of the longest name.
const LONGEST_NAME: usize = 64;

/// Users that can log in.
#[derive(Debug, Clone, PartialEq)]
pub struct Basic {
    /// The users.
    pub accounts: Arc<Accounts>,
}

pub fn check(check: &mut Check<'_>, path: &str, name: &str, config: &BasicConfig) -> Option<Basic> {
    let BasicConfig { users, file } = config;
    let Read { value: UsersFile { users: further }, broken } = match file {
        Some(file) => yaml::read(check, file, "users")?,
        None => Read { value: UsersFile { users: Vec::new() }, broken: HashSet::new() },
    };
    // Each with whether reading has found a problem in it.
    let own = users.iter().map(|user| (user, check.broken.contains(path_of(&user.name))));
    let further = further.iter().map(|user| (user, broken.contains(path_of(&user.name))));
    let all: Vec<(&UserConfig, bool)> = own.chain(further).collect();
    if all.is_empty() && !check.broken.contains(path) {
        let place = check.place(path);
        check.error(place, "there are no users, so nobody is let in; list them in `users`, or name a `file`");
        return None;
    }
    let mut complete = broken.is_empty();
    for (user, _) in all.iter().filter(|(user, _)| !is_name(&user.name)) {
        // What comes after a colon may be a password.
        let text = format!(
            "{} is not a name to log in with; write 1 to {LONGEST_NAME} characters without `:`",
            accounts::shown("user", &user.name)
        );
        refuse(check, user.name.place(), text);
        complete = false;
    }
    let entries: Vec<Entry<'_>> = all
        .iter()
        .map(|(user, is_broken)| Entry {
            name: &user.name,
            is_broken: *is_broken,
            sha256: user.sha256.as_ref(),
            argon2id: user.argon2id.as_ref(),
            scopes: &user.scopes,
            expires: None,
            own: vec![("sub", user.name.to_string())],
            claims: &user.claims,
            api_key: None,
            quotas: Box::default(),
        })
        .collect();
    let accounts = accounts::check(check, name, "user", &entries)?;
    complete.then_some(Basic { accounts })
}

/// What comes before the first colon, as far as people can type it (RFC 7617 section 2).
fn is_name(text: &str) -> bool {
    (1..=LONGEST_NAME).contains(&text.chars().count())
        && !text.chars().any(|character| character == ':' || character.is_control())
}
