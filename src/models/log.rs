//! `chat`: a room's append-only log. Entries are numbered 1, 2, 3 … without a gap and never change, but
//! that the text of a removed chat is wiped. Who has seen entry n as majority-committed inserts n + 1; the
//! unique index refuses the other one. See `docs/ARCHITECTURE.md`.

mod append;
mod gallop;

use std::collections::VecDeque;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::future::join_all;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, doc};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::checked::{ChatText, Nonce};
use super::{Database, Room, RoomId, UserId};
use crate::error::Result;

use append::Queue;
pub(super) use append::{Appended, Draft};
pub(super) use gallop::gallop;

/// Entries read in one window.
pub(super) const WINDOW: i64 = 100;
/// How old a look at the end may be that something is appended behind. A closed room is purged only when whoever looked
/// just before, and whatever was asked then, has come to an end: until then its entries refuse them.
pub(super) const FENCE: Duration = Duration::from_secs(5);
/// Entries kept in memory, so that those who follow closely read no database.
const RECENT: usize = 256;

/// What an entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
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
    pub kind: Kind,
    /// On *said*: its number among the chats, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no: Option<i64>,
    /// On all others: how many chats were said before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    chats: Option<i64>,
    /// On *edited* and *removed*: the `seq` of the chat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<i64>,
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
pub(super) struct Mark {
    /// Its number in the log.
    pub(super) seq: i64,
    /// Which chat it is about.
    pub(super) of: i64,
    /// What it says.
    pub(super) kind: Kind,
}

/// The end of a log as somebody saw it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Top {
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
    /// Where it was written.
    pub(super) fn room(&self) -> RoomId {
        self.room
    }
}

impl From<&Entry> for Top {
    fn from(entry: &Entry) -> Self {
        Self {
            seq: entry.seq,
            no: entry.no.or(entry.chats).unwrap_or_default(),
            at: Some(entry.at),
            closed: entry.kind == Kind::Closed,
        }
    }
}

/// The log of one room. One a site and room while somebody uses it.
pub struct Log {
    db: Arc<Database>,
    pub(super) room: RoomId,
    /// Where galloping starts as long as this site has seen no top.
    start: Top,
    /// Filled by who appends, emptied by the one writer; locked for lines.
    queue: Mutex<Queue>,
    /// Wakes a writer that waits for the database: there is something to write.
    waiting: Notify,
    /// The last committed entries without a gap, added by the writer; locked for lines.
    recent: Mutex<VecDeque<Arc<Entry>>>,
    /// When the end was last looked at, or written.
    confirmed: Mutex<Option<Instant>>,
    /// The highest number seen committed: the hint that readers wait on.
    hint: watch::Sender<i64>,
    /// Whether a task is at work that will write down the room's `last`.
    noting: AtomicBool,
}

impl Log {
    /// The log of a room, whose top is not below `start`.
    pub(super) fn of(db: &Arc<Database>, room: RoomId, start: Top) -> Arc<Self> {
        let mut logs = db.logs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(log) = logs.get(&room).and_then(Weak::upgrade) {
            return log;
        }
        let log = Arc::new(Self {
            db: Arc::clone(db),
            room,
            start,
            queue: Mutex::default(),
            waiting: Notify::new(),
            recent: Mutex::default(),
            noting: AtomicBool::new(false),
            confirmed: Mutex::default(),
            hint: watch::Sender::new(db.top(room).map_or(start.seq, |top| top.seq)),
        });
        logs.insert(room, Arc::downgrade(&log));
        log
    }

    /// Hints at new entries: the number of the highest one that this site has seen committed.
    pub fn hint(&self) -> watch::Receiver<i64> {
        self.hint.subscribe()
    }

    /// The end of the log now, asked of the database.
    ///
    /// # Errors
    /// The database's.
    pub async fn top(&self) -> Result<Top> {
        let (seen, begun) = (self.db.top(self.room), Instant::now());
        let from = seen.unwrap_or(self.start).seq;
        let found = match gallop(from, |seq| self.entry(seq)).await? {
            None if seen.is_none() && from > 0 => self.entry(from).await?,
            found => found,
        };
        if let Some(entry) = &found {
            self.raise(Top::from(entry));
        }
        self.confirm(begun);
        Ok(self.db.top(self.room).unwrap_or_default())
    }

    /// Looks at the end, also where the room was closed and purged while nobody here heard of it.
    ///
    /// # Errors
    /// The database's.
    pub async fn look(&self) -> Result<()> {
        let top = self.top().await?;
        if !self.is_purged(top).await? {
            return Ok(());
        }
        // Nothing is left of it but the last entry, which the room names.
        let Some(room) = Room::by_id(&self.db, self.room).await? else { return Ok(()) };
        if let Some(end) = self.entry(room.last.seq).await? {
            self.raise(Top::from(&end));
        }
        Ok(())
    }

