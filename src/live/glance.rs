//! What the list of rooms says about each: its last chat, and how many people are there. A page never waits long for
//! that, and what was read of a log is kept until the log has grown.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::hub::Hub;
use crate::error::Result;
use crate::models::{Room, RoomId};
use crate::views::room::{Excerpt, Glance, Said};

/// Rooms whose last chat is kept, a few hundred bytes each, before all are forgotten.
const ROOMS: usize = 4_096;
/// Logs that are read at once: a crowd on the main page leaves most of the connections to others.
const READINGS: usize = 16;
/// How long a page waits for what it can do without.
const PATIENCE: Duration = Duration::from_millis(500);

/// The last chats that are known.
pub(super) struct Lasts {
    /// Read and filled by the main page; locked for lines.
    known: Mutex<HashMap<RoomId, Known>>,
    /// Counts how often all was forgotten, so that what was read before is not taken for new.
    version: AtomicU64,
    /// Taken by who reads a log.
    readings: Semaphore,
}

/// A room's last chat, if it has one, and how far its log was read for that.
struct Known {
    upto: i64,
    excerpt: Option<Arc<Excerpt>>,
}

impl Hub {
    /// What the list says about rooms, in their order. What the database does not tell in time is left out.
    pub async fn glances(&self, rooms: &[Arc<Room>]) -> Vec<Glance> {
        let last = async |room: &Room| timeout(PATIENCE, self.last(room)).await.ok()?.ok()?;
        let lasts = join_all(rooms.iter().map(|room| last(room))).await;
        let authors = lasts.iter().flatten().map(|excerpt| excerpt.author);
        // Chats without the names of those who said them are left out too.
        let names = timeout(PATIENCE, self.names(authors)).await.ok().and_then(Result::ok).unwrap_or_default();
        let said = |room: &Room| {
            // What was taken above may have been removed while the names were asked for.
            let excerpt = self.lasts.known(room.id, room.upto(&self.db))??;
            Some(Said::new(&excerpt, names.get(&excerpt.author)?.as_ref()))
        };
        rooms.iter().map(|room| Glance { said: said(room), here: self.here(room.id) }).collect()
    }

    /// How many people are in a room, as far as this site knows: where nobody of its own is, it knows of none.
    pub fn here(&self, room: RoomId) -> usize {
        self.live(room).map_or(0, |live| live.presence.here().borrow().view.count)
    }

    /// A room's last chat.
    async fn last(&self, room: &Room) -> Result<Option<Arc<Excerpt>>> {
        let known = || self.lasts.known(room.id, room.upto(&self.db));
        if let Some(excerpt) = known() {
            return Ok(excerpt);
        }
        // Never closed. Somebody else may have read it meanwhile.
        let _turn = self.lasts.readings.acquire().await;
        if let Some(excerpt) = known() {
            return Ok(excerpt);
        }
        let version = self.lasts.version();
        let last = room.log(&self.db).last().await?;
        let excerpt = last.chat.map(|chat| Arc::new(Excerpt::of(&chat)));
        if self.lasts.version() == version {
            self.lasts.learn(room.id, Known { upto: last.upto, excerpt: excerpt.clone() });
        }
        Ok(excerpt)
    }
}

impl Default for Lasts {
    fn default() -> Self {
        Self { known: Mutex::default(), version: AtomicU64::default(), readings: Semaphore::new(READINGS) }
    }
}

impl Lasts {
    /// What is known of a room whose log reaches to `upto`; `None` when that was not read yet.
    fn known(&self, room: RoomId, upto: i64) -> Option<Option<Arc<Excerpt>>> {
        self.all().get(&room).filter(|known| known.upto >= upto).map(|known| known.excerpt.clone())
    }

    fn learn(&self, room: RoomId, known: Known) {
        let mut all = self.all();
        if all.len() >= ROOMS && !all.contains_key(&room) {
            all.clear();
        }
        // Who read farther may have come first.
        if all.get(&room).is_none_or(|before| before.upto <= known.upto) {
            all.insert(room, known);
        }
    }

    /// Has all be read again.
    pub(super) fn forget(&self) {
        self.version.fetch_add(1, Ordering::Relaxed);
        self.all().clear();
    }

    fn version(&self) -> u64 {
        self.version.load(Ordering::Relaxed)
    }

    fn all(&self) -> MutexGuard<'_, HashMap<RoomId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(number: usize) -> RoomId {
        format!("{number:024x}").parse().unwrap()
    }

    #[test]
    fn what_was_read_is_known_until_the_log_has_grown() {
        let (lasts, room, other) = (Lasts::default(), room(1), room(2));
        let is_known = |room, upto| lasts.known(room, upto).is_some();
        assert!(!is_known(room, 0));
        lasts.learn(room, Known { upto: 4, excerpt: None });
        assert!(is_known(room, 4) && is_known(room, 3) && !is_known(room, 5) && !is_known(other, 0));
        lasts.learn(room, Known { upto: 6, excerpt: None });
        lasts.learn(room, Known { upto: 5, excerpt: None });
        assert!(is_known(room, 6));
        lasts.forget();
        assert!(!is_known(room, 0));
    }

    #[test]
    fn a_bounded_number_is_kept() {
        let lasts = Lasts::default();
        for number in 0..=ROOMS * 2 {
            lasts.learn(room(number), Known { upto: 1, excerpt: None });
            assert!(lasts.all().len() <= ROOMS);
        }
        assert_eq!(lasts.all().len(), 1);
    }
}
