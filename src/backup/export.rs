//! Reads the database for a backup while the site writes to it.
//!
//! Entries never change, except that a purge removes the text of a removed chat and all entries of a closed room. A purge
//! starts only after the entry `Removed` or `Closed` is committed. A reader that finds a text missing therefore reads on
//! until it finds `Removed`. A reader that finds an entry missing finds the room closed.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use anyhow::{Context, Error as AnyError, Result, anyhow, bail};
use futures_util::TryStreamExt;
use mongodb::bson::{DateTime, Document, doc};
use tokio::time::{Instant, sleep};

use super::documents::{RedactedChats, StoredUser, decode};
use crate::error::Error;
use crate::models::inbox::InboxEntry;
use crate::models::room::log::Entry;
use crate::models::room::membership::Membership;
use crate::models::room::{Head, Room, RoomKind};
use crate::models::{RoomId, User, UserId};
use crate::store::{Database, RestoreMarker, StoredDocument, exponential_search};

/// Entries per query: about 8 MB of text at most.
const ENTRIES_PER_QUERY: i64 = 500;
const ROOMS_PER_QUERY: i64 = 100;
/// Of one inbox.
const NEWS_PER_QUERY: i64 = 200;
/// The longest outage of the database: an engine restarts in this time.
const MAX_OUTAGE: Duration = Duration::from_secs(60);
const RETRY_DELAY: Duration = Duration::from_millis(500);
pub(super) const DATABASE_ERROR: &str = "Cannot use the database";

/// A room with the head up to which its log was read.
pub(super) struct RoomExport {
    id: RoomId,
    document: Document,
    name_key: Option<String>,
    kind: RoomKind,
    is_open: bool,
    head: Head,
    redacted: RedactedChats,
}

/// Connects without changing the database.
pub(super) async fn open(url: &str) -> Result<Database> {
    let db = Database::connect(url).await.map_err(AnyError::msg)?;
    RestoreMarker::ensure_absent(&db).await.map_err(AnyError::msg)?;
    Ok(db)
}

/// Returns all rooms with unread logs, and the approximate number of entries.
pub(super) async fn room_exports(db: &Database) -> Result<(Vec<RoomExport>, i64)> {
    let (mut exports, mut entries, mut no) = (Vec::new(), 0, 0);
    loop {
        let mut rooms = find::<Room>(db, doc! { "no": { "$gt": no, "$lte": no + ROOMS_PER_QUERY } }).await?;
        rooms.sort_by_key(|room| room.get_i64("no").unwrap_or_default());
        no += rooms.len() as i64;
        let is_last = (rooms.len() as i64) < ROOMS_PER_QUERY;
        for room in rooms {
            let (export, head_hint) = RoomExport::new(room)?;
            entries += head_hint.seq;
            exports.push(export);
        }
        if is_last {
            return Ok((exports, entries));
        }
    }
}

pub(super) async fn all_user_ids(db: &Database) -> Result<Vec<UserId>> {
    #[derive(serde::Deserialize)]
    struct Id {
        #[serde(rename = "_id")]
        id: UserId,
    }
    // The query timeout is too short for very many users, so this uses the driver.
    let all = db.collection::<User>().driver().clone_with_type::<Id>();
    let ids = async { all.find(doc! {}).projection(doc! { "_id": 1 }).await?.try_collect::<Vec<Id>>().await };
    Ok(ids.await.context(DATABASE_ERROR)?.into_iter().map(|user| user.id).collect())
}

/// Returns these users, without deleted ones.
pub(super) async fn users(db: &Database, ids: &[UserId]) -> Result<Vec<StoredUser>> {
    let users = find::<User>(db, doc! { "_id": { "$in": ids } }).await?;
    users.into_iter().map(StoredUser::new).collect()
}

/// Returns the memberships of some users in the rooms of a backup, as they were at a moment.
///
/// A room that was closed then may be open by now. Its visitors since are not its members.
pub(super) async fn memberships(
    db: &Database,
    users: &[UserId],
    rooms: &HashMap<RoomId, RoomKind>,
    moment: DateTime,
) -> Result<Vec<Document>> {
    let mut saved = Vec::new();
    for document in find::<Membership>(db, doc! { "user": { "$in": users } }).await? {
        let membership: Membership = decode(&document)?;
        if rooms.get(&membership.room).is_some_and(|kind| kind.is_open() || membership.joined <= moment) {
            saved.push(document);
        }
    }
    Ok(saved)
}

/// Passes the inboxes of some users to `write`, the entries of each in order.
pub(super) async fn inboxes(
    db: &Database,
    users: &[UserId],
    mut write: impl FnMut(Vec<Document>) -> Result<()>,
) -> Result<()> {
    let mut no = 0;
    loop {
        let window = doc! { "user": { "$in": users }, "no": { "$gt": no, "$lte": no + NEWS_PER_QUERY } };
        let mut entries = find::<InboxEntry>(db, window).await?;
        if entries.is_empty() {
            return Ok(());
        }
        entries.sort_by_key(|entry| entry.get_i64("no").unwrap_or_default());
        write(entries)?;
        no += NEWS_PER_QUERY;
    }
}

