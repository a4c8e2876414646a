//! The logs in use, and the heads of those that are not.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use parking_lot::Mutex;

use super::{Entry, Head, RoomLog};
use crate::cache::{Cache, Lookup};
use crate::models::RoomId;
use crate::models::room::RoomList;
use crate::store::{Database, ModelState};

/// How long the head of a log that is not in use is kept.
const HEAD_AGE: Duration = Duration::from_secs(60 * 60);
const HEADS_BYTES: usize = 4 << 20;
const CONCURRENT_RESYNCS: usize = 16;

pub(crate) struct LogRegistry {
    /// A log removes its key when it is dropped.
    logs: Mutex<HashMap<RoomId, Weak<RoomLog>>>,
    /// The highest committed entry of each room that this instance has seen lately.
    heads: Arc<Cache<RoomId, Head>>,
}

impl ModelState for LogRegistry {
    fn new(db: &Database) -> Self {
        Self { logs: Mutex::default(), heads: Cache::new(db.budget(), HEAD_AGE, HEADS_BYTES) }
    }
}

impl LogRegistry {
    /// Returns the log of a room, made by `create` if it is not in use.
    pub fn open(&self, room: RoomId, create: impl FnOnce() -> Arc<RoomLog>) -> Arc<RoomLog> {
        let mut logs = self.logs.lock();
        if let Some(log) = logs.get(&room).and_then(Weak::upgrade) {
            return log;
        }
        let log = create();
        logs.insert(room, Arc::downgrade(&log));
        log
    }

    pub fn remove(&self, room: RoomId) {
        let mut logs = self.logs.lock();
        // A new log of the room may be in use already.
        if logs.get(&room).is_some_and(|log| log.strong_count() == 0) {
            logs.remove(&room);
        }
    }

    /// Returns the highest committed entry of a room that this instance has seen, unless that was long ago.
    pub(crate) fn head(&self, room: RoomId) -> Option<Head> {
        match self.heads.get(&room) {
            Lookup::Hit(head) => Some(head),
            Lookup::Miss(_) => None,
        }
    }

    pub(crate) fn advance(db: &Database, room: RoomId, head: Head) {
        let heads = &db.state::<Self>().heads;
        if heads.insert_if(room, head, size_of::<Head>(), |seen| seen.seq < head.seq) {
            db.state::<RoomList>().record_activity(room, head);
        }
    }

    /// Records an entry that another instance committed.
    pub(crate) fn record(db: &Database, entry: &Entry) {
        let log = db.state::<Self>().logs.lock().get(&entry.room()).and_then(Weak::upgrade);
        match log {
            Some(log) => log.advance_head(entry.into()),
            None => Self::advance(db, entry.room(), entry.into()),
        }
    }

    /// Reads the heads of all logs in use, and drops the others: another instance may have written unnoticed.
    pub(crate) async fn resync(&self) {
        let logs = self.in_use();
        self.heads.invalidate(None);
        let read = logs.into_iter().map(|log| async move {
            if let Err(error) = log.fetch_head().await {
                log::debug!("head not read: room={} error={error}", log.room);
            }
        });
        stream::iter(read).buffer_unordered(CONCURRENT_RESYNCS).collect::<()>().await;
    }

    /// Saves the head hints that are due.
    pub(crate) async fn flush(&self) {
        let logs = self.in_use();
        join_all(logs.iter().map(|log| log.flush_head_hint())).await;
    }

    fn in_use(&self) -> Vec<Arc<RoomLog>> {
        self.logs.lock().values().filter_map(Weak::upgrade).collect()
    }
}
