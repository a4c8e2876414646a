//! Collection `room`. Rooms are numbered without gaps, by compare-and-set, so that the list is read in bounded
//! windows. A deleted room keeps its number; its name is free again.
//!
//! The [`RoomKind`] says who may see a room. Only open rooms are in the room list and reserve their names.

pub(crate) mod cleanup;
pub(crate) mod departure;
mod direct;
mod head;
mod kind;
mod level;
mod list;
pub(crate) mod log;
pub(crate) mod members;
pub(crate) mod membership;
mod name;
mod reading;
mod update;

use std::collections::HashSet;
use std::sync::Arc;

use mongodb::IndexModel;
use mongodb::bson::{DateTime, doc};
use serde::{Deserialize, Serialize};

use super::values::{Nonce, RoomName, Topic};
use super::{RoomId, User, UserId};
use crate::error::{Error, FieldError, Result};
use crate::store::{Database, Job, StoredDocument, exponential_search, partial_index, unique_index};
use cleanup::Cleanup;
use log::{LogRegistry, RoomLog};
use membership::Membership;

pub(crate) use head::Head;
pub use kind::RoomKind;
pub use level::Level;
pub(crate) use list::{ListCursor, PendingRooms, RoomList, RoomListPage};
pub(crate) use name::NameReservation;
pub use update::RoomUpdate;

