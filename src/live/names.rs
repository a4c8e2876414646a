//! The names of people, as chats and presence show them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::cache::{Cache, Lookup};
use crate::error::Result;
use crate::models::values::Nickname;
use crate::models::{User, UserId};
use crate::store::Database;

/// How old a name may get before it is read again, and how often that is checked.
const REFRESH_AGE: Duration = Duration::from_secs(30);
const REFRESH_INTERVAL: Duration = Duration::from_secs(10);
/// How long after its last use a name is read again.
const MAX_IDLE: Duration = Duration::from_secs(10 * 60);
/// How old a name may get while the database cannot be asked.
const MAX_AGE: Duration = Duration::from_secs(120);
/// The most bytes of all names.
const MAX_BYTES: usize = 4 << 20;
/// Names that are read in one query.
const BATCH: usize = 500;

/// The names that were asked for lately. One a site.
pub(super) struct Names {
    db: Arc<Database>,
    /// `None` for people who have deleted their account.
    cache: Arc<Cache<UserId, Option<Nickname>>>,
    /// Counts the names that have changed: what was rendered under a smaller number may show an old one.
    version: AtomicU64,
}

impl Names {
    pub(super) fn new(db: &Arc<Database>) -> Self {
        let cache = Cache::new(db.budget(), MAX_AGE, MAX_BYTES);
        Self { db: Arc::clone(db), cache, version: AtomicU64::default() }
    }

    /// Returns how many names have changed so far.
    pub(super) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Returns the names of people; `None` for those who have deleted their account.
    pub(super) async fn get(&self, of: impl Iterator<Item = UserId>) -> Result<HashMap<UserId, Option<Nickname>>> {
        let mut names = HashMap::new();
        let mut unknown = Vec::new();
        let version = self.cache.version();
        for user in of {
            match self.cache.get(&user) {
                Lookup::Hit(name) => drop(names.insert(user, name)),
                Lookup::Miss(_) if unknown.contains(&user) => {}
                Lookup::Miss(_) => unknown.push(user),
            }
        }
        for some in unknown.chunks(BATCH) {
            let mut found = User::nicknames(&self.db, some).await?;
            for user in some {
                let name = found.remove(user);
                self.cache.insert(version, *user, name.clone(), name.as_ref().map_or(0, |name| name.as_str().len()));
                names.insert(*user, name);
            }
        }
        Ok(names)
    }

    /// Returns a name if it is known without a query.
    pub(super) fn cached(&self, user: UserId) -> Option<Nickname> {
        match self.cache.get(&user) {
            Lookup::Hit(name) => name,
            Lookup::Miss(_) => None,
        }
    }

    /// Drops the name of a user, which has changed; without one all names.
    pub(super) fn invalidate(&self, user: Option<UserId>) {
        self.cache.invalidate(user.as_ref());
        self.version.fetch_add(1, Ordering::AcqRel);
    }

    /// Reads old names again, for ever, and calls `changed` with people whose name is another one: the signal that
    /// should have told so may be lost.
    pub(super) async fn refresh(&self, changed: impl Fn(UserId)) {
        let mut ticks = interval(REFRESH_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            for some in self.cache.older_than(REFRESH_AGE, MAX_IDLE).chunks(BATCH) {
                let (version, ids) = (self.cache.version(), some.iter().map(|(user, _)| *user).collect::<Vec<_>>());
                let mut found = match User::nicknames(&self.db, &ids).await {
                    Ok(found) => found,
                    Err(error) => {
                        log::debug!("names were not read again: {error}");
                        break;
                    }
                };
                for (user, before) in some {
                    let name = found.remove(user);
                    if name == *before {
                        self.cache.renew(version, user);
                    } else {
                        changed(*user);
                    }
                }
            }
        }
    }
}
