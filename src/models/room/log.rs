//! Collection `chat`: the append-only log of each room.
//!
//! Entries are numbered 1, 2, 3 … without a gap. They never change, except that the text of a removed chat is wiped. A
//! writer that has read entry n with majority inserts n + 1, and the unique index rejects any other writer. See
//! `docs/ARCHITECTURE.md`.

mod append;
mod entry;
mod outline;
mod recent;
mod registry;
mod supersede;

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::try_join;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Document, doc};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::{Head, Room};
use crate::cache::{Evict, IDLE};
use crate::error::Result;
use crate::models::RoomId;
use crate::store::{Database, exponential_search};

use append::AppendQueue;
pub(crate) use append::{Appended, Draft};
pub(crate) use entry::RevisionHeader;
pub(crate) use entry::{Entry, EntryKind, EventPlace};
pub(crate) use outline::{LogOutline, UnreadCount};
use recent::RecentEntries;
pub(crate) use registry::LogRegistry;

/// Entries read in one window.
pub(crate) const WINDOW_SIZE: i64 = 100;
/// Maximum age of a head that may be appended to. Purging a closed room waits this long plus the query timeout, so that
/// no stale writer can append to an empty log.
pub(crate) const MAX_HEAD_AGE: Duration = Duration::from_secs(5);

/// The log of one room. An instance has one while it is in use.
pub struct RoomLog {
    db: Arc<Database>,
    pub room: RoomId,
    /// Where the search for the head starts until an entry has been seen.
    start: Head,
    queue: Mutex<AppendQueue>,
    new_work: Notify,
    recent: Mutex<RecentEntries>,
    /// When the head was last read or written.
    head_checked_at: Mutex<Option<Instant>>,
    /// The highest committed entry that this instance has seen. `seq` 0: none.
    head: watch::Sender<Head>,
    /// Up to this number this instance has written the entries, or has read them and then found the room open.
    verified: AtomicI64,
    save_scheduled: AtomicBool,
    supersede_running: AtomicBool,
    /// Whether the cache budget can evict this log.
    registered: AtomicBool,
    this: Weak<Self>,
}

impl Evict for RoomLog {
    fn last_used(&self) -> Option<Instant> {
        let recent = self.recent.try_lock()?;
        (!recent.entries.is_empty()).then_some(recent.used)
    }

    fn evict(&self) {
        if let Some(mut recent) = self.recent.try_lock() {
            recent.clear();
        }
    }

    fn expire(&self, now: Instant) {
        if let Some(mut recent) = self.recent.try_lock()
            && now.saturating_duration_since(recent.used) > IDLE
        {
            recent.clear();
        }
    }
}

impl RoomLog {
    /// Returns the log of a room whose head is not below `start`.
    pub fn open(db: &Arc<Database>, room: RoomId, start: Head) -> Arc<Self> {
        let registry = db.state::<LogRegistry>();
        registry.open(room, || {
            let head = registry.head(room).unwrap_or_default();
            Arc::new_cyclic(|this| Self {
                db: Arc::clone(db),
                room,
                start,
                queue: Mutex::default(),
                new_work: Notify::new(),
                recent: Mutex::new(RecentEntries::new(db.budget())),
                save_scheduled: AtomicBool::new(false),
                supersede_running: AtomicBool::new(false),
                registered: AtomicBool::new(false),
                this: Weak::clone(this),
                head_checked_at: Mutex::default(),
                head: watch::Sender::new(head),
                verified: AtomicI64::new(0),
            })
        })
    }

    pub(crate) fn head_receiver(&self) -> watch::Receiver<Head> {
        self.head.subscribe()
    }

    pub(crate) fn head(&self) -> Option<Head> {
        Some(*self.head.borrow()).filter(|head| head.seq > 0)
    }

    /// Reads the head from the database.
    pub async fn fetch_head(&self) -> Result<Head> {
        let (seen, begun) = (self.head(), Instant::now());
        let from = seen.unwrap_or(self.start).seq;
        let search = async {
            match exponential_search(from, |seq| self.entry(seq)).await? {
                None if seen.is_none() && from > 0 => self.entry(from).await,
                found => Ok(found),
            }
        };
        // Concurrently: if the room is not purged now, no entry was missing before.
        let (found, end) = try_join(search, self.end_if_purged()).await?;
        match (end, &found) {
            (Some(end), _) => self.advance_head(end),
            (None, Some(entry)) => {
                self.ensure_durable(entry.seq).await?;
                self.advance_head(Head::from(entry));
                self.verified.fetch_max(entry.seq, Ordering::Relaxed);
            }
            (None, None) => {}
        }
        self.mark_checked(begun);
        Ok(self.head().unwrap_or_default())
    }

    /// Returns the last entry of a purged room. The room decides; a purged log may still hold late entries.
    async fn end_if_purged(&self) -> Result<Option<Head>> {
        let room = Room::by_id(&self.db, self.room).await?;
        let Some(room) = room.filter(|room| room.purged) else { return Ok(None) };
        Ok(self.entry(room.head_hint.seq).await?.map(|entry| Head::from(&entry)))
    }

