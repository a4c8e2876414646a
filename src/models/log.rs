//! `chat`: a room's append-only log. Entries are numbered 1, 2, 3 … without a gap and never change, but
//! that the text of a removed chat is wiped. Who has seen entry n as majority-committed inserts n + 1; the
//! unique index refuses the other one. See `docs/ARCHITECTURE.md`.

mod append;
mod exponential_search;
mod supersede;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures_util::future::{join_all, try_join};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, doc};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::checked::{ChatText, Nonce};
use super::{Database, Room, RoomId, UserId};
use crate::cache::{Budget, Charge, Evict, IDLE, lock, try_lock};
use crate::error::Result;

use append::AppendQueue;
pub(super) use append::{Appended, Draft};
pub(super) use exponential_search::exponential_search;

/// Entries read in one window.
pub(super) const PAGE_SIZE: i64 = 100;
/// How old a look at the end may be that something is appended behind. A closed room is purged only when whoever looked
/// just before, and whatever was asked then, has come to an end: until then its entries refuse them.
pub(super) const MAX_HEAD_AGE: Duration = Duration::from_secs(5);
/// Entries kept in memory, so that those who follow closely read no database: how many, and bytes of them.
const CACHED_ENTRIES: usize = 256;
const CACHED_BYTES: usize = 256 << 10;
/// What an entry takes besides its text, in bytes.
const ENTRY_OVERHEAD: usize = 320;

/// What an entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EntryKind {
    /// Somebody said something.
    Said,
    /// The chat `of` was given another text.
    Edited,
    /// The chat `of` was removed.
    Removed,
    /// The room was closed. The last entry, ever.
    Closed,
    /// Written by a later version: it counts, and says nothing.
    #[serde(other)]
    Unknown,
}

/// One entry of a log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    #[serde(rename = "_id")]
    id: ObjectId,
    room: RoomId,
    /// Its number in the log, from 1.
    pub seq: i64,
    /// What it says.
    pub kind: EntryKind,
    /// On *said*: its number among the chats, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no: Option<i64>,
    /// On all others: how many chats were said before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(rename = "chats")]
    chats_before: Option<i64>,
    /// On *edited* and *removed*: the `seq` of the chat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<i64>,
    /// On an *edited* entry that a later edit supersedes: the `seq` of the chat, instead of `of`. Readers need the last
    /// edit only, so the index on `of` holds no others and a page costs the same however often its chats were edited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) was: Option<i64>,
    /// On *edited*: its number among the edits of the chat, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(rename = "edits")]
    edit_number: Option<i64>,
    /// Who did it.
    pub author: UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<Nonce>,
    /// On *said* and *edited*, until it is wiped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<ChatText>,
    /// When.
    pub at: DateTime,
}

/// An entry about a chat, without what it says.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct RevisionHeader {
    /// Its number in the log.
    pub(super) seq: i64,
    /// The `seq` of the chat; none on a superseded edit.
    pub(super) of: Option<i64>,
    /// What it says.
    pub(super) kind: EntryKind,
    /// On *edited*: its number among the edits of the chat, unless an earlier version wrote it.
    pub(super) edits: Option<i64>,
    /// The `seq` of the chat, on a superseded edit.
    pub(super) was: Option<i64>,
}

/// The end of a log as somebody saw it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The number of the last entry; 0 in an empty log.
    pub seq: i64,
    /// How many chats were said.
    pub no: i64,
    /// When the last entry was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime>,
    /// Whether it is *closed*.
    #[serde(skip)]
    pub closed: bool,
}

impl Entry {
    /// Returns about how many bytes it takes in memory.
    fn bytes(&self) -> usize {
        ENTRY_OVERHEAD + self.text.as_ref().map_or(0, |text| text.as_str().len())
    }

    /// Returns the `seq` of the chat that this entry edits or removes.
    pub(super) fn target(&self) -> Option<i64> {
        self.of.or(self.was)
    }

    /// Where it was written.
    pub(super) fn room(&self) -> RoomId {
        self.room
    }
}

impl From<&Entry> for Head {
    fn from(entry: &Entry) -> Self {
        Self {
            seq: entry.seq,
            no: entry.no.or(entry.chats_before).unwrap_or_default(),
            at: Some(entry.at),
            closed: entry.kind == EntryKind::Closed,
        }
    }
}

/// The log of one room. One a site and room while somebody uses it.
pub struct RoomLog {
    db: Arc<Database>,
    pub(super) room: RoomId,
    /// Where galloping starts as long as this site has seen no top.
    start: Head,
    /// Filled by who appends, emptied by the one writer; locked for lines.
    queue: Mutex<AppendQueue>,
    /// Wakes a writer that waits for the database: there is something to write.
    new_work: Notify,
    /// The last committed entries without a gap, added by the writer; locked for lines.
    recent: Mutex<RecentEntries>,
    /// When the end was last looked at, or written.
    head_checked_at: Mutex<Option<Instant>>,
    /// The highest committed entry that this instance has seen: the hint that readers wait on. 0: none yet.
    head: watch::Sender<Head>,
    /// Up to here this instance has written the entries, or read them and then found the room open.
    verified: AtomicI64,
    /// Whether a task is at work that will write down the room's `last`.
    save_scheduled: AtomicBool,
    /// Whether a task marks superseded edits.
    supersede_running: AtomicBool,
    /// Whether the budget of all caches knows this log: once it has kept an entry.
    registered: AtomicBool,
    this: Weak<Self>,
}

