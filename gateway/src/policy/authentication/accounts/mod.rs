//! Who is known here by a name and a secret: API keys and users of `basic`.
//!
//! Nothing that a caller can see or measure tells a name that exists from one that does not. A wrong secret and an
//! unknown name get the same answer after the same work: where any secret of the list is kept as Argon2id, every
//! refusal costs one, the dearest of the list.
//!
//! Such work takes milliseconds, and is not done here: [`Accounts::check`] answers [`Verdict::Costly`], somebody solves
//! it where it holds up nobody, and [`Accounts::settle`] says what it means. Secrets that were right are remembered by a
//! keyed hash of name, secret and what is kept of it, so that the next request with the same one costs microseconds. The
//! memory is bounded. A list that follows another one goes on with its memory: what was found out about a hash stays
//! true, and counts as long as a name has that hash.

mod hash;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, fmt, sync::Arc, time::SystemTime};

use moka::sync::Cache;

pub use hash::{Argon2id, SecretHash};

use super::{
    Fit, Identity, Rejected,
    fingerprint::{Fingerprint, Fingerprints},
};
use crate::reason::Reason;

/// Secrets kept as Argon2id that are remembered after they were right, a few hundred bytes each.
const MOST_REMEMBERED: u64 = 10_000;

/// Bytes of the longest secret that is looked at.
pub const LONGEST_SECRET: usize = 1024;

/// Somebody who is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// What is kept of the secret.
    pub hash: SecretHash,
    /// From then on the secret is worth nothing; `None` is never.
    pub expires: Option<SystemTime>,
    /// Who it is.
    pub identity: Arc<Identity>,
}

/// A list of accounts by name, and what was found out about secrets of theirs. Clones share both.
#[derive(Clone)]
pub struct Accounts {
    accounts: Arc<HashMap<Box<str>, Account, foldhash::fast::RandomState>>,
    /// `None` where every secret is cheap.
    expense: Option<Expense>,
}

/// What Argon2id needs beyond the accounts.
#[derive(Clone)]
struct Expense {
    /// What the secret of an unknown name is compared with.
    decoy: Arc<Argon2id>,
    memory: Arc<Memory>,
}

/// Secrets that were right.
struct Memory {
    fingerprints: Fingerprints,
    right: Cache<Fingerprint, ()>,
}

/// What comes of a name and a secret.
#[derive(Debug)]
pub enum Verdict {
    /// They are right.
    Known(Arc<Identity>),
    /// They are not.
    Refused(Refused),
    /// A hash must be computed first.
    Costly(Costly),
}

/// A hash to compute: milliseconds and megabytes.
pub struct Costly {
    /// The same for the same name, secret and hash, so that those who ask at the same time can share the work.
    pub fingerprint: Fingerprint,
    hash: Arc<Argon2id>,
    is_decoy: bool,
    secret: Box<[u8]>,
}

/// Why a name and a secret are refused. For the operator; a caller is only told [`Reason::CredentialsInvalid`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nobody has this name. It is not shown: it may be a secret in the wrong place.
    #[error("nobody of this name is known")]
    Unknown,
    /// The secret is another.
    #[error("the secret of `{0}` is another")]
    Wrong(Box<str>),
    /// The secret is right, and too old.
    #[error("`{0}` has expired")]
    Expired(Box<str>),
}

impl From<Refused> for Rejected {
    /// An unknown name and a wrong secret may both belong to another list, which is asked next: stopping at one of them
    /// would tell which it was.
    fn from(refused: Refused) -> Self {
        let detail = refused.to_string();
        let (fit, account) = match refused {
            Refused::Unknown => (Fit::Unknown, None),
            Refused::Wrong(name) => (Fit::Unknown, Some(name)),
            Refused::Expired(name) => (Fit::Own, Some(name)),
        };
        Self { fit, account, ..Self::new(Reason::CredentialsInvalid, detail) }
    }
}

impl Accounts {
    /// A list. Names are unique.
    pub fn new(accounts: impl IntoIterator<Item = (Box<str>, Account)>) -> Self {
        let accounts: HashMap<_, _, _> = accounts.into_iter().collect();
        let costly = accounts.values().filter_map(|account: &Account| match &account.hash {
            SecretHash::Argon2id(hash) => Some(hash),
            SecretHash::Sha256(_) => None,
        });
        let dearest = costly.max_by_key(|hash| hash.cost());
        let expense = dearest.map(|hash| Expense::new(hash));
        Self { accounts: Arc::new(accounts), expense }
    }