    /// Returns entries once they may be shown: durable, and in a room that is not purged.
    ///
    /// A write that arrives after the purge finds its number free. Such an entry is deleted.
    async fn verify(&self, entries: Vec<Arc<Entry>>) -> Result<Vec<Arc<Entry>>> {
        let Some(last) = entries.last() else { return Ok(entries) };
        if last.seq <= self.verified.load(Ordering::Relaxed) {
            return Ok(entries);
        }
        self.ensure_durable(last.seq).await?;
        match self.end_if_purged().await? {
            Some(end) => {
                let strays: Vec<ObjectId> =
                    entries.iter().filter(|entry| entry.seq < end.seq).map(|entry| entry.id).collect();
                if strays.is_empty() {
                    return Ok(entries);
                }
                self.db.collection::<Entry>().delete_many(doc! { "_id": { "$in": strays } }).await?;
                self.advance_head(end);
                Ok(Vec::new())
            }
            None => {
                self.verified.fetch_max(last.seq, Ordering::Relaxed);
                Ok(entries)
            }
        }
    }

    async fn ensure_durable(&self, seq: i64) -> Result<()> {
        if self.head().is_some_and(|head| head.seq >= seq) { Ok(()) } else { self.db.ensure_durable().await }
    }

    /// Returns a number that is known to be committed, without a query.
    pub(crate) fn known_seq(&self) -> i64 {
        self.head().unwrap_or_default().seq.max(self.start.seq)
    }

    /// Returns at most [`WINDOW_SIZE`] entries after a number, in order, from memory if it reaches back that far.
    pub(crate) async fn read(&self, seq: i64) -> Result<Vec<Arc<Entry>>> {
        match self.cached_after(seq) {
            Some(entries) => Ok(entries),
            None => self.read_from_database(seq).await,
        }
    }

    async fn read_from_database(&self, seq: i64) -> Result<Vec<Arc<Entry>>> {
        let mut entries = self.find(doc! { "seq": { "$gt": seq, "$lte": seq + WINDOW_SIZE } }).await?;
        entries.sort_unstable_by_key(|entry| entry.seq);
        // Never skip a gap, which would be a fault of the database. Before *closed* all entries may be purged.
        let whole = (seq + 1..).zip(&entries).take_while(|(number, entry)| *number == entry.seq).count();
        if whole < entries.len() {
            if entries.last().is_some_and(|last| last.kind != EntryKind::Closed) {
                log::error!("room {}: there is no entry {}, and some behind it", self.room, seq + 1 + whole as i64);
            }
            entries.truncate(whole);
        }
        self.verify(entries.into_iter().map(Arc::new).collect()).await
    }

    pub(crate) async fn contains(&self, seq: i64) -> Result<bool> {
        Ok(self.entry(seq).await?.is_some())
    }

    pub(crate) async fn entry(&self, seq: i64) -> Result<Option<Entry>> {
        self.db.collection::<Entry>().find_one(doc! { "room": self.room, "seq": seq }).await
    }

    /// Returns this room's entries in a window of one index, in no order.
    pub async fn find(&self, window: Document) -> Result<Vec<Entry>> {
        let mut query = doc! { "room": self.room };
        query.extend(window);
        self.db.collection::<Entry>().find_many(query).await
    }

    /// Returns the headers of edits and removals in a window of `of` or `was`, in no order.
    pub(crate) async fn revisions(&self, window: Document) -> Result<Vec<RevisionHeader>> {
        let mut query = doc! { "room": self.room };
        query.extend(window);
        self.db
            .collection::<Entry>()
            .find_projected(query, doc! { "_id": 0, "seq": 1, "of": 1, "kind": 1, "edits": 1, "was": 1 })
            .await
    }

    pub(crate) fn start(&self) -> Head {
        self.start
    }

    pub(crate) fn db(&self) -> &Arc<Database> {
        &self.db
    }

    fn cached_after(&self, seq: i64) -> Option<Vec<Arc<Entry>>> {
        let mut recent = self.recent.lock();
        recent.used = Instant::now();
        let recent = &recent.entries;
        let (first, last) = (recent.front()?.seq, recent.back()?.seq);
        // Another instance wrote behind these entries, perhaps about them.
        if self.head.borrow().seq > last {
            return None;
        }
        let skip = usize::try_from(seq + 1 - first).ok().filter(|skip| *skip <= recent.len())?;
        Some(recent.iter().skip(skip).take(WINDOW_SIZE as usize).cloned().collect())
    }

    /// Records committed entries, in order and without a gap.
    fn record_committed(&self, entries: &[Arc<Entry>]) {
        let Some(last) = entries.last() else { return };
        {
            let mut recent = self.recent.lock();
            recent.used = Instant::now();
            entries.iter().for_each(|entry| recent.push(entry));
        }
        if !self.registered.swap(true, Ordering::Relaxed) {
            self.db.budget().register(Weak::clone(&self.this) as Weak<dyn Evict>);
        }
        self.db.budget().relieve();
        self.verified.fetch_max(last.seq, Ordering::Relaxed);
        self.advance_head(Head::from(&**last));
    }

    fn is_head_fresh(&self) -> bool {
        let checked_at = self.head_checked_at.lock();
        checked_at.is_some_and(|checked_at| checked_at.elapsed() < MAX_HEAD_AGE)
    }

    fn mark_checked(&self, at: Instant) {
        let mut checked_at = self.head_checked_at.lock();
        *checked_at = (*checked_at).max(Some(at));
    }

    pub(crate) fn advance_head(&self, top: Head) {
        LogRegistry::advance(&self.db, self.room, top);
        self.head.send_if_modified(|head| {
            let is_higher = top.seq > head.seq;
            if is_higher {
                *head = top;
            }
            is_higher
        });
    }
}

impl Drop for RoomLog {
    fn drop(&mut self) {
        self.db.state::<LogRegistry>().remove(self.room);
    }
}
