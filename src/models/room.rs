//! Collection `room`. Rooms are numbered without gaps, by compare-and-set, so that the list is read in bounded
//! windows. A closed room keeps its number; its name is free again.

pub(crate) mod cleanup;
mod head;
mod list;
pub(crate) mod log;
mod name;

use std::sync::Arc;

use mongodb::IndexModel;
use mongodb::bson::{DateTime, Document, doc};
use serde::{Deserialize, Serialize};

use super::values::{Nonce, RoomName, Topic};
use super::{RoomId, User, UserId};
use crate::error::{Error, FieldError, Result};
use crate::store::{Database, Job, StoredDocument, exponential_search, partial_index, unique_index};
use cleanup::Cleanup;
use log::{LogRegistry, RoomLog};

pub(crate) use head::Head;
pub(crate) use list::{ListCursor, PendingRooms, RoomList, RoomListPage};
pub(crate) use name::NameReservation;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Room {
    #[serde(rename = "_id")]
    pub id: RoomId,
    pub no: i64,
    rev: i64,
    pub name: RoomName,
    pub open: bool,
    pub topic: Topic,
    pub(crate) owner: UserId,
    pub(crate) at: DateTime,
    /// Never beyond the head of the log, often a little behind.
    #[serde(rename = "last")]
    pub(crate) head_hint: Head,
    /// Whether the entries before *closed* are deleted or about to be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) purged: bool,
    /// The time of the last activity, only while the room is in the recent set of the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    active: Option<DateTime>,
}

pub(crate) enum Created {
    New(Room),
    Existing(Room),
}

impl StoredDocument for Room {
    const COLLECTION: &'static str = "room";

    fn indexes() -> Vec<IndexModel> {
        vec![unique_index(doc! { "no": 1 }), partial_index(doc! { "active": 1 }, "active")]
    }
}

impl User {
    /// Returns a room that the user may see.
    /// Fails with `NotFound` also if it is closed.
    pub async fn room(&self, db: &Database, id: RoomId) -> Result<Room> {
        let room =
            db.collection::<Room>().find_by_id_cached(id).await?.filter(|room| room.open).ok_or(Error::NotFound)?;
        if room.has_ended(db) {
            // The instance that closed it was interrupted.
            room.finish_closing(db).await?;
            return Err(Error::NotFound);
        }
        Ok(room)
    }

    /// Returns a room that the user may manage.
    /// Fails with `Forbidden` unless the user is the owner or an admin.
    pub(crate) async fn manageable_room(&self, db: &Database, id: RoomId) -> Result<Room> {
        let room = self.room(db, id).await?;
        if room.can_manage(self) { Ok(room) } else { Err(Error::Forbidden) }
    }

    /// Returns one page of the room list: recently active rooms first, then all others by number.
    pub(crate) async fn rooms(&self, db: &Database, place: ListCursor, size: usize) -> Result<RoomListPage> {
        db.state::<RoomList>().page(db, place, size).await
    }

    /// Returns recently active rooms whose names contain `query`.
    pub(crate) async fn search_rooms(&self, db: &Database, query: &str, count: usize) -> Result<RoomListPage> {
        let rooms = db.state::<RoomList>().search(db, query, count).await?;
        Ok(RoomListPage { rooms, page: Some(1), previous: None, next: None })
    }

    /// Returns the first rooms of the list, at most ten seconds old. Returns fewer instead of failing.
    pub(crate) async fn cached_rooms(&self, db: &Database, count: usize) -> Vec<Arc<Room>> {
        db.state::<RoomList>().first_known(db, count).await
    }

    /// Returns a nonce for the form that creates a room. It is constant until a room is created, so that the page
    /// stays the same byte for byte.
    pub(crate) fn room_nonce(&self, db: &Database) -> String {
        format!("{}-{}", self.id, db.state::<RoomList>().highest_number())
    }

