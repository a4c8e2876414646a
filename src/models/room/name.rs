//! `name`: which room has which name. A document a name, whose `_id` is the name's key, inserted to take it
//! and deleted to free it, never changed to another: the engine keeps a unique key that an update has changed.
//!
//! A room that is made or renamed takes its name first. What a crash leaves behind is a name whose room
//! does not stand for it: after [`GRACE`] the next who wants it has it.

use std::time::Duration;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, doc};
use serde::{Deserialize, Serialize};

use super::Room;
use crate::error::Result;
use crate::models::RoomId;
use crate::models::values::RoomName;
use crate::store::{Database, StoredDocument};

/// How long the making of a room may take at most: the patience of a request, and what it asked goes on a little.
const GRACE: Duration = Duration::from_secs(15);

/// A room's hold on a name.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct NameReservation {
    #[serde(rename = "_id")]
    key: String,
    room: RoomId,
    /// Renewed by whoever takes the name for the room once more, so that nobody frees what another one still needs.
    /// It says when, to the second.
    #[serde(rename = "hold")]
    token: ObjectId,
}

impl StoredDocument for NameReservation {
    const COLLECTION: &'static str = "name";
}

impl NameReservation {
    /// Takes a name for a room. Answers `None` when another room has it.
    pub async fn acquire(db: &Database, name: &RoomName, room: RoomId) -> Result<Option<Self>> {
        let wanted = Self { key: name.key(), room, token: ObjectId::new() };
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

    /// The hold that a room has on its name.
    pub async fn find(db: &Database, name: &RoomName, room: RoomId) -> Result<Option<Self>> {
        Ok(Self::read(db, &name.key()).await?.filter(|hold| hold.room == room))
    }

    /// Lets go of a hold, if there is one. A name that was taken for the room once more stays taken.
    pub async fn release(hold: Option<Self>, db: &Database) -> Result<()> {
        let Some(Self { key, room, token: hold }) = hold else { return Ok(()) };
        db.collection::<NameReservation>().delete(doc! { "_id": key, "room": room, "hold": hold }).await
    }

    async fn read(db: &Database, key: &str) -> Result<Option<Self>> {
        db.collection::<NameReservation>().find_one(doc! { "_id": key }).await
    }

    /// Whether its room goes by it, or may be about to.
    async fn is_valid(&self, db: &Database) -> Result<bool> {
        if DateTime::now().saturating_duration_since(self.token.timestamp()) < GRACE {
            return Ok(true);
        }
        let room = Room::by_id(db, self.room).await?;
        Ok(room.is_some_and(|room| room.open && room.name.key() == self.key))
    }
}
