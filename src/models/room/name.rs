//! Collection `name`: reserves the names of open rooms, and the sets of people of direct rooms. The `_id` is the key. A document is inserted or deleted, never
//! changed to another key: the engine keeps an old unique key after an update.
//!
//! A room that is created or renamed reserves its name first. A crash leaves a reservation whose room does not have
//! the name. It is free again after [`GRACE`].

use std::time::Duration;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, doc};
use serde::{Deserialize, Serialize};

use super::Room;
use crate::error::Result;
use crate::models::RoomId;
use crate::store::{Database, StoredDocument};

/// Longer than the creation of a room takes: a request and the queries that outlive it.
const GRACE: Duration = Duration::from_secs(15);

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct NameReservation {
    #[serde(rename = "_id")]
    key: String,
    room: RoomId,
    /// Replaced by each acquisition for the same room, so that a release cannot free a reservation that another
    /// request needs. Holds its time.
    #[serde(rename = "hold")]
    token: ObjectId,
}

impl StoredDocument for NameReservation {
    const COLLECTION: &'static str = "name";
}

impl NameReservation {
    /// Returns `None` if another room has the name.
    pub async fn acquire(db: &Database, key: String, room: RoomId) -> Result<Option<Self>> {
        let wanted = Self { key, room, token: ObjectId::new() };
        loop {
            if db.collection::<NameReservation>().insert(wanted.clone()).await? {
                return Ok(Some(wanted));
            }
            match Self::read(db, &wanted.key).await? {
                Some(there) if there.room == room => {
                    let renewed = doc! { "$set": { "hold": wanted.token } };
                    if db
                        .collection::<NameReservation>()
                        .update(doc! { "_id": &wanted.key, "room": room }, renewed)
                        .await?
                    {
                        return Ok(Some(wanted));
                    }
                }
                Some(there) if there.is_valid(db).await? => return Ok(None),
                there => Self::release(there, db).await?,
            }
        }
    }

    /// Returns the open room with the key `key`.
    pub(crate) async fn room(db: &Database, key: &str) -> Result<Option<Room>> {
        let Some(Self { room, .. }) = Self::read(db, key).await? else { return Ok(None) };
        Ok(Room::by_id(db, room).await?.filter(|room| room.open && room.kind.is_open() && room.name.key() == key))
    }

    pub async fn find(db: &Database, key: &str, room: RoomId) -> Result<Option<Self>> {
        Ok(Self::read(db, key).await?.filter(|hold| hold.room == room))
    }

    /// Releases a reservation, unless it was acquired again for the same room.
    pub async fn release(hold: Option<Self>, db: &Database) -> Result<()> {
        let Some(Self { key, room, token: hold }) = hold else { return Ok(()) };
        db.collection::<NameReservation>().delete(doc! { "_id": key, "room": room, "hold": hold }).await
    }

    async fn read(db: &Database, key: &str) -> Result<Option<Self>> {
        db.collection::<NameReservation>().find_one(doc! { "_id": key }).await
    }

    /// Returns whether the room has the name, or may be about to.
    async fn is_valid(&self, db: &Database) -> Result<bool> {
        if DateTime::now().saturating_duration_since(self.token.timestamp()) < GRACE {
            return Ok(true);
        }
        let room = Room::by_id(db, self.room).await?;
        Ok(room.is_some_and(|room| room.open && room.reserved_key().as_ref() == Some(&self.key)))
    }
}
