//! A browser that people signed in with. Its cookie says so; nothing of it is stored here.
//!
//! The cookie holds a random id, a mark that the id is ours, and a mark for each account. A mark is an HMAC with the
//! secret of the two servers, so nobody without that secret can claim to have signed in. See `models/throttle.rs`.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::UserId;
use crate::error::{Error, Result};
use crate::ticket::Secret;

/// Characters of an id and of a mark: 128 bits in base64url.
const PART_LENGTH: usize = 22;
/// Accounts that one browser is known to; the next one takes the place of the oldest.
const MAX_ACCOUNTS: usize = 4;

/// A browser, with the accounts that it signed in to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Device {
    id: String,
    /// The mark of the id.
    signature: String,
    /// The marks of accounts, the oldest first.
    accounts: Vec<String>,
}

impl Device {
    /// Makes one that no account knows.
    ///
    /// # Errors
    /// `Internal` without random bits.
    pub(crate) fn new(secret: &Secret) -> Result<Self> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| Error::Internal(error.to_string()))?;
        let id = BASE64_URL_SAFE_NO_PAD.encode(random);
        Ok(Self { signature: secret.sign(&id_subject(&id)), id, accounts: Vec::new() })
    }

    /// Reads what [`Device`] writes. What this site did not write is none.
    pub fn parse(secret: &Secret, text: &str) -> Option<Self> {
        if !text.is_ascii() || !text.len().is_multiple_of(PART_LENGTH) || text.len() > PART_LENGTH * (2 + MAX_ACCOUNTS)
        {
            return None;
        }
        let mut parts = (0..text.len()).step_by(PART_LENGTH).map(|at| text[at..at + PART_LENGTH].to_owned());
        let (id, mark) = (parts.next()?, parts.next()?);
        secret.verify_signature(&mark, &id_subject(&id)).then(|| Self {
            signature: mark,
            accounts: parts.collect(),
            id,
        })
    }

    /// The random id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// How many accounts know it.
    pub(crate) fn account_count(&self) -> usize {
        self.accounts.len()
    }

    /// Whether it signed in to this account.
    pub(crate) fn has_signed_in(&self, secret: &Secret, user: UserId) -> bool {
        self.accounts.iter().any(|mark| secret.verify_signature(mark, &account_subject(&self.id, user)))
    }

    /// Returns the same browser after it signed in to this account.
    pub(crate) fn with_account(mut self, secret: &Secret, user: UserId) -> Self {
        let mark = secret.sign(&account_subject(&self.id, user));
        self.accounts.retain(|other| *other != mark);
        if self.accounts.len() >= MAX_ACCOUNTS {
            self.accounts.remove(0);
        }
        self.accounts.push(mark);
        self
    }
}

impl fmt::Display for Device {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}{}{}", self.id, self.signature, self.accounts.concat())
    }
}

fn id_subject(id: &str) -> String {
    format!("device {id}")
}

fn account_subject(id: &str, user: UserId) -> String {
    format!("device {id} of {user}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_known_to_the_accounts_that_it_signed_in_to() {
        let secret = Secret::from_config("a secret of some length").unwrap();
        let users: Vec<UserId> = (0..=MAX_ACCOUNTS).map(|_| UserId::new()).collect();
        let mut device = Device::new(&secret).unwrap();
        assert!(!device.has_signed_in(&secret, users[0]));
        for user in &users {
            device = device.with_account(&secret, *user);
            device = Device::parse(&secret, &device.to_string()).unwrap();
            assert!(device.has_signed_in(&secret, *user));
        }
        assert!(!device.has_signed_in(&secret, users[0]), "the oldest has gone");
        assert!(users[1..].iter().all(|user| device.has_signed_in(&secret, *user)));
        let again = device.clone().with_account(&secret, users[2]);
        assert_eq!(again.to_string().len(), device.to_string().len());
    }

    #[test]
    fn what_another_site_or_nobody_wrote_is_no_browser() {
        let secret = Secret::from_config("a secret of some length").unwrap();
        let other = Secret::from_config("another secret of some length").unwrap();
        let user = UserId::new();
        let theirs = Device::new(&other).unwrap().with_account(&other, user);
        let ours = Device::new(&secret).unwrap().with_account(&secret, user);
        let mixed = format!("{}{}", &ours.to_string()[..2 * PART_LENGTH], &theirs.to_string()[2 * PART_LENGTH..]);
        assert!(!Device::parse(&secret, &mixed).unwrap().has_signed_in(&secret, user));
        let long = format!("{ours}{}", "A".repeat(MAX_ACCOUNTS * PART_LENGTH));
        for text in ["", "A", &theirs.to_string(), &"A".repeat(66), &"가".repeat(22), &ours.to_string()[1..], &long] {
            assert_eq!(Device::parse(&secret, text), None, "{text}");
        }
    }
}
