//! The users, by id and by e-mail address.

use std::collections::{BTreeMap, HashMap};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use jiff::Timestamp;

use super::model::{Changes, NewUser, User};
use super::no_user;
use crate::seed;
use crate::service::problem::Problem;
use crate::service::row::{self, Row};

/// All users.
#[derive(Debug)]
pub struct Users(RwLock<Tables>);

#[derive(Debug)]
struct Tables {
    rows: BTreeMap<u64, Row<User>>,
    /// Lower-case address to id.
    emails: HashMap<String, u64>,
    next_id: u64,
}

impl Users {
    /// The users that are there at the start.
    pub fn seeded() -> Users {
        let rows: BTreeMap<_, _> = (1..=seed::USERS).map(|id| (id, Row::new(seed::user(id)))).collect();
        let emails = rows.values().map(|user| (user.email.to_lowercase(), user.id));
        Users(RwLock::new(Tables { emails: emails.collect(), rows, next_id: seed::USERS + 1 }))
    }

    /// The first users by id, as JSON.
    pub fn list(&self, limit: usize) -> Vec<u8> {
        row::array(self.read().rows.values().take(limit))
    }

    /// These users, as JSON; ids that nobody has are left out.
    pub fn batch(&self, ids: &[u64], limit: usize) -> Vec<u8> {
        let tables = self.read();
        row::array(ids.iter().filter_map(|id| tables.rows.get(id)).take(limit))
    }

    /// One user as JSON.
    pub fn get(&self, id: u64) -> Option<Vec<u8>> {
        self.read().rows.get(&id).map(Row::json)
    }

    /// The user with this address, whatever its case.
    pub fn by_email(&self, email: &str) -> Option<User> {
        let tables = self.read();
        let id = tables.emails.get(&email.to_lowercase())?;
        tables.rows.get(id).map(|user| User::clone(user))
    }

    /// The new user's id and JSON; 409 if the address is taken.
    pub fn create(&self, new: NewUser) -> Result<(u64, Vec<u8>), Problem> {
        let mut tables = self.write();
        let id = tables.next_id;
        tables.claim(&new.email, id)?;
        tables.next_id += 1;
        let user =
            Row::new(User { id, name: new.name, email: new.email, created_at: Timestamp::now().to_string() });
        let json = user.json();
        tables.rows.insert(id, user);
        Ok((id, json))
    }

    /// The changed user as JSON; 404, or 409 if the new address is taken.
    pub fn change(&self, id: u64, changes: Changes) -> Result<Vec<u8>, Problem> {
        let mut guard = self.write();
        let tables = &mut *guard;
        let old = match tables.rows.get(&id) {
            Some(user) => user.email.to_lowercase(),
            None => return Err(no_user(id)),
        };
        if let Some(email) = &changes.email {
            tables.claim(email, id)?;
            if old != email.to_lowercase() {
                tables.emails.remove(&old);
            }
        }
        let user = tables.rows.get_mut(&id).ok_or_else(|| no_user(id))?;
        user.update(|user| {
            user.name = changes.name.unwrap_or_else(|| user.name.clone());
            user.email = changes.email.unwrap_or_else(|| user.email.clone());
        });
        Ok(user.json())
    }

    /// Deletes one user; their address may be used again.
    pub fn remove(&self, id: u64) -> Result<(), Problem> {
        let mut tables = self.write();
        let user = tables.rows.remove(&id).ok_or_else(|| no_user(id))?;
        tables.emails.remove(&user.email.to_lowercase());
        Ok(())
    }

    // Nothing below the locks panics half-way, so poison says nothing.

    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Tables> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    /// Gives the address to user `id`, unless another has it.
    fn claim(&mut self, email: &str, id: u64) -> Result<(), Problem> {
        let owner = *self.emails.entry(email.to_lowercase()).or_insert(id);
        if owner == id {
            Ok(())
        } else {
            Err(Problem::conflict(format!("the e-mail address {email} is taken")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(email: &str) -> NewUser {
        NewUser { name: "Ada".to_owned(), email: email.to_owned() }
    }

    fn change(email: &str) -> Changes {
        Changes { name: None, email: Some(email.to_owned()) }
    }

    #[test]
    fn an_address_is_unique_whatever_its_case_until_it_is_given_up() {
        let users = Users::seeded();
        let (id, _) = users.create(new("Ada@Example.com")).expect("free");
        assert_eq!(id, seed::USERS + 1);
        users.create(new("ada@example.COM")).expect_err("taken");
        users.change(1, change("ADA@example.com")).expect_err("taken");
        users.change(id, change("ada@EXAMPLE.com")).expect("their own");
        users.change(id, change("ada@elsewhere.com")).expect("free");
        users.create(new("ada@example.com")).expect("given up by a change");
        users.remove(id).expect("was there");
        let (next, _) = users.create(new("ada@elsewhere.com")).expect("given up by a deletion");
        assert_eq!(next, id + 2, "ids are not used again");
        assert_eq!(users.remove(id), Err(no_user(id)));
    }

    #[test]
    fn a_batch_leaves_out_ids_that_nobody_has() {
        let users = Users::seeded();
        let json = users.batch(&[2, 7_777, 1_000], 10);
        let rows: Vec<serde_json::Value> = serde_json::from_slice(&json).expect("JSON");
        let ids: Vec<_> = rows.iter().map(|row| row["id"].as_u64()).collect();
        assert_eq!(ids, [Some(2), Some(1_000)]);
    }
}