    /// The highest number that is known to be committed, without asking; the end may be beyond it.
    pub(super) fn seen(&self) -> i64 {
        self.db.top(self.room).map_or(self.start.seq, |top| top.seq.max(self.start.seq))
    }

    /// At most [`WINDOW`] entries after a number, in order, from memory where it reaches back that far.
    ///
    /// # Errors
    /// The database's.
    pub(super) async fn after(&self, seq: i64) -> Result<Vec<Arc<Entry>>> {
        match self.recent_after(seq) {
            Some(entries) => Ok(entries),
            None => self.read_after(seq).await,
        }
    }

    /// The same, asked of the database.
    async fn read_after(&self, seq: i64) -> Result<Vec<Arc<Entry>>> {
        let mut entries = self.find(doc! { "seq": { "$gt": seq, "$lte": seq + WINDOW } }).await?;
        entries.sort_unstable_by_key(|entry| entry.seq);
        // A gap would be a fault of the database; nobody is led over it. Before *closed* all may be purged.
        let whole = (seq + 1..).zip(&entries).take_while(|(number, entry)| *number == entry.seq).count();
        if whole < entries.len() {
            if entries.last().is_some_and(|last| last.kind != Kind::Closed) {
                log::error!("room {}: there is no entry {}, and some behind it", self.room, seq + 1 + whole as i64);
            }
            entries.truncate(whole);
        }
        Ok(entries.into_iter().map(Arc::new).collect())
    }

    /// Whether there is an entry of this number.
    ///
    /// # Errors
    /// The database's.
    pub async fn reaches(&self, seq: i64) -> Result<bool> {
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
    pub(super) async fn marks(&self, window: Document) -> Result<Vec<Mark>> {
        let mut query = doc! { "room": self.room };
        query.extend(window);
        self.db.chats.outlines(query, doc! { "_id": 0, "seq": 1, "of": 1, "kind": 1 }).await
    }

    pub(super) fn db(&self) -> &Arc<Database> {
        &self.db
    }

    fn recent_after(&self, seq: i64) -> Option<Vec<Arc<Entry>>> {
        let recent = self.recent();
        let (first, last) = (recent.front()?.seq, recent.back()?.seq);
        // Memory ends where another site wrote, and what was written there may be about what it holds.
        if *self.hint.borrow() > last {
            return None;
        }
        let skip = usize::try_from(seq + 1 - first).ok().filter(|skip| *skip <= recent.len())?;
        Some(recent.iter().skip(skip).take(WINDOW as usize).cloned().collect())
    }

    /// Takes note of entries that stand: without a gap, in order, majority-committed.
    fn witness(&self, entries: &[Arc<Entry>]) {
        let Some(last) = entries.last() else { return };
        {
            let mut recent = self.recent();
            for entry in entries {
                match recent.back().map(|back| entry.seq - back.seq) {
                    None | Some(1) => recent.push_back(Arc::clone(entry)),
                    Some(..=0) => {}
                    Some(_) => *recent = VecDeque::from([Arc::clone(entry)]),
                }
            }
            let surplus = recent.len().saturating_sub(RECENT);
            recent.drain(..surplus);
        }
        self.raise(Top::from(&**last));
    }

    /// Whether the end was looked at a moment ago.
    fn is_confirmed(&self) -> bool {
        let confirmed = self.confirmed.lock().unwrap_or_else(PoisonError::into_inner);
        confirmed.is_some_and(|confirmed| confirmed.elapsed() < FENCE)
    }

    fn confirm(&self, at: Instant) {
        let mut confirmed = self.confirmed.lock().unwrap_or_else(PoisonError::into_inner);
        *confirmed = (*confirmed).max(Some(at));
    }

    pub(super) fn raise(&self, top: Top) {
        self.db.raise(self.room, top);
        self.hint.send_if_modified(|seen| {
            let higher = top.seq > *seen;
            *seen = top.seq.max(*seen);
            higher
        });
    }

    fn recent(&self) -> MutexGuard<'_, VecDeque<Arc<Entry>>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Log {
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
        join_all(logs.iter().map(|log| log.note_now())).await;
    }

    /// The highest top of a room that this site has seen committed.
    pub(super) fn top(&self, room: RoomId) -> Option<Top> {
        self.tops.lock().unwrap_or_else(PoisonError::into_inner).get(&room).copied()
    }

    pub(super) fn raise(&self, room: RoomId, top: Top) {
        {
            let mut tops = self.tops.lock().unwrap_or_else(PoisonError::into_inner);
            let seen = tops.entry(room).or_default();
            if top.seq <= seen.seq {
                return;
            }
            *seen = top;
        }
        self.room_list.raise(room, top);
    }
}