/// The last entries of a log, within [`RECENT_BYTES`] and the budget of all caches.
struct RecentEntries {
    entries: VecDeque<Arc<Entry>>,
    charge: Charge,
    used: Instant,
}

impl RecentEntries {
    fn new(budget: &Arc<Budget>) -> Self {
        Self { entries: VecDeque::new(), charge: budget.charge(0), used: Instant::now() }
    }

    /// Adds the entry that follows the last one, or begins with it where some are missing in between.
    fn push(&mut self, entry: &Arc<Entry>) {
        match self.entries.back().map(|back| entry.seq - back.seq) {
            Some(..=0) => return,
            None | Some(1) => {}
            Some(_) => self.clear(),
        }
        self.entries.push_back(Arc::clone(entry));
        let mut bytes = self.charge.bytes() + entry.bytes();
        while self.entries.len() > CACHED_ENTRIES || (bytes > CACHED_BYTES && self.entries.len() > 1) {
            bytes -= self.entries.pop_front().map_or(0, |entry| entry.bytes());
        }
        self.charge.resize(bytes);
    }

    fn clear(&mut self) {
        self.entries = VecDeque::new();
        self.charge.resize(0);
    }
}

impl Evict for RoomLog {
    fn last_used(&self) -> Option<Instant> {
        let recent = try_lock(&self.recent)?;
        (!recent.entries.is_empty()).then_some(recent.used)
    }

    fn evict(&self) {
        if let Some(mut recent) = try_lock(&self.recent) {
            recent.clear();
        }
    }

    fn expire(&self, now: Instant) {
        if let Some(mut recent) = try_lock(&self.recent)
            && now.saturating_duration_since(recent.used) > IDLE
        {
            recent.clear();
        }
    }
}

impl RoomLog {
    /// The log of a room, whose top is not below `start`.
    pub(super) fn open(db: &Arc<Database>, room: RoomId, start: Head) -> Arc<Self> {
        let mut logs = db.logs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(log) = logs.get(&room).and_then(Weak::upgrade) {
            return log;
        }
        let log = Arc::new_cyclic(|this| Self {
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
            head: watch::Sender::new(db.top(room).unwrap_or_default()),
            verified: AtomicI64::new(0),
        });
        logs.insert(room, Arc::downgrade(&log));
        log
    }

    /// Returns a receiver of the highest committed entry that this instance has seen.
    pub fn head_receiver(&self) -> watch::Receiver<Head> {
        self.head.subscribe()
    }

    /// Returns the highest committed entry that this instance has seen, if it has seen any.
    pub(super) fn head(&self) -> Option<Head> {
        Some(*self.head.borrow()).filter(|head| head.seq > 0)
    }