impl RoomExport {
    fn new(document: Document) -> Result<(Self, Head)> {
        let room: Room = decode(&document)?;
        let (id, kind, is_open, head_hint) = (room.id, room.kind, room.open, room.head_hint);
        let (head, redacted) = (Head::default(), RedactedChats::default());
        Ok((Self { id, document, name_key: room.reserved_key(), kind, is_open, head, redacted }, head_hint))
    }

    /// Reads from the previous head to the current one and passes the entries to `write` in order.
    ///
    /// Of a closed room it reads only the last entry.
    pub(super) async fn read_new_entries(
        &mut self,
        db: &Database,
        mut write: impl FnMut(Vec<Document>) -> Result<()>,
    ) -> Result<()> {
        'restart: loop {
            let redacted_before = self.redacted.last();
            let end = self.refresh(db).await?;
            if !self.is_open {
                return self.read_last_entry(db, end, write).await;
            }
            while self.head.seq < end.seq {
                let last = (self.head.seq + ENTRIES_PER_QUERY).min(end.seq);
                let range = doc! { "room": self.id, "seq": { "$gt": self.head.seq, "$lte": last } };
                match self.record_entries(find::<Entry>(db, range).await?, last)? {
                    Some(entries) => write(entries)?,
                    None if self.refresh(db).await?.closed => continue 'restart,
                    None => bail!("Cannot read room {}: entry {} is missing", self.id, self.head.seq + 1),
                }
            }
            match self.redacted.last() {
                None => return Ok(()),
                Some(seq) if redacted_before == Some(seq) => {
                    bail!("Cannot read room {}: chat {seq} has no text but was not removed", self.id);
                }
                Some(_) => {}
            }
        }
    }

    async fn read_last_entry(
        &mut self,
        db: &Database,
        end: Head,
        mut write: impl FnMut(Vec<Document>) -> Result<()>,
    ) -> Result<()> {
        if self.head.seq < end.seq {
            write(find::<Entry>(db, doc! { "room": self.id, "seq": end.seq }).await?)?;
            self.head = end;
        }
        Ok(())
    }

    /// Returns the room as it was at the last entry read.
    pub(super) fn document(&self) -> Document {
        let mut room = self.document.clone();
        let mut last = doc! { "seq": self.head.seq, "no": self.head.no };
        if let Some(at) = self.head.at {
            last.insert("at", at);
        }
        room.insert("last", last);
        room.insert("open", self.is_open);
        room
    }

    /// Returns the key of the name, or `None` for a closed room.
    pub(super) fn name_key(&self) -> Option<&str> {
        self.name_key.as_deref().filter(|_| self.is_open)
    }

    /// Returns the id and the kind, or `None` for a closed room.
    pub(super) fn kind(&self) -> Option<(RoomId, RoomKind)> {
        self.is_open.then_some((self.id, self.kind))
    }

    /// Reads the room again and returns the head of its log.
    async fn refresh(&mut self, db: &Database) -> Result<Head> {
        let room = find::<Room>(db, doc! { "_id": self.id }).await?.into_iter().next();
        let (now, head_hint) = Self::new(room.ok_or_else(|| anyhow!("Cannot read room {}: it is missing", self.id))?)?;
        // The hint of a purged room is its head. All other logs still have every entry that was read.
        let from = head_hint.seq.max(self.head.seq);
        let entry = |seq| db.collection::<Entry>().find_one(doc! { "room": self.id, "seq": seq });
        let last_entry = with_retries(|| async {
            match exponential_search(from, entry).await? {
                None if from > 0 => entry(from).await,
                found => Ok(found),
            }
        });
        let end = last_entry.await?.as_ref().map(Head::from).unwrap_or_default();
        (self.document, self.name_key, self.kind) = (now.document, now.name_key, now.kind);
        self.is_open = now.is_open && !end.closed;
        Ok(end)
    }

    /// Records the entries up to `last` and returns them in order, or `None` if one is missing.
    fn record_entries(&mut self, mut documents: Vec<Document>, last: i64) -> Result<Option<Vec<Document>>> {
        documents.sort_by_key(|entry| entry.get_i64("seq").unwrap_or_default());
        let entries = documents.iter().map(decode::<Entry>).collect::<Result<Vec<_>>>()?;
        if !entries.iter().map(|entry| entry.seq).eq(self.head.seq + 1..=last) {
            return Ok(None);
        }
        entries.iter().for_each(|entry| self.redacted.record(entry));
        self.head = entries.last().map_or(self.head, Head::from);
        Ok(Some(documents))
    }
}

/// Finds documents with all fields.
async fn find<T: StoredDocument>(db: &Database, filter: Document) -> Result<Vec<Document>> {
    with_retries(|| db.collection::<T>().find_projected(filter.clone(), doc! {})).await
}

/// Repeats a query while the database is unavailable.
async fn with_retries<T, F: Future<Output = Result<T, Error>>>(query: impl Fn() -> F) -> Result<T> {
    let deadline = Instant::now() + MAX_OUTAGE;
    loop {
        match query().await {
            Err(Error::Unavailable(_)) if Instant::now() < deadline => sleep(RETRY_DELAY).await,
            result => return result.context(DATABASE_ERROR),
        }
    }
}
