//! A browser that signed in before. Its cookie holds all state; the server stores none.
//!
//! The cookie holds a random id, a signature of the id and one signature for each account. They are HMACs with the
//! servers' secret, so a client cannot forge a past sign-in. See `user/throttle.rs`.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::UserId;
use crate::error::{Error, Result};
use crate::ticket::Secret;

/// Characters of an id and of a signature: 128 bits in base64url.
const PART_LENGTH: usize = 22;
/// Accounts in one cookie. A further one replaces the oldest.
const MAX_ACCOUNTS: usize = 4;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Device {
    id: String,
    signature: String,
    /// Signatures of accounts, the oldest first.
    accounts: Vec<String>,
}

impl Device {
    pub(crate) fn new(secret: &Secret) -> Result<Self> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| Error::Internal(error.to_string()))?;
        let id = BASE64_URL_SAFE_NO_PAD.encode(random);
        Ok(Self { signature: secret.sign(&id_subject(&id)), id, accounts: Vec::new() })
    }

    /// Parses a cookie. Returns `None` unless this site signed it.
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

    pub fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn account_count(&self) -> usize {
        self.accounts.len()
    }

    pub(crate) fn has_signed_in(&self, secret: &Secret, user: UserId) -> bool {
        self.accounts.iter().any(|mark| secret.verify_signature(mark, &account_subject(&self.id, user)))
    }

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