    /// The end of the log now, asked of the database.
    ///
    /// # Errors
    /// The database's.
    pub async fn fetch_head(&self) -> Result<Head> {
        let (seen, begun) = (self.head(), Instant::now());
        let from = seen.unwrap_or(self.start).seq;
        let gallop = async {
            match exponential_search(from, |seq| self.entry(seq)).await? {
                None if seen.is_none() && from > 0 => self.entry(from).await,
                found => Ok(found),
            }
        };
        // Both at once: nothing was missing when the room was read, unless it says so.
        let (found, end) = try_join(gallop, self.end_if_purged()).await?;
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

    /// Returns the last entry of a purged room. The room decides, not what is left of its log.
    async fn end_if_purged(&self) -> Result<Option<Head>> {
        let room = Room::by_id(&self.db, self.room).await?;
        let Some(room) = room.filter(|room| room.purged) else { return Ok(None) };
        Ok(self.entry(room.head_hint.seq).await?.map(|entry| Head::from(&entry)))
    }

    /// Returns entries read from the database once they may be shown: they are durable, and the room is not purged.
    ///
    /// A write that arrives after the purge finds its number free. Such an entry is deleted, and the log has ended.
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
                self.db.chats.delete_all(doc! { "_id": { "$in": strays } }).await?;
                self.advance_head(end);
                Ok(Vec::new())
            }
            None => {
                self.verified.fetch_max(last.seq, Ordering::Relaxed);
                Ok(entries)
            }
        }
    }

    /// Waits until an entry that was read is durable. A standalone server shows what it has not journaled yet.
    async fn ensure_durable(&self, seq: i64) -> Result<()> {
        if self.head().is_some_and(|head| head.seq >= seq) { Ok(()) } else { self.db.ensure_durable().await }
    }

    /// The highest number that is known to be committed, without asking; the end may be beyond it.
    pub(super) fn known_seq(&self) -> i64 {
        self.head().unwrap_or_default().seq.max(self.start.seq)
    }

    /// At most [`WINDOW`] entries after a number, in order, from memory where it reaches back that far.
    ///
    /// # Errors
    /// The database's.
    pub(super) async fn read(&self, seq: i64) -> Result<Vec<Arc<Entry>>> {
        match self.cached_after(seq) {
            Some(entries) => Ok(entries),
            None => self.read_from_database(seq).await,
        }
    }

    /// The same, asked of the database.
    async fn read_from_database(&self, seq: i64) -> Result<Vec<Arc<Entry>>> {
        let mut entries = self.find(doc! { "seq": { "$gt": seq, "$lte": seq + PAGE_SIZE } }).await?;
        entries.sort_unstable_by_key(|entry| entry.seq);
        // A gap would be a fault of the database; nobody is led over it. Before *closed* all may be purged.
        let whole = (seq + 1..).zip(&entries).take_while(|(number, entry)| *number == entry.seq).count();
        if whole < entries.len() {
            if entries.last().is_some_and(|last| last.kind != EntryKind::Closed) {
                log::error!("room {}: there is no entry {}, and some behind it", self.room, seq + 1 + whole as i64);
            }
            entries.truncate(whole);
        }
        self.verify(entries.into_iter().map(Arc::new).collect()).await
    }

    /// Whether there is an entry of this number.
    ///
    /// # Errors
    /// The database's.
    pub async fn contains(&self, seq: i64) -> Result<bool> {
        Ok(self.entry(seq).await?.is_some())
    }

    /// The entry of this number.
    pub(super) async fn entry(&self, seq: i64) -> Result<Option<Entry>> {
        self.db.chats.one(doc! { "room": self.room, "seq": seq }).await
    }

    /// This room's entries in a window of one of its indexes, in no order.
    pub(super) async fn find(&self, window: Document) -> Result<Vec<Entry>> {
        let mut query = doc! { "room": self.room };
        query.extend(window);
        self.db.chats.all(query).await
    }

    /// This room's entries about chats in a window of `of`, without what they say, in no order.
    pub(super) async fn revisions(&self, window: Document) -> Result<Vec<RevisionHeader>> {
        let mut query = doc! { "room": self.room };
        query.extend(window);
        self.db.chats.outlines(query, doc! { "_id": 0, "seq": 1, "of": 1, "kind": 1, "edits": 1, "was": 1 }).await
    }

    /// Returns the hint that the room held when this log came into use: its head is not below that.
    pub(super) fn start(&self) -> Head {
        self.start
    }

    pub(super) fn db(&self) -> &Arc<Database> {
        &self.db
    }

    fn cached_after(&self, seq: i64) -> Option<Vec<Arc<Entry>>> {
        let mut recent = lock(&self.recent);
        recent.used = Instant::now();
        let recent = &recent.entries;
        let (first, last) = (recent.front()?.seq, recent.back()?.seq);
        // Memory ends where another site wrote, and what was written there may be about what it holds.
        if self.head.borrow().seq > last {
            return None;
        }
        let skip = usize::try_from(seq + 1 - first).ok().filter(|skip| *skip <= recent.len())?;
        Some(recent.iter().skip(skip).take(PAGE_SIZE as usize).cloned().collect())
    }

    /// Takes note of entries that stand: without a gap, in order, majority-committed.
    fn record_committed(&self, entries: &[Arc<Entry>]) {
        let Some(last) = entries.last() else { return };
        {
            let mut recent = lock(&self.recent);
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

    /// Whether the end was looked at a moment ago.
    fn is_head_fresh(&self) -> bool {
        let confirmed = self.head_checked_at.lock().unwrap_or_else(PoisonError::into_inner);
        confirmed.is_some_and(|confirmed| confirmed.elapsed() < MAX_HEAD_AGE)
    }

    fn mark_checked(&self, at: Instant) {
        let mut confirmed = self.head_checked_at.lock().unwrap_or_else(PoisonError::into_inner);
        *confirmed = (*confirmed).max(Some(at));
    }

    pub(super) fn advance_head(&self, top: Head) {
        self.db.raise(self.room, top);
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
        let mut logs = self.db.logs.lock().unwrap_or_else(PoisonError::into_inner);
        // A new one may stand there already.
        if logs.get(&self.room).is_some_and(|log| log.strong_count() == 0) {
            logs.remove(&self.room);
        }
    }
}

impl Database {
    /// Writes down what is only in memory yet: the hints at the tops of the logs.
    pub async fn close(&self) {
        let logs: Vec<_> = {
            let logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
            logs.values().filter_map(Weak::upgrade).collect()
        };
        join_all(logs.iter().map(|log| log.flush_head_hint())).await;
        self.leave().await;
    }
}