    /// Creates a room.
    /// Fails with `name: Taken`.
    pub async fn create_room(&self, db: &Database, name: RoomName, topic: Topic) -> Result<Room> {
        match self.create_room_once(db, name, topic, None).await? {
            Created::New(room) | Created::Existing(room) => Ok(room),
        }
    }

    /// Creates a room. Requests with the same nonce, name and topic create one room.
    /// Fails with `name: Taken`.
    pub(crate) async fn create_room_once(
        &self,
        db: &Database,
        name: RoomName,
        topic: Topic,
        nonce: Option<&Nonce>,
    ) -> Result<Created> {
        let mut id = nonce.map(|nonce| RoomId::of_request(self.id, nonce, &name.key()));
        if let Some(requested) = id {
            match Room::by_id(db, requested).await? {
                Some(room) if room.matches(&name, &topic) => return Ok(Created::Existing(room)),
                // The room was closed or changed since, or the form was sent with other values.
                Some(_) => id = None,
                None => {}
            }
        }
        let (at, last) = (DateTime::now(), Head::default());
        let mut room = Room {
            id: id.unwrap_or_else(RoomId::new),
            no: 0,
            rev: 0,
            name,
            open: true,
            topic,
            owner: self.id,
            at,
            head_hint: last,
            purged: false,
            active: Some(at),
        };
        let Some(name) = NameReservation::acquire(db, &room.name, room.id).await? else {
            return Err(Error::field("name", FieldError::Taken));
        };
        // Another room may take the number at the same moment. Then the next number is tried.
        loop {
            room.no = match Room::highest_number(db).await {
                Ok(top) => top + 1,
                Err(error) => {
                    // The same request may be running twice, and the other one needs the name. An unused reservation
                    // expires.
                    if id.is_none() {
                        let _ = NameReservation::release(Some(name), db).await;
                    }
                    return Err(error);
                }
            };
            if db.collection::<Room>().insert(room.clone()).await? {
                db.state::<RoomList>().add(db, &room);
                return Ok(Created::New(room));
            }
            if let Some(id) = id
                && let Some(there) = Room::by_id(db, id).await?
            {
                // The other request holds the name.
                return match there.matches(&room.name, &room.topic) {
                    true => Ok(Created::Existing(there)),
                    false => Err(Error::field("name", FieldError::Taken)),
                };
            }
        }
    }
}

impl Room {
    pub(crate) fn can_manage(&self, user: &User) -> bool {
        user.admin || user.id == self.owner
    }

    /// Returns whether the log ends with *closed*, as far as this instance has seen.
    fn has_ended(&self, db: &Database) -> bool {
        db.state::<LogRegistry>().head(self.id).is_some_and(|top| top.closed)
    }

    fn matches(&self, name: &RoomName, topic: &Topic) -> bool {
        self.open && self.name == *name && self.topic == *topic
    }

    pub fn log(&self, db: &Arc<Database>) -> Arc<RoomLog> {
        RoomLog::open(db, self.id, self.head_hint)
    }

    /// Returns whether the log can have events that show as a line.
    pub(crate) fn has_events(&self) -> bool {
        true
    }

    pub(crate) fn last_at(&self, db: &Database) -> Option<DateTime> {
        db.state::<LogRegistry>().head(self.id).and_then(|top| top.at).max(self.head_hint.at)
    }

    /// Returns the time of the last activity in milliseconds: the order of the list.
    pub(crate) fn activity(&self, db: &Database) -> i64 {
        self.last_at(db).max(self.active).max(Some(self.at)).unwrap_or(self.at).timestamp_millis()
    }

    /// Returns a number that grows with every change of the name and the topic.
    pub(crate) fn revision(&self) -> i64 {
        self.rev
    }

    pub(crate) fn last_seq(&self, db: &Database) -> i64 {
        db.state::<LogRegistry>().head(self.id).map_or(self.head_hint.seq, |top| top.seq.max(self.head_hint.seq))
    }

