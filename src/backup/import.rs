//! What a restore writes, and what it looks at before: whether each log is whole, and what is not to come back.
//!
//! While it is under way a marker stands in `restore`, and no site starts. Restoring once more begins anew.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use mongodb::bson::{Document, doc};
use tokio::task::JoinHandle;

use super::export::{RedactedChats, decode};
use crate::models::room::log::{Entry, EntryKind};
use crate::models::room::{Head, NameReservation, Room};
use crate::models::{self, RoomId, User};
use crate::store::{Database, Lease, RestoreMarker, StoredDocument, database_error};

/// What a backup says, being looked at: rooms, then entries, then people.
#[derive(Default)]
pub(super) struct BackupValidator {
    rooms: HashMap<RoomId, LogCheck>,
    names: HashSet<String>,
    /// The chats that were removed: what was read of them before is not restored.
    removed: HashSet<(RoomId, i64)>,
    logins: HashSet<String>,
    firsts: usize,
}

/// One room's log, being looked at.
struct LogCheck {
    is_open: bool,
    /// Where it is to end.
    last: Head,
    top: Head,
    redacted: RedactedChats,
}

impl BackupValidator {
    /// Looks at a room.
    ///
    /// # Errors
    /// A sentence: what is wrong with it.
    pub(super) fn room(&mut self, room: &Document) -> Result<(), String> {
        let room: Room = decode(room)?;
        if room.no != self.rooms.len() as i64 + 1 {
            return Err(format!("Room {} has number {}, out of turn.", room.id, room.no));
        }
        if room.open && !self.names.insert(room.name.key()) {
            return Err(format!("Two rooms have the name \"{}\".", room.name.as_str()));
        }
        let log = LogCheck {
            is_open: room.open,
            last: room.head_hint,
            top: Head::default(),
            redacted: RedactedChats::default(),
        };
        match self.rooms.insert(room.id, log) {
            Some(_) => Err(format!("Room {} is there twice.", room.id)),
            None => Ok(()),
        }
    }

    /// Looks at the next entry of a log.
    ///
    /// # Errors
    /// The same.
    pub(super) fn entry(&mut self, entry: &Document) -> Result<(), String> {
        let entry: Entry = decode(entry)?;
        let room = entry.room();
        let log = self.rooms.get_mut(&room).ok_or_else(|| format!("There are entries of {room}, and no such room."))?;
        let end = Head::from(&entry);
        let is_next = (end.seq, end.no) == (log.top.seq + 1, log.top.no + i64::from(entry.kind == EntryKind::Said));
        // A room that was closed while it was read has lost what lies between.
        if !is_next && entry.kind != EntryKind::Closed {
            return Err(format!("Room {room}: entry {} follows {}.", entry.seq, log.top.seq));
        }
        log.top = end;
        log.redacted.record(&entry);
        if let (EntryKind::Removed, Some(of)) = (entry.kind, entry.of) {
            self.removed.insert((room, of));
        }
        Ok(())
    }

    /// Looks at a person.
    ///
    /// # Errors
    /// The same.
    pub(super) fn person(&mut self, user: &Document) -> Result<(), String> {
        let id = decode::<User>(user)?.id;
        self.firsts += usize::from(user.contains_key("first"));
        match self.logins.insert(user.get_str("login").unwrap_or_default().to_owned()) && self.firsts < 2 {
            true => Ok(()),
            false => Err(format!("User {id} signs in like another one, or is the first like another one.")),
        }
    }

    /// Looks at what was seen as a whole.
    ///
    /// # Errors
    /// The same.
    pub(super) fn end(&self) -> Result<(), String> {
        for (room, log) in &self.rooms {
            if (log.top.seq, log.top.no, !log.top.closed) != (log.last.seq, log.last.no, log.is_open) {
                return Err(format!("Room {room}: its log ends with {}, not with {}.", log.top.seq, log.last.seq));
            }
            if let Some(seq) = log.redacted.last().filter(|_| log.is_open) {
                return Err(format!("Room {room}: chat {seq} says nothing, and was not removed."));
            }
        }
        Ok(())
    }

