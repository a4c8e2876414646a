//! Whether the readers of a live room may still read it.
//!
//! A reader is checked once, when the feed opens. An entry that ends a membership, or a room that becomes closed, makes
//! readers check again before they get what follows.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::models::UserId;

/// Beyond this number all readers check again.
const MAX_USERS: usize = 1_000;

#[derive(Default)]
pub(super) struct RoomAccess {
    /// Counts revocations.
    generation: AtomicU64,
    revoked: Mutex<Revoked>,
}

#[derive(Default)]
struct Revoked {
    /// The last revocation by user.
    users: HashMap<UserId, u64>,
    /// The last revocation that concerns all users.
    all: u64,
}

impl RoomAccess {
    /// Makes users check again. Called before what follows the revocation is handed out.
    pub(super) fn revoke(&self, users: &[UserId]) {
        if users.is_empty() {
            return;
        }
        let mut revoked = self.revoked.lock();
        let generation = self.generation.load(Ordering::Acquire) + 1;
        if revoked.users.len() + users.len() > MAX_USERS {
            revoked.users.clear();
            revoked.all = generation;
        } else {
            revoked.users.extend(users.iter().map(|user| (*user, generation)));
        }
        self.generation.store(generation, Ordering::Release);
    }

    pub(super) fn revoke_all(&self) {
        let mut revoked = self.revoked.lock();
        revoked.all = self.generation.load(Ordering::Acquire) + 1;
        self.generation.store(revoked.all, Ordering::Release);
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Returns whether a user who was checked at a generation has to be checked again.
    pub(super) fn is_outdated(&self, user: UserId, checked: u64) -> bool {
        if self.generation() == checked {
            return false;
        }
        let revoked = self.revoked.lock();
        revoked.all.max(revoked.users.get(&user).copied().unwrap_or_default()) > checked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_those_who_lost_access_are_checked_again() {
        let access = RoomAccess::default();
        let [one, other] = [UserId::new(), UserId::new()];
        let checked = access.generation();
        access.revoke(&[one]);
        assert!(access.is_outdated(one, checked) && !access.is_outdated(other, checked));
        assert!(!access.is_outdated(one, access.generation()));
        access.revoke_all();
        assert!(access.is_outdated(other, checked));
        let checked = access.generation();
        let many: Vec<UserId> = (0..=MAX_USERS).map(|_| UserId::new()).collect();
        access.revoke(&many);
        assert!(access.is_outdated(other, checked), "nobody is forgotten");
    }
}
