//! What the list of rooms says about each: its last chat, and how many people are there. A page never waits long for
//! that, and what was read of a log is kept until the log has grown.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::hub::Hub;
use crate::cache::{Budget, Cache, Lookup, Version};
use crate::error::Result;
use crate::models::{Room, RoomId};
use crate::views::room::{Excerpt, Glance, Said};

/// How long a last chat is kept, and the most bytes of all of them.
const MAX_AGE: Duration = Duration::from_secs(30);
const MAX_BYTES: usize = 2 << 20;
/// Logs that are read at once: a crowd on the main page leaves most of the connections to others.
const MAX_CONCURRENT_READS: usize = 16;
/// How long a page waits for what it can do without.
const SUMMARY_TIMEOUT: Duration = Duration::from_millis(500);

/// The last chats that are known.
pub(super) struct LastChatCache {
    /// Read and filled by the main page.
    cache: Arc<Cache<RoomId, CachedLastChat>>,
    /// Taken by who reads a log.
    reads: Semaphore,
}

/// A room's last chat, if it has one, and how far its log was read for that.
#[derive(Clone)]
struct CachedLastChat {
    upto: i64,
    excerpt: Option<Arc<Excerpt>>,
}

impl Hub {
    /// What the list says about rooms, in their order. What the database does not tell in time is left out.
    pub async fn summaries(&self, rooms: &[Arc<Room>]) -> Vec<Glance> {
        let last = async |room: &Room| timeout(SUMMARY_TIMEOUT, self.last(room)).await.ok()?.ok()?;
        let lasts = join_all(rooms.iter().map(|room| last(room))).await;
        let authors = lasts.iter().flatten().map(|excerpt| excerpt.author);
        // Chats without the names of those who said them are left out too.
        let names =
            timeout(SUMMARY_TIMEOUT, self.names.get(authors)).await.ok().and_then(Result::ok).unwrap_or_default();
        let said = |room: &Room| {
            // What was taken above may have been removed while the names were asked for.
            let excerpt = self.last_chats.cached(room.id, room.last_seq(&self.db))??;
            Some(Said::new(&excerpt, names.get(&excerpt.author)?.as_ref()))
        };
        rooms.iter().map(|room| Glance { said: said(room), here: self.online_count(room.id) }).collect()
    }

    /// How many people are in a room, as far as this site knows: where nobody of its own is, it knows of none.
    pub fn online_count(&self, room: RoomId) -> usize {
        self.get(room).map_or(0, |live| live.presence.online().borrow().view.count)
    }

    /// A room's last chat.
    async fn last(&self, room: &Room) -> Result<Option<Arc<Excerpt>>> {
        let known = || self.last_chats.cached(room.id, room.last_seq(&self.db));
        if let Some(excerpt) = known() {
            return Ok(excerpt);
        }
        // Never closed. Somebody else may have read it meanwhile.
        let _turn = self.last_chats.reads.acquire().await;
        if let Some(excerpt) = known() {
            return Ok(excerpt);
        }
        let version = self.last_chats.cache.version();
        let last = room.log(&self.db).last_chat().await?;
        let excerpt = last.chat.map(|chat| Arc::new(Excerpt::of(&chat)));
        self.last_chats.insert(version, room.id, CachedLastChat { upto: last.upto, excerpt: excerpt.clone() });
        Ok(excerpt)
    }
}

impl LastChatCache {
    pub(super) fn new(budget: &Arc<Budget>) -> Self {
        Self { cache: Cache::new(budget, MAX_AGE, MAX_BYTES), reads: Semaphore::new(MAX_CONCURRENT_READS) }
    }

    /// What is known of a room whose log reaches to `upto`; `None` when that was not read yet.
    fn cached(&self, room: RoomId, upto: i64) -> Option<Option<Arc<Excerpt>>> {
        match self.cache.get(&room) {
            Lookup::Hit(known) if known.upto >= upto => Some(known.excerpt),
            _ => None,
        }
    }

    /// Inserts what was read, unless somebody has read farther meanwhile.
    fn insert(&self, version: Version, room: RoomId, known: CachedLastChat) {
        if self.cached(room, known.upto).is_none() {
            let bytes = known.excerpt.as_ref().map_or(0, |excerpt| excerpt.bytes());
            self.cache.insert(version, room, known, bytes);
        }
    }

    /// Has all be read again.
    pub(super) fn clear(&self) {
        self.cache.invalidate(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_known_until_the_log_has_grown() {
        let lasts = LastChatCache::new(&Arc::default());
        let [room, other] = [1, 2].map(|number| format!("{number:024x}").parse().unwrap());
        let is_known = |room, upto| lasts.cached(room, upto).is_some();
        let insert = |upto| lasts.insert(lasts.cache.version(), room, CachedLastChat { upto, excerpt: None });
        assert!(!is_known(room, 0));
        insert(4);
        assert!(is_known(room, 4) && is_known(room, 3) && !is_known(room, 5) && !is_known(other, 0));
        insert(6);
        insert(5);
        assert!(is_known(room, 6));
        lasts.clear();
        assert!(!is_known(room, 0));
    }
}
