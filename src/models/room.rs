//! `room`: the rooms, and the list of them.
//!
//! Rooms are numbered without a gap like the entries of a log, by compare-and-set, so that the list is
//! read in bounded windows. A closed room keeps its number; its name is free again.

mod directory;
mod name;

use std::sync::Arc;

use mongodb::bson::{DateTime, doc};
use serde::{Deserialize, Serialize};

use super::checked::{RoomName, Topic};
use super::chore::Chore;
use super::log::{Top, gallop};
use super::{Database, Log, RoomId, User, UserId};
use crate::error::{Error, Fault, Result};

pub(super) use directory::Directory;
pub(super) use name::Name;

/// One room.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Room {
    /// The opaque id.
    #[serde(rename = "_id")]
    pub id: RoomId,
    pub(super) no: i64,
    /// Counts its changes: who changes it has seen the last one.
    rev: i64,
    /// As it is shown.
    pub name: RoomName,
    /// Whether it has not been closed.
    pub(super) open: bool,
    /// What it is about.
    pub topic: Topic,
    /// Who may change and close it, besides an admin.
    pub owner: UserId,
    /// When it was made.
    pub at: DateTime,
    /// A hint at the top of its log: never above it, often a little below.
    pub(super) last: Top,
    /// Whether the entries of its log, all but the last one, are deleted or about to be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) purged: bool,
}

impl User {
    /// The room of this id, as far as this person may see it.
    ///
    /// # Errors
    /// `NotFound` also when it is closed; the database's.
    pub async fn room(&self, db: &Database, id: RoomId) -> Result<Room> {
        let room = db.rooms.known(id).await?.filter(|room| room.open).ok_or(Error::NotFound)?;
        if db.top(id).is_some_and(|top| top.closed) {
            // Whoever closed it was interrupted.
            room.finish_closing(db).await?;
            return Err(Error::NotFound);
        }
        Ok(room)
    }

    /// The room of this id, for changing it.
    ///
    /// # Errors
    /// `Forbidden` to all but its owner and admins; as [`User::room`].
    pub async fn own_room(&self, db: &Database, id: RoomId) -> Result<Room> {
        let room = self.room(db, id).await?;
        if room.is_changed_by(self) { Ok(room) } else { Err(Error::Forbidden) }
    }

    /// All the rooms that this person may see, the one with the latest chat first.
    ///
    /// # Errors
    /// The database's.
    pub async fn rooms(&self, db: &Database) -> Result<Vec<Arc<Room>>> {
        db.directory.rooms(db).await
    }

    /// The same as they were listed a moment ago: to be shown beside what was asked for, at no question's cost.
    ///
    /// # Errors
    /// The database's.
    pub async fn rooms_lately(&self, db: &Database) -> Result<Vec<Arc<Room>>> {
        db.directory.rooms_lately(db).await
    }

    /// Makes a room of one's own.
    ///
    /// # Errors
    /// `name: Taken`, or the database's.
    pub async fn make_room(&self, db: &Database, name: RoomName, topic: Topic) -> Result<Room> {
        let (at, last) = (DateTime::now(), Top::default());
        let mut room =
            Room { id: RoomId::new(), no: 0, rev: 0, name, open: true, topic, owner: self.id, at, last, purged: false };
        let Some(name) = Name::take(db, &room.name, room.id).await? else {
            return Err(Error::field("name", Fault::Taken));
        };
        // A number that went to a room made in the same moment is refused; the next one is tried.
        loop {
            room.no = match Room::top(db).await {
                Ok(top) => top + 1,
                Err(error) => {
                    // Nothing stands by the name. What cannot be freed now is void in a moment.
                    let _ = Name::free(Some(name), db).await;
                    return Err(error);
                }
            };
            if db.rooms.insert(room.clone()).await? {
                db.directory.add(&room);
                return Ok(room);
            }
        }
    }
}