    /// An entry as it is to be restored: of a removed chat without its text, of a closed room the last one only.
    ///
    /// # Errors
    /// The same.
    pub(super) fn restored(&self, mut document: Document) -> Result<Option<Document>, String> {
        let entry: Entry = decode(&document)?;
        if entry.kind != EntryKind::Closed && self.rooms.get(&entry.room()).is_none_or(|log| !log.is_open) {
            return Ok(None);
        }
        if self.removed.contains(&(entry.room(), entry.target().unwrap_or(entry.seq))) {
            document.remove("text");
        }
        Ok(Some(document))
    }
}

/// A restore under way. The database is one site's by its lease, and marked until [`Restore::finish`].
pub(super) struct Restore {
    db: Arc<Database>,
    lease: Arc<Lease>,
    holding: JoinHandle<()>,
}

impl Restore {
    /// Begins on an empty database, or anew on one that was restored by half.
    ///
    /// # Errors
    /// A sentence: somebody has been there, a site is running, or the database is away.
    pub(super) async fn begin(url: &str) -> Result<Self, String> {
        let db = Arc::new(Database::connect(url).await?);
        let lease = match Lease::acquire(&db).await? {
            Some(lease) => Arc::new(lease),
            None => return Err("A site is running on this database. Stop it, and restore again.".into()),
        };
        let renewed = Arc::clone(&lease);
        let this = Self { db, lease, holding: tokio::spawn(async move { renewed.renew().await }) };
        match this.prepare().await {
            Ok(()) => Ok(this),
            Err(error) => {
                this.release().await;
                Err(error)
            }
        }
    }

    async fn prepare(&self) -> Result<(), String> {
        let db = &self.db;
        if RestoreMarker::exists(db).await? {
            // All that is there was put there by a restore: no site has started on it. Emptied and not dropped: on the
            // engine nobody could sign in after a drop.
            delete_all::<User>(db).await?;
            delete_all::<NameReservation>(db).await?;
            delete_all::<Room>(db).await?;
            delete_all::<Entry>(db).await?;
        } else {
            let is_empty = db.collection::<User>().find_one(doc! {}).await.map_err(database_error)?.is_none()
                && db.collection::<Room>().find_one(doc! {}).await.map_err(database_error)?.is_none()
                && db.collection::<Entry>().find_one(doc! {}).await.map_err(database_error)?.is_none();
            if !is_empty {
                return Err("There is a site in this database already. Restore into an empty one.".into());
            }
            if db.has_running_instance().await.map_err(database_error)? {
                return Err("A site is running on this database, or was a moment ago. Stop it, and restore again in \
                            half a minute."
                    .into());
            }
            RestoreMarker::create(db).await.map_err(database_error)?;
        }
        models::ensure_indexes(db).await.map_err(database_error)
    }

    /// Writes people; answers how many.
    ///
    /// # Errors
    /// A sentence.
    pub(super) async fn people(&self, people: Vec<Document>) -> Result<u64, String> {
        insert::<User>(&self.db, people).await
    }

    /// Writes entries of logs; answers how many.
    ///
    /// # Errors
    /// A sentence.
    pub(super) async fn entries(&self, entries: Vec<Document>) -> Result<u64, String> {
        insert::<Entry>(&self.db, entries).await
    }

    /// Writes rooms, and their holds on their names; answers how many.
    ///
    /// # Errors
    /// A sentence.
    pub(super) async fn rooms(&self, rooms: Vec<Document>) -> Result<u64, String> {
        for room in &rooms {
            let room: Room = decode(room)?;
            if room.open {
                NameReservation::acquire(&self.db, &room.name, room.id).await.map_err(database_error)?;
            }
        }
        insert::<Room>(&self.db, rooms).await
    }

    /// Takes the marker away: the database is whole.
    ///
    /// # Errors
    /// A sentence.
    pub(super) async fn finish(self) -> Result<(), String> {
        let unmarked = RestoreMarker::remove(&self.db).await.map_err(database_error);
        self.release().await;
        unmarked
    }

    async fn release(self) {
        self.holding.abort();
        self.lease.release().await;
    }
}

// Neither runs as a query: they take longer than any caller of those waits.

async fn insert<T: StoredDocument>(db: &Database, documents: Vec<Document>) -> Result<u64, String> {
    let count = documents.len() as u64;
    db.collection::<T>().driver().clone_with_type().insert_many(documents).await.map_err(database_error)?;
    Ok(count)
}

async fn delete_all<T: StoredDocument>(db: &Database) -> Result<(), String> {
    db.collection::<T>().driver().delete_many(doc! {}).await.map(drop).map_err(database_error)
}
