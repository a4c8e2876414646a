//! The list of open rooms, kept in memory: read in windows of 100 numbers, and again once it is a second old, or ten
//! where it only stands beside something else.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mongodb::bson::doc;

use super::Room;
use crate::error::Result;
use crate::models::{Database, patiently};

const WINDOW: i64 = 100;
/// How long the list may not know what another site did. What this site does it knows at once.
const STALE: Duration = Duration::from_secs(1);

/// The same where it is not what was asked for.
const LATELY: Duration = Duration::from_secs(10);

/// The list, or nothing yet.
#[derive(Default)]
pub(in crate::models) struct Directory {
    /// Read by every main page, written when it is stale and when a room is made or changed here; locked for lines.
    listing: Mutex<Listing>,
    /// Held by the one who reads the list. The windows whose rooms are all closed, for good: they are not read again.
    reading: tokio::sync::Mutex<HashSet<i64>>,
}

#[derive(Default)]
struct Listing {
    rooms: Vec<Arc<Room>>,
    /// The highest number seen.
    top: i64,
    read: Option<Instant>,
    /// Counts what was changed here, so that a list read meanwhile is not taken for new.
    version: u64,
}

impl Directory {
    /// All open rooms, the one with the latest chat first, rooms without one by their age.
    pub(super) async fn rooms(&self, db: &Database) -> Result<Vec<Arc<Room>>> {
        self.sorted(db, STALE).await
    }

    /// The same, from memory if it was read in the last ten seconds.
    pub(super) async fn rooms_lately(&self, db: &Database) -> Result<Vec<Arc<Room>>> {
        self.sorted(db, LATELY).await
    }

    async fn sorted(&self, db: &Database, stale: Duration) -> Result<Vec<Arc<Room>>> {
        let mut rooms = match self.fresh(stale) {
            Ok(rooms) => rooms,
            Err(_) => self.read(db).await?,
        };
        rooms.sort_by_cached_key(|room| Reverse((room.last_at(db).unwrap_or(room.at), room.no)));
        Ok(rooms)
    }

    /// The highest number seen.
    pub(super) fn top(&self) -> i64 {
        self.listing().top
    }

    /// Puts a room in that was just made.
    pub(super) fn add(&self, room: &Room) {
        let mut listing = self.listing();
        listing.top = listing.top.max(room.no);
        listing.rooms.push(Arc::new(room.clone()));
        listing.version += 1;
    }

    /// Has the list read again.
    pub(in crate::models) fn forget(&self) {
        let mut listing = self.listing();
        listing.read = None;
        listing.version += 1;
    }

    /// The list, or the version of it that is stale.
    fn fresh(&self, stale: Duration) -> Result<Vec<Arc<Room>>, u64> {
        let listing = self.listing();
        match listing.read {
            Some(read) if read.elapsed() < stale => Ok(listing.rooms.clone()),
            _ => Err(listing.version),
        }
    }

    /// Reads the list; whoever comes meanwhile waits for that.
    async fn read(&self, db: &Database) -> Result<Vec<Arc<Room>>> {
        let mut closed = patiently(self.reading.lock()).await?;
        let version = match self.fresh(STALE) {
            Ok(rooms) => return Ok(rooms),
            Err(version) => version,
        };
        let (rooms, top) = read_all(db, &mut closed).await?;
        let mut listing = self.listing();
        if listing.version == version {
            (listing.rooms, listing.top, listing.read) = (rooms.clone(), top, Some(Instant::now()));
        }
        Ok(rooms)
    }

    fn listing(&self) -> MutexGuard<'_, Listing> {
        self.listing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All open rooms and the highest number. Adds the windows that need not be read again to `closed`.
async fn read_all(db: &Database, closed: &mut HashSet<i64>) -> Result<(Vec<Arc<Room>>, i64)> {
    let (mut open, mut top) = (Vec::new(), 0);
    loop {
        let before = top;
        if closed.contains(&before) {
            top += WINDOW;
            continue;
        }
        let rooms: Vec<Room> = db.rooms.all(doc! { "no": { "$gt": before, "$lte": before + WINDOW } }).await?;
        top = rooms.iter().map(|room| room.no).max().unwrap_or(before);
        let is_full = rooms.len() as i64 == WINDOW;
        if is_full && rooms.iter().all(|room| !room.open) {
            closed.insert(before);
        }
        open.extend(rooms.into_iter().filter(|room| room.open).map(Arc::new));
        if !is_full {
            return Ok((open, top));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_beside_something_else_may_be_older_but_not_than_a_change_here() {
        let directory = Directory::default();
        let is_fresh = || [STALE, LATELY].map(|stale| directory.fresh(stale).is_ok());
        assert_eq!(is_fresh(), [false, false]);
        for (age, fresh) in [(0, [true, true]), (2, [false, true]), (11, [false, false])] {
            directory.listing().read = Instant::now().checked_sub(Duration::from_secs(age));
            assert_eq!(is_fresh(), fresh, "{age} s");
        }
        directory.listing().read = Some(Instant::now());
        directory.forget();
        assert_eq!(is_fresh(), [false, false]);
    }
}