impl Room {
    /// Whether this person may change and close it.
    pub fn is_changed_by(&self, user: &User) -> bool {
        user.admin || user.id == self.owner
    }

    /// Its log.
    pub fn log(&self, db: &Arc<Database>) -> Arc<Log> {
        Log::of(db, self.id, self.last)
    }

    /// When something was last said in it, as far as this site has seen.
    pub fn last_at(&self, db: &Database) -> Option<DateTime> {
        db.top(self.id).and_then(|top| top.at).max(self.last.at)
    }

    /// The number of its last entry, as far as this site has seen.
    pub fn upto(&self, db: &Database) -> i64 {
        db.top(self.id).map_or(self.last.seq, |top| top.seq.max(self.last.seq))
    }

    /// How many chats were said in it, as far as this site has seen.
    pub fn chats(&self, db: &Database) -> i64 {
        db.top(self.id).map_or(self.last.no, |top| top.no.max(self.last.no))
    }

    /// Gives it another name and topic.
    ///
    /// # Errors
    /// `name: Taken`, `NotFound` when it was closed meanwhile, or the database's.
    pub async fn change(&self, db: &Database, name: RoomName, topic: Topic) -> Result<()> {
        let mut room = self.clone();
        loop {
            // Only another name is taken, and the old one freed.
            let (mut old, mut new) = (None, None);
            if room.name.key() != name.key() {
                old = Name::held(db, &room.name, room.id).await?;
                new = Name::take(db, &name, room.id).await?;
                if new.is_none() {
                    return Err(Error::field("name", Fault::Taken));
                }
            }
            // Refused when somebody else has changed it meanwhile: who changes the name knows which one to free.
            let as_seen = doc! { "_id": room.id, "open": true, "rev": room.rev };
            let set = doc! { "name": name.as_str(), "topic": topic.as_str() };
            let change = doc! { "$set": set, "$inc": { "rev": 1_i64 } };
            if db.rooms.update(as_seen, change).await? {
                db.directory.forget();
                return Name::free(old, db).await;
            }
            match Self::by_id(db, room.id).await? {
                Some(now) if now.open => room = now,
                _ => {
                    Name::free(new, db).await?;
                    return Err(Error::NotFound);
                }
            }
        }
    }

    /// Closes it for good: the log takes its last entry, the name is free. What was said is purged in a while.
    ///
    /// # Errors
    /// The database's. Who next comes to the room finishes what an error left.
    pub async fn close(&self, db: &Arc<Database>, by: &User) -> Result<()> {
        let (log, chore) = (self.log(db), Chore::note(db, self.id, None).await?);
        let closed = async {
            log.close(by.id).await?;
            self.finish_closing(db).await
        };
        match closed.await {
            Ok(()) => chore.begin(log),
            Err(error) => {
                chore.begin_late(log);
                return Err(error);
            }
        }
        Ok(())
    }

    /// What follows from the log's end, which has the say.
    pub(super) async fn finish_closing(&self, db: &Database) -> Result<()> {
        let closed = doc! { "$set": { "open": false } };
        db.rooms.update(doc! { "_id": self.id }, closed).await?;
        db.directory.forget();
        // Its name as it is now: somebody may have changed it since this was read.
        let name = Self::by_id(db, self.id).await?.map_or_else(|| self.name.clone(), |room| room.name);
        Name::free(Name::held(db, &name, self.id).await?, db).await
    }

    pub(super) async fn by_id(db: &Database, id: RoomId) -> Result<Option<Self>> {
        db.rooms.one(doc! { "_id": id }).await
    }

    /// The highest number that a room has.
    async fn top(db: &Database) -> Result<i64> {
        let seen = db.directory.top();
        let found = gallop(seen, |no| async move { Ok(db.rooms.one(doc! { "no": no }).await?.map(|room| room.no)) });
        Ok(found.await?.unwrap_or(seen))
    }
}