/// Closed and direct rooms in JSON.
const MAX_OWN_ROOMS: usize = 100;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Room {
    #[serde(rename = "_id")]
    pub id: RoomId,
    pub no: i64,
    rev: i64,
    pub name: RoomName,
    #[serde(default, skip_serializing_if = "RoomKind::is_open")]
    pub kind: RoomKind,
    /// Of a direct room: the people of its key, also those whose accounts are deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) people: Vec<UserId>,
    /// `false` once the room is deleted. Every kind of room has it.
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

/// What a user chooses of a new room.
#[derive(Clone, Debug)]
pub(crate) struct NewRoom {
    pub(crate) name: RoomName,
    pub(crate) topic: Topic,
    pub(crate) kind: RoomKind,
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
        let Some(room) = db.collection::<Room>().find_by_id_cached(id).await?.filter(|room| room.open) else {
            // Takes as long as for a room that the user may not see.
            Membership::find(db, id, self.id).await?;
            return Err(Error::NotFound);
        };
        if room.has_ended(db) {
            // The instance that closed it was interrupted.
            room.finish_closing(db).await?;
            return Err(Error::NotFound);
        }
        if room.is_readable(db, self.id).await? {
            return Ok(room);
        }
        // Takes as long as for a room that is not cached.
        Room::by_id(db, id).await?;
        Err(Error::NotFound)
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

    /// Returns the closed and the direct rooms among those that the user has a membership of, by latest activity.
    pub(crate) async fn own_rooms(&self, db: &Database, memberships: &[Membership]) -> Result<Vec<Arc<Room>>> {
        let rooms = memberships.iter().map(|membership| membership.room);
        let mut rooms = db.state::<RoomList>().own(db, rooms).await?;
        rooms.sort_by_cached_key(|room| std::cmp::Reverse(room.activity(db)));
        Ok(rooms)
    }

    /// Returns the latest closed and direct rooms of the user.
    pub(crate) async fn own_rooms_of(&self, db: &Database) -> Result<Vec<Arc<Room>>> {
        let mut rooms = self.own_rooms(db, &Membership::of_user(db, self.id).await?).await?;
        rooms.truncate(MAX_OWN_ROOMS);
        Ok(rooms)
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

    /// Creates an open room.
    /// Fails with `name: Taken`.
    pub async fn create_room(&self, db: &Database, name: RoomName, topic: Topic) -> Result<Room> {
        match self.create_room_once(db, NewRoom { name, topic, kind: RoomKind::Open }, None).await? {
            Created::New(room) | Created::Existing(room) => Ok(room),
        }
    }

    /// Creates an open or a closed room. Requests with the same nonce and values create one room.
    /// Fails with `name: Taken`.
    pub(crate) async fn create_room_once(&self, db: &Database, new: NewRoom, nonce: Option<&Nonce>) -> Result<Created> {
        let mut id = nonce.map(|nonce| RoomId::of_request(self.id, nonce, &new.name.key()));
        if let Some(requested) = id {
            match Room::by_id(db, requested).await? {
                Some(room) if room.matches(&new) && room.is_readable(db, self.id).await? => {
                    return Ok(Created::Existing(room));
                }
                // The room was deleted or changed since, or the form was sent with other values.
                Some(_) => id = None,
                None => {}
            }
        }
        let room = Room::new(id.unwrap_or_else(RoomId::new), self.id, new.clone());
        let name = match room.kind {
            RoomKind::Open => Some(
                NameReservation::acquire(db, room.name.key(), room.id)
                    .await?
                    .ok_or_else(|| Error::field("name", FieldError::Taken))?,
            ),
            // Before the room, which nobody could see otherwise.
            RoomKind::Closed | RoomKind::Direct => {
                Membership::create(db, &room, self.id, self.id, None).await?;
                None
            }
        };
        match room.insert(db).await {
            // The other request holds the name.
            Ok(Created::Existing(there)) if !there.matches(&new) => Err(Error::field("name", FieldError::Taken)),
            Ok(created) => Ok(created),
            Err(error) => {
                // The same request may be running twice, and the other one needs the name. An unused reservation
                // expires.
                if id.is_none() {
                    let _ = NameReservation::release(name, db).await;
                }
                Err(error)
            }
        }
    }
}

impl Room {
    fn new(id: RoomId, owner: UserId, new: NewRoom) -> Self {
        let at = DateTime::now();
        let NewRoom { name, topic, kind } = new;
        Self {
            id,
            no: 0,
            rev: 0,
            name,
            kind,
            people: Vec::new(),
            open: true,
            topic,
            owner,
            at,
            head_hint: Head::default(),
            purged: false,
            active: kind.is_open().then_some(at),
        }
    }

    /// Inserts the room with the next number, unless a room has its id.
    async fn insert(mut self, db: &Database) -> Result<Created> {
        // Another room may take the number at the same moment. Then the next number is tried.
        loop {
            self.no = Room::highest_number(db).await? + 1;
            if db.collection::<Room>().insert(self.clone()).await? {
                if self.kind.is_open() {
                    db.state::<RoomList>().add(db, &self);
                } else {
                    db.state::<RoomList>().raise_highest_number(self.no);
                }
                return Ok(Created::New(self));
            }
            if let Some(there) = Room::by_id(db, self.id).await? {
                return Ok(Created::Existing(there));
            }
        }
    }
}

impl Room {
    /// Returns whether the user may change the room, its members and its chats. Nobody changes a direct room.
    pub(crate) fn can_manage(&self, user: &User) -> bool {
        self.kind != RoomKind::Direct && (user.admin || user.id == self.owner)
    }

    /// Returns whether a user may see the room.
    pub(crate) async fn is_readable(&self, db: &Database, user: UserId) -> Result<bool> {
        Ok(self.kind.is_open() || Membership::find(db, self.id, user).await?.is_some())
    }

    /// Fails with `NotFound` if there is no such room or the user may not see it.
    pub(crate) async fn ensure_readable_by(db: &Database, id: RoomId, user: UserId) -> Result<()> {
        let room = db.collection::<Self>().find_by_id_cached(id).await?.filter(|room| room.open);
        room.ok_or(Error::NotFound)?.ensure_readable(db, user).await
    }

    /// Fails with `NotFound` if the user may not see the room any more: a request that began before somebody was removed
    /// must not show what was said since.
    pub(crate) async fn ensure_readable(&self, db: &Database, user: UserId) -> Result<()> {
        if self.is_readable(db, user).await? { Ok(()) } else { Err(Error::NotFound) }
    }

    /// Returns whether the log ends with *closed*, as far as this instance has seen.
    pub(crate) fn has_ended(&self, db: &Database) -> bool {
        db.state::<LogRegistry>().head(self.id).is_some_and(|top| top.closed)
    }

    fn matches(&self, new: &NewRoom) -> bool {
        self.open && self.name == new.name && self.topic == new.topic && self.kind == new.kind
    }

    pub fn log(&self, db: &Arc<Database>) -> Arc<RoomLog> {
        db.state::<RoomList>().set_listed(self.id, self.kind.is_open());
        RoomLog::open(db, self.id, self.head_hint)
    }

    /// Returns whether the log can have events that show as a line.
    pub(crate) fn has_events(&self) -> bool {
        !self.kind.is_open()
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

    /// Closes the room permanently: appends *closed* and releases the name. A job purges the log later.
    /// After an error the next visitor of the room completes the closing.
    pub async fn close(&self, db: &Arc<Database>, by: UserId) -> Result<()> {
        let (log, job) = (self.log(db), Job::create(db, Cleanup::of_room(self.id)).await?);
        let closed = async {
            log.close(by).await?;
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
        let room = Self::by_id(db, self.id).await?.unwrap_or_else(|| self.clone());
        Membership::delete_all(db, self.id).await?;
        let Some(key) = room.reserved_key() else { return Ok(()) };
        NameReservation::release(NameReservation::find(db, &key, self.id).await?, db).await
    }

    /// Returns the key of an open room's name or a direct room's people in collection `name`.
    pub(crate) fn reserved_key(&self) -> Option<String> {
        match self.kind {
            RoomKind::Open => Some(self.name.key()),
            RoomKind::Closed => None,
            RoomKind::Direct => Some(direct::key(&self.people)),
        }
    }

    /// Returns the name that a deleted open room had. Any user may ask.
    pub(crate) async fn deleted_name(db: &Database, id: RoomId) -> Result<Option<String>> {
        let room = Self::by_id(db, id).await?.filter(|room| !room.open && room.kind.is_open());
        Ok(room.map(|room| room.name.as_str().to_owned()))
    }

    pub(crate) async fn by_id(db: &Database, id: RoomId) -> Result<Option<Self>> {
        db.collection::<Room>().find_one(doc! { "_id": id }).await
    }

    /// Returns those of some rooms that exist, in no order.
    pub(crate) async fn by_ids(db: &Database, ids: &[RoomId]) -> Result<Vec<Self>> {
        db.collection::<Room>().find_many(doc! { "_id": { "$in": ids } }).await
    }

    /// Returns those of some rooms that a user may see. Reads the memberships with one query.
    pub(crate) async fn readable_among(db: &Database, rooms: &[Arc<Self>], user: UserId) -> Result<HashSet<RoomId>> {
        let (open, others): (Vec<_>, Vec<_>) = rooms.iter().partition(|room| room.kind.is_open());
        let others: Vec<RoomId> = others.iter().map(|room| room.id).collect();
        let mut readable: HashSet<RoomId> = open.iter().map(|room| room.id).collect();
        readable.extend(Membership::find_among(db, &others, user).await?.iter().map(|membership| membership.room));
        Ok(readable)
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