    /// The same list, which goes on with what another one has found out.
    pub fn following(&self, before: &Self) -> Self {
        let both = self.expense.as_ref().zip(before.expense.as_ref());
        let expense = both.map(|(own, before)| Expense { memory: before.memory.clone(), ..own.clone() });
        Self { accounts: self.accounts.clone(), expense: expense.or_else(|| self.expense.clone()) }
    }

    /// Judges a name and a secret.
    pub fn check(&self, name: &str, secret: &[u8], now: SystemTime) -> Verdict {
        // Whoever sends this much has no secret of ours, whatever the name.
        if secret.len() > LONGEST_SECRET {
            return Verdict::Refused(Refused::Unknown);
        }
        let account = self.accounts.get(name);
        let hash = account.map_or(&NOBODY, |account| &account.hash);
        if matches!(hash, SecretHash::Sha256(_)) && hash.is_of(secret) {
            return self.settle(name, true, now).into();
        }
        let Some(expense) = &self.expense else { return self.settle(name, false, now).into() };
        let (hash, is_decoy) = match hash {
            SecretHash::Argon2id(hash) => (hash, false),
            SecretHash::Sha256(_) => (&expense.decoy, true),
        };
        let fingerprint = expense.fingerprint(name, secret, hash);
        if self.knows(fingerprint) {
            return self.settle(name, true, now).into();
        }
        Verdict::Costly(Costly { fingerprint, hash: hash.clone(), is_decoy, secret: secret.into() })
    }

    /// Whether a secret is remembered as right.
    pub fn knows(&self, fingerprint: Fingerprint) -> bool {
        self.expense.as_ref().is_some_and(|expense| expense.memory.right.get(&fingerprint).is_some())
    }

    /// What it means that a [`Costly`] was right or not. A right one is remembered for the next request.
    pub fn learn(&self, fingerprint: Fingerprint, right: bool) {
        if let Some(expense) = self.expense.as_ref().filter(|_| right) {
            expense.memory.right.insert(fingerprint, ());
        }
    }

    /// Who it is, now that it is known whether the secret is right.
    ///
    /// # Errors
    /// The secret is not right, or the account has expired.
    pub fn settle(&self, name: &str, right: bool, now: SystemTime) -> Result<Arc<Identity>, Refused> {
        let account = self.accounts.get(name).ok_or(Refused::Unknown)?;
        if !right {
            return Err(Refused::Wrong(name.into()));
        }
        match account.expires {
            Some(expires) if expires <= now => Err(Refused::Expired(name.into())),
            _ => Ok(account.identity.clone()),
        }
    }
}

/// What the secret of an unknown name is compared with where no secret is costly. Nobody knows a text with this digest.
const NOBODY: SecretHash = SecretHash::Sha256([0; 32]);

impl From<Result<Arc<Identity>, Refused>> for Verdict {
    fn from(settled: Result<Arc<Identity>, Refused>) -> Self {
        settled.map_or_else(Self::Refused, Self::Known)
    }
}

impl Expense {
    fn new(dearest: &Argon2id) -> Self {
        let memory = Memory { fingerprints: Fingerprints::new(), right: Cache::new(MOST_REMEMBERED) };
        Self { decoy: Arc::new(dearest.decoy()), memory: Arc::new(memory) }
    }

    /// Another hash of the same name is another question.
    fn fingerprint(&self, name: &str, secret: &[u8], hash: &Argon2id) -> Fingerprint {
        let (parameters, salt, digest) = hash.parts();
        self.memory.fingerprints.of(&[name.as_bytes(), secret, &parameters, salt, digest])
    }
}

impl Costly {
    /// Whether the secret is right. Takes milliseconds and megabytes, for a decoy as for any other.
    pub fn solve(&self) -> bool {
        let right = self.hash.is_of(&self.secret);
        right && !self.is_decoy
    }
}

/// Whether another list holds the same, so that what was found out about this one holds for it.
impl PartialEq for Accounts {
    fn eq(&self, other: &Self) -> bool {
        self.accounts == other.accounts
    }
}

/// Without the secrets.
impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decoy = self.expense.as_ref().map(|expense| &expense.decoy);
        f.debug_struct("Accounts").field("count", &self.accounts.len()).field("dearest", &decoy).finish()
    }
}

/// Without the secret.
impl fmt::Debug for Costly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Costly").field(&self.hash).finish()
    }
}