    pub(crate) fn chat_count(&self, db: &Database) -> i64 {
        db.state::<LogRegistry>().head(self.id).map_or(self.head_hint.no, |top| top.no.max(self.head_hint.no))
    }

    /// Updates name and topic. `None` keeps the stored value.
    /// Fails with `name: Taken`, `NotFound` if the room was closed meanwhile.
    pub async fn update(&self, db: &Database, name: Option<RoomName>, topic: Option<Topic>) -> Result<()> {
        let mut set = Document::new();
        set.extend(name.as_ref().map(|name| ("name".to_owned(), name.as_str().into())));
        set.extend(topic.as_ref().map(|topic| ("topic".to_owned(), topic.as_str().into())));
        if set.is_empty() {
            return Ok(());
        }
        let mut room = self.clone();
        loop {
            // A name with the same key needs no reservation.
            let (mut old, mut new) = (None, None);
            if let Some(name) = name.as_ref().filter(|name| room.name.key() != name.key()) {
                old = NameReservation::find(db, &room.name, room.id).await?;
                new = NameReservation::acquire(db, name, room.id).await?;
                if new.is_none() {
                    return Err(Error::field("name", FieldError::Taken));
                }
            }
            // Fails if the room was updated meanwhile, so that each update releases the name it replaced.
            let as_seen = doc! { "_id": room.id, "open": true, "rev": room.rev };
            let change = doc! { "$set": set.clone(), "$inc": { "rev": 1_i64 } };
            if db.collection::<Room>().update(as_seen, change).await? {
                db.state::<RoomList>().invalidate(room.id);
                return NameReservation::release(old, db).await;
            }
            match Self::by_id(db, room.id).await? {
                Some(now) if now.open => room = now,
                _ => {
                    NameReservation::release(new, db).await?;
                    return Err(Error::NotFound);
                }
            }
        }
    }

    /// Closes the room permanently: appends *closed* and releases the name. A job purges the log later.
    /// After an error the next visitor of the room completes the closing.
    pub async fn close(&self, db: &Arc<Database>, by: &User) -> Result<()> {
        let (log, job) = (self.log(db), Job::create(db, Cleanup::of_room(self.id)).await?);
        let closed = async {
            log.close(by.id).await?;
            self.finish_closing(db).await
        };
        match closed.await {
            Ok(()) => job.spawn(db),
            Err(error) => {
                job.spawn_delayed(db);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Does what follows from *closed* in the log.
    pub(crate) async fn finish_closing(&self, db: &Database) -> Result<()> {
        let closed = doc! { "$set": { "open": false }, "$unset": { "active": "" } };
        db.collection::<Room>().update(doc! { "_id": self.id }, closed).await?;
        db.state::<RoomList>().remove(self.id);
        // The room may have been renamed since it was read.
        let name = Self::by_id(db, self.id).await?.map_or_else(|| self.name.clone(), |room| room.name);
        NameReservation::release(NameReservation::find(db, &name, self.id).await?, db).await
    }

    /// Returns the name that a deleted room had. Any user may ask: it must not name rooms for members only, once they
    /// exist.
    pub(crate) async fn deleted_name(db: &Database, id: RoomId) -> Result<Option<String>> {
        let room = Self::by_id(db, id).await?.filter(|room| !room.open);
        Ok(room.map(|room| room.name.as_str().to_owned()))
    }

    pub(crate) async fn by_id(db: &Database, id: RoomId) -> Result<Option<Self>> {
        db.collection::<Room>().find_one(doc! { "_id": id }).await
    }

    async fn highest_number(db: &Database) -> Result<i64> {
        let seen = db.state::<RoomList>().highest_number();
        let found = exponential_search(seen, |no| async move {
            Ok(db.collection::<Room>().find_one(doc! { "no": no }).await?.map(|room| room.no))
        });
        let top = found.await?.unwrap_or(seen);
        db.state::<RoomList>().raise_highest_number(top);
        Ok(top)
    }
}
