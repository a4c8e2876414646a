//! The last chats of rooms for the room list, cached until a log grows. A page never waits long for them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::chat_loader::ChatLoader;
use crate::cache::{Budget, Cache, Lookup, Version};
use crate::error::Result;
use crate::models::{Room, RoomId};
use crate::views::room::{Excerpt, LastChatView};

const MAX_AGE: Duration = Duration::from_secs(30);
const MAX_BYTES: usize = 2 << 20;
/// A crowd on the main page leaves most connections to other queries.
const MAX_CONCURRENT_READS: usize = 16;
const SUMMARY_TIMEOUT: Duration = Duration::from_millis(500);

pub(super) enum LastChatState {
    /// The database does not answer in time.
    Unknown,
    None,
    Shown(LastChatView),
}

pub(super) struct LastChatCache {
    cache: Arc<Cache<RoomId, CachedLastChat>>,
    reads: Semaphore,
}

/// A room's last chat and the number of the last entry read for it.
#[derive(Clone)]
struct CachedLastChat {
    upto: i64,
    excerpt: Option<Arc<Excerpt>>,
}

impl LastChatCache {
    pub(super) fn new(budget: &Arc<Budget>) -> Self {
        Self { cache: Cache::new(budget, MAX_AGE, MAX_BYTES), reads: Semaphore::new(MAX_CONCURRENT_READS) }
    }

    /// Returns the last chats of rooms, in order.
    pub(super) async fn last_chats(&self, loader: &ChatLoader, rooms: &[Arc<Room>]) -> Vec<LastChatState> {
        let last = async |room: &Room| timeout(SUMMARY_TIMEOUT, self.last_chat(loader, room)).await.ok()?.ok()?;
        let excerpts = join_all(rooms.iter().map(|room| last(room))).await;
        let authors = excerpts.iter().flatten().map(|excerpt| excerpt.author);
        let names = timeout(SUMMARY_TIMEOUT, loader.names.get(authors)).await;
        let names = names.ok().and_then(Result::ok).unwrap_or_default();
        // A chat may have been removed while the names were read.
        let state = |room: &Arc<Room>| match self.cached(room.id, room.last_seq(&loader.db)) {
            None => LastChatState::Unknown,
            Some(None) => LastChatState::None,
            Some(Some(excerpt)) => match names.get(&excerpt.author) {
                Some(name) => LastChatState::Shown(LastChatView::new(&excerpt, name.as_ref())),
                None => LastChatState::Unknown,
            },
        };
        rooms.iter().map(state).collect()
    }

    async fn last_chat(&self, loader: &ChatLoader, room: &Room) -> Result<Option<Arc<Excerpt>>> {
        let cached = || self.cached(room.id, room.last_seq(&loader.db));
        if let Some(excerpt) = cached() {
            return Ok(excerpt);
        }
        // The semaphore is never closed.
        let _permit = self.reads.acquire().await;
        if let Some(excerpt) = cached() {
            return Ok(excerpt);
        }
        let version = self.cache.version();
        let last = room.log(&loader.db).last_chat().await?;
        let excerpt = last.chat.map(|chat| Arc::new(Excerpt::new(&chat)));
        self.insert(version, room.id, CachedLastChat { upto: last.upto, excerpt: excerpt.clone() });
        Ok(excerpt)
    }

    /// Returns `None` if the log was not read up to `upto`.
    fn cached(&self, room: RoomId, upto: i64) -> Option<Option<Arc<Excerpt>>> {
        match self.cache.get(&room) {
            Lookup::Hit(known) if known.upto >= upto => Some(known.excerpt),
            _ => None,
        }
    }

    /// Inserts unless a newer read is cached.
    fn insert(&self, version: Version, room: RoomId, known: CachedLastChat) {
        if self.cached(room, known.upto).is_none() {
            let bytes = known.excerpt.as_ref().map_or(0, |excerpt| excerpt.approximate_size());
            self.cache.insert(version, room, known, bytes);
        }
    }

    pub(super) fn clear(&self) {
        self.cache.invalidate(None);
    }
}

impl LastChatState {
    pub(super) fn is_known(&self) -> bool {
        !matches!(self, Self::Unknown)
    }

    pub(super) fn shown(self) -> Option<LastChatView> {
        match self {
            Self::Shown(chat) => Some(chat),
            Self::Unknown | Self::None => None,
        }
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
