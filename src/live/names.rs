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

/// Maximum age of a name in use, and how often that is checked.
const REFRESH_AGE: Duration = Duration::from_secs(30);
const REFRESH_INTERVAL: Duration = Duration::from_secs(10);
const MAX_IDLE: Duration = Duration::from_secs(10 * 60);
/// Maximum age of a name while the database is unavailable.
const MAX_AGE: Duration = Duration::from_secs(120);
const MAX_BYTES: usize = 4 << 20;
const BATCH: usize = 500;

/// A cache of nicknames.
pub(super) struct NameCache {
    db: Arc<Database>,
    /// `None` for deleted accounts.
    cache: Arc<Cache<UserId, Option<Nickname>>>,
    /// Counts changes. What was rendered under a smaller version may show an old name.
    version: AtomicU64,
}

impl NameCache {
    pub(super) fn new(db: &Arc<Database>) -> Self {
        let cache = Cache::new(db.budget(), MAX_AGE, MAX_BYTES);
        Self { db: Arc::clone(db), cache, version: AtomicU64::default() }
    }

    pub(super) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Returns nicknames, `None` for deleted accounts.
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

    pub(super) fn cached(&self, user: UserId) -> Option<Nickname> {
        match self.cache.get(&user) {
            Lookup::Hit(name) => name,
            Lookup::Miss(_) => None,
        }
    }

    /// Drops a user's name. `None`: all names.
    pub(super) fn invalidate(&self, user: Option<UserId>) {
        self.cache.invalidate(user.as_ref());
        self.version.fetch_add(1, Ordering::AcqRel);
    }

    /// Re-reads old names forever and calls `changed` for each that differs: the event may have been lost.
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
