//! What a restore writes, and what it looks at before: whether each log is whole, and what is not to come back.
//!
//! While it is under way a marker stands in `restore`, and no site starts. Restoring once more begins anew.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use mongodb::Collection;
use mongodb::bson::{DateTime, Document, doc};
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use super::backup::{RedactedChats, decode};
use super::database::failed;
use super::log::{Entry, EntryKind, Head};
use super::room::NameReservation;
use super::signal::{ALIVE, around_now};
use super::{Database, Lease, Room, RoomId, User};

/// The only marker.
const ID: &str = "restore";

/// What says that a database was restored by half.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct RestoreMarker {
    #[serde(rename = "_id")]
    id: String,
    at: DateTime,
}

impl RestoreMarker {
    /// # Errors
    /// A sentence, where the marker stands.
    pub(super) async fn refuse(db: &Database) -> Result<(), String> {
        match Self::stands(db).await? {
            true => Err("This database was restored by half. Restore it again, which begins anew.".into()),
            false => Ok(()),
        }
    }

    async fn stands(db: &Database) -> Result<bool, String> {
        let key = doc! { "_id": ID };
        db.markers.one(key).await.map(|marker| marker.is_some()).map_err(failed)
    }
}

/// What a backup says, being looked at: rooms, then entries, then people.
#[derive(Default)]
pub struct BackupValidator {
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
    wiped: RedactedChats,
}

impl BackupValidator {
    /// Looks at a room.
    ///
    /// # Errors
    /// A sentence: what is wrong with it.
    pub fn room(&mut self, room: &Document) -> Result<(), String> {
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
            wiped: RedactedChats::default(),
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
    pub fn entry(&mut self, entry: &Document) -> Result<(), String> {
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
        log.wiped.hear(&entry);
        if let (EntryKind::Removed, Some(of)) = (entry.kind, entry.of) {
            self.removed.insert((room, of));
        }
        Ok(())
    }

    /// Looks at a person.
    ///
    /// # Errors
    /// The same.
    pub fn person(&mut self, user: &Document) -> Result<(), String> {
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
    pub fn end(&self) -> Result<(), String> {
        for (room, log) in &self.rooms {
            if (log.top.seq, log.top.no, !log.top.closed) != (log.last.seq, log.last.no, log.is_open) {
                return Err(format!("Room {room}: its log ends with {}, not with {}.", log.top.seq, log.last.seq));
            }
            if let Some(seq) = log.wiped.last().filter(|_| log.is_open) {
                return Err(format!("Room {room}: chat {seq} says nothing, and was not removed."));
            }
        }
        Ok(())
    }

    /// An entry as it is to be restored: of a removed chat without its text, of a closed room the last one only.
    ///
    /// # Errors
    /// The same.
    pub fn restored(&self, mut document: Document) -> Result<Option<Document>, String> {
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
pub struct Restore {
    db: Arc<Database>,
    lease: Arc<Lease>,
    holding: JoinHandle<()>,
}

impl Restore {
    /// Begins on an empty database, or anew on one that was restored by half.
    ///
    /// # Errors
    /// A sentence: somebody has been there, a site is running, or the database is away.
    pub async fn begin(url: &str) -> Result<Self, String> {
        let db = Arc::new(Database::reach(url).await?);
        let lease = match Lease::take(&db).await? {
            Some(lease) => Arc::new(lease),
            None => return Err("A site is running on this database. Stop it, and restore again.".into()),
        };
        let held = Arc::clone(&lease);
        let this = Self { db, lease, holding: tokio::spawn(async move { held.hold().await }) };
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
        if RestoreMarker::stands(db).await? {
            // All that is there was put there by a restore: no site has started on it. Emptied and not dropped: on the
            // engine nobody could sign in after a drop.
            for all in [db.users.raw(), db.names.raw(), db.rooms.raw(), db.chats.raw()] {
                all.delete_many(doc! {}).await.map_err(failed)?;
            }
        } else {
            let is_empty = db.users.one(doc! {}).await.map_err(failed)?.is_none()
                && db.rooms.one(doc! {}).await.map_err(failed)?.is_none()
                && db.chats.one(doc! {}).await.map_err(failed)?.is_none();
            if !is_empty {
                return Err("There is a site in this database already. Restore into an empty one.".into());
            }
            if self.has_site().await.map_err(failed)? {
                return Err("A site is running on this database, or was a moment ago. Stop it, and restore again in \
                            half a minute."
                    .into());
            }
            db.markers.insert(RestoreMarker { id: ID.into(), at: DateTime::now() }).await.map_err(failed)?;
        }
        db.confirm_indexes().await.map_err(failed)
    }

    /// Whether a site has told others that it is there. One on a standalone server tells nobody, and holds the lease.
    async fn has_site(&self) -> crate::error::Result<bool> {
        let lately = doc! { "at": around_now(ALIVE) };
        Ok(self.db.is_shared() && self.db.signals.one(lately).await?.is_some())
    }

    /// Writes people; answers how many.
    ///
    /// # Errors
    /// A sentence.
    pub async fn people(&self, people: Vec<Document>) -> Result<u64, String> {
        write(self.db.users.raw(), people).await
    }

    /// Writes entries of logs; answers how many.
    ///
    /// # Errors
    /// A sentence.
    pub async fn entries(&self, entries: Vec<Document>) -> Result<u64, String> {
        write(self.db.chats.raw(), entries).await
    }

    /// Writes rooms, and their holds on their names; answers how many.
    ///
    /// # Errors
    /// A sentence.
    pub async fn rooms(&self, rooms: Vec<Document>) -> Result<u64, String> {
        for room in &rooms {
            let room: Room = decode(room)?;
            if room.open {
                NameReservation::acquire(&self.db, &room.name, room.id).await.map_err(failed)?;
            }
        }
        write(self.db.rooms.raw(), rooms).await
    }

    /// Takes the marker away: the database is whole.
    ///
    /// # Errors
    /// A sentence.
    pub async fn finish(self) -> Result<(), String> {
        let unmarked = self.db.markers.delete(doc! { "_id": ID }).await.map_err(failed);
        self.release().await;
        unmarked
    }

    async fn release(self) {
        self.holding.abort();
        self.lease.release().await;
    }
}

/// Not asked at the desk: nobody waits there for so much.
async fn write(all: Collection<Document>, documents: Vec<Document>) -> Result<u64, String> {
    let count = documents.len() as u64;
    all.insert_many(documents).await.map_err(failed)?;
    Ok(count)
}
